//! One test a rule.

use control_plane_ledger::Digest;
use platform_model::{CopyState, Epoch, Generation, NodeId, ReplicaId, Role, ShardId};

use super::{NotRecoverable, Origin, RecoveryCommand, RecoveryRefusal, Stands, incarnation_at, recover};
use crate::apply::tests::{author, lawful, refusal, register};
use crate::command::{Author, Command, Envelope};
use crate::outcome::Outcome;
use crate::refusal::Refusal;
use crate::shard_config::{ConfigCommand, ProposedChange, ShardConfig, ShardCopy};
use crate::state::State;
use crate::{apply, recovery};

const NOW_MS: u64 = 1_795_000_000_000;

fn shard() -> ShardId {
    "eu/eu-central/000".parse().expect("a shard")
}

fn node(text: &str) -> NodeId {
    text.parse().expect("a node")
}

fn how(at_ms: u64) -> Origin {
    Origin {
        at_ms,
        by: "spiffe://x/operator/sre/kim".to_owned(),
        reason: "both regions burnt".to_owned(),
        backup: Digest::of("test", b"backup"),
    }
}

/// A world with a shard that is served, as it was backed up.
fn kept() -> State {
    let mut state = lawful();
    for (node, port) in [("eu-central-1/0", 1), ("eu-central-2/0", 2)] {
        register(&mut state, node, 1, &format!("127.0.0.1:{port}"));
    }
    let config = state.shards[&shard()].config.clone().expect("placed");
    let command = Command::Configure {
        shard: shard(),
        expected: config.generation,
        command: ConfigCommand::Propose {
            by: config.primary.replica,
            epoch: config.epoch,
            change: ProposedChange::Born,
        },
    };
    let born = Envelope::new(author(node("eu-central-1/0")), 1_500, "", command);
    let done = apply(&mut state, &born).outcome;
    assert!(matches!(done, Outcome::Accepted { .. }), "{done:?}");
    state
}

fn recovered() -> State {
    recover(kept(), &how(NOW_MS)).expect("a world")
}

fn config(state: &State) -> ShardConfig {
    state.shards[&shard()].config.clone().expect("placed")
}

fn give(state: &mut State, author: Author, reason: &str, command: Command) -> Outcome {
    apply(state, &Envelope::new(author, NOW_MS, reason, command)).outcome
}

fn leader() -> Author {
    Author::Controller {
        id: "spiffe://x/controller/c1".to_owned(),
    }
}

fn adopt(state: &mut State, told: &[&str], newest: Option<ShardConfig>) -> Outcome {
    let stands = Stands {
        shard: shard(),
        expected: config(state).generation,
        told: told.iter().map(|told| node(told)).collect(),
        newest,
    };
    give(
        state,
        leader(),
        "",
        Command::Recovery(RecoveryCommand::Adopt(stands)),
    )
}

fn accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted { .. })
}

/// As the world went on after the backup: another leads.
fn newer(state: &State) -> ShardConfig {
    let mut newer = config(state);
    newer.generation = Generation(newer.generation.0 + 3);
    let old = std::mem::replace(
        &mut newer.primary,
        ShardCopy {
            node: node("eu-central-2/0"),
            replica: ReplicaId(4_711),
            state: CopyState::InSync,
        },
    );
    newer.standbys = vec![old];
    (newer.epoch, newer.epoch_max) = (Epoch(5), Epoch(6));
    newer
}

#[test]
fn every_number_that_is_given_out_from_then_on_is_above_every_one_of_before() {
    let before = kept();
    let state = recover(before.clone(), &how(NOW_MS)).expect("a world");
    assert_eq!(
        recover(before.clone(), &how(NOW_MS)).expect("a world"),
        state,
        "pure"
    );
    let floor = recovery::incarnation::floor(state.recovery.incarnation);
    assert!(state.table_generation.0 > floor && floor > before.table_generation.0 << 8);
    assert_eq!(state.ledger.head().sequence, floor);
    let mut other = how(NOW_MS);
    other.reason = "for fun".to_owned();
    let other = recover(before.clone(), &other).expect("a world");
    assert_ne!(
        other.ledger.head().hash,
        state.ledger.head().hash,
        "it binds who said so"
    );
    assert!(floor < 1 << 53, "exact for whoever reads JSON");
    // One by one, a shard's own.
    let mut state = state;
    assert!(accepted(&adopt(&mut state, &["eu-central-1/0"], None)));
    let (old, new) = (config(&before), config(&state));
    assert_eq!(new.generation.0, floor + old.generation.0);
    assert_eq!(
        (new.epoch, new.epoch_max),
        (old.epoch, Epoch(floor)),
        "who leads goes on"
    );
    assert_eq!(new.copies().collect::<Vec<_>>(), old.copies().collect::<Vec<_>>());
}

/// Two recoveries from one backup would give one number to two.
#[test]
fn two_recoveries_have_two_numbers_whatever_they_began_with() {
    let first = incarnation_at(NOW_MS, 0).expect("one");
    let later = incarnation_at(NOW_MS + 600_000, 0).expect("one");
    assert!(later > first);
    assert_eq!(incarnation_at(NOW_MS, first).expect("one"), first + 1);
    assert_eq!(incarnation_at(0, 0).expect("one"), 1);
    assert!(incarnation_at(NOW_MS, (1 << 21) - 1).is_err());
}

#[test]
fn what_is_no_world_or_of_the_future_is_not_recovered() {
    let nothing = State::new("a".repeat(64).parse().expect("an id"));
    assert_eq!(
        recover(nothing, &how(NOW_MS)).err(),
        Some(NotRecoverable::NoWorld)
    );
    let early = recover(kept(), &how(1)).expect_err("of the future");
    assert!(matches!(early, NotRecoverable::Clock { now_ms: 1, .. }));
}

/// The planted omission: a promotion by what the backup says, while another leads since.
#[test]
fn nothing_is_changed_of_a_shard_before_it_is_known_who_holds_it() {
    let mut state = recovered();
    assert!(!state.recovery.is_over());
    let command = Command::Configure {
        shard: shard(),
        expected: config(&state).generation,
        command: ConfigCommand::BeginPromote,
    };
    let refused = refusal(give(&mut state, leader(), "", command.clone()));
    let unsure = RecoveryRefusal::Unsure { shard: shard() };
    assert_eq!(refused, Refusal::Recovery(unsure));
    // What is about no shard goes on.
    let done = register(&mut state, "eu-central-1/0", 2, "127.0.0.1:9");
    assert!(accepted(&done), "{done:?}");
    assert!(accepted(&adopt(&mut state, &["eu-central-1/0"], None)));
    let mut other = command;
    if let Command::Configure { expected, .. } = &mut other {
        *expected = config(&state).generation;
    }
    let outcome = give(&mut state, leader(), "", other);
    let refused = outcome.refusal();
    assert!(
        !matches!(refused, Some(Refusal::Recovery(_))),
        "for its own reasons at most: {refused:?}"
    );
}

#[test]
fn the_newest_that_any_node_knows_holds_once_all_have_told() {
    let mut state = recovered();
    let told = newer(&state);
    let refused = refusal(adopt(&mut state, &[], None));
    let waits = |on: &str| {
        Refusal::Recovery(RecoveryRefusal::NotTold {
            shard: shard(),
            node: node(on),
        })
    };
    assert_eq!(refused, waits("eu-central-1/0"));
    // Whoever the newer one names has to tell, too: he may know of one that is newer still.
    let refused = refusal(adopt(&mut state, &["eu-central-1/0"], Some(told.clone())));
    assert_eq!(refused, waits("eu-central-2/0"));
    let both = ["eu-central-1/0", "eu-central-2/0"];
    let same = config(&state);
    let refused = refusal(adopt(&mut state, &both, Some(same)));
    assert!(
        matches!(refused, Refusal::Recovery(RecoveryRefusal::NotNewer { .. })),
        "{refused:?}"
    );
    assert!(accepted(&adopt(&mut state, &both, Some(told.clone()))));
    let now = config(&state);
    assert_eq!((&now.primary, now.epoch), (&told.primary, Epoch(5)));
    assert!(now.epoch_max > told.epoch_max && now.generation > told.generation);
    assert_eq!(state.shards[&shard()].cell, told.primary.node.cell);
    let refused = refusal(adopt(&mut state, &both, Some(told)));
    assert!(
        matches!(refused, Refusal::Recovery(RecoveryRefusal::Sure { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_node_that_never_answers_is_given_up_by_a_person_with_a_reason() {
    let mut state = recovered();
    let dead = node("eu-central-1/0");
    let give_up = Command::Recovery(RecoveryCommand::GiveUp { node: dead.clone() });
    let sre = |role| Author::Operator {
        role,
        id: format!("spiffe://x/operator/{role}/o1"),
    };
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
    assert!(accepted(&adopt(&mut state, &[], None)));
    state.recovery.unsure.clear();
    let refused = refusal(give(&mut state, sre(Role::Sre), "burnt", give_up));
    assert!(matches!(
        refused,
        Refusal::Recovery(RecoveryRefusal::NobodyWaits { .. })
    ));
}

#[test]
fn a_configuration_reads_back_from_the_route_that_nodes_have_of_it() {
    let mut config = newer(&kept());
    config.epoch_max = config.epoch;
    assert_eq!(ShardConfig::from(&config.route()), config);
}
