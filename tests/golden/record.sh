#!/bin/sh
# record.sh PROGRAM NATS_SERVER FOLDER: records the golden runs of a version into FOLDER. See README.md.
# In namespaces of its own, so that host, user and paths in the logs are nobody's. Needs unshare(1).
set -eu

if [ "${1:-}" != --inside ]; then
    mkdir -p "$3"
    home=$(mktemp -d)
    trap 'rm -rf "$home"' EXIT
    mkdir "$home/bin" "$home/out" "$home/work"
    cp "$1" "$home/bin/hpcbench"
    cp "$2" "$home/bin/nats-server"
    unshare --map-root-user --mount --uts --pid --fork --mount-proc \
        sh "$(readlink -f "$0")" --inside "$home" "$(readlink -f "$3")"
    exit
fi
home=$2 out=$3

hostname bench1
echo 'bench:x:0:0::/run/work:/bin/sh' >"$home/passwd"
echo 6.1.0 >"$home/osrelease"
mount --bind "$home/passwd" /etc/passwd
mount --bind "$home/osrelease" /proc/sys/kernel/osrelease
mount --bind "$out" "$home/out"
mount --rbind "$home" /run
cd /run/work
run() {
    env -i PATH=/run/bin:/usr/bin:/bin HOME=/run/work TMPDIR=/run/work "$@"
}

recipe() { # NAME DURATION LEVELS, the service from standard input
    {
        printf 'schema: hpcbench/v1\nname: %s\nservice:\n' "$1"
        cat
        printf 'workload:\n  load: {shape: closed, concurrency: 2}\n  duration: %s\n  timeout: 5s\n' "$2"
        printf '  prompts: {source: synthetic, input_tokens: 16, output_tokens: 8}\n'
        printf 'sweep: {matrix: {workload.load.concurrency: %s}}\n' "$3"
    } >"$1.yaml"
}

simulator() {
    printf '  kind: simulator\n  options: {ttft: 10ms, itl: 2ms}\n  health: {timeout: 10s, interval: 50ms}\n  restart: {max: 0}\n'
}

# Not by `run`: its process would be a shell's, and signals are for the program.
begin() { # NAME: starts the run and leaves its process id in $pid
    env -i PATH=/run/bin:/usr/bin:/bin HOME=/run/work TMPDIR=/run/work \
        hpcbench run --run-dir "runs/$1" "$1.yaml" >"$1.txt" 2>&1 &
    pid=$!
}

wait_for() { # NAME TYPE
    for _ in $(seq 300); do
        grep -qs "\"type\":\"$2\"" "runs/$1"/events/*.jsonl && return
        sleep 0.1
    done
    echo "record.sh: $1 has no $2" >&2
    exit 1
}

keep() { # NAME
    run hpcbench verify "runs/$1" >&2
    mkdir -p "/run/out/$1/events"
    cp "runs/$1/plan.json" "runs/$1/recipe.yaml" "/run/out/$1/"
    cp "runs/$1"/events/*.jsonl "/run/out/$1/events/"
}

simulator | recipe completed 1s '[1, 2, 4]'
begin completed
wait "$pid" || true
keep completed

simulator | recipe cancelled 30s '[1]'
begin cancelled
wait_for cancelled load.started
kill -TERM "$pid"
wait "$pid" || true
keep cancelled

# Nothing listens there.
printf '  kind: openai\n  endpoints: ["http://127.0.0.1:9"]\n  model: none\n  health: {timeout: 1s}\n' | recipe unreachable 1s '[1]'
begin unreachable
wait "$pid" || true
keep unreachable

# A bus that is killed again and again ends the run.
simulator | recipe failed 30s '[1]'
begin failed
wait_for failed load.started
while kill -0 "$pid" 2>/dev/null; do
    for bus in $(pgrep -x nats-server); do kill -9 "$bus" || true; done
    sleep 0.2
done
wait "$pid" || true
keep failed

simulator | recipe resumed 3s '[1]'
begin resumed
wait_for resumed load.started
kill -9 "$pid"
wait "$pid" || true
run hpcbench resume runs/resumed >resumed-again.txt 2>&1 || cat resumed-again.txt >&2
keep resumed
