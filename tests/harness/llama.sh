#!/bin/bash
# llama.sh DEST: puts a real inference server and a tiny model below DEST and prints the paths of both, a line each:
# a program that starts llama.cpp's llama-server, and a GGUF model. Nothing is installed on the system and no root
# is needed: Debian sid's packages are unpacked below DEST and run with the C library they came with.
# The first time takes some seconds and 90 MB; later calls find what is there.
# Exit codes: 0 done; 77 it cannot be had on this machine, with the reason in one line on stderr; else a fault.
set -euo pipefail

readonly SKIP=77
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dest=$(realpath -m "${1:?usage: llama.sh DEST}")
server=$dest/llama-server model=$dest/tiny.gguf

skip() {
  echo "llama.sh: no llama-server: $*" >&2
  exit "$SKIP"
}

# The mirror and its signatures are those of the machine's own apt sources, which are left as they are.
mirror() {
  local found
  found=$(awk '/^URIs:/ {print $2; exit}' /etc/apt/sources.list.d/debian.sources 2>/dev/null) || true
  [ -n "$found" ] || found=$(awk '$1 == "deb" {for (i = 2; i <= NF; i++) if ($i ~ /^[a-z]+:\/\//) {print $i; exit}}' \
    /etc/apt/sources.list 2>/dev/null) || true
  echo "$found"
}

# unpack WORK: downloads the server and all it needs, the C library included, and unpacks it into WORK/root.
unpack() {
  local work=$1 keyring=/usr/share/keyrings/debian-archive-keyring.gpg source apt
  source=$(mirror)
  [ -n "$source" ] || skip "this machine's apt sources name no Debian mirror"
  mkdir -p "$work"/{lists,cache/archives}/partial "$work/root"
  # An empty list of installed packages makes apt fetch every dependency.
  : > "$work/status"
  echo "deb [signed-by=$keyring] $source sid main" > "$work/sources.list"
  apt=(apt-get -qq -y
    -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
    -o Dir::State::lists="$work/lists" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache"
    -o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=1 -o Acquire::Retries=3)
  "${apt[@]}" update >"$work/log" 2>&1 || skip "apt-get update for Debian sid failed: $(tail -1 "$work/log")"
  "${apt[@]}" install --no-install-recommends --download-only llama.cpp-tools >>"$work/log" 2>&1 \
    || skip "Debian sid's llama.cpp-tools cannot be downloaded: $(tail -1 "$work/log")"
  for package in "$work"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$work/root"
  done
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
  [ "$(uname -sm)" = "Linux x86_64" ] || skip "only Linux on x86_64 is supported, this is $(uname -sm)"
  type apt-get dpkg-deb >/dev/null 2>&1 || skip "apt-get and dpkg-deb are needed"
  work=$(mktemp -d "$dest/work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  unpack "$work"
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
