#!/bin/bash
# node.sh NAME DIR COMMAND...: the first process of a node of the test cluster, in namespaces of its own. It makes of them a
# machine with its own name, user list and local disk, which shares with other nodes only the folders that DIR/shared-paths
# lists, as a parallel file system would; then it runs the command, and the node ends with it.
set -euo pipefail
name=$1 dir=$2
shift 2

hostname "$name"
for file in hosts passwd group; do
  mount --bind "$dir/etc/$file" "/etc/$file"
done

# The first folder on the way to a path that other users cannot pass, if there is one.
topmost_closed() {
  local rest=${1#/} folder='' mode
  while [ -n "$rest" ]; do
    folder+=/${rest%%/*}
    mode=$(stat -c %A "$folder" 2>/dev/null) || return 0 # hidden already
    case $mode in *[xt]) ;; *) echo "$folder"; return ;; esac
    if [[ $rest == */* ]]; then rest=${rest#*/}; else rest=''; fi
  done
}

mapfile -t paths < "$dir/shared-paths"
opened=()
for path in "${paths[@]}"; do
  exec {fd}< "$path"
  opened+=("$fd")
done

# Local to the node, as they are on a real one.
mount --bind "$dir/local/$name/tmp" /tmp
mount -t tmpfs -o size=256m,mode=1777 shm /dev/shm
# As udev makes it: Apptainer mounts images by it for users without rights. Where it cannot be made, it unpacks them, or says so.
if mknod -m 666 /dev/shm/fuse c 10 229 2>/dev/null; then
  mount --bind /dev/shm/fuse /dev/fuse 2>/dev/null || true
  rm /dev/shm/fuse
fi
# Somebody's closed home, if the project is there: jobs of other users must see the project, and nothing else of it.
for path in "${paths[@]}"; do
  closed=$(topmost_closed "$path")
  [ -z "$closed" ] || mount -t tmpfs -o size=1m,mode=755 hidden "$closed"
done
for i in "${!paths[@]}"; do
  fd=${opened[i]}
  if [ ! "${paths[i]}" -ef "/proc/self/fd/$fd" ]; then
    mkdir -p "${paths[i]}"
    mount --no-canonicalize --rbind "/proc/self/fd/$fd" "${paths[i]}"
  fi
  exec {fd}<&-
done

"$@" &
wait $!
