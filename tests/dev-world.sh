#!/usr/bin/env bash
# A development world on real processes: up, up twice, a killed process, the same ports after a restart, down.
# Usage: tests/dev-world.sh CELLCTL, a binary with controld, celld and routerd beside it.
set -euo pipefail
cellctl=$1
root=$(mktemp -d)
world=$root/world
trap '"$cellctl" dev down --dir "$world" --destroy >/dev/null 2>&1 || true; rm -rf "$root"' EXIT

fail() { echo "FAILED: $1" >&2; cat "$root"/out >&2; exit 1; }

"$cellctl" dev up --dir "$world" --no-build >"$root/out" 2>&1 || fail "the first dev up"
cp "$world/ports.json" "$root/ports"
pids() { cat "$world"/*/pid | sort; }
before=$(pids)
"$cellctl" dev up --dir "$world" --no-build >"$root/out" 2>&1 || fail "the second dev up is no failure"
[ "$(pids)" = "$before" ] || fail "the second dev up changed the processes"

pid=$(sed 's/.*"pid":\([0-9]*\).*/\1/' "$world/celld-eu-west-1/pid")
kill -9 "$pid"
while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
if "$cellctl" dev status --dir "$world" >"$root/out" 2>&1; then fail "status says that all is well"; fi
grep -q "celld-eu-west-1" "$root/out" || fail "status does not name the killed process"
"$cellctl" dev up --dir "$world" --no-build >"$root/out" 2>&1 || fail "up after a kill"
"$cellctl" dev status --dir "$world" >"$root/out" 2>&1 || fail "status after it came back"

"$cellctl" dev down --dir "$world" >"$root/out" 2>&1 || fail "down"
"$cellctl" dev up --dir "$world" --no-build >"$root/out" 2>&1 || fail "up again"
cmp -s "$world/ports.json" "$root/ports" || fail "the ports changed over a restart"
"$cellctl" dev down --dir "$world" --destroy >"$root/out" 2>&1 || fail "down --destroy"
[ ! -e "$world" ] || fail "the folder is still there"
echo "a development world: up, up twice, killed, back, restarted on its ports, gone"
