#!/usr/bin/env bash
# The engine TiKV against a server that speaks its protocol: conformance, differential, foreign clusters, orphaned locks,
# kill -9 of the server, a server without room, a short bench, a cell of three nodes on it under `chaos run`, and a cell
# that is made by command.
# Usage: tests/tikv.sh [TARGET_DIR], the tests and the binaries built in it; or tests/tikv.sh --build, which only builds the
# server, so that it may be done beside something else.
#
# MERIDIAN_TIKV_SERVER, or else `tools/tikv-protocol` in a folder beside this repository, is a folder with `run.sh
# start|stop|kill-store|start-store` that serves on MERIDIAN_TIKV_PD (127.0.0.1:12379 if that is not set) and, where it
# is built from source, `pd/build.sh` and `store/build.sh`, which need Go. It is built in a copy in the user's cache, and
# run in another. Without it, without Go, or where a part is not built within MERIDIAN_TIKV_BUILD_SECONDS (600), nothing is
# run and nothing fails.
# `chaos run` takes MERIDIAN_TIKV_CHAOS_MINUTES (2).
set -euo pipefail
cd "$(dirname "$0")/.."
skip() { echo "skipped: the engine TiKV against a server: $1"; exit 0; }
server=${MERIDIAN_TIKV_SERVER:-}
if [ -z "$server" ]; then
  for beside in ../*/tools/tikv-protocol; do
    if [ -f "$beside/run.sh" ]; then server=$beside && break; fi
  done
fi
[ -n "$server" ] || skip "set MERIDIAN_TIKV_SERVER"
[ -f "$server/run.sh" ] || skip "there is no run.sh in MERIDIAN_TIKV_SERVER"
# Built in a place that stays: what was built there of the same sources is not built again.
built=${XDG_CACHE_HOME:-$HOME/.cache}/meridian/tikv-server
build() {
  sources=$(cd "$server" && find . -type f | sort | xargs cksum)
  [ ! -f "$built/sources" ] || [ "$(cat "$built/sources")" != "$sources" ] || return 0
  if [ -e "$built" ]; then chmod -R u+w "$built" && rm -rf "$built"; fi
  mkdir -p "$built"
  cp -r "$server/." "$built" && chmod -R u+w "$built" && chmod +x "$built/run.sh"
  for part in pd store; do
    [ -f "$built/$part/build.sh" ] || continue
    command -v go >/dev/null || skip "its server is built with Go, which is not here"
    within=${MERIDIAN_TIKV_BUILD_SECONDS:-600}
    (cd "$built/$part" && timeout -k 10 "$within" sh ./build.sh >"$built/build.log" 2>&1) || {
      tail -3 "$built/build.log"
      skip "its server does not build here within $within s"
    }
  done
  echo "$sources" >"$built/sources"
}
mkdir -p "$(dirname "$built")"
exec 9>"$built.lock"
flock 9
build
[ "${1:-}" != --build ] || exit 0
target=$(realpath "${1:-target}")
export MERIDIAN_TIKV_PD=${MERIDIAN_TIKV_PD:-127.0.0.1:12379}
if (exec 3<>"/dev/tcp/${MERIDIAN_TIKV_PD%:*}/${MERIDIAN_TIKV_PD##*:}") 2>/dev/null; then
  echo "something serves on $MERIDIAN_TIKV_PD already: it is left alone, and would be tested in the server's place" >&2
  exit 1
fi

scratch=$(mktemp -d)
started=
end() {
  # One that did not start wholly is not stopped by its script.
  [ -z "$started" ] || timeout 60 "$scratch/run.sh" stop >/dev/null 2>&1 ||
    kill -9 $(cat "$scratch"/run/*.pid 2>/dev/null) 2>/dev/null || true
  umount "$scratch/run/store" 2>/dev/null || true
  chmod -R u+w "$scratch" && rm -rf "$scratch"
}
trap end EXIT
cp -r "$built/." "$scratch"
# The servers are not to hold the lock.
exec 9>&-
started=1
timeout 60 "$scratch/run.sh" start || skip "its server does not start here"
export MERIDIAN_TIKV_CONTROL=$scratch/run.sh

newest() { ls -t "$target"/debug/deps/"$1"-* 2>/dev/null | awk '!/\.[a-z]+$/ && !seen {print; seen = 1}'; }
cd cell/store-tikv
run() {
  path=$(newest "$1")
  [ -n "$path" ] || { echo "$1 is not built in $target: cargo test --no-run --workspace" >&2; exit 1; }
  timeout 600 "$path" --nocapture
}
# The first one wants a cluster that nobody has used.
for binary in not_ours cell_store_tikv janitor server_kill; do run "$binary"; done
cd ../..
"$target"/debug/bench engines --quick || [ $? -eq 3 ]
# A cluster is one world's: the next one gets an empty one. `afresh MIB`: with no more room than that.
afresh() {
  "$scratch/run.sh" stop >/dev/null 2>&1 || true
  umount "$scratch/run/store" 2>/dev/null || true
  rm -rf "$scratch/run" && mkdir -p "$scratch/run/store"
  [ -z "${1:-}" ] || mount -t tmpfs -o "size=$1m" tmpfs "$scratch/run/store" 2>/dev/null || return 1
  timeout 60 "$scratch/run.sh" start
}
# A server without room: the stand-in lays out 128 MiB before it takes anything.
if afresh 192; then
  cat >"$scratch/room.sh" <<ROOM
#!/bin/sh
set -eu
case "\$1" in
more-room) mount -o remount,size=1g "$scratch/run/store" ;;
restart)
  "$scratch/run.sh" kill-store || true
  "$scratch/run.sh" start-store
  # 7: it does not come up again on what it wrote while it was full.
  sleep 5
  kill -0 "\$(cat "$scratch/run/store.pid")" || exit 7
  ;;
*) exit 2 ;;
esac
ROOM
  chmod +x "$scratch/room.sh"
  (cd cell/store-tikv && MERIDIAN_TIKV_ROOM_MIB=192 MERIDIAN_TIKV_CONTROL=$scratch/room.sh run full_cluster)
else
  echo "skipped: a full cluster of TiKV: a file system of its own needs root"
fi
# Three nodes of one cell on the server, killed and stopped, and the server too: nothing acknowledged may be lost.
afresh
timeout 900 "$target"/debug/chaos run --scenario shared-store --minutes "${MERIDIAN_TIKV_CHAOS_MINUTES:-2}" --no-build
# A cell on the server that is made by command, and a shard that goes from engine to engine and back.
afresh
timeout 600 tests/provision.sh "$target"/debug/cellctl
echo "the engine TiKV against a server: passed"
