//! Who is believed, and which law holds, in a world that was recovered.

use platform_model::{RevokedIdentity, Role};

use super::*;
use crate::apply::law_tests;
use crate::backup::{BackupCommand, RestoreSpec};
use crate::operation::{OperationId, OperationKind, OperationRecord, OperationState, Step};
use crate::trust::{BreakGlass, JoinToken, join_token::Joiner};

fn hear(state: &mut State, law: u64, revoked: &[(&RevokedIdentity, u64)]) -> Outcome {
    let revoked = revoked
        .iter()
        .map(|(id, until)| ((*id).clone(), *until))
        .collect();
    give(
        state,
        leader(),
        "",
        Command::Recovery(RecoveryCommand::Hear { revoked, law }),
    )
}

/// The planted omission: the older law and who was revoked since come back on every node.
#[test]
fn an_older_law_goes_out_to_nobody_and_who_was_revoked_stays_so() {
    let mut state = recovered();
    let kept = state.recovery.law_kept;
    assert!(kept > 0 && state.law.in_force.as_ref().is_some_and(|law| law.revision > kept));
    let id: RevokedIdentity = "spiffe://aaaaaaaaaaaaaaaa/region/eu/router/1"
        .parse()
        .expect("an identity");
    assert!(accepted(&hear(&mut state, kept + 2, &[(&id, NOW_MS + 1)])));
    assert_eq!(state.table().revocations.get(&id), Some(&(NOW_MS + 1)));
    assert!(
        !accepted(&hear(&mut state, kept, &[(&id, NOW_MS)])),
        "it ends no sooner"
    );
    assert_eq!(state.table().revocations.get(&id), Some(&(NOW_MS + 1)));
    let no_revocation = [
        ("spiffe://bbbbbbbbbbbbbbbb/region/eu/router/1", NOW_MS + 1),
        ("spiffe://aaaaaaaaaaaaaaaa", NOW_MS + 1),
        ("spiffe://aaaaaaaaaaaaaaaa/region/eu/router/2", u64::MAX >> 1),
    ];
    for (nobody, until_ms) in no_revocation {
        let nobody = nobody.parse().expect("an identity");
        assert!(
            !accepted(&hear(&mut state, kept, &[(&nobody, until_ms)])),
            "{nobody}"
        );
    }
    assert_eq!(
        state.table().revocations.len(),
        1,
        "what nobody can have decided is no news"
    );
    adopt_all(&mut state);
    assert!(!state.is_recovered(), "nodes know a later law");
    let command = Command::Configure {
        shard: shard(),
        expected: config(&state).generation,
        command: ConfigCommand::BeginPromote,
    };
    let refused = refusal(give(&mut state, leader(), "", command));
    assert_eq!(refused, Refusal::Recovery(RecoveryRefusal::LawBehind));
    let law = law_tests::proposal(9, "2000-01-01", &law_tests::areas());
    // While the clock of whoever recovered is ahead, all that is decided has his time.
    law_tests::enact(&mut state, NOW_MS, &law);
    assert!(state.is_recovered(), "two persons have said which law holds");
}

/// The planted omission: one node's word takes people's data to where the law does not let it be.
#[test]
fn a_copy_that_came_since_lies_where_the_law_lets_it_or_is_not_adopted() {
    let abroad = "us-east-1/0";
    for part in ["primary", "standby"] {
        let mut state = recovered();
        register(&mut state, abroad, 1, "127.0.0.1:3");
        let mut told = newer(&state);
        let copy = if part == "primary" {
            &mut told.primary
        } else {
            &mut told.standbys[0]
        };
        copy.node = node(abroad);
        let refused = refusal(adopt(&mut state, &[ALL[0], ALL[1], abroad], Some(told)));
        let (shard, node) = (shard(), node(abroad));
        assert_eq!(
            refused,
            Refusal::Recovery(RecoveryRefusal::NotLawful { shard, node }),
            "{part}"
        );
    }
}

/// The planted omission: a restore from a backup of a shard brings back who was erased after the controllers' state was kept.
#[test]
fn nothing_is_restored_before_a_person_has_said_that_the_list_of_the_erased_is_whole() {
    let mut state = recovered();
    adopt_all(&mut state);
    let restore = |state: &State| {
        Command::Backup(BackupCommand::RestoreShard(RestoreSpec {
            shard: shard(),
            expected: config(state).generation,
            node: node(ALL[1]),
            replica: ReplicaId(99),
            epoch: Epoch(1),
            erased: Digest::of("test", b"erased"),
            copies_are_lost: true,
        }))
    };
    let command = restore(&state);
    let refused = refusal(give(&mut state, sre(Role::Sre), "lost", command));
    assert_eq!(refused, Refusal::Recovery(RecoveryRefusal::ListMayLack));
    let told = Command::Recovery(RecoveryCommand::ErasuresTold);
    let refused = refusal(give(&mut state, sre(Role::Sre), "looked", told.clone()));
    assert!(matches!(refused, Refusal::NotYours { .. }), "{refused:?}");
    let refused = refusal(give(&mut state, sre(Role::Compliance), " ", told.clone()));
    assert_eq!(refused, Refusal::Recovery(RecoveryRefusal::NoWord));
    assert!(accepted(&give(&mut state, sre(Role::Compliance), "looked", told)));
    let command = restore(&state);
    let done = give(&mut state, sre(Role::Sre), "lost", command);
    assert!(
        !matches!(done.refusal(), Some(Refusal::Recovery(_))),
        "for its own reasons at most: {done:?}"
    );
}

/// The planted omission: a law that was withdrawn after the backup comes into force on its day.
#[test]
fn a_law_that_waits_is_not_taken_up() {
    let mut state = kept();
    let law = law_tests::proposal(2, "2000-01-01", &law_tests::areas());
    law_tests::propose(&mut state, law_tests::NOW_MS, "ann", law);
    assert!(state.law.proposed.is_some());
    let state = recover(state, &how(NOW_MS)).expect("a world");
    assert!(state.law.proposed.is_none() && state.law.waiting().is_none());
}

/// What was used, closed or ended since the backup is not good, open or under way once more.
#[test]
fn tokens_windows_and_operations_of_before_end() {
    let mut state = kept();
    let joiner = Joiner::Router {
        name: "r1".into(),
        region: "eu-central".parse().expect("a region"),
    };
    let token = JoinToken {
        joiner,
        expires_ms: NOW_MS + 1,
        by: String::new(),
        bound: None,
        revoked: false,
    };
    let digest = platform_model::KeyDigest([1; 32]);
    state.trust.join_tokens.insert(digest, token);
    let window = BreakGlass {
        home: "eu/eu-central".parse().expect("a home"),
        subject: "01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("a person"),
        purpose: "support".into(),
        by: String::new(),
        from_ms: 1,
        until_ms: NOW_MS + 1,
    };
    state.trust.break_glass.insert(3, window);
    state.trust.break_glass_last = 3;
    let running = operation(&config(&state));
    state.operations.records.insert(OperationId(7), running);
    state.operations.last = OperationId(7);
    let state = recover(state, &how(NOW_MS)).expect("a world");
    let floor = recovery::incarnation::floor(state.recovery.incarnation);
    assert!(state.trust.join_tokens[&digest].revoked);
    assert!(state.trust.break_glass.is_empty() && state.trust.break_glass_last > floor);
    let ended = &state.operations.records[&OperationId(7)];
    assert!(matches!(ended.state, OperationState::Failed { .. }) && ended.ended_ms == Some(NOW_MS));
    assert!(state.operations.last.0 > floor);
}

fn operation(config: &ShardConfig) -> OperationRecord {
    OperationRecord {
        generation: Generation(1),
        shard: shard(),
        kind: OperationKind::Verify,
        step: Step::Verify,
        state: OperationState::Running,
        by: String::new(),
        reason: String::new(),
        started_ms: 1,
        step_since_ms: 1,
        deadline_ms: None,
        ended_ms: None,
        from: config.primary.node.clone(),
        epoch: config.epoch,
        source: None,
        replica: None,
        certificates: Vec::new(),
        window_until_ms: None,
        receipt: None,
        plan: None,
    }
}

#[test]
fn a_node_that_never_answers_is_given_up_by_a_person_with_a_reason() {
    let mut state = recovered();
    let dead = node("eu-central-1/0");
    let give_up = Command::Recovery(RecoveryCommand::GiveUp { node: dead.clone() });
    let refused = refusal(give(&mut state, sre(Role::Sre), " ", give_up.clone()));
    assert_eq!(
        refused,
        Refusal::Recovery(RecoveryRefusal::NoReason { node: dead.clone() })
    );
    for nobody in [sre(Role::Viewer), leader(), author(dead)] {
        let refused = refusal(give(&mut state, nobody, "burnt", give_up.clone()));
        assert!(matches!(refused, Refusal::NotYours { .. }), "{refused:?}");
    }
    assert!(accepted(&give(
        &mut state,
        sre(Role::Sre),
        "burnt",
        give_up.clone()
    )));
    let revoked: Vec<String> = state
        .table()
        .revocations
        .keys()
        .map(ToString::to_string)
        .collect();
    assert_eq!(revoked.len(), 1, "it is let in nowhere: {revoked:?}");
    assert!(
        revoked[0].ends_with("/region/eu-central/cell/eu-central-1/node/0"),
        "{revoked:?}"
    );
    assert!(accepted(&adopt(&mut state, &[ALL[1]], None)));
    state.recovery.unsure.clear();
    let refused = refusal(give(&mut state, sre(Role::Sre), "burnt", give_up));
    assert!(matches!(
        refused,
        Refusal::Recovery(RecoveryRefusal::NobodyWaits { .. })
    ));
}

#[test]
fn that_the_whole_state_is_read_is_on_record_by_an_sre() {
    let mut state = kept();
    let read = Command::Recovery(RecoveryCommand::NoteRead);
    let before = state.ledger.head().sequence;
    let refused = refusal(give(&mut state, sre(Role::Compliance), "", read.clone()));
    assert!(matches!(refused, Refusal::NotYours { .. }), "{refused:?}");
    assert!(accepted(&give(&mut state, sre(Role::Sre), "", read)));
    assert_eq!(state.ledger.head().sequence, before + 2, "the refusal, too");
}

/// The planted omission: one copy in a cell that was made after the backup keeps the whole world from going on for ever.
#[test]
fn a_copy_on_a_node_that_is_given_up_keeps_nothing_from_being_adopted() {
    let mut state = recovered();
    let unknown = node("eu-west-9/0");
    let mut told = newer(&state);
    told.standbys[0].node = unknown.clone();
    let all = [ALL[0], ALL[1], "eu-west-9/0"];
    let refused = refusal(adopt(&mut state, &all, Some(told.clone())));
    assert!(
        matches!(refused, Refusal::Recovery(RecoveryRefusal::NotLawful { .. })),
        "{refused:?}"
    );
    let give_up = Command::Recovery(RecoveryCommand::GiveUp { node: unknown });
    assert!(accepted(&give(&mut state, sre(Role::Sre), "burnt", give_up)));
    let done = adopt(&mut state, &ALL, Some(told));
    assert!(accepted(&done), "{done:?}");
}
