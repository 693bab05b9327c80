#!/usr/bin/env bash
# The engine FoundationDB as far as it can be tried without a cluster: checked by the compiler; a celld with it linked
# against the real libfdb_c where there is one, and against a stub where there is none, which it then refuses by name. With
# a stub nothing of the engine is run, and this says so. Usage: tests/fdb.sh [TARGET_DIR], where the workspace was built.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath "${1:-target}")
skip() { echo "skipped: the engine FoundationDB: $1"; exit 0; }
clang() { ls /usr/lib/llvm-*/lib/libclang*.so* /usr/lib/*/libclang*.so* 2>/dev/null | grep -v libclang-cpp | grep -q .; }
if ! clang; then
  command -v apt-get >/dev/null || skip "libclang is missing, and there is no apt-get to install it"
  (apt-get update -qq && apt-get install -y -qq libclang1-14) >/dev/null 2>&1 || true
  clang || skip "libclang is missing and cannot be installed"
fi
# With the features of the whole workspace, so that nothing else of it is built again.
with=(--locked --workspace --features cell-node/fdb,cell-store-fdb/client)
# Clippy checks all that `cargo check` does, and what it has checked without the feature stands already.
cargo clippy --quiet "${with[@]}" --bin celld -- -D warnings
echo "cargo check --features fdb: passed, with lints"

scratch=$(mktemp -d)
celld=$target/debug/celld
# The binary that others use stays the one without: it is put back as soon as the other one is linked, or is not.
put_back() { [ ! -e "$celld.kept" ] || mv -f "$celld.kept" "$celld"; }
end() {
  rm -rf "$scratch"
  put_back
}
trap end EXIT
if ldconfig -p 2>/dev/null | grep -q libfdb_c; then
  echo "libfdb_c is here: linking against it"
  stub=
else
  echo "libfdb_c is not here: linking against a stub"
  stub=$scratch
  header=$(cargo metadata --format-version 1 --locked --all-features | grep -o '"[^"]*foundationdb-sys-[^"]*/Cargo.toml"' | awk 'NR == 1' | tr -d '"')
  # Every function of the library answers "operation failed"; it knows no API version that is asked for.
  grep -oh 'fdb_[a-z_0-9]*(' "$(dirname "$header")"/include/730/fdb_c.h | tr -d '(' | sort -u |
    awk '{print "int " $1 "() { return " ($1 == "fdb_select_api_version_impl" ? 2203 : 1000) "; }"}' >"$stub/stub.c"
  cc -shared -fPIC -w -o "$stub/libfdb_c.so" "$stub/stub.c"
  export FDB_CLIENT_LIB_PATH=$stub LD_LIBRARY_PATH=$stub${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  # Its build script does not look at that variable again by itself.
  cargo clean --quiet -p foundationdb-sys
fi
[ ! -e "$celld" ] || ln -f "$celld" "$celld.kept"
cargo build --quiet "${with[@]}" --bin celld
mv "$celld" "$scratch/celld"
put_back
echo "celld with the engine FoundationDB: linked"

if [ -n "$stub" ]; then
  printf 'meridian:Ab12@127.0.0.1:4500\n' >"$scratch/fdb.cluster"
  cat >"$scratch/celld.toml" <<TOML
world = "$(printf 'a%.0s' $(seq 64))"
node = "eu-central-1/0"
region = "eu-central"
data_dir = "$scratch/data"
identity_dir = "$scratch/identity"
controllers = ["127.0.0.1:1"]
keys = { lookup_key_file = "$scratch/lookup.key", jurisdiction_key_dir = "$scratch" }
store = { engine = "fdb", cluster_file = "$scratch/fdb.cluster" }
TOML
  said=$("$scratch"/celld --config "$scratch/celld.toml" --check-store 2>&1) && {
    echo "celld took a stub for FoundationDB: $said" >&2; exit 1; }
  case $said in
  *"does not know API version 730"*"hint: install the client library"*) echo "a library that is too old: refused with a hint" ;;
  *) echo "celld did not refuse the stub for its version: $said" >&2; exit 1 ;;
  esac
  # Before the library is started: nothing may leave this machine in plain text.
  printf 'meridian:Ab12@10.0.0.1:4500\n' >"$scratch/fdb.cluster"
  said=$("$scratch"/celld --config "$scratch/celld.toml" --check-store 2>&1) && {
    echo "celld took a cluster elsewhere without TLS: $said" >&2; exit 1; }
  case $said in
  *"plain text would leave this machine"*"hint: run the cluster with TLS"*) echo "a cluster elsewhere without TLS: refused with a hint" ;;
  *) echo "celld did not refuse plain text: $said" >&2; exit 1 ;;
  esac
  echo "skipped: the conformance suite on FoundationDB: libfdb_c is not here"
else
  cargo test --quiet "${with[@]}" --test fdb_cluster -- --nocapture
fi
