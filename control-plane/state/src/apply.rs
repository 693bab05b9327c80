//! The one function that changes the state. A command is checked wholly before it changes anything; what each one
//! must obey stands in `rules`.

use control_plane_ledger::{Digest, Entry, Record, Verdict};
use platform_model::TableDelta;

use crate::backup;
use crate::changes::Changes;
use crate::command::{Command, Envelope};
use crate::inputs;
use crate::limits::TEXT_BYTES_MAX;
use crate::operation;
use crate::outcome::Outcome;
use crate::recovery;
use crate::refusal::{Refusal, Text};
use crate::rules;
use crate::state::{NodeRecord, State};
use crate::trust;

/// What a command brought about beside the new state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effects {
    pub outcome: Outcome,
    /// What is on record now, in order: repetitions whose minute was over, then this decision or refusal. Empty if
    /// nothing changed and nothing was refused, or if it was and is counted.
    pub entries: Vec<Entry>,
    /// What routers and nodes are told; none if they see no change.
    pub delta: Option<TableDelta>,
}

/// [`apply_logged`] for a command in its own stored form.
pub fn apply(state: &mut State, envelope: &Envelope) -> Effects {
    let logged = serde_json::to_vec(envelope).expect("ids, numbers and texts always write");
    apply_logged(state, envelope, &logged)
}

/// Applies one command, which stands in the log as `logged`. Deterministic: the same state and log give the same state
/// and effects, everywhere, whichever build wrote the command.
///
/// A refused command changes nothing but the ledger and the time.
pub fn apply_logged(state: &mut State, envelope: &Envelope, logged: &[u8]) -> Effects {
    state.time_ms = state.time_ms.max(envelope.time_ms);
    let settled = state.ledger.settle(state.time_ms);
    let asked = Asked {
        envelope,
        command: Digest::of("meridian command", logged),
        inputs: inputs::digest(state, &envelope.command),
    };
    let mut effects = match change(state, envelope) {
        Ok(changes) if !changes.any() => unchanged(state),
        Ok(changes) => accept(state, &asked, changes),
        Err(refusal) => refuse(state, &asked, refusal),
    };
    effects.entries.splice(0..0, settled);
    effects
}

/// A command with the digests that stand in the ledger.
struct Asked<'a> {
    envelope: &'a Envelope,
    command: Digest,
    inputs: Digest,
}

impl Asked<'_> {
    fn record(&self, state: &State, verdict: Verdict) -> Record {
        let Envelope { author, command, .. } = self.envelope;
        Record {
            time_ms: state.time_ms,
            actor: author.spiffe_id(&state.world),
            command: command.name().to_owned(),
            subject: command.subject(),
            command_digest: self.command,
            inputs_digest: self.inputs,
            verdict,
            reason: self.envelope.reason.clone(),
            count: 1,
            repeats: 0,
        }
    }
}

fn unchanged(state: &State) -> Effects {
    let outcome = Outcome::Unchanged {
        generation: state.table_generation,
    };
    Effects {
        outcome,
        entries: Vec::new(),
        delta: None,
    }
}

fn accept(state: &mut State, asked: &Asked<'_>, changes: Changes) -> Effects {
    let from = state.table_generation;
    let delta = changes.of_table().then(|| {
        state.table_generation = from.next();
        changes.delta(from, state)
    });
    let generation = state.table_generation;
    let record = asked.record(state, Verdict::Accepted { table: generation.0 });
    let entry = state.ledger.accept(record);
    let outcome = Outcome::Accepted {
        sequence: entry.sequence,
        generation,
    };
    Effects {
        outcome,
        entries: vec![entry],
        delta,
    }
}

fn refuse(state: &mut State, asked: &Asked<'_>, refusal: Refusal) -> Effects {
    let (code, detail) = refusal.on_record();
    let record = asked.record(state, Verdict::Refused { code, detail });
    let (sequence, entries) = state.ledger.refuse(record);
    let outcome = Outcome::Refused { sequence, refusal };
    Effects {
        outcome,
        entries,
        delta: None,
    }
}

/// What holds for every command.
fn permits(state: &State, envelope: &Envelope) -> Result<(), Refusal> {
    rules::text(Text::Reason, &envelope.reason, 0, TEXT_BYTES_MAX)?;
    rules::author::may(&envelope.author, &envelope.command)?;
    if state.made.is_none() && !matches!(envelope.command, Command::InitWorld(_)) {
        return Err(Refusal::NoWorld);
    }
    recovery::permits(state, &envelope.command)
}

fn change(state: &mut State, envelope: &Envelope) -> Result<Changes, Refusal> {
    let (author, command) = (&envelope.author, &envelope.command);
    permits(state, envelope)?;
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
            start,
            store,
        } => {
            let record = NodeRecord {
                address: address.clone(),
                start: *start,
                store: store.clone(),
            };
            rules::node::register(state, author, node, record)
        }
        Command::PublishTokenKey { home, key } => rules::token_key::publish(state, author, home, key),
        Command::SetAutomation { paused, expected } => {
            rules::automation::set(state, envelope, *paused, *expected)
        }
        Command::ChangeMember { address, .. } => rules::member::change(address.as_deref()),
        // What is due was put on record before this.
        Command::Trust(command) => {
            trust::reason(command, &envelope.reason)?;
            trust::apply(state, author, command)
        }
        Command::Backup(command) => backup::apply(state, envelope, command),
        Command::Recovery(command) => recovery::apply(state, envelope, command),
        Command::SettleRefusals => Ok(Changes::default()),
        Command::ProposeLaw { proposal, expected } => rules::law::propose(state, author, proposal, *expected),
        Command::ApproveLaw {
            version,
            digest,
            approval,
        } => rules::law::approve(state, author, *version, *digest, approval),
        Command::AdmitForeign { home, jurisdiction } => {
            rules::admitted::admit(state, author, home, jurisdiction)
        }
        Command::WithdrawLaw { version } => rules::law::withdraw(state, *version),
        Command::ActivateLaw => rules::law::activate(state),
        Command::SetSurvival { home, goal, expected } => rules::survival::set(state, home, *goal, *expected),
        Command::Operation(command) => operation::apply(state, envelope, command),
        Command::Configure {
            shard,
            expected,
            command,
        } => rules::shard::configure(state, envelope, shard, *expected, command),
        Command::SetMatrixAgeMax { matrix_age_max_ms } => rules::law::set_age_max(state, *matrix_age_max_ms),
    }
}

#[cfg(test)]
#[path = "apply_tests.rs"]
pub(crate) mod tests;

#[cfg(test)]
#[path = "law_tests.rs"]
pub(crate) mod law_tests;

#[cfg(test)]
#[path = "automation_tests.rs"]
mod automation_tests;

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod ledger_tests;

#[cfg(test)]
#[path = "replay_tests.rs"]
mod replay_tests;
