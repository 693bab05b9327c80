//! Looks for values of a person wherever bytes may lie: in every coding that logs, stores and protocols use ([`forms`]),
//! in files of any length with bounded memory, and in the blocks of the embedded engine's tables after they were unpacked
//! ([`Searcher`]).
//!
//! It never decides what may be where, and never prints: what it found, it names by the value's name, not by the value.
//! What is encrypted is not recognised; who looks for that gives the sealed bytes themselves, or the key's.

mod blocks;
mod files;
pub mod forms;
mod search;

pub use files::{Looked, SearchError};
pub use forms::Form;
pub use search::{Found, Searcher};

/// A value that occurs nowhere but where it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// What of a person it stands for: `password`, `position`.
    pub name: String,
    pub forms: Vec<Form>,
}

/// Shorter bytes occur by chance.
pub const FORM_BYTES_MIN: usize = 8;

impl Canary {
    /// Forms that are too short to be nobody else's are left out.
    pub fn new(name: impl Into<String>, mut forms: Vec<Form>) -> Self {
        forms.retain(|form| form.bytes.len() >= FORM_BYTES_MIN);
        Self {
            name: name.into(),
            forms,
        }
    }
}
