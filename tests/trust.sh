#!/usr/bin/env bash
# Trust on real processes: a world's root and authorities, a node that joins by a token, is renewed, is revoked and is
# believed again; who may not is told so. Usage: tests/trust.sh CELLCTL, with controld, celld and routerd beside it.
set -euo pipefail
cellctl=$1
beside=$(dirname "$(realpath "$cellctl")")
root=$(mktemp -d)
world=$root/world
joined=
end() {
  [ -z "$joined" ] || kill "$joined" 2>/dev/null || true
  "$cellctl" dev down --dir "$world" --destroy >/dev/null 2>&1 || true
  rm -rf "$root"
}
trap end EXIT
fail() { echo "FAILED: $1" >&2; cat "$root"/out >&2; [ ! -e "$root/node.log" ] || tail -5 "$root/node.log" >&2; exit 1; }
ask() { "$cellctl" "$@" --dir "$world" >"$root/out" 2>&1; }
# Exit code of a command that must not succeed.
code() { if ask "$@"; then fail "$* succeeded"; else echo $?; fi; }
wait_for() { for _ in $(seq 300); do if eval "$2"; then return; fi; sleep 0.1; done; fail "waited in vain for $1"; }

"$cellctl" world init --into "$root/acme" --controller 1@eu-central --controller 2@us-east --sre kim@eu-central \
  --compliance ada@eu-central >"$root/out" 2>&1 || fail "world init"
[ "$(stat -c %a "$root/acme/root/ca-key.pem")" = 600 ] || fail "the root's key is not private"
[ "$(stat -c %a "$root/acme/controller-2/issuer/key.pem")" = 600 ] || fail "an authority's key is not private"
grep -q "what comes next" "$root/out" || fail "world init does not say what comes next"
"$cellctl" identity issue --root "$root/acme/root" --role viewer --name v --region eu-central --into "$root/acme/viewer-v" \
  >"$root/out" 2>&1 || fail "identity issue"

"$cellctl" dev up --dir "$world" --no-build >"$root/out" 2>&1 || fail "dev up"
# From here on nothing needs the root's key.
mv "$world/authority/ca-key.pem" "$root/offline.pem"

invite() { ask node invite eu-central-1/1 --into "$1" --expires "$2" --reason "more room"; }
[ "$(code node invite eu-central-1/1 --into "$root/t0" --reason x)" = 1 ] || fail "invited into an unattested region"
grep -q "nobody attested" "$root/out" || fail "an unattested region is not named"
[ "$(code region attest eu-central --country DE --place "hall 3" --reason x --as sre)" = 4 ] || fail "an sre attested"
ask region attest eu-central --country DE --place "hall 3" --reason "visited" || fail "region attest"
invite "$root/token" 1h || fail "node invite"
[ "$(stat -c %a "$root/token")" = 600 ] || fail "the token's file is not private"
controllers=$(sed -n 's/^  controllers = //p' "$root/out")

node() { # NAME TOKEN: the config of a second node of eu-central-1
  mkdir -p "$root/$1"
  python3 - "$world/celld-eu-central-1/config.toml" "$root/$1" "$2" "$controllers" <<'P'
import re, sys
source, folder, token, controllers = sys.argv[1:5]
text = open(source).read()
text = re.sub(r'node = .*', 'node = "eu-central-1/1"', text)
text = re.sub(r'data_dir = .*', f'data_dir = "{folder}/data"', text)
text = re.sub(r'identity_dir = .*', f'identity_dir = "{folder}/identity"', text)
text = re.sub(r'listen = .*', 'listen = "127.0.0.1:0"', text)
open(f'{folder}/config.toml', 'w').write(text + f'\n[join]\ntoken_file = "{token}"\ncontrollers = {controllers}\n')
P
}
known() { "$cellctl" cell list --dir "$world" -o json 2>/dev/null | grep -q "eu-central-1/1"; }
node second "$root/token"
"$beside/celld" --config "$root/second/config.toml" >"$root/node.log" 2>&1 & joined=$!
wait_for "the node that joined to register" known
[ "$(stat -c %a "$root/second/identity/key.pem")" = 600 ] || fail "the node's key is not private"
ask identity list || fail "identity list"
grep -q " used " "$root/out" || fail "the token is not said to be used"

# The same token again, by another key.
node third "$root/token"
if "$beside/celld" --config "$root/third/config.toml" >"$root/third.log" 2>&1; then fail "a used token let another in"; fi
grep -q "used" "$root/third.log" || { cat "$root/third.log"; fail "a used token is not named"; }
invite "$root/brief" 1s || fail "a brief token"
sleep 1.5
node fourth "$root/brief"
if "$beside/celld" --config "$root/fourth/config.toml" >"$root/fourth.log" 2>&1; then fail "an expired token let in"; fi
grep -q "expired" "$root/fourth.log" || { cat "$root/fourth.log"; fail "an expired token is not named"; }
grep -qh "join-refused" "$world"/controld-*/data/security.log || fail "no line in a security log"

id=region/eu-central/cell/eu-central-1/node/1
[ "$(code identity revoke $id --reason x)" = 1 ] || fail "revoked without confirmation"
ask identity revoke $id --reason "its disk was stolen" --confirm $id || fail "identity revoke"
refused() { grep -qh '"event":"handshake-refused","verb":"revoked"' "$world"/controld-*/data/security.log; }
wait_for "the controllers to refuse the revoked node" refused
ask audit list || fail "audit list"
grep -q "revoke-identity" "$root/out" || fail "the revocation is not in the ledger"
# The operator's own certificate, revoked by a colleague of compliance.
sre=region/eu-central/operator/sre/dev
ask identity revoke $sre --reason "laptop lost" --confirm $sre --as compliance || fail "revoking a person"
[ "$(code cell list)" = 4 ] || fail "a revoked person is not told so by exit code 4"
grep -q "not believed" "$root/out" || fail "a revoked person is not told why"
ask identity restore $sre --reason "found" --as compliance || fail "identity restore"
wait_for "the operator to be believed again" "ask cell list"

# A person with one workout, of whom nobody reads anything without a window.
port=$(sed -n 's/.*"routerd-1": *\([0-9]*\).*/\1/p' "$world/ports.json")
key() { # a UUID of version 7 (RFC 9562)
  local ms random
  ms=$(printf '%012x' "$(date +%s%3N)") random=$(cat /proc/sys/kernel/random/uuid)
  echo "${ms:0:8}-${ms:8:4}-7${random:15:3}-${random:19}"
}
app() { # METHOD HOST PATH curl-arguments...
  local method=$1 host=$2 path=$3; shift 3
  curl -sS --cacert "$world/authority/ca.pem" --resolve "$host:$port:127.0.0.1" -X "$method" "https://$host:$port$path" \
    -H "idempotency-key: $(key)" "$@"
}
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
person=$(app POST meridian.localhost /v1/register/DE -H 'content-type: application/json' \
  -d '{"email":"eva@example.test","password":"correct horse battery staple","display_name":"Eva"}')
user=$(echo "$person" | field user) home=$(echo "$person" | field home) host=$(echo "$person" | field host)
[ -n "$user" ] || { echo "$person" >"$root/out"; fail "registration"; }
point() { echo "<trkpt lat=\"50.0$1\" lon=\"8.0\"><time>2026-05-03T10:0$1:00Z</time></trkpt>"; }
echo "<gpx version=\"1.1\" creator=\"x\" xmlns=\"http://www.topografix.com/GPX/1/1\"><trk><trkseg>$(point 1)$(point 2)$(point 3)</trkseg></trk></gpx>" >"$root/run.gpx"
app POST "$host" /v1/activities -H "authorization: Bearer $(echo "$person" | field access_token)" \
  -H 'content-type: application/octet-stream' --data-binary "@$root/run.gpx" >"$root/out" || fail "upload"
grep -q '"id"' "$root/out" || fail "the workout was not taken"
[ "$(code break-glass read 1)" = 1 ] || fail "read without a window"
ask break-glass open --home "$home" --subject $user --purpose support --for 30m --reason "ticket 4711" || fail "break-glass open"
ask break-glass list || fail "break-glass list"
grep -q "$user" "$root/out" || fail "the open window is not listed"
wait_for "the window to open" "ask break-glass read 1"
grep -q '"started_at":"2026-05-03T10:01:00' "$root/out" || fail "the open window does not show the workout"
[ "$(code break-glass read 1 --as compliance)" = 4 ] || fail "another's window let someone read"
grep -q "no window is open for you" "$root/out" || fail "who has no window is not told so"
grep -qh "reads a person's data" "$world"/celld-*/log || fail "the read is not noted"
[ "$(code break-glass open --home eu/eu-central --subject $user --purpose support --for 5h --reason x)" = 1 ] || fail "a window of five hours"
[ "$(code break-glass open --home eu/eu-central --subject $user --purpose support --reason x --as viewer)" = 4 ] || fail "a viewer's window"
ask break-glass close 1 --reason done || fail "break-glass close"
[ "$(code break-glass read 1)" = 1 ] || fail "read through a closed window"
ask audit verify || fail "audit verify"
echo "trust: a root offline, a node joined by a token, a used and an expired one refused, a node and a person revoked, a window on record"
