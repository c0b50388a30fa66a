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
needed=("${packages[@]}")

# What some tests use: without it they are skipped, and say so.
packages=()
need slurmctld test -x /usr/sbin/slurmctld
need slurmd test -x /usr/sbin/slurmd
need slurm-client type sbatch
need slurm-wlm-basic-plugins compgen -G "/usr/lib/*/slurm-wlm/gres_gpu.so"
need munge test -x /usr/sbin/munged
need procps type pgrep
need iproute2 test -x /usr/sbin/ip -o -x /sbin/ip
need patchelf type patchelf
need squashfs-tools type mksquashfs
need squashfuse type squashfuse
need uidmap type newuidmap
need environment-modules test -e /usr/share/modules/init/sh
need debootstrap test -x /usr/sbin/debootstrap
optional=("${packages[@]}")

missing=("${needed[@]}" "${optional[@]}")
[ ${#missing[@]} -gt 0 ] || exit 0

# Packages may start what they bring; the tests start their own.
start_no_services() {
  local policy=/usr/sbin/policy-rc.d
  [ ! -e "$policy" ] || return 0
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
}

if [ "$(id -u)" = 0 ] && type apt-get >/dev/null 2>&1; then
  echo "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  start_no_services
  apt-get -qq update || echo "prerequisites: apt-get update failed" >&2
  if [ ${#needed[@]} -gt 0 ]; then
    apt-get -qq install -y --no-install-recommends "${needed[@]}" >/dev/null
  fi
  if [ ${#optional[@]} -gt 0 ]; then
    apt-get -qq install -y --no-install-recommends "${optional[@]}" >/dev/null \
      || echo "prerequisites: without ${optional[*]} some tests will be skipped" >&2
  fi
  exit 0
fi
echo "prerequisites: on Debian or Ubuntu: sudo apt-get install ${missing[*]}" >&2
[ ${#needed[@]} = 0 ] || exit 1
echo "prerequisites: without ${optional[*]} some tests will be skipped" >&2
