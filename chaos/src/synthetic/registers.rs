//! Registers that several clients write and read at a time.

use super::Random;
use crate::checkers::linearizable::{Action, Operation};
use crate::history::Outcome;

/// As a correct store would answer `count` operations of several clients on several keys, some answers lost.
pub fn registers(random: &mut Random, count: usize, keys: u64, clients: u64) -> Vec<Operation> {
    let mut state: Vec<Option<String>> = vec![None; usize::try_from(keys).unwrap_or(1)];
    let mut free_at = vec![0u64; usize::try_from(clients).unwrap_or(1)];
    let mut history = Vec::with_capacity(count);
    for number in 0..count {
        let client = usize::try_from(random.below(clients)).unwrap_or(0);
        let key = usize::try_from(random.below(keys)).unwrap_or(0);
        // It takes effect at an instant of its own, later than all before it; the call and the answer lie around it.
        let instant = 100 + 100 * number as u64;
        let invoked = (instant - random.below(90)).max(free_at[client]);
        let completed = instant + random.below(600);
        let is_lost = random.below(50) == 0;
        free_at[client] = completed + 1;
        if invoked > instant {
            continue;
        }
        let action = if random.below(2) == 0 {
            let value = format!("v{number}");
            if !is_lost || random.below(2) == 0 {
                state[key] = Some(value.clone());
            }
            Action::Write(value)
        } else {
            Action::Read(state[key].clone())
        };
        history.push(Operation {
            client: client as u64,
            key: format!("k{key}"),
            invoked,
            completed,
            action,
            outcome: if is_lost { Outcome::Unknown } else { Outcome::Done },
        });
    }
    history
}
