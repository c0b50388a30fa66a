#!/bin/bash
# llama.sh DEST: puts a real inference server and a tiny model below DEST and prints the paths of both, a line each:
# a program that starts llama.cpp's llama-server, and a GGUF model. Nothing is installed on the system and no root
# is needed: Debian sid's packages are unpacked below DEST and run with the C library they came with.
# The first time takes some seconds and 90 MB; later calls find what is there.
# Exit codes: 0 done; 77 it cannot be had on this machine, with the reason in one line on stderr; else a fault.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=debian.sh
source "$here/debian.sh"
dest=$(realpath -m "${1:?usage: llama.sh DEST}")
server=$dest/llama-server model=$dest/tiny.gguf

# fetch WORK: the server and all it needs, the C library included, in WORK/root.
fetch() {
  local work=$1
  debian_apt "$work" sid
  "${apt[@]}" install --no-install-recommends --download-only llama.cpp-tools >>"$work/log" 2>&1 \
    || skip "Debian sid's llama.cpp-tools cannot be downloaded: $(tail -1 "$work/log")"
  unpack "$work/root" "$work"/cache/archives/*.deb
}

# The server looks for its compute backends beside its own executable, which is the loader here.
link_backends() {
  local libraries=$1 backend
  for backend in "$libraries"/ggml/backends*/*.so; do
    ln -sf "${backend#"$libraries"/}" "$libraries/"
  done
}

write_wrapper() {
  cat > "$1" <<'WRAPPER'
#!/bin/bash
# Runs the unpacked llama-server with the loader and the libraries it came with.
root=$(dirname "$(realpath "$0")")/root
libraries=$root/usr/lib/x86_64-linux-gnu
exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries:$libraries/llama" \
  "$root/usr/bin/llama-server" "$@"
WRAPPER
  chmod +x "$1"
}

install_server() {
  work=$(mktemp -d "$dest/work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  fetch "$work"
  link_backends "$work/root/usr/lib/x86_64-linux-gnu"
  write_wrapper "$work/llama-server"
  "$work/llama-server" --version >>"$work/log" 2>&1 || skip "it does not start: $(tail -1 "$work/log")"
  rm -rf "$dest/root"
  mv "$work/root" "$dest/root"
  mv "$work/llama-server" "$server" # last: its presence says that all the rest is there
}

mkdir -p "$dest"
# Two tests may ask at the same time.
exec 9> "$dest/lock"
flock 9
[ -x "$server" ] || install_server
[ "$model" -nt "$here/tiny-gguf.py" ] || python3 "$here/tiny-gguf.py" "$model"
printf '%s\n%s\n' "$server" "$model"
