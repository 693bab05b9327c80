//! Is every key a register: does one order of its operations explain what was read, with whatever was answered before
//! another was asked for in front of it? (Herlihy and Wing 1990; a key at a time, which is the same for registers.)
//!
//! The search is in `search`, what is shown of a history that no order explains in `shrink`.

mod search;
mod shrink;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::history::Outcome;
use crate::verdict::Verdict;
use search::{Found, Steps};

/// What was asked of a register. `None` is its state before the first write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    Read(Option<String>),
    Write(String),
}

/// One operation on one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    pub client: u64,
    pub key: String,
    /// When it was asked for, and when it was answered (without meaning for an unknown outcome), by one clock.
    pub invoked: u64,
    pub completed: u64,
    pub action: Action,
    pub outcome: Outcome,
}

/// Checks each key. A key on which the search gives up is named as undecided.
pub fn linearizable(operations: &[Operation]) -> Verdict {
    let unknown = operations
        .iter()
        .filter(|operation| operation.outcome == Outcome::Unknown);
    let mut verdict = Verdict::new("linearizable", operations.len(), unknown.count());
    let mut keys: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in operations {
        keys.entry(&operation.key).or_default().push(operation);
    }
    for (key, history) in keys {
        match search::search(&history, Steps::default()) {
            Found::Order => {}
            Found::None => {
                let (name, shown) = shrink::explain(key, &history);
                verdict.add(name, shown);
            }
            Found::GaveUp => verdict.undecided.push(format!("`{key}`: too many choices")),
        }
    }
    verdict
}

#[cfg(test)]
mod tests;
