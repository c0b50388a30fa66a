#!/usr/bin/env python3
"""Draws a terminal's text as SVG: hpcbench run recipes/quickstart.yaml 2>&1 | docs/terminal-svg.py COMMAND > docs/quickstart.svg"""
import html
import re
import sys

SIZE, LINE, PAD = 13, 18, 16
COLOURS = [
    (re.compile(r"^(valid\b.*|.*completed: valid.*|.*run completed.*)$"), "#7ee787"),
    (re.compile(r"^(suspect\b.*|.*completed: suspect.*)$"), "#e3b341"),
    (re.compile(r"^ *[0-9.]+ s  phase .*$"), "#79c0ff"),
]

lines = ["$ " + " ".join(sys.argv[1:])] + [line.rstrip("\n") for line in sys.stdin]
width = int(max(map(len, lines)) * SIZE * 0.64) + 2 * PAD
height = len(lines) * LINE + 2 * PAD
print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">')
print(f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>')
print(f'<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace" font-size="{SIZE}" fill="#e6edf3" xml:space="preserve">')
for number, line in enumerate(lines):
    colour = next((colour for pattern, colour in COLOURS if pattern.match(line)), None)
    fill = f' fill="{colour}"' if colour else ""
    print(f'<text x="{PAD}" y="{PAD + (number + 1) * LINE - 5}"{fill}>{html.escape(line)}</text>')
print("</g></svg>")
