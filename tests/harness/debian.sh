#!/bin/bash
# Sourced by the scripts of this folder that fetch Debian's packages without installing them: they are unpacked below a
# folder of the project and run with the C library they came with, so that a newer suite than the machine's can be used.

# By this exit code a script says that something cannot be had on this machine, with the reason in one line on stderr.
readonly SKIP=77

skip() {
  echo "$(basename "$0"): $*" >&2
  exit "$SKIP"
}

# The mirror is that of the machine's own apt sources, which are left as they are.
mirror() {
  local found
  found=$(awk '/^URIs:/ {print $2; exit}' /etc/apt/sources.list.d/debian.sources 2>/dev/null) || true
  [ -n "$found" ] || found=$(awk '$1 == "deb" {for (i = 2; i <= NF; i++) if ($i ~ /^[a-z]+:\/\//) {print $i; exit}}' \
    /etc/apt/sources.list 2>/dev/null) || true
  echo "$found"
}

# debian_apt WORK SUITE: makes the array `apt` a command that knows only this suite and keeps all it has below WORK; fetches
# its lists. With an empty list of installed packages, it takes every dependency for missing. The log is WORK/log.
debian_apt() {
  local work=$1 suite=$2 keyring=/usr/share/keyrings/debian-archive-keyring.gpg source
  [ "$(uname -sm)" = "Linux x86_64" ] || skip "only Linux on x86_64 is supported, this is $(uname -sm)"
  type apt-get dpkg-deb >/dev/null 2>&1 || skip "apt-get and dpkg-deb are needed"
  source=$(mirror)
  [ -n "$source" ] || skip "this machine's apt sources name no Debian mirror"
  mkdir -p "$work"/{lists,cache/archives}/partial
  : > "$work/status"
  echo "deb [signed-by=$keyring] $source $suite main" > "$work/sources.list"
  apt=(apt-get -qq -y
    -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
    -o Dir::State::lists="$work/lists" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache"
    -o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=1 -o Acquire::Retries=3)
  "${apt[@]}" update >"$work/log" 2>&1 || skip "apt-get update for Debian $suite failed: $(tail -1 "$work/log")"
}

# unpack DIRECTORY PACKAGE.deb...
unpack() {
  local into=$1 package
  shift
  mkdir -p "$into"
  for package in "$@"; do
    dpkg-deb -x "$package" "$into"
  done
}
