//! Targets for hostile bytes: one for each kind of input that comes from outside of a process, each with what must hold
//! whatever the bytes are.
//!
//! A target never panics, ends soon, and keeps the promises of its parser: what was read is written back as it was where
//! there is one form only, reads the same again where there are several, and is within its bounds. They are run by the
//! tests of this crate (corpora and seeded mutations, on stable Rust) and by `tests/fuzz` (libFuzzer, on nightly).
//!
//! Start with [`TARGETS`]. What is covered, and what is not and why, is in [`covered`]; a parser that is in neither is a
//! fault. Servers are linked in here and nowhere else: this crate is part of nothing that runs.

mod backup;
mod copies;
pub mod covered;
pub mod found;
mod frames;
mod law;
mod ledger;
mod mutate;
mod people;
mod process;
mod requests;
mod router;
mod store;
mod wire;
mod words;
mod workouts;

pub use mutate::Mutator;

/// One kind of input.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name of its corpus, and of its fuzz target.
    pub name: &'static str,
    /// Panics if a promise is broken.
    pub run: fn(&[u8]),
    /// Corpus that is made rather than kept: what the platform itself writes.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, run, seeds }
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target("ids", words::ids, words::id_seeds),
    target("places", words::places, words::place_seeds),
    target("law-words", words::law, words::law_seeds),
    target("spiffe", process::spiffe, process::spiffe_seeds),
    target("trace", process::trace, process::trace_seeds),
    target("quantities", process::quantities, process::quantity_seeds),
    target("config", process::config, process::config_seeds),
    target("access-token", people::access_token, people::access_seeds),
    target("refresh-token", people::refresh_token, people::refresh_seeds),
    target("typed-by-people", people::typed, people::typed_seeds),
    target("json-bodies", people::json, people::json_seeds),
    target("query", people::query, people::query_seeds),
    target("table", wire::table, wire::table_seeds),
    target("delta", wire::delta, wire::delta_seeds),
    target("law", wire::law, wire::law_seeds),
    target("replicas", copies::replicas, copies::replica_seeds),
    target("operations", copies::operations, copies::operation_seeds),
    target("world-spec", wire::spec, wire::spec_seeds),
    target("status", wire::status, wire::status_seeds),
    target("ledger-answers", wire::ledger, wire::ledger_seeds),
    target("refusal", wire::refusal, wire::refusal_seeds),
    target("table-copy", wire::copy, wire::copy_seeds),
    target("heads", wire::heads, wire::heads_seeds),
    target("replication", wire::replication, wire::replication_seeds),
    target("requests", requests::all, requests::seeds),
    target("router-head", router::head, router::head_seeds),
    target("router-framing", router::framing, router::framing_seeds),
    target("router-headers", router::headers, router::header_seeds),
    target("ledger-entry", ledger::entry, ledger::entry_seeds),
    target("ledger-segment", ledger::segment, ledger::segment_seeds),
    target("command", ledger::command, ledger::command_seeds),
    target("stored-state", ledger::state, ledger::state_seeds),
    target("raft-record", ledger::raft_record, ledger::raft_seeds),
    target("matrix", law::matrix, law::matrix_seeds),
    target("law-text", law::text, law::text_seeds),
    target("store-key", store::key, store::key_seeds),
    target("log-entry", store::log_entry, store::log_seeds),
    target("replication-frame", frames::frame, frames::frame_seeds),
    target("cut-off", frames::cut_off, frames::cut_off_seeds),
    target("rows", store::rows, store::row_seeds),
    target("samples", store::samples, store::sample_seeds),
    target("wrapped-key", store::wrapped_key, store::wrapped_seeds),
    target("backup-manifest", backup::manifest, backup::manifest_seeds),
    target("backup-log", backup::segment, backup::segment_seeds),
    target("backup-name", backup::name, backup::name_seeds),
    target("erased-people", backup::erased, backup::erased_seeds),
    target("table-blocks", backup::blocks, backup::block_seeds),
    target("workout", workouts::any, workouts::seeds),
    target("workout-fit", workouts::fit, workouts::seeds),
    target("workout-gpx", workouts::gpx, workouts::seeds),
    target("workout-tcx", workouts::tcx, workouts::seeds),
];

/// The target of that name.
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Texts as seeds.
fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
