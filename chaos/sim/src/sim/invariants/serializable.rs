//! Strict serializability of each shard, by the checker of recorded histories. Where the log tells which writes took
//! place, it is asked; where answered async writes were lost the history proves nothing and is skipped.

use std::collections::HashMap;

use crate::sim::clients::{Op, State};
use crate::sim::oracle::Oracle;
use chaos::checkers::strict_serializable;
use chaos::history::{History, Operation, Outcome, Read, Write};

pub const NAME: &str = "strict-serializability";

/// Checks all that the clients of a shard saw; with `may_lose` a failover may have lost async writes that a read has
/// seen, which proves nothing. Answers with how many operations were judged.
pub fn check(ops: &[Op], oracle: &Oracle, may_lose: bool) -> Result<usize, String> {
    if may_lose || !(oracle.lost_async.is_empty() && oracle.lost_by_force.is_empty()) {
        return Ok(0);
    }
    let placed: HashMap<u32, u64> = (1u64..)
        .zip(&oracle.committed)
        .map(|(position, entry)| (entry.op, position))
        .collect();
    let operations: Vec<Operation> = ops.iter().filter_map(|op| operation(op, &placed)).collect();
    let count = operations.len();
    let history = History {
        initial: Vec::new(),
        operations,
    };
    strict_serializable(&history)
        .map(|_| count)
        .map_err(|violation| violation.to_string())
}

fn operation(op: &Op, placed: &HashMap<u32, u64>) -> Option<Operation> {
    let position = placed.get(&op.id).copied();
    let outcome = match op.state {
        State::Answered => Outcome::Done,
        // What the log does not have never took place, for the log is settled.
        _ if position.is_some() => Outcome::Unknown,
        _ => return None,
    };
    let blob = |value: u64| value.to_be_bytes().to_vec();
    let reads = op.reads().iter().map(|(key, value)| Read::Key {
        key: vec![*key],
        value: (*value != 0).then(|| blob(*value)),
    });
    let writes = op.effects().map(|(key, value)| match value {
        0 => Write::Clear { key: vec![key] },
        value => Write::Put {
            key: vec![key],
            value: blob(value),
        },
    });
    Some(Operation {
        client: u64::from(op.client),
        invoked: op.invoked,
        completed: op.completed,
        reads: reads.collect(),
        writes: writes.collect(),
        outcome,
        witness: position.map(|position| (position, 0)),
    })
}
