#!/bin/bash
# ray.sh DEST: makes a Python environment with Ray in DEST, once, and prints the path of its `ray`. The first time takes half a
# minute and 290 MB on disk.
# Exit codes: 0 done; 77 it cannot be had on this machine, with the reason in one line on stderr; else a fault.
set -euo pipefail

readonly SKIP=77 VERSION=2.60.0
dest=${1:?usage: ray.sh DEST}
mkdir -p "$dest"
# Two tests may ask at the same time.
exec 9> "$dest/lock"
flock 9
environment=$dest/$VERSION
ray=$environment/bin/ray

if ! [ -f "$environment/complete" ]; then
  rm -rf "$environment"
  { python3 -m venv "$environment" && "$environment/bin/python" -m pip install --quiet --disable-pip-version-check "ray==$VERSION" \
    && "$ray" --version && touch "$environment/complete"; } >"$dest/log" 2>&1 \
    || { echo "ray.sh: no Python with Ray can be had here: $(tail -1 "$dest/log")" >&2; exit "$SKIP"; }
fi
echo "$ray"
