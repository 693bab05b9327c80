//! A restore ends what is under way on the shard: the copies that it was about are lost.

use super::*;
use crate::operation::{OperationCommand, OperationId, OperationKind, OperationState, Start};

/// A repair that waits for its copy.
fn repairing(state: &mut State) -> OperationId {
    let config = state.shards[&shard()].config.as_ref().expect("placed");
    let start = Start {
        shard: shard(),
        kind: OperationKind::Repair {
            add: Some(node("eu-central-2/0")),
            remove: None,
        },
        expected: config.generation,
        deadline_ms: None,
        plan: None,
    };
    let command = Command::Operation(OperationCommand::Start(start));
    let started = apply(
        state,
        &Envelope::new(operator(Role::Sre), 1_800, "a test", command),
    );
    assert!(started.outcome.refusal().is_none(), "{:?}", started.outcome);
    state.operations.last
}

/// The planted omission: what waits for a primary that is lost keeps the shard from being restored, for ever.
#[test]
fn a_restore_ends_what_is_under_way_in_the_same_decision() {
    let mut state = served();
    let id = repairing(&mut state);
    let given = spec(&state);
    assert!(matches!(restore(&mut state, given), Outcome::Accepted { .. }));
    let why = "superseded by a restore".to_owned();
    assert_eq!(
        state.operations.records[&id].state,
        OperationState::Failed { why }
    );
    assert!(state.operations.active_on(&shard()).is_none());
    let config = state.shards[&shard()].config.as_ref().expect("placed");
    assert_eq!(config.primary.replica, NEW);
}

#[test]
fn a_restore_of_version_1_waits_for_what_is_under_way() {
    let mut state = served();
    let id = repairing(&mut state);
    let command = Command::Backup(BackupCommand::RestoreShard(spec(&state)));
    let envelope = Envelope {
        version: 1,
        ..Envelope::new(operator(Role::Sre), 2_000, "the cell burnt down", command)
    };
    let refused = refusal(apply(&mut state, &envelope).outcome);
    assert!(
        matches!(refused, Refusal::Backup(BackupRefusal::UnderWay { operation, .. }) if operation == id),
        "{refused:?}"
    );
}
