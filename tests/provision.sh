#!/usr/bin/env bash
# A cell on a TiKV cluster, made by `cellctl cell provision` in a world on real processes: looked at, refused, dried, made,
# joined, looked at by `doctor`; a shard is moved there from the embedded engine, taken over when its node is killed, and moved back.
# Usage: MERIDIAN_TIKV_PD=HOST:PORT tests/provision.sh CELLCTL, a binary with controld, celld and routerd beside it, and an
# empty cluster on this machine.
set -euo pipefail
cellctl=$(realpath "$1")
[ -n "${MERIDIAN_TIKV_PD:-}" ] || { echo "skipped: cell provision: set MERIDIAN_TIKV_PD"; exit 0; }
root=$(mktemp -d)
export MERIDIAN_DIR=$root/world
end() {
  [ -z "$(jobs -p)" ] || kill -9 $(jobs -p) 2>/dev/null || true
  "$cellctl" dev down --destroy >/dev/null 2>&1 || true
  rm -rf "$root"
}
trap end EXIT
cd "$root"

fail() { echo "FAILED: $1" >&2; cat "$root/out" >&2; exit 1; }
# ends CODE TEXT COMMAND...: the command ends with this code, and says this somewhere.
ends() {
  local code=$1 text=$2 got=0
  shift 2
  "$cellctl" "$@" >"$root/out" 2>&1 </dev/null || got=$?
  [ "$got" = "$code" ] || fail "exit code $got instead of $code: cellctl $*"
  grep -q -- "$text" "$root/out" || fail "no '$text': cellctl $*"
}
# until_so WHAT COMMAND...: waits until the command succeeds; if it never does, says how the shard and all operations stand.
until_so() {
  local what=$1
  shift
  for _ in $(seq 600); do
    "$@" >"$root/out" 2>&1 && return
    sleep 0.1
  done
  {
    "$cellctl" shard show eu/eu-west/003
    for id in $("$cellctl" operation list --all -o name); do "$cellctl" operation show "$id"; done
  } >>"$root/out" 2>&1 || true
  fail "never: $what"
}

"$cellctl" dev up --no-build >"$root/out" 2>&1 || fail "dev up"
provision() { echo cell provision eu-west-2 --engine tikv --nodes 2 --reason test "$@"; }
there=(--region eu-west --pd "$MERIDIAN_TIKV_PD" --plaintext)
ends 1 "nobody attested" $(provision "${there[@]}")
ends 0 "" region attest eu-west --country IE --place "hall 3" --reason visited
ends 1 "no placement driver can be reached" $(provision --region eu-west --pd 127.0.0.1:1 --plaintext)
ends 1 "TLS is not given" $(provision --region eu-west --pd "$MERIDIAN_TIKV_PD")
ends 2 "where is it to stand" $(provision --pd "$MERIDIAN_TIKV_PD" --plaintext)
ends 2 "required" $(provision --region eu-west --pd "$MERIDIAN_TIKV_PD" --ca ca.pem)
ends 0 "would accept it" $(provision "${there[@]}" --dry-run)
ends 0 "data: none" $(provision "${there[@]}" --dry-run)
[ ! -e "$MERIDIAN_DIR/cell-eu-west-2" ] || fail "a dry run has written something"
ends 0 "its nodes join" $(provision "${there[@]}")
ends 1 "is there already" $(provision "${there[@]}")

declare -A pid
for node in 0 1; do
  "$MERIDIAN_DIR"/bin/celld --config "$MERIDIAN_DIR/cell-eu-west-2/celld-eu-west-2-$node/celld.toml" >"$root/celld-$node.log" 2>&1 &
  pid[$node]=$!
done
for node in 0 1; do
  until_so "eu-west-2/$node joins" "$cellctl" node show "eu-west-2/$node"
done
# What `doctor` finds of the engine of each node: that it serves and whose data it holds; and of one whose settings name
# nobody, that it does not, and what to do.
finds() {
  "$cellctl" doctor >"$root/out" 2>&1 </dev/null || true
  grep -q -- "store of $1  *$2" "$root/out" || fail "doctor does not find: store of $1 $2"
}
for node in 0 1; do
  finds "eu-west-2/$node: serves" "ok .*tikv: a read took"
  finds "eu-west-2/$node: data" "ok .*this world's"
  finds "eu-west-2/$node: clock" "ok"
  finds "eu-west-2/$node: locks" "ok"
done
config=$MERIDIAN_DIR/cell-eu-west-2/celld-eu-west-2-1/celld.toml
cp "$config" "$root/as-it-was.toml"
sed -i "s/$MERIDIAN_TIKV_PD/127.0.0.1:1/" "$config"
ends 3 "store of eu-west-2/1 .*BAD .*no placement driver can be reached" doctor
grep -q "hint: see that the placement drivers run" "$root/out" || fail "doctor says nothing that helps"
# The node runs on with the settings that it began with, and says so itself.
finds "eu-west-2/1: serves" "ok .*tikv: a read took"
cp "$root/as-it-was.toml" "$config"
ends 0 "" shard move eu/eu-west/003 --to eu-west-2/0 --window 1s --reason test --wait --timeout 2m
ends 0 "eu-west-2/0" shard show eu/eu-west/003
kill -9 "${pid[0]}"
# It leads there: an old copy that led again would leave a standby there.
taken() { "$cellctl" shard show eu/eu-west/003 -o json | grep -q '"primary": *"eu-west-2/1"'; }
until_so "the shard is taken over" taken
# Refused for as long as the first move keeps its way back.
until_so "the shard moves back" "$cellctl" shard move eu/eu-west/003 --to eu-west-1 --window 1s --reason test --wait --timeout 2m
ends 0 "eu-west-1/0" shard show eu/eu-west/003
echo "a cell on TiKV: provisioned, joined, moved to, taken over, moved from"
