//! One test a rule.

use platform_model::{Epoch, Generation, HomeId, NodeId, ReplicaId, Role, ShardId, UserId};

use super::{BackupCommand, BackupRefusal, RestoreSpec};
use crate::apply::tests::{author, lawful, refusal, register};
use crate::command::{Author, Command, Envelope};
use crate::outcome::Outcome;
use crate::refusal::Refusal;
use crate::shard_config::{ConfigCommand, ProposedChange};
use crate::state::State;
use crate::{apply, apply::tests::place};

const NEW: ReplicaId = ReplicaId(4_711);

fn home() -> HomeId {
    "eu/eu-central".parse().expect("a home")
}

fn shard() -> ShardId {
    "eu/eu-central/000".parse().expect("a shard")
}

fn node(text: &str) -> NodeId {
    text.parse().expect("a node")
}

fn operator(role: Role) -> Author {
    let id = format!("spiffe://x/operator/{role}/o1");
    Author::Operator { role, id }
}

fn give(state: &mut State, author: Author, reason: &str, command: BackupCommand) -> Outcome {
    apply(
        state,
        &Envelope::new(author, 2_000, reason, Command::Backup(command)),
    )
    .outcome
}

/// A shard that is served by `eu-central-1/0`, and a node in the next cell.
fn served() -> State {
    let mut state = lawful();
    for (node, port) in [("eu-central-1/0", 1), ("eu-central-2/0", 2), ("us-east-1/0", 3)] {
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
    assert!(matches!(
        apply(&mut state, &born).outcome,
        Outcome::Accepted { .. }
    ));
    state
}

fn spec(state: &State) -> RestoreSpec {
    let config = state.shards[&shard()].config.as_ref().expect("placed");
    RestoreSpec {
        shard: shard(),
        expected: config.generation,
        node: node("eu-central-2/0"),
        replica: NEW,
        epoch: Epoch(config.epoch_max.0 + 1),
        erased: state.erasures.digest(&shard()),
        copies_are_lost: true,
    }
}

fn restore(state: &mut State, spec: RestoreSpec) -> Outcome {
    let command = BackupCommand::RestoreShard(spec);
    give(state, operator(Role::Sre), "the cell burnt down", command)
}

fn erase(state: &mut State, node: &str, user: UserId) -> Outcome {
    let command = BackupCommand::RecordErasure {
        moved_to: None,
        home: home(),
        user,
        rows: 7,
    };
    give(state, author(node.parse().expect("a node")), "", command)
}

fn user(number: u128) -> UserId {
    format!("00000000-0000-0000-0000-{number:012x}")
        .parse()
        .expect("a user")
}

/// Of `eu/eu-central/000`.
fn user_of_the_shard() -> UserId {
    let of = |number: &u128| ShardId::of_user(&home(), 2, user(*number)) == shard();
    user((1..).find(of).expect("every second"))
}

#[test]
fn a_restored_shard_has_one_copy_in_an_epoch_of_its_own_and_the_old_one_is_to_be_erased() {
    let mut state = served();
    let before = state.shards[&shard()].config.clone().expect("placed");
    let given = spec(&state);
    assert!(matches!(
        restore(&mut state, given.clone()),
        Outcome::Accepted { .. }
    ));
    let config = state.shards[&shard()].config.clone().expect("placed");
    assert_eq!(config.primary.replica, NEW);
    assert_eq!(config.primary.node, given.node);
    assert!(config.standbys.is_empty() && !config.unborn);
    assert!(config.epoch > before.epoch_max && config.epoch_max == config.epoch);
    assert_eq!(
        config.left.get(&before.primary.replica),
        Some(&before.primary.node)
    );
    assert_eq!(
        state.shards[&shard()].cell,
        "eu-central-2".parse().expect("a cell")
    );
    assert_eq!(
        state.table().shards[&shard()].epoch,
        config.epoch,
        "the table says so"
    );
    let again = restore(&mut state, given);
    assert!(matches!(refusal(again), Refusal::GenerationMismatch { .. }));
}

#[test]
fn a_restore_takes_a_word_and_a_reason_an_sre_and_a_place_that_the_law_permits() {
    let mut state = served();
    let mut given = spec(&state);
    given.copies_are_lost = false;
    let no_proof = |refusal| matches!(refusal, Refusal::Backup(BackupRefusal::NoProof { .. }));
    assert!(no_proof(refusal(restore(&mut state, given))));
    let given = BackupCommand::RestoreShard(spec(&state));
    let silent = give(&mut state, operator(Role::Sre), " ", given.clone());
    assert!(no_proof(refusal(silent)));
    for who in [operator(Role::Compliance), author(node("eu-central-2/0"))] {
        let outcome = give(&mut state, who, "x", given.clone());
        assert!(matches!(refusal(outcome), Refusal::NotYours { .. }));
    }
    let mut abroad = spec(&state);
    abroad.node = node("us-east-1/0");
    let outcome = refusal(restore(&mut state, abroad));
    assert!(matches!(outcome, Refusal::LawForbids(_)), "{outcome:?}");
}

#[test]
fn no_epoch_but_the_next_is_taken_and_no_name_twice() {
    let mut state = served();
    let config = state.shards[&shard()].config.clone().expect("placed");
    for epoch in [config.epoch_max.0, config.epoch_max.0 + 2, u64::MAX] {
        let mut given = spec(&state);
        given.epoch = Epoch(epoch);
        let other = refusal(restore(&mut state, given));
        assert!(
            matches!(other, Refusal::Backup(BackupRefusal::EpochGivenOut { .. })),
            "{other:?}"
        );
    }
    let mut given = spec(&state);
    given.replica = config.primary.replica;
    let named = refusal(restore(&mut state, given));
    assert!(
        matches!(named, Refusal::Backup(BackupRefusal::NameTaken { .. })),
        "{named:?}"
    );
}

/// [restore after erasure]: the list is longer than the one that was read when the copy was restored.
#[test]
fn who_was_erased_meanwhile_keeps_a_restore_out_until_he_is_left_out_of_it() {
    let mut state = served();
    let given = spec(&state);
    assert!(matches!(
        erase(&mut state, "eu-central-1/0", user_of_the_shard()),
        Outcome::Accepted { .. }
    ));
    let old = refusal(restore(&mut state, given));
    assert!(
        matches!(old, Refusal::Backup(BackupRefusal::OtherList { .. })),
        "{old:?}"
    );
    let given = spec(&state);
    assert!(matches!(restore(&mut state, given), Outcome::Accepted { .. }));
}

#[test]
fn an_erasure_is_put_on_record_once_by_whoever_serves_the_person_and_never_taken_back() {
    let mut state = served();
    let user = user_of_the_shard();
    let foreign = refusal(erase(&mut state, "eu-central-2/0", user));
    assert!(matches!(foreign, Refusal::NotYours { .. }), "{foreign:?}");
    assert_eq!(state.erasures.count(&home()), 0);
    let empty = state.erasures.digest(&shard());
    erase(&mut state, "eu-central-1/0", user);
    assert_eq!(state.erasures.erased_ms(&home(), user), Some(state.time_ms));
    let head = state.ledger.head().sequence;
    assert!(matches!(
        erase(&mut state, "eu-central-1/0", user),
        Outcome::Unchanged { .. }
    ));
    assert_eq!(state.ledger.head().sequence, head, "one certificate");
    assert_ne!(state.erasures.digest(&shard()), empty);
    let directory: ShardId = "directory/eu/000".parse().expect("a shard");
    assert_eq!(
        state.erasures.of(&directory).collect::<Vec<_>>(),
        [user],
        "claims, too"
    );
    let elsewhere: ShardId = "us/us-east/000".parse().expect("a shard");
    assert_eq!(state.erasures.of(&elsewhere).count(), 0);
}

#[test]
fn what_was_never_served_has_nothing_to_restore() {
    let mut state = lawful();
    register(&mut state, "eu-central-1/0", 1, "127.0.0.1:1");
    register(&mut state, "eu-central-2/0", 1, "127.0.0.1:2");
    place(&mut state, "eu/eu-central/000", "eu-central-1", 1);
    let given = spec(&state);
    let unborn = refusal(restore(&mut state, given));
    assert!(
        matches!(unborn, Refusal::Backup(BackupRefusal::Unborn { .. })),
        "{unborn:?}"
    );
    assert_eq!(state.shards[&shard()].epoch(), Epoch(1));
    assert_ne!(state.shards[&shard()].generation, Generation(0));
}
