#!/bin/bash
# environment.sh DEST: makes a Python environment that can read Parquet in DEST, once, and prints the path of its Python.
# Exit codes: 0 done; 77 it cannot be had on this machine, with the reason in one line on stderr; else a fault.
set -euo pipefail

readonly SKIP=77
dest=${1:?usage: environment.sh DEST}
python=$dest/bin/python

works() {
  "$python" -c 'import pyarrow' 2>/dev/null
}

if ! works; then
  { python3 -m venv "$dest" && "$python" -m pip install --quiet --disable-pip-version-check pyarrow; } >&2 || true
  works || { echo "environment.sh: no Python with pyarrow can be had here" >&2; exit "$SKIP"; }
fi
echo "$python"
