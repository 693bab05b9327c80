//! Which numbers a recovered world gives out.

use super::*;
use crate::command::HomeSpec;
use crate::recovery::incarnation_at;

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
    let from = state.recovery.from;
    assert!(state.table_generation.0 > from && from >= floor && floor > before.table_generation.0 << 8);
    assert_eq!(state.ledger.head().sequence, from);
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
    assert!(accepted(&adopt(&mut state, &ALL, None)));
    let (old, new) = (config(&before), config(&state));
    assert_eq!(new.generation.0, from + old.generation.0);
    assert_eq!(
        (new.epoch, new.epoch_max),
        (old.epoch, Epoch(from)),
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

/// The planted omission: two that recover one backup within ten minutes, each unknown to the other, give one epoch to two.
#[test]
fn two_recoveries_of_one_moment_give_out_no_number_alike() {
    let one = recovered();
    for other in ["spiffe://x/operator/sre/kim", "spiffe://x/operator/sre/ann"] {
        let mut how = how(NOW_MS + 1);
        other.clone_into(&mut how.by);
        let other = recover(kept(), &how).expect("a world");
        assert_eq!(other.recovery.incarnation, one.recovery.incarnation);
        assert!(one.recovery.from.abs_diff(other.recovery.from) >= 1 << 16);
        assert_ne!(one.table_generation, other.table_generation);
        assert_ne!(one.first_epoch(), other.first_epoch());
    }
}

/// However many numbers there were, and however often the world was recovered, there is room above.
#[test]
fn numbers_of_an_incarnation_never_run_into_the_next() {
    let mut state = kept();
    for nth in 1..50 {
        state.table_generation = Generation(state.table_generation.0 | ((1 << 32) - 1));
        state = recover(state, &how(NOW_MS + nth)).expect("a world");
        let above = state.table_generation.0 - recovery::incarnation::floor(state.recovery.incarnation);
        assert!(above <= 1 << 31, "{above}");
    }
}

/// A home of the same name may have been made after the backup: nodes hold shards of it.
#[test]
fn a_home_that_is_made_anew_begins_above_whatever_was_there() {
    let mut state = recovered();
    adopt_all(&mut state);
    let spec = HomeSpec {
        id: "eu/eu-central".parse().expect("a home"),
        shard_count: 1,
        host: "other.example.test".into(),
        cell: "eu-central-2".parse().expect("a cell"),
    };
    state.homes.remove(&spec.id);
    state.shards.remove(&shard());
    let done = give(&mut state, sre(Role::Sre), "", Command::CreateHome(spec));
    assert!(accepted(&done), "{done:?}");
    let floor = recovery::incarnation::floor(state.recovery.incarnation);
    let made = config(&state);
    assert!(made.epoch.0 > floor && made.epoch_max == made.epoch && made.generation.0 > floor);
}
