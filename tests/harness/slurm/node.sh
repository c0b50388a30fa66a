#!/bin/bash
# node.sh NAME DIR WORKSPACE COMMAND...: the first process of a node of the test cluster, in namespaces of its own. It makes
# of them a machine with its own name, user list and local disk, on which only the cluster's folder DIR and the
# WORKSPACE are shared with other nodes; then it runs the command, and the node ends with it.
set -euo pipefail
name=$1 dir=$2 workspace=$3
shift 3

hostname "$name"
for file in hosts passwd group; do
  mount --bind "$dir/etc/$file" "/etc/$file"
done

# topmost_closed PATH: its first folder that other users cannot pass, if there is one.
topmost_closed() {
  local rest=${1#/} folder=''
  while [ -n "$rest" ]; do
    folder+=/${rest%%/*}
    case $(stat -c %A "$folder") in *[xt]) ;; *) echo "$folder"; return ;; esac
    [[ $rest == */* ]] && rest=${rest#*/} || rest=''
  done
}

exec 7< "$dir" 8< "$workspace"
# Local to the node, as they are on a real one. /local is for recipes that want a name for it.
mount --bind "$dir/local/$name/tmp" /tmp
mount -t tmpfs -o size=256m,mode=1777 shm /dev/shm
# A checkout in somebody's closed home: jobs of other users must see it, and nothing else there.
closed=$(topmost_closed "$workspace")
[ -z "$closed" ] || mount -t tmpfs -o size=1m,mode=755 hidden "$closed"
see() { # see DESCRIPTOR PATH: what was opened before is at its path again
  mkdir -p "$2"
  mount --no-canonicalize --rbind "/proc/self/fd/$1" "$2"
}
[ -e "$workspace/Cargo.toml" ] || see 8 "$workspace"
[ -e "$dir/slurm.conf" ] || see 7 "$dir"
exec 7<&- 8<&-

"$@" &
wait $!
