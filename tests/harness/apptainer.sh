#!/bin/bash
# apptainer.sh DEST: puts Apptainer below DEST and prints the path of its program. Nothing is installed on the system:
# Debian sid's package is unpacked below DEST and runs with the C library it came with. What it calls to read and write
# images (squashfs-tools) is the system's own.
# The first time takes some seconds and 60 MB; later calls find what is there.
# Exit codes: 0 done; 77 it cannot be had on this machine, with the reason in one line on stderr; else a fault.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=debian.sh
source "$here/debian.sh"
dest=$(realpath -m "${1:?usage: apptainer.sh DEST}")
root=$dest/root
program=$root/usr/bin/apptainer

# fetch WORK: Apptainer in WORK/root, with the libraries that it needs in WORK/root/glibc.
fetch() {
  local work=$1
  debian_apt "$work" sid
  (cd "$work" && "${apt[@]}" download apptainer libc6 libseccomp2 libsqlite3-0 zlib1g) >>"$work/log" 2>&1 \
    || skip "Debian sid's apptainer cannot be downloaded: $(tail -1 "$work/log")"
  unpack "$work/root" "$work"/apptainer_*.deb
  unpack "$work/libraries" "$work"/{lib,zlib}*.deb
  mkdir "$work/root/glibc"
  find "$work/libraries" -name '*.so*' -path '*x86_64-linux-gnu*' ! -path '*/gconv/*' ! -path '*/audit/*' \
    -exec cp -L {} "$work/root/glibc/" \;
}

# use_own_glibc ROOT: makes its programs find the libraries where they will be at last, in $root/glibc.
use_own_glibc() {
  local binary
  for binary in "$1/usr/bin/apptainer" "$1/usr/lib/x86_64-linux-gnu/apptainer/bin/starter"; do
    patchelf --set-interpreter "$root/glibc/ld-linux-x86-64.so.2" --force-rpath --set-rpath "$root/glibc" "$binary"
  done
}

# configure ROOT: Apptainer looks for its configuration and its mount points beside its program.
configure() {
  mv "$1/etc" "$1/usr/etc"
  mkdir -p "$1/usr/var/lib/apptainer/mnt/session"
  ln -s ../etc "$1/usr/lib/etc"
  ln -s ../var "$1/usr/lib/var"
  # Where root lacks some capabilities, as in a container, the default `full` makes every exec fail.
  sed -i 's/^root default capabilities = full/root default capabilities = file/' "$1/usr/etc/apptainer/apptainer.conf"
}

install_apptainer() {
  type patchelf mksquashfs unsquashfs >/dev/null 2>&1 \
    || skip "no Apptainer: patchelf and squashfs-tools are needed; tests/harness/prerequisites.sh installs them"
  work=$(mktemp -d "$dest/work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  fetch "$work"
  configure "$work/root"
  use_own_glibc "$work/root"
  chmod 755 "$work/root"
  rm -rf "$root"
  mv "$work/root" "$root"
  "$program" --version >>"$work/log" 2>&1 || skip "no Apptainer: it does not start: $(tail -1 "$work/log")"
}

mkdir -p "$dest"
# Two tests may ask at the same time.
exec 9> "$dest/lock"
flock 9
# It starts only where it was made, since it knows its libraries by their absolute path.
"$program" --version >/dev/null 2>&1 || install_apptainer
echo "$program"
