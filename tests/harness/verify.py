#!/usr/bin/env python3
"""verify.py RUN: checks a run's event log and the files it names, with nothing of hpcbench in it.

Prints the number of events and the hash of the last one. Exits with 1 and a message at the first thing that is wrong.
"""

import hashlib
import json
import pathlib
import sys


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def history(run):
    """The accepted lines of all epochs, in order, as bytes without their newlines."""
    accepted = []
    for file in sorted((run / "events").glob("*.jsonl")):
        lines = file.read_bytes().split(b"\n")[:-1]  # what follows the last newline was never finished
        if lines:
            first = json.loads(lines[0])["seq"]
            del accepted[first - 1 :]  # a later epoch decides where its predecessor ended
            accepted += lines
    return accepted


def check_line(number, line, previous):
    body, _, check = line.rpartition(b',"sum":')
    event = json.loads(line)
    assert event["seq"] == number, f"event {number} calls itself {event['seq']}"
    assert event["prev"] == sha256(previous), f"event {number} does not follow the one before it"
    assert json.loads(check[:-1]) == sha256(body)[:16], f"event {number} was changed"
    assert event["durable"] < number, f"event {number} was called durable before it was written"
    return event


def check_artifact(run, data):
    with open(run / data["path"], "rb") as file:
        content = file.read(data["bytes"])
    assert len(content) == data["bytes"], f"{data['path']} is too short"
    assert sha256(content) == data["sha256"], f"{data['path']} was changed"


def main():
    run = pathlib.Path(sys.argv[1])
    previous, count = b"", 0
    for line in history(run):
        count += 1
        event = check_line(count, line, previous)
        if event["type"] == "artifact.recorded":
            check_artifact(run, event["data"])
        previous = line
    assert count, "no events"
    print(count, sha256(previous))


if __name__ == "__main__":
    try:
        main()
    except (AssertionError, KeyError, ValueError, OSError) as problem:
        sys.exit(f"verify.py: {problem}")
