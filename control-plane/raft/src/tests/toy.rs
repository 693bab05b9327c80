//! A machine that remembers who added what, so that a lost or doubled command shows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::machine::{Logged, Machine};

#[derive(Debug, Clone, Copy, Default)]
pub struct Register;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Add {
    pub id: u64,
    pub by: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    pub total: u64,
    /// How often each command was applied.
    pub times: BTreeMap<u64, u64>,
}

impl Machine for Register {
    type Command = Add;
    type Outcome = u64;
    type State = Sum;
    const STATE_VERSION: u16 = 1;

    fn initial(&self) -> Sum {
        Sum::default()
    }

    fn apply(&mut self, state: &mut Sum, command: &Add, _logged: Logged<'_>) -> u64 {
        state.total += command.by;
        *state.times.entry(command.id).or_default() += 1;
        state.total
    }
}
