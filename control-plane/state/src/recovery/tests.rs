//! One test a rule.

mod copies;
mod numbers;
mod trust;

use control_plane_ledger::Digest;
use platform_model::replica_set::LEASE_MICROS;
use platform_model::{CopyState, Epoch, Generation, NodeId, ReplicaId, Role, ShardId};

use super::{NotRecoverable, Origin, RecoveryCommand, RecoveryRefusal, Stands, recover};
use crate::apply::tests::{author, lawful, refusal, register};
use crate::command::{Author, Command, Envelope};
use crate::outcome::Outcome;
use crate::refusal::Refusal;
use crate::shard_config::{ConfigCommand, ConfigPhase, ProposedChange, ShardConfig, ShardCopy};
use crate::state::State;
use crate::{apply, recovery};

const NOW_MS: u64 = 1_795_000_000_000;
/// All nodes that the state knows.
const ALL: [&str; 2] = ["eu-central-1/0", "eu-central-2/0"];

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
    for node in ALL {
        register(&mut state, node, 1, "127.0.0.1:1");
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

fn sre(role: Role) -> Author {
    Author::Operator {
        role,
        id: format!("spiffe://x/operator/{role}/o1"),
    }
}

fn adopt(state: &mut State, told: &[&str], newest: Option<ShardConfig>) -> Outcome {
    adopt_of(state, shard(), told, newest)
}

fn adopt_of(state: &mut State, shard: ShardId, told: &[&str], newest: Option<ShardConfig>) -> Outcome {
    let stands = Stands {
        expected: state.shards[&shard].generation,
        shard,
        told: told.iter().map(|told| node(told)).collect(),
        newest,
    };
    give(
        state,
        leader(),
        "",
        Command::Recovery(RecoveryCommand::Adopt(Box::new(stands))),
    )
}

/// Everybody has told, and nobody knew more.
fn adopt_all(state: &mut State) {
    for shard in state.recovery.unsure.clone() {
        let done = adopt_of(state, shard, &ALL, None);
        assert!(accepted(&done), "{done:?}");
    }
    assert!(state.recovery.is_over());
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
fn nothing_is_changed_before_it_is_known_of_every_shard_who_holds_it() {
    let mut state = recovered();
    let promote = |state: &State| Command::Configure {
        shard: shard(),
        expected: config(state).generation,
        command: ConfigCommand::BeginPromote,
    };
    let place = Command::PlaceShard {
        shard: "us/us-east/000".parse().expect("a shard"),
        cell: "us-east-1".parse().expect("a cell"),
        expected: Generation(1),
    };
    let asked = [(leader(), promote(&state)), (sre(Role::Sre), place)];
    for (author, command) in asked {
        let refused = refusal(give(&mut state, author, "", command));
        assert!(
            matches!(refused, Refusal::Recovery(RecoveryRefusal::Unsure { .. })),
            "{refused:?}"
        );
    }
    // What is about no shard goes on.
    let done = register(&mut state, ALL[0], 2, "127.0.0.1:9");
    assert!(accepted(&done), "{done:?}");
    // One shard that is known is not enough: the table that names it is not given out before all are.
    assert!(accepted(&adopt(&mut state, &ALL, None)));
    let command = promote(&state);
    let refused = refusal(give(&mut state, leader(), "", command));
    assert!(
        matches!(refused, Refusal::Recovery(RecoveryRefusal::Unsure { .. })),
        "{refused:?}"
    );
    adopt_all(&mut state);
    let command = promote(&state);
    let done = give(&mut state, leader(), "", command);
    assert!(accepted(&done), "{done:?}");
    let floor = recovery::incarnation::floor(state.recovery.incarnation);
    let promoting = config(&state).phase;
    assert!(
        matches!(promoting, ConfigPhase::Promoting { epoch, index, .. } if epoch.0 > floor && index > floor),
        "an epoch and an order that were never given out: {promoting:?}"
    );
}

/// The planted omission: a shard that nobody served yet as the backup was made is given to the next node that registers,
/// while another serves it.
#[test]
fn a_shard_that_was_placed_after_the_backup_is_not_placed_once_more() {
    let mut state = recovered();
    let waits: ShardId = "us/us-east/000".parse().expect("a shard");
    assert!(state.shards[&waits].config.is_none() && state.recovery.unsure.contains(&waits));
    let done = register(&mut state, "us-east-1/0", 1, "127.0.0.1:3");
    assert!(accepted(&done), "{done:?}");
    assert_eq!(state.shards[&waits].config, None, "nobody knows whether it waits");
    let mut served = ShardConfig::new(node("us-east-1/0"), ReplicaId(9), LEASE_MICROS);
    (served.generation, served.unborn) = (Generation(4), false);
    let refused = refusal(adopt_of(&mut state, waits.clone(), &ALL, Some(served.clone())));
    assert!(matches!(
        refused,
        Refusal::Recovery(RecoveryRefusal::NotTold { .. })
    ));
    let all = [ALL[0], ALL[1], "us-east-1/0"];
    assert!(accepted(&adopt_of(&mut state, waits.clone(), &all, Some(served))));
    let found = state.shards[&waits].config.clone().expect("served");
    assert_eq!((found.primary.replica, found.epoch), (ReplicaId(9), Epoch(1)));
    // The others wait in truth: they are placed at the end, in an epoch of this incarnation, whatever was there before.
    for shard in state.recovery.unsure.clone() {
        assert!(accepted(&adopt_of(&mut state, shard, &all, None)));
    }
    let floor = recovery::incarnation::floor(state.recovery.incarnation);
    let other = &state.shards[&"us/us-east/001".parse::<ShardId>().expect("a shard")];
    let placed = other.config.as_ref().expect("placed");
    assert!(placed.epoch.0 > floor && placed.epoch_max == placed.epoch && other.generation.0 > floor);
}

/// The planted omission: a shard whose one copy is on a node that is given up is born anew, empty, by itself.
#[test]
fn a_shard_that_a_node_which_is_given_up_may_serve_is_placed_by_a_person_alone() {
    let mut state = recovered();
    let missed: ShardId = "us/us-east/000".parse().expect("a shard");
    let dead = node(ALL[0]);
    let give_up = Command::Recovery(RecoveryCommand::GiveUp { node: dead });
    assert!(accepted(&give(&mut state, sre(Role::Sre), "burnt", give_up)));
    for shard in state.recovery.unsure.clone() {
        assert!(accepted(&adopt_of(&mut state, shard, &[ALL[1]], None)));
    }
    assert!(accepted(&register(&mut state, "us-east-1/0", 1, "127.0.0.1:3")));
    assert_eq!(state.shards[&missed].config, None, "nobody asked for it");
    let place = Command::PlaceShard {
        shard: missed.clone(),
        cell: "us-east-1".parse().expect("a cell"),
        expected: state.shards[&missed].generation,
    };
    let done = give(&mut state, sre(Role::Sre), "it was never served", place);
    assert!(accepted(&done), "{done:?}");
    assert!(state.shards[&missed].config.is_some() && !state.recovery.missed.contains(&missed));
}

#[test]
fn the_newest_that_any_node_knows_holds_once_all_have_told() {
    let mut state = recovered();
    let third = "eu-central-2/1";
    let mut told = newer(&state);
    told.standbys[0].node = node(third);
    let waits = |on: &str| {
        Refusal::Recovery(RecoveryRefusal::NotTold {
            shard: shard(),
            node: node(on),
        })
    };
    assert_eq!(refusal(adopt(&mut state, &[], None)), waits(ALL[0]));
    // One that the shard's configuration does not name may know where it went.
    assert_eq!(refusal(adopt(&mut state, &[ALL[0]], None)), waits(ALL[1]));
    // Whoever the newer one names has to tell, too: he may know of one that is newer still.
    assert_eq!(refusal(adopt(&mut state, &ALL, Some(told.clone()))), waits(third));
    let all = [ALL[0], ALL[1], third];
    let same = config(&state);
    let refused = refusal(adopt(&mut state, &all, Some(same)));
    assert!(
        matches!(refused, Refusal::Recovery(RecoveryRefusal::NotNewer { .. })),
        "{refused:?}"
    );
    assert!(accepted(&adopt(&mut state, &all, Some(told.clone()))));
    let now = config(&state);
    assert_eq!((&now.primary, now.epoch), (&told.primary, Epoch(5)));
    assert!(now.epoch_max > told.epoch_max && now.generation > told.generation);
    assert_eq!(state.shards[&shard()].cell, told.primary.node.cell);
    let refused = refusal(adopt_of(&mut state, shard(), &all, Some(told)));
    assert!(
        matches!(refused, Refusal::Recovery(RecoveryRefusal::Sure { .. })),
        "{refused:?}"
    );
}

/// The planted omission: two recoveries from one backup within ten minutes give out the same numbers.
#[test]
fn what_was_given_out_by_this_incarnation_or_a_later_one_is_not_taken_for_what_was_before() {
    let floor = recovery::incarnation::floor(recovered().recovery.incarnation);
    let spoil: [fn(&mut ShardConfig, u64); 4] = [
        |told, floor| {
            told.phase = ConfigPhase::Handover {
                target: ReplicaId(1),
                epoch: Epoch(6),
                index: floor,
            };
        },
        |told, floor| told.generation = Generation(floor + 1),
        |told, floor| told.epoch = Epoch(floor + 1),
        |told, floor| told.epoch_max = Epoch(floor + 1),
    ];
    for spoil in spoil {
        let mut state = recovered();
        let mut told = newer(&state);
        spoil(&mut told, floor);
        let refused = refusal(adopt(&mut state, &ALL, Some(told)));
        assert_eq!(
            refused,
            Refusal::Recovery(RecoveryRefusal::NotBefore { shard: shard() })
        );
    }
}

/// The planted omission: the change of primary goes on in its epoch, in which another may lead whom nobody hears.
#[test]
fn a_change_of_primary_that_was_under_way_ends_in_an_epoch_that_was_never_given_out() {
    let (epoch, index) = (Epoch(6), 12);
    let phases = [
        ConfigPhase::Promoting {
            epoch,
            index,
            forced: None,
        },
        ConfigPhase::Handover {
            target: ReplicaId(4_711),
            epoch,
            index,
        },
    ];
    for phase in phases {
        let mut state = recovered();
        let mut told = newer(&state);
        (told.epoch, told.epoch_max, told.phase) = (Epoch(4), Epoch(6), phase);
        assert!(accepted(&adopt(&mut state, &ALL, Some(told))));
        let floor = recovery::incarnation::floor(state.recovery.incarnation);
        let now = config(&state);
        let ConfigPhase::Promoting { epoch, index, .. } = now.phase else {
            panic!("it ends in a primary: {:?}", now.phase);
        };
        assert!(
            epoch.0 > floor && epoch == now.epoch_max && index > floor,
            "{now:?}"
        );
        assert_eq!(now.epoch, Epoch(4), "who leads is told when it has ended");
    }
}
