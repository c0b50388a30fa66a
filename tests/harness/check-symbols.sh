#!/bin/bash
# check-symbols.sh PROGRAM GLIBC: prints the newest glibc that a program needs; fails if that is newer than GLIBC.
set -euo pipefail
program=${1:?usage: check-symbols.sh PROGRAM GLIBC} glibc=${2:?usage: check-symbols.sh PROGRAM GLIBC}

newest=$(objdump -T "$program" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -uV | tail -1)
[ -n "$newest" ] || { echo "check-symbols.sh: $program needs no glibc at all: is it the right file?" >&2; exit 1; }
if [ "$(printf '%s\n' "$newest" "$glibc" | sort -V | tail -1)" != "$glibc" ]; then
  echo "check-symbols.sh: these symbols are newer than glibc $glibc:" >&2
  objdump -T "$program" | grep "GLIBC_$newest" >&2
  exit 1
fi
echo "$newest"
