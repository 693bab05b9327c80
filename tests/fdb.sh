#!/usr/bin/env bash
# The engine FoundationDB as far as it can be tried without a cluster: checked by the compiler, linked against the real
# libfdb_c where there is one and a stub where there is none, refused by name in a celld without it. With a stub it is
# never run against anything, and this says so. Usage: tests/fdb.sh [TARGET_DIR]
set -euo pipefail
cd "$(dirname "$0")/.."
if ! ls /usr/lib/llvm-*/lib/libclang*.so* /usr/lib/*/libclang*.so* 2>/dev/null | grep -qv libclang-cpp; then
  (apt-get update -qq && apt-get install -y -qq libclang1-14) >/dev/null 2>&1 ||
    { echo "skipped: the engine FoundationDB: libclang is missing and cannot be installed"; exit 0; }
fi
cargo check --quiet --locked --workspace --features cell-node/fdb,cell-store-fdb/client
echo "checked by the compiler"

if ldconfig -p 2>/dev/null | grep -q libfdb_c; then
  echo "libfdb_c is here: linking against it"
else
  echo "libfdb_c is not here: linking against a stub; skipped: running it"
  stub=$(mktemp -d)
  trap 'rm -rf "$stub"' EXIT
  header=$(cargo metadata --format-version 1 --locked | grep -o '"[^"]*foundationdb-sys-[^"]*/Cargo.toml"' | awk 'NR == 1' | tr -d '"')
  # Every function of the library answers "operation failed"; it knows no API version that is asked for.
  grep -oh 'fdb_[a-z_0-9]*(' "$(dirname "$header")"/include/730/fdb_c.h | tr -d '(' | sort -u |
    awk '{print "int " $1 "() { return " ($1 == "fdb_select_api_version_impl" ? 2203 : 1000) "; }"}' >"$stub/stub.c"
  cc -shared -fPIC -w -o "$stub/libfdb_c.so" "$stub/stub.c"
  export FDB_CLIENT_LIB_PATH=$stub LD_LIBRARY_PATH=$stub MERIDIAN_FDB_STUB=too-old
  # Its build script does not look at that variable again by itself.
  cargo clean --quiet -p foundationdb-sys
fi
cargo test --quiet --locked -p cell-store-fdb --features client -- --nocapture
