#!/bin/bash
# A real Slurm cluster on one machine: a controller, which is also the login node, and five nodes, each with a network, UTS,
# PID and mount namespace of its own, a local /tmp and /dev/shm, and fake GPUs.
#
#   slurm-cluster.sh up DIR [--profile plain|site] [--share PATH]... [--processors LIST] [--leash]
#                                     start it, after the end of whatever is left of a former one in DIR;
#                                     all nodes see the project, DIR and each further PATH; whatever runs on them has
#                                     only the processors of LIST, such as 0,1; with --leash it ends when standard
#                                     input does
#   slurm-cluster.sh down DIR         end it; its files stay
#   slurm-cluster.sh on DIR NODE [--root] COMMAND...
#                                     run a command on ctl or node1 to node5, as the user that the profile names
#   slurm-cluster.sh node-kill|node-start DIR NODE     power it off, and on again
#   slurm-cluster.sh cut|join DIR NODE                 its network cable
#   slurm-cluster.sh ctld-kill|ctld-start DIR          slurmctld alone
#
# DIR/shared is for jobs' files. Several clusters may run side by side, each in its own DIR, since each has a network of its
# own. Needs root and what prerequisites.sh installs.
# Exit codes: 0 done; 77 it cannot be had on this machine, with the reason in one line on stderr; else a fault, or the command's.
set -euo pipefail

readonly SKIP=77 NODES=5 NET=10.77.0
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
workspace=$(realpath "$here/../..")
verb=${1:?see the head of this file} dir=$(realpath -m "${2:?which DIR?}")
shift 2
# Names of network namespaces are the machine's: this cluster's begin with a digest of its path.
prefix=hb-$(sha256sum <<< "$dir" | head -c 10)
# In order of use: the daemons are not on an ordinary user's path.
PATH=$PATH:/usr/sbin:/sbin

skip() {
  echo "slurm-cluster.sh: $*" >&2
  exit "$SKIP"
}

address() {
  if [ "$1" = ctl ]; then echo "$NET.1"; else echo "$NET.$((10 + ${1#node}))"; fi
}

require() {
  local command
  [ "$(id -u)" = 0 ] || skip "no test cluster: it takes root to make namespaces"
  for command in slurmctld slurmd sbatch munged ip nsenter unshare setpriv flock; do
    type "$command" >/dev/null 2>&1 || skip "no test cluster: no $command; tests/harness/prerequisites.sh installs it"
  done
  unshare --net --uts --mount --pid --fork true 2>/dev/null || skip "no test cluster: namespaces cannot be made here"
  # Slurm's sockets are below it, and the path of a socket has at most 107 bytes.
  [ ${#dir} -le 70 ] || { echo "slurm-cluster.sh: a shorter path is needed than $dir" >&2; exit 1; }
}

# --- files

write_files() {
  local profile=$1 node
  rm -rf "${dir:?}"/{state,spool,log,run,munge,etc,local,shared,user,job_submit.lua}
  mkdir -p "$dir"/{state,log,run,munge,etc,shared/home}
  for node in ctl $(nodes); do
    mkdir -p "$dir/local/$node/tmp" "$dir/spool/$node"
    chmod 1777 "$dir/local/$node/tmp"
  done
  chmod 711 "$dir" "$dir/munge"
  dd if=/dev/urandom of="$dir/munge/munge.key" bs=1024 count=1 status=none
  chmod 400 "$dir/munge/munge.key"
  write_users "$profile"
  { echo "127.0.0.1 localhost"; for node in ctl $(nodes); do echo "$(address "$node") $node"; done; } > "$dir/etc/hosts"
  [ "$profile" != site ] || cp "$here/slurm/site.lua" "$dir/job_submit.lua"
  sed "s|@DIR@|$dir|" "$here/slurm/base.conf" "$here/slurm/$profile.conf" > "$dir/slurm.conf"
  case $profile in
    plain) sed "s|@GPU_NODES@|node[1-5]|; s|@GPU_FILES@|/dev/null,/dev/zero|" ;;
    site) sed "s|@GPU_NODES@|node[4-5]|; s|@GPU_FILES@|/dev/null,/dev/zero,/dev/full,/dev/urandom|" ;;
  esac < "$here/slurm/gres.conf" > "$dir/gres.conf"
}

nodes() { seq -f 'node%g' "$NODES"; }

# The cluster's users: the machine's, and one that only the cluster knows. The home of whoever runs jobs is on the file system
# that all nodes share.
write_users() {
  local id=64177
  awk -F: -v OFS=: -v home="$dir/shared/home" '$1 == "root" {$6 = home} $1 != "bench"' /etc/passwd > "$dir/etc/passwd"
  grep -v "^bench:" /etc/group > "$dir/etc/group"
  echo "bench:x:$id:$id:jobs of the tests:$dir/shared/home:/bin/bash" >> "$dir/etc/passwd"
  echo "bench:x:$id:" >> "$dir/etc/group"
  if [ "$1" = site ]; then
    echo bench > "$dir/user"
    chown -R "$id:$id" "$dir/shared"
  else
    echo root > "$dir/user"
    chown -R 0:0 "$dir/shared"
  fi
}

# --- network

make_switch() {
  local ctl=$prefix-ctl
  ip netns add "$ctl"
  ip -n "$ctl" link set lo up
  ip -n "$ctl" link add br0 type bridge
  ip -n "$ctl" addr add "$(address ctl)/24" dev br0
  ip -n "$ctl" link set br0 up
}

plug_in() {
  local node=$1 ns=$prefix-$1
  ip netns add "$ns"
  ip -n "$ns" link set lo up
  ip -n "$prefix-ctl" link add "$node" type veth peer name eth0 netns "$ns"
  ip -n "$prefix-ctl" link set "$node" master br0 up
  ip -n "$ns" addr add "$(address "$node")/24" dev eth0
  ip -n "$ns" link set eth0 up
}

# Nothing that the dead node's kernel would still send may reach the others: a machine without power says no goodbye.
unplug() {
  ip -n "$prefix-ctl" link del "$1" 2>/dev/null || true
}

# --- processes

# boot NODE COMMAND...: not by `ip netns exec`, which hides /sys/fs/cgroup.
boot() {
  local node=$1
  shift
  SLURM_CONF=$dir/slurm.conf nsenter --net="/run/netns/$prefix-$node" \
    unshare --uts --mount --pid --fork --mount-proc --kill-child=KILL \
    "$here/slurm/node.sh" "$node" "$dir" "$@" </dev/null >/dev/null 2>>"$dir/log/$node.err" 9>&- &
  echo $! > "$dir/run/$node.pid"
}

boot_slurmd() {
  local processors confined=()
  processors=$(cat "$dir/processors")
  [ -z "$processors" ] || confined=(taskset -c "$processors")
  boot "$1" "${confined[@]}" slurmd -D -f "$dir/slurm.conf"
}

# The node's first process, seen from outside.
init_of() {
  local outer
  outer=$(cat "$dir/run/$1.pid" 2>/dev/null) || { echo "slurm-cluster.sh: $1 is off" >&2; exit 1; }
  awk '{print $1; exit}' "/proc/$outer/task/$outer/children" 2>/dev/null \
    || { echo "slurm-cluster.sh: $1 is off" >&2; exit 1; }
}

enter() { # enter NODE COMMAND...
  local init
  init=$(init_of "$1")
  shift
  SLURM_CONF=$dir/slurm.conf exec nsenter --target "$init" --mount --uts --net --pid "$@"
}

start_munged() {
  munged --foreground --force --key-file="$dir/munge/munge.key" --socket="$dir/munge/munge.sock" \
    --pid-file="$dir/munge/munged.pid" --seed-file="$dir/munge/seed" --log-file="$dir/munge/munged.log" \
    </dev/null >/dev/null 2>&1 9>&- &
  wait_for "munged" test -S "$dir/munge/munge.sock"
}

start_slurmctld() {
  (enter ctl setsid slurmctld -D -f "$dir/slurm.conf") </dev/null >/dev/null 2>>"$dir/log/ctl.err" 9>&- &
}

pid_of_slurmctld() { pgrep -f -x "slurmctld -D -f $dir/slurm.conf"; }

wait_for() { # wait_for WHAT COMMAND...: ten seconds, or more on a busy machine
  local what=$1 look
  shift
  for look in $(seq 400); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep .025
  done
  echo "slurm-cluster.sh: looked $look times in vain for $what; see $dir/log" >&2
  exit 1
}

all_idle() { [ "$("$0" on "$dir" ctl --root sinfo -h -N -t idle -o %N | sort -u | wc -l)" = "$NODES" ]; }

# --- verbs

up() {
  local profile=plain leash='' processors='' node paths=("$workspace" "$dir")
  while [ $# -gt 0 ]; do
    case $1 in
      --profile) profile=$2; shift 2 ;;
      --share) paths+=("$(realpath "$2")"); shift 2 ;;
      --processors) processors=$2; shift 2 ;;
      --leash) leash=yes; shift ;;
      *) echo "slurm-cluster.sh: what is $1?" >&2; exit 2 ;;
    esac
  done
  [ -e "$here/slurm/$profile.conf" ] || { echo "slurm-cluster.sh: no profile $profile" >&2; exit 2; }
  require
  mkdir -p "$(dirname "$dir")"
  exec 9> "$dir.lock"
  flock --timeout 900 9 || { echo "slurm-cluster.sh: another one uses $dir" >&2; exit 1; }
  down
  write_files "$profile"
  printf '%s\n' "${paths[@]}" > "$dir/shared-paths"
  echo "$prefix" > "$dir/prefix"
  echo "$processors" > "$dir/processors"
  if [ -n "$leash" ]; then hold_leash; fi
  make_switch
  start_munged
  boot ctl sleep infinity
  wait_for "the login node" "$0" on "$dir" ctl --root test -s "$dir/slurm.conf"
  start_slurmctld
  for node in $(nodes); do
    plug_in "$node"
    boot_slurmd "$node"
  done
  wait_for "idle nodes" all_idle
  if [ -n "$leash" ] && ! kill -0 "$leash" 2>/dev/null; then
    down # it was let go meanwhile
    exit 1
  fi
}

# Ends the cluster with standard input, however its other end went away; holds the lock (descriptor 9) until then. Its
# process is in the caller's `leash`.
hold_leash() {
  exec 6<&0 # bash gives a background command another standard input
  # shellcheck disable=SC2016
  setsid bash -c 'cat >/dev/null; "$0" down "$1"' "$0" "$dir" <&6 >/dev/null 2>&1 &
  leash=$!
  exec 6<&-
}

# Needs nothing but the name of DIR: what started it may be long dead.
down() {
  local ns pids attempt
  for attempt in 1 2 3 4 5; do
    pids=$(pgrep -f -- "^munged .*--socket=$dir/munge/munge.sock" || true)
    for ns in $(namespaces); do
      pids+=" $(ip netns pids "$ns" | tr '\n' ' ')"
    done
    [ -n "${pids// /}" ] || break
    # shellcheck disable=SC2086
    kill -9 $pids 2>/dev/null || true
    sleep "0.$attempt"
  done
  for ns in $(namespaces); do ip netns del "$ns"; done
  rm -f "$dir"/run/*.pid "$dir/munge/munge.sock"
}

namespaces() { ip netns list | awk -v prefix="$prefix-" 'index($1, prefix) == 1 {print $1}'; }

on() {
  local node=$1 user
  shift
  user=$(cat "$dir/user")
  if [ "${1:-}" = --root ]; then user=root; shift; fi
  # What a login shell of such a cluster allows.
  [ "$user" = root ] || ulimit -Sn 1024
  export USER=$user LOGNAME=$user
  # A command does not outlive the one who waits for it.
  enter "$node" setpriv --reuid "$user" --regid "$user" --clear-groups --pdeathsig KILL env --chdir "$PWD" "$@"
}

node_kill() {
  unplug "$1"
  kill -9 "$(cat "$dir/run/$1.pid")" 2>/dev/null || true
  wait_for "the end of $1" no_process "$1"
  ip netns del "$prefix-$1" 2>/dev/null || true
  rm -f "$dir/run/$1.pid"
}

no_process() { [ -z "$(ip netns pids "$prefix-$1" 2>/dev/null)" ]; }

node_start() {
  [ ! -e "/run/netns/$prefix-$1" ] || node_kill "$1"
  plug_in "$1"
  # The local disk is as it was; what was mounted or in memory is not.
  boot_slurmd "$1"
}

case $verb in
  up) up "$@" ;;
  down) down ;;
  on) on "$@" ;;
  node-kill) node_kill "$1" ;;
  node-start) node_start "$1" ;;
  cut) ip -n "$prefix-ctl" link set "$1" down ;;
  join) ip -n "$prefix-ctl" link set "$1" up ;;
  ctld-kill) kill -9 "$(pid_of_slurmctld)" ;;
  ctld-start) pid_of_slurmctld >/dev/null || start_slurmctld ;;
  *) echo "slurm-cluster.sh: what is $verb?" >&2; exit 2 ;;
esac
