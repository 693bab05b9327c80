//! Anomalies of transactions as cycles (Adya 1999; Kingsbury and Alvaro 2020, "Elle"): from what transactions read and
//! in which order values came, it follows which of them must stand before which; where that goes round in a circle, no
//! order explains the history, and the circle says why.
//!
//! Two kinds of keys. A list that is appended to shows the order of its values to every reader. A register shows it
//! where the system names the place of each write, its (epoch, position) pair. `orders` finds the order of versions and
//! what is wrong without any circle, `graph` holds who must stand before whom, `cycles` finds and names circles.

mod cycles;
mod graph;
mod orders;

use serde::{Deserialize, Serialize};

use crate::history::Outcome;
use crate::verdict::Verdict;

/// One thing that a transaction did, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Put `value` at the end of a list. No value is appended twice to one list.
    Append { key: String, value: String },
    /// Saw a whole list.
    ReadList { key: String, values: Vec<String> },
    /// Wrote a register. `version`: the (epoch, position) pair of the write, if the answer named it.
    Write {
        key: String,
        value: String,
        version: Option<(u64, u64)>,
    },
    /// Saw a register; none: as it was before every write.
    Read { key: String, value: Option<String> },
}

/// One transaction. All times are of one clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    pub client: u64,
    pub invoked: u64,
    /// Without meaning for an unknown outcome.
    pub completed: u64,
    pub steps: Vec<Step>,
    pub outcome: Outcome,
}

/// What order the system promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// Some order of all transactions.
    Serializable,
    /// One that also puts whoever was answered before another was asked for in front of it.
    Strict,
}

/// Checks a history. Anomalies are `g0`, `g1a`, `g1b`, `g1c`, `g-single`, `long-fork`, `g2`, each of the circles also
/// with `-realtime` where the order of time closes it, and `lost-update`, `incompatible-order`, `read-of-nothing`,
/// `two-at-one-version`, `internal`.
pub fn transactions(history: &[Transaction], promise: Promise) -> Verdict {
    let unknown = history.iter().filter(|t| t.outcome == Outcome::Unknown);
    let mut verdict = Verdict::new("transactions", history.len(), unknown.count());
    let mut graph = graph::Graph::default();
    orders::read(history, &mut graph, &mut verdict);
    let size = match promise {
        Promise::Serializable => history.len(),
        Promise::Strict => graph.add_time(history),
    };
    cycles::find(history, &graph.finish(size), promise, &mut verdict);
    verdict
}

/// A transaction for people.
fn describe(history: &[Transaction], i: usize) -> String {
    let transaction = &history[i];
    let end = match transaction.outcome {
        Outcome::Done => transaction.completed.to_string(),
        Outcome::Failed => "FAILED".to_owned(),
        Outcome::Unknown => "?".to_owned(),
    };
    let steps: Vec<String> = transaction.steps.iter().take(4).map(describe_step).collect();
    let (client, invoked, steps) = (transaction.client, transaction.invoked, steps.join(", "));
    format!("T{i} (client {client}, {invoked}..{end}: {steps})")
}

fn describe_step(step: &Step) -> String {
    match step {
        Step::Append { key, value } => format!("{key} += {value}"),
        Step::ReadList { key, values } => {
            let from = values.len().saturating_sub(4);
            let more = if from > 0 { ".. " } else { "" };
            format!("{key} is [{more}{}]", values[from..].join(" "))
        }
        Step::Write { key, value, .. } => format!("{key} := {value}"),
        Step::Read { key, value } => format!("{key} is {}", value.as_deref().unwrap_or("nothing")),
    }
}

#[cfg(test)]
mod tests;
