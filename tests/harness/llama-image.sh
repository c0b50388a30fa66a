#!/bin/bash
# llama-image.sh DEST APPTAINER: an Apptainer image with a real inference server, llama.cpp's llama-server on its PATH, from
# what llama.sh has below DEST. Prints the paths of the image and of a tiny GGUF model to bind into it, a line each.
# The first time takes some seconds and 100 MB; later calls find what is there.
# Exit codes: 0 done; 77 it cannot be had on this machine, with the reason in one line on stderr; else a fault.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=debian.sh
source "$here/debian.sh"
dest=$(realpath -m "${1:?usage: llama-image.sh DEST APPTAINER}")
apptainer=${2:?usage: llama-image.sh DEST APPTAINER}
image=$dest/llama.sif

# A root file system: the server and its libraries, and beside them what every image has.
make_root() {
  local work=$1
  debian_apt "$work" sid
  "${apt[@]}" install --no-install-recommends --download-only base-files bash coreutils libc-bin >>"$work/log" 2>&1 \
    || skip "Debian sid's base packages cannot be downloaded: $(tail -1 "$work/log")"
  unpack "$work/root" "$work"/cache/archives/*.deb
  cp -a "$dest/root/." "$work/root/"
  ln -sf bash "$work/root/usr/bin/sh"
  echo 'root:x:0:0:root:/root:/bin/bash' > "$work/root/etc/passwd"
  echo 'root:x:0:' > "$work/root/etc/group"
  chmod 755 "$work/root"
}

build_image() {
  work=$(mktemp -d "$dest/work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  make_root "$work"
  "$apptainer" build "$work/llama.sif" "$work/root" >>"$work/log" 2>&1 \
    || skip "$apptainer cannot build an image: $(tail -1 "$work/log")"
  "$apptainer" exec --cleanenv --no-home --no-mount cwd "$work/llama.sif" llama-server --version >>"$work/log" 2>&1 \
    || skip "llama-server does not start in the image: $(tail -1 "$work/log")"
  mv "$work/llama.sif" "$image"
}

printed=$("$here/llama.sh" "$dest") # where it fails, this script ends with its exit code
mapfile -t installed <<< "$printed"
exec 9> "$dest/image.lock"
flock 9
[ "$image" -nt "${installed[0]}" ] || build_image
printf '%s\n%s\n' "$image" "${installed[1]}"
