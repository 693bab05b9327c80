//! One test a rule.

use platform_model::{Epoch, Generation, HomeId, NodeId, ReplicaId, Role, ShardId, UserId};

use super::{BackupCommand, BackupRefusal, CustodyWork, RestoreSpec, may_read_erased, open_erasures_at};
use crate::apply::tests::{author, lawful, refusal, register};
use crate::command::{Author, Command, Envelope};
use crate::limits::{ERASED_PER_HOME_MAX, ERASED_PER_JURISDICTION_MAX};
use crate::outcome::Outcome;
use crate::refusal::Refusal;
use crate::shard_config::{ConfigCommand, ProposedChange};
use crate::state::State;
use crate::{apply, apply::tests::place};

mod departures;
mod given;
mod own;
mod superseded;

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
        erased: state.left_out_digest(&shard()),
        copies_are_lost: true,
    }
}

fn restore(state: &mut State, spec: RestoreSpec) -> Outcome {
    let command = BackupCommand::RestoreShard(spec);
    give(state, operator(Role::Sre), "the cell burnt down", command)
}

const OFFICER: &str = "spiffe://x/operator/compliance/ann";

/// Before anything is destroyed.
fn begin(state: &mut State, node: &str, user: UserId) -> Outcome {
    let command = BackupCommand::BeginErasure {
        home: home(),
        user,
        by: OFFICER.to_owned(),
    };
    let author = author(node.parse().expect("a node"));
    give(state, author, "request 4711", command)
}

/// When key and rows are gone.
fn end(state: &mut State, node: &str, user: UserId) -> Outcome {
    let command = BackupCommand::RecordErasure {
        home: home(),
        user,
        by: OFFICER.to_owned(),
        claims: 1,
        rows: 7,
    };
    give(
        state,
        author(node.parse().expect("a node")),
        "request 4711",
        command,
    )
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
        begin(&mut state, "eu-central-1/0", user_of_the_shard()),
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

/// Whoever is not on the list yet has lost nothing; whoever is on it comes back with no restore, whatever became of the
/// erasure since.
#[test]
fn a_person_is_on_the_list_before_anything_of_his_is_destroyed() {
    let mut state = served();
    let user = user_of_the_shard();
    let early = refusal(end(&mut state, "eu-central-1/0", user));
    assert!(
        matches!(early, Refusal::Backup(BackupRefusal::NotBegun { .. })),
        "{early:?}"
    );
    let empty = state.erasures.digest(&shard());
    let command = BackupCommand::BeginErasure {
        home: home(),
        user,
        by: OFFICER.to_owned(),
    };
    let silent = give(&mut state, author(node("eu-central-1/0")), " ", command);
    let silent = refusal(silent);
    assert!(
        matches!(silent, Refusal::Backup(BackupRefusal::NoReason { .. })),
        "{silent:?}"
    );
    begin(&mut state, "eu-central-1/0", user);
    assert_eq!(state.erasures.open(&home()).collect::<Vec<_>>(), [user]);
    let begun = state.erasures.digest(&shard());
    assert_ne!(begun, empty, "a restore has to know of him from here on");
    end(&mut state, "eu-central-1/0", user);
    assert_eq!(state.erasures.open(&home()).count(), 0);
    assert_eq!(state.erasures.digest(&shard()), begun, "the list is the same");
    assert_eq!(state.erasures.of(&shard()).collect::<Vec<_>>(), [user]);
    begin(&mut state, "eu-central-1/0", user);
    assert_eq!(state.erasures.open(&home()).count(), 0, "it is not begun again");
}

/// What one home may have on record a directory of several homes may have too.
#[test]
fn a_list_is_bounded_by_home_and_by_jurisdiction() {
    let mut state = served();
    let (homes, each) = (
        ERASED_PER_JURISDICTION_MAX / ERASED_PER_HOME_MAX,
        ERASED_PER_HOME_MAX,
    );
    for number in 0..homes {
        let home = format!("eu/eu-x{number}").parse().expect("a home");
        state.erasures.fill(home, (0..each as u128).map(user));
    }
    let user = user_of_the_shard();
    let full = refusal(begin(&mut state, "eu-central-1/0", user));
    assert!(
        matches!(full, Refusal::Backup(BackupRefusal::TooManyThere { .. })),
        "{full:?}"
    );
    assert_eq!(state.erasures.count(&home()), 0);
}

#[test]
fn what_a_node_does_for_people_is_on_record_and_changes_nothing() {
    let mut state = served();
    let before = (state.shards.clone(), state.table_generation);
    for work in CustodyWork::ALL {
        let head = state.ledger.head().sequence;
        let note = |shard: &str| BackupCommand::NoteWork {
            shard: shard.parse().expect("a shard"),
            work,
            by: "spiffe://x/operator/sre/kim".to_owned(),
            user: None,
        };
        let given = give(
            &mut state,
            author(node("eu-central-1/0")),
            "x",
            note("eu/eu-central/000"),
        );
        assert!(matches!(given, Outcome::Accepted { .. }), "{given:?}");
        assert_eq!(state.ledger.head().sequence, head + 1, "{work:?}");
        let person = give(&mut state, operator(Role::Sre), "x", note("eu/eu-central/000"));
        assert!(matches!(refusal(person), Refusal::NotYours { .. }));
        let nothing = give(
            &mut state,
            author(node("eu-central-1/0")),
            "x",
            note("eu/eu-nowhere/000"),
        );
        assert!(matches!(refusal(nothing), Refusal::UnknownShard(_)));
    }
    assert_eq!((state.shards, state.table_generation), before);
}

#[test]
fn an_erasure_is_put_on_record_once_by_whoever_serves_the_person_and_never_taken_back() {
    let mut state = served();
    let user = user_of_the_shard();
    let foreign = refusal(begin(&mut state, "eu-central-2/0", user));
    assert!(matches!(foreign, Refusal::NotYours { .. }), "{foreign:?}");
    assert_eq!(state.erasures.count(&home()), 0);
    let empty = state.erasures.digest(&shard());
    begin(&mut state, "eu-central-1/0", user);
    let foreign = refusal(end(&mut state, "eu-central-2/0", user));
    assert!(matches!(foreign, Refusal::NotYours { .. }), "{foreign:?}");
    end(&mut state, "eu-central-1/0", user);
    assert_eq!(state.erasures.erased_ms(&home(), user), Some(state.time_ms));
    let head = state.ledger.head().sequence;
    for again in [begin, end] {
        let outcome = again(&mut state, "eu-central-1/0", user);
        assert!(matches!(outcome, Outcome::Unchanged { .. }), "{outcome:?}");
    }
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

/// The planted omission: what was begun where the law has come to forbid the copy is never ended, for nobody hears of it.
#[test]
fn who_holds_the_persons_shard_hears_of_open_erasures_whatever_the_law_says_and_nobody_else() {
    let mut state = served();
    let (own, gone) = (user_of_the_shard(), user(4_711));
    begin(&mut state, "eu-central-1/0", own);
    // Of a shard that another holds.
    let elsewhere = (5_000..)
        .map(user)
        .find(|user| ShardId::of_user(&home(), 2, *user) != shard());
    let elsewhere = elsewhere.expect("every second");
    state.erasures.begin(&home(), elsewhere, 1);
    state.law = crate::law::LawBook::default();
    let (holder, other) = (node("eu-central-1/0"), node("us-east-1/0"));
    may_read_erased(&state, &shard(), &holder).expect("it leads still");
    may_read_erased(&state, &shard(), &other).expect_err("no law lets it lead");
    let open = |node: Option<&NodeId>| -> Result<Vec<UserId>, Refusal> {
        Ok(open_erasures_at(&state, &shard(), node)?.collect())
    };
    let held = open(Some(&holder)).expect("it holds a copy");
    assert!(held.contains(&own) && !held.contains(&gone), "{held:?}");
    let holds = |user: &UserId| {
        let config = state.shards[&ShardId::of_user(&home(), 2, *user)].config.as_ref();
        config.is_some_and(|config| config.copies().any(|copy| copy.node == holder))
    };
    assert_eq!(held.contains(&elsewhere), holds(&elsewhere));
    open(Some(&other)).expect_err("it holds none");
    assert_eq!(open(None).expect("an operator").len(), 2);
}
