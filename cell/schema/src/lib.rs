//! Turns a domain's stored records (`proto/*.proto`) into Rust, at build time, and refuses those that the law could
//! not speak about: every field declares its data class.
//!
//! ```no_run
//! // build.rs of a domain; with `include!(concat!(env!("OUT_DIR"), "/training.rs"));` in the crate (package `training`)
//! fn main() -> Result<(), cell_schema::SchemaError> {
//!     cell_schema::compile(&["proto/training.proto"], &["proto"])
//! }
//! ```
//!
//! | file | what it does |
//! |---|---|
//! | [`compile`](compile()) | from files to files: compiler, checks, prost, generated `cell_layers::Record` |
//! | `options` | reads the options of `meridian/options.proto`, which is on the include path by itself |
//! | `check` | every field has a class; every table a key that says nothing about a person |
//! | `table` | a checked table, with nothing left to go wrong |
//! | `generate` | the Rust of a checked table |
//!
//! Never part of a running process; knows no stored byte (see `cell_layers`).

mod check;
mod compile;
mod error;
mod event;
mod generate;
mod names;
mod options;
mod redact;
mod table;

pub use compile::{compile, compile_to};
pub use error::{SchemaError, Violation};

#[cfg(test)]
mod tests;
