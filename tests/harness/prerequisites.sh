#!/bin/bash
# prerequisites.sh: makes sure that the programs which the build and the tests need are there. As root on a Debian
# system it installs what is missing; anybody else is told what to install.
set -euo pipefail

if ! type cargo >/dev/null 2>&1 || ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
  echo "prerequisites: Rust is needed: cargo, rustfmt and clippy, for example by rustup" >&2
  exit 1
fi

packages=()
# need PACKAGE COMMAND...: notes the Debian package if the command fails.
need() {
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || packages+=("$package")
}
need gcc type cc
need libc6-dev test -e /usr/include/stdlib.h
need make type make
need python3 type python3
need python3-pip python3 -m pip --version
[ ${#packages[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ] && type apt-get >/dev/null 2>&1; then
  echo "installing ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  apt-get -qq install -y --no-install-recommends "${packages[@]}" >/dev/null
else
  echo "prerequisites: missing; on Debian or Ubuntu: sudo apt-get install ${packages[*]}" >&2
  exit 1
fi
