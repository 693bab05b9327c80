//! What a command is decided upon: the records that it names, with their generations as they were before it. Their
//! digest stands in the ledger, so that an auditor who rebuilds the state can tell that it was this one.

use control_plane_ledger::Digest;
use platform_model::{CellId, HomeId, NodeId, ShardId};

use crate::command::Command;
use crate::operation::OperationId;
use crate::state::State;

/// The digest of the inputs. One encoding for ever: name, then 0 or 1 and the number, big-endian.
pub(crate) fn digest(state: &State, command: &Command) -> Digest {
    let mut bytes = Vec::new();
    for (name, number) in read_by(state, command) {
        bytes.extend_from_slice(&(name.len() as u64).to_be_bytes());
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(u8::from(number.is_some()));
        bytes.extend_from_slice(&number.unwrap_or(0).to_be_bytes());
    }
    Digest::of("meridian ledger inputs", &bytes)
}

/// Name and generation of each record; `None` if there is none; another number where a record has no generation.
fn read_by(state: &State, command: &Command) -> Vec<(String, Option<u64>)> {
    let table = ("table".to_owned(), Some(state.table_generation.0));
    // A world without a law reads as it did before there were laws.
    let law = Some(state.law.generation.0).filter(|generation| *generation > 0);
    let law = law.map(|generation| ("law".to_owned(), Some(generation)));
    let own = match command {
        Command::InitWorld(_) => vec![("world".to_owned(), state.made.as_ref().map(|made| made.time_ms))],
        Command::CreateCell(spec) => vec![cell(state, &spec.id)],
        Command::CreateHome(spec) => vec![home(state, &spec.id), cell(state, &spec.cell)],
        Command::CreateAuthority(spec) => {
            let known = state.authorities.get(&spec.jurisdiction);
            let authority = (
                command.subject(),
                known.map(|record| u64::from(record.shard_count)),
            );
            vec![authority, cell(state, &spec.cell)]
        }
        Command::SetCountry { country, .. } => {
            vec![(command.subject(), state.countries.get(country).map(|_| 1))]
        }
        Command::SetCellState { cell: id, .. } => vec![cell(state, id)],
        Command::PlaceShard {
            shard: id, cell: to, ..
        } => vec![shard(state, id), cell(state, to)],
        Command::Configure { shard: id, .. } => {
            let under_way = state.operations.active_on(id);
            let operation = under_way.map(|(id, _)| operation(state, id));
            [shard(state, id)].into_iter().chain(operation).collect()
        }
        Command::SetSurvival { home: id, .. } => vec![home(state, id)],
        Command::Operation(command) => match command.id() {
            Err(start) => vec![shard(state, &start.shard)],
            Ok(id) => {
                let of = state.operations.records.get(&id).map(|record| &record.shard);
                let of = of.map(|id| shard(state, id));
                [operation(state, id)].into_iter().chain(of).collect()
            }
        },
        Command::RegisterNode { node: id, .. } => vec![node(state, id), cell(state, &id.cell)],
        Command::PublishTokenKey { home: id, .. } => {
            vec![home(state, id), shard(state, &ShardId::Keys { home: id.clone() })]
        }
        Command::Trust(command) => command.read_by(state),
        Command::Backup(command) => command.read_by(state),
        Command::Recovery(command) => command.read_by(state),
        Command::AdmitForeign { home: id, .. } => vec![home(state, id)],
        Command::ProposeLaw { .. }
        | Command::ApproveLaw { .. }
        | Command::WithdrawLaw { .. }
        | Command::ActivateLaw
        | Command::SetMatrixAgeMax { .. } => Vec::new(),
        Command::SetAutomation { .. } => {
            vec![(command.subject(), Some(state.automation.generation.0))]
        }
        Command::ChangeMember { .. } | Command::SettleRefusals => Vec::new(),
    };
    [table].into_iter().chain(law).chain(own).collect()
}

fn cell(state: &State, id: &CellId) -> (String, Option<u64>) {
    let known = state.cells.get(id);
    (format!("cell/{id}"), known.map(|record| record.generation.0))
}

fn shard(state: &State, id: &ShardId) -> (String, Option<u64>) {
    let known = state.shards.get(id);
    (format!("shard/{id}"), known.map(|record| record.generation.0))
}

fn operation(state: &State, id: OperationId) -> (String, Option<u64>) {
    let known = state.operations.records.get(&id);
    (format!("operation/{id}"), known.map(|record| record.generation.0))
}

/// How many token keys it has, how many jurisdictions it admitted, and how often its goal changed: the rest of a home
/// never does.
fn home(state: &State, id: &HomeId) -> (String, Option<u64>) {
    let known = state.homes.get(id);
    (
        format!("home/{id}"),
        known.map(|record| {
            let changes = record.survival.generation.0 - 1;
            (record.token_keys.len() + record.admitted.len()) as u64 + changes
        }),
    )
}

/// Its incarnation.
fn node(state: &State, id: &NodeId) -> (String, Option<u64>) {
    let known = state.nodes.get(id);
    (
        format!("node/{id}"),
        known.map(|record| record.start.incarnation.0),
    )
}
