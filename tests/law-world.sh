#!/usr/bin/env bash
# A law of one's own on real processes: written, refused in every way that it may be, proposed, approved, explained, and
# the evidence kept, proved and doubted.
# Usage: tests/law-world.sh CELLCTL, a binary with controld, celld and routerd beside it.
set -euo pipefail
cellctl=$1
root=$(mktemp -d)
export MERIDIAN_DIR=$root/world
trap '"$cellctl" dev down --destroy >/dev/null 2>&1 || true; rm -rf "$root"' EXIT
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
value() { sed -n "s/^ *\"$1\": \"*\([^\",]*\).*/\1/p" | awk "NR == 1"; }

"$cellctl" dev up --no-build >"$root/out" 2>&1 || fail "dev up"
ends 0 "in-force" policy show

# A start: the shipped example, which this world lives under already.
ends 0 "no legal advice" policy example law
ends 1 "nothing was written" policy example law
ends 0 "is fit" policy lint law
ends 0 "all are answered as expected" policy test law
ends 0 "digest" policy compile law --out law.matrix
ends 0 "nothing changes" policy plan law
ends 0 "answer alike" policy diff v1 law

# A law of one's own: nobody at work looks at where people of the EEA are.
cp -r law own
sed -i 's/^version = 1/version = 2/' own/law.toml
cat >own/own.cedar <<'RULE'
@id("own-nobody-looks-where-people-are")
@article("decision 14 of the board")
@reason("Nobody at work looks at where people of the EEA are.")
@owner("dpo@example.org")
forbid (
  principal == Jurisdiction::"eu",
  action == Action::"operator-access",
  resource
) when { context.class == DataClass::"location" && context.purpose == Purpose::"support" };
RULE
own_case() {
  printf '%s\n' '[[cases]]' 'name = "nobody looks"' 'jurisdiction = "eu"' 'action = "operator-access"' \
    'region = "eu-central"' 'class = "location"' 'purpose = "support"' "expect = \"$1\"" >own/own.cases.toml
}
own_case permit
ends 1 "expected permit, found deny by own-nobody-looks-where-people-are" policy test own
ends 1 "cellctl policy test own" policy apply own --reason "decision 14" --as compliance/ann
own_case deny
ends 0 "all are answered as expected" policy test own
ends 3 "it only narrows" policy plan own
record=$( ("$cellctl" policy plan own -o json 2>/dev/null || true) | sed -n 's/^ *"record": \([0-9]*\).*/\1/p')
digest=$("$cellctl" policy compile own -o json | value digest)

# What does not read, and what is unfit, goes nowhere.
cp -r own broken && echo 'permit (principal' >broken/zz.cedar
ends 1 "zz.cedar:1" policy lint broken
ends 1 "hint: cellctl policy lint broken" policy apply broken --reason x --as compliance/ann

# Roles: who may not, is told which may.
ends 4 "takes the role compliance" policy apply own --reason x
ends 4 "takes the role compliance" policy apply own --reason x --as viewer/vic
ends 2 "is nobody here" policy apply own --reason x --as compliance/eve
ends 0 "v1" policy history --as viewer/vic

# Proposed by one, and by whoever read the record before, no more.
ends 0 "nothing was changed: --dry-run" policy apply own --reason x --as compliance/ann --dry-run
ends 0 "waits for another person's approval" policy apply own --reason "decision 14" --as compliance/ann --record "$record"
ends 1 "someone else changed the record" policy apply own --reason "me too" --as compliance/ben --record "$record"
ends 0 "proposed" policy show --proposed

# Approved by another, who knows what he approves.
ends 1 "who proposed law v2 may not approve it" policy approve v2 --reason x --as compliance/ann
ends 1 "was told to you as 0000" policy approve v2 --digest "$(printf '0%.0s' {1..64})" --reason x --as compliance/ben
ends 1 "is not the one that is proposed" policy approve v2 law --reason x --as compliance/ben
ends 1 "is not up for approval" policy approve v3 --reason x --as compliance/ben
ends 4 "takes the role compliance" policy approve v2 --reason x
ends 0 "is approved" policy approve v2 own --digest "$digest" --reason "read it" --as compliance/ben
ends 0 "by his signature" policy show
ends 0 "in-force" policy history
ends 0 "approve-law" audit list
ends 1 "give the law a higher" policy apply law --reason x --as compliance/ann

# A law that forgets a jurisdiction strands its people.
mkdir small
cat >small/law.toml <<TOML
version = 3
date = "2026-11-01"
title = "A law that forgets the United States."
catalogues = ["$(sed -n 's/^catalogues = \["\([0-9a-f]*\)"\]/\1/p' law/law.toml)"]
[regions.eu-central]
country = "DE"
attested = { by = "a test", on = "2026-09-14" }
[jurisdictions.eu]
name = "European Economic Area"
countries = ["DE"]
authority = ["eu-central"]
TOML
cat >small/eu.cedar <<'RULE'
@id("eu-home")
@article("GDPR Art. 6(1)(b)")
@reason("At home.")
@owner("dpo@example.org")
permit (principal == Jurisdiction::"eu", action, resource in Jurisdiction::"eu");
RULE
cat >small/cases.toml <<'CASES'
[[cases]]
name = "at home"
jurisdiction = "eu"
action = "store-primary"
region = "eu-central"
class = "*"
expect = "permit"
CASES
ends 3 "us/us-east" policy plan small
ends 1 "could be nowhere" policy apply small --reason x --as compliance/ann

# Taken back before it holds.
sed 's/^version = 2/version = 3/' own/law.toml >own/law.toml.new && mv own/law.toml.new own/law.toml
echo '// a note' >>own/own.cedar
ends 0 "is proposed" policy apply own --reason "another try" --as compliance/ann
ends 0 "is withdrawn" policy withdraw v3 --reason "a mistake" --as compliance/ann
ends 1 "cellctl policy history" policy withdraw v3 --reason "again" --as compliance/ann

# Asked.
ends 0 "decision 14 of the board" policy explain --jurisdiction eu --action operator-access --region eu-central --class location --purpose support
ends 0 "eu-copies-stay\|none" policy explain --shard eu/eu-central/000 --cell us-east-1
ends 0 "the smallest change" policy why-not --shard eu/eu-central/000 --cell us-east-1
ends 0 "holds nowhere yet" policy why-not own --user eu/eu-central/0197a4a0-0000-7000-8000-000000000001 --region us-east
ends 1 "there is no cell" policy explain --jurisdiction eu --cell us-west-9

# Evidence.
report=0
"$cellctl" residency report --out report.json >"$root/out" 2>&1 || report=$?
[ "$report" = 0 ] || fail "the report of a world as it should be raises an alarm"
ends 0 "signed by" residency verify report.json
sed '/"report"/ y/ab/ba/' report.json >forged.json
ends 1 "the report proves nothing" residency verify forged.json
ends 1 "is no report" residency verify own/law.toml
ends 0 "where intended, seen there, and permitted" residency diff
ends 0 "eu-home" residency classes --class health
ends 0 "about 100 %" residency scope --lost cell/eu-west-1
ends 1 "no shard is meant for" residency scope --lost cell/us-west-9
ends 0 "claims on addresses" residency report --user eu/eu-central/0197a4a0-0000-7000-8000-000000000001
ends 0 "law v2 held" residency report --at "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
ends 0 "no law held" residency report --at 2020-01-01
# A law that widens waits; until then holds what both permit, and what is asked is told so.
ends 4 "takes the role compliance" policy matrix-age 1m --reason x
ends 1 "is not between" policy matrix-age 2d --reason x --as compliance/ann
ends 0 "may be 1m old" policy matrix-age 1m --reason "decision 15" --as compliance/ann
cp -r law wider && sed -i 's/^version = 1/version = 4/' wider/law.toml
ends 3 "it only widens: it waits" policy plan wider
ends 0 "is proposed" policy apply wider --reason "decision 16" --as compliance/ben
ends 0 "holds wholly from" policy approve v4 --reason "decision 16" --as compliance/ann
ends 0 "what law v4 and the one before it both permit" policy explain --jurisdiction eu --action operator-access --region eu-central --class location --purpose support
ends 0 "later    permit" policy explain --jurisdiction eu --action operator-access --region eu-central --class location --purpose support
ends 0 "the answer is permit" policy why-not --jurisdiction eu --action operator-access --region eu-central --class location --purpose support
ends 1 "has no text of its own" policy show
ends 0 "in-part" policy show --approved
ends 0 "is withdrawn" policy withdraw v4 --reason "decision 17" --as compliance/ann
ends 0 "no longer keep" policy why-not --jurisdiction eu --action operator-access --region eu-central --class location --purpose support

echo "a law of one's own: written, proposed, approved, explained; evidence kept and proved"
