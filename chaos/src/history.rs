//! A recorded history of transactions. All times are of one clock of one process, so they order all events.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// A key or a value, as it was on the wire.
pub type Blob = Vec<u8>;

/// One thing that a transaction saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Read {
    /// The value of a key, or that it is absent.
    Key { key: Blob, value: Option<Blob> },
    /// The first `limit` rows of `[start, end)` (the last, in falling order, with `reverse`).
    Range {
        start: Blob,
        end: Blob,
        limit: usize,
        reverse: bool,
        rows: Vec<(Blob, Blob)>,
    },
}

/// One thing that a transaction wrote, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Write {
    Put { key: Blob, value: Blob },
    Clear { key: Blob },
    ClearRange { start: Blob, end: Blob },
}

/// How an operation ended, as its client was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It took place, exactly once, between its call and its answer.
    Done,
    /// It took no effect and never will; what it saw meanwhile counts for nothing.
    Failed,
    /// It took place once, at any time after its call, or never.
    Unknown,
}

/// One transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    pub client: u64,
    /// When it was asked for.
    pub invoked: u64,
    /// When it was answered. Without meaning for an unknown outcome.
    pub completed: u64,
    /// What it saw of the state before its own writes.
    pub reads: Vec<Read>,
    pub writes: Vec<Write>,
    pub outcome: Outcome,
    /// Where the system says that it stands in the order of all writes: (position, index).
    pub witness: Option<(u64, u32)>,
}

impl Operation {
    /// Whether it must have taken place.
    pub fn must_have_happened(&self) -> bool {
        self.outcome == Outcome::Done || (self.outcome == Outcome::Unknown && self.witness.is_some())
    }
}

/// The operations of one run, and the state that they began from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    pub initial: Vec<(Blob, Blob)>,
    pub operations: Vec<Operation>,
}

impl History {
    /// As JSON, to keep beside a failed run.
    ///
    /// # Errors
    /// None in practice: all types have a JSON form.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// # Errors
    /// The text is no history.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

/// Records the operations of concurrent clients on one logical clock: each call and each answer is one tick, so
/// that an operation that was answered before another was asked for has a smaller time, whatever the threads do.
#[derive(Debug, Default)]
pub struct Recorder {
    clock: AtomicU64,
    operations: Mutex<Vec<Operation>>,
}

/// The most operations that one recorder keeps.
pub const OPERATIONS_MAX: usize = 1_000_000;

impl Recorder {
    pub fn new() -> Self {
        Self::default()
    }

    /// The next tick: take one just before the call and one just after the answer.
    pub fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    /// Keeps an operation. Past [`OPERATIONS_MAX`] it is dropped, which could only hide a violation.
    pub fn record(&self, operation: Operation) {
        let mut operations = self
            .operations
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if operations.len() < OPERATIONS_MAX {
            operations.push(operation);
        }
    }

    /// What was recorded so far, in no particular order.
    pub fn history(&self) -> History {
        let operations = self
            .operations
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        History {
            initial: Vec::new(),
            operations,
        }
    }
}

/// A key or value for people: text as it is, other bytes as hex, cut at 40.
pub fn show(blob: &[u8]) -> String {
    match std::str::from_utf8(blob) {
        Ok(text) if !text.chars().any(char::is_control) => {
            format!("`{}`", text.chars().take(40).collect::<String>())
        }
        _ => {
            let hex: String = blob.iter().take(20).map(|byte| format!("{byte:02x}")).collect();
            format!("0x{hex}{}", if blob.len() > 20 { ".." } else { "" })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_reads_back_from_json() {
        let read = Read::Range {
            start: vec![1],
            end: vec![2],
            limit: 3,
            reverse: true,
            rows: vec![(vec![1], vec![9])],
        };
        let operation = Operation {
            client: 1,
            invoked: 2,
            completed: 3,
            reads: vec![read],
            writes: vec![Write::Clear { key: vec![4] }],
            outcome: Outcome::Unknown,
            witness: Some((7, 0)),
        };
        let history = History {
            initial: vec![(vec![1], vec![2])],
            operations: vec![operation],
        };
        let json = history.to_json().expect("JSON");
        assert_eq!(History::from_json(&json).expect("a history"), history);
    }
}
