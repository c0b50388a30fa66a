#!/bin/bash
# check-dist.sh DIST GLIBC: whether DIST/hpcbench needs no newer glibc than that, and whether the wheel beside it is all that
# a machine needs: installed alone, it measures, with the nats-server that it brought.
set -euo pipefail
dist=$(realpath "${1:?usage: check-dist.sh DIST GLIBC}") glibc=${2:?usage: check-dist.sh DIST GLIBC}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

newest=$("$here/check-symbols.sh" "$dist/hpcbench" "$glibc")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# --target needs no venv module, which Debian has in a package of its own.
PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --target "$work/installed" "$dist"/*.whl
sed 's/duration: .*/duration: 2s/' "$here/../../recipes/quickstart.yaml" > "$work/recipe.yaml"
env -i HOME="$work" PATH=/usr/bin:/bin "$work/installed/bin/hpcbench" run "$work/recipe.yaml" --run-dir "$work/run" \
  >"$work/output" 2>&1 || code=$?
# Exit code 1: it measured, and the measurement is too short to be valid.
if [ "${code:-0}" -gt 1 ] || [ ! -s "$work/run/report/summary.json" ]; then
  echo "check-dist.sh: what the wheel installs does not run:" >&2
  cat "$work/output" >&2
  exit 1
fi
echo "$(basename "$dist"/*.whl): needs glibc $newest, and runs as pip installs it"
