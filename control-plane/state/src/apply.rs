//! The one function that changes the state. A command is checked wholly before it changes anything; what each one
//! must obey stands in `rules`.

use platform_model::TableDelta;

use crate::changes::Changes;
use crate::command::{Command, Envelope};
use crate::decision::Decision;
use crate::limits::TEXT_BYTES_MAX;
use crate::outcome::Outcome;
use crate::refusal::{Refusal, Text};
use crate::rules;
use crate::state::State;

/// What a command brought about beside the new state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effects {
    pub outcome: Outcome,
    /// For the record of decisions; none if nothing changed and nothing was refused.
    pub decision: Option<Decision>,
    /// What routers and nodes are told; none if they see no change.
    pub delta: Option<TableDelta>,
}

/// Applies one command. Deterministic: the same state and envelope give the same state and effects, everywhere.
///
/// A refused command changes nothing but the end of the record of decisions and the time.
pub fn apply(state: &mut State, envelope: &Envelope) -> Effects {
    state.time_ms = state.time_ms.max(envelope.time_ms);
    match change(state, envelope) {
        Ok(changes) if !changes.any() => {
            let outcome = Outcome::Unchanged {
                generation: state.table_generation,
            };
            Effects {
                outcome,
                decision: None,
                delta: None,
            }
        }
        Ok(changes) => accept(state, envelope, changes),
        Err(refusal) => refuse(state, envelope, refusal),
    }
}

fn accept(state: &mut State, envelope: &Envelope, changes: Changes) -> Effects {
    let from = state.table_generation;
    let delta = changes.of_table().then(|| {
        state.table_generation = from.next();
        changes.delta(from, state)
    });
    let decision = decide(state, envelope, None);
    let outcome = Outcome::Accepted {
        sequence: decision.sequence,
        generation: state.table_generation,
    };
    Effects {
        outcome,
        decision: Some(decision),
        delta,
    }
}

fn refuse(state: &mut State, envelope: &Envelope, refusal: Refusal) -> Effects {
    let decision = decide(state, envelope, Some(refusal.clone()));
    let outcome = Outcome::Refused {
        sequence: decision.sequence,
        refusal,
    };
    Effects {
        outcome,
        decision: Some(decision),
        delta: None,
    }
}

fn decide(state: &mut State, envelope: &Envelope, refusal: Option<Refusal>) -> Decision {
    let decision = Decision::after(&state.decisions, state.time_ms, envelope, refusal);
    state.decisions = decision.head();
    decision
}

fn change(state: &mut State, envelope: &Envelope) -> Result<Changes, Refusal> {
    let (author, command) = (&envelope.author, &envelope.command);
    rules::text(Text::Reason, &envelope.reason, 0, TEXT_BYTES_MAX)?;
    rules::author::may(author, command)?;
    if state.made.is_none() && !matches!(command, Command::InitWorld(_)) {
        return Err(Refusal::NoWorld);
    }
    match command {
        Command::InitWorld(spec) => rules::world::init(state, spec),
        Command::CreateCell(spec) => rules::cell::create(state, spec),
        Command::CreateHome(spec) => rules::home::create(state, spec),
        Command::CreateAuthority(spec) => rules::authority::create(state, spec),
        Command::SetCountry {
            country,
            jurisdiction,
        } => rules::country::set(state, *country, jurisdiction),
        Command::SetCellState {
            cell,
            state: wanted,
            expected,
        } => rules::cell::set_state(state, cell, *wanted, *expected),
        Command::PlaceShard {
            shard,
            cell,
            expected,
        } => rules::placement::place(state, shard, cell, *expected),
        Command::RegisterNode {
            node,
            address,
            incarnation,
        } => rules::node::register(state, author, node, address, *incarnation),
        Command::PublishTokenKey { home, key } => rules::token_key::publish(state, author, home, key),
    }
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "replay_tests.rs"]
mod replay_tests;
