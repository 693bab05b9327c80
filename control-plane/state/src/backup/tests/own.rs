//! People's own requests: they fill no list by which others are erased.

use platform_model::THE_PERSON;

use super::*;
use crate::limits::{OWN_ERASED_PER_HOME_MAX, OWN_ERASED_PER_JURISDICTION_MAX, OWN_ERASURES_PER_DAY_MAX};

/// By the person himself, at that time, or as soon after the last decision as can be.
fn own(state: &mut State, user: UserId, now_ms: u64) -> Outcome {
    let envelope = his(user, now_ms);
    apply(state, &envelope).outcome
}

fn his(user: UserId, now_ms: u64) -> Envelope {
    let command = BackupCommand::BeginErasure {
        home: home(),
        user,
        by: THE_PERSON.to_owned(),
    };
    let author = author(node("eu-central-1/0"));
    Envelope::new(author, now_ms, "his own request", Command::Backup(command))
}

/// What an older build has accepted it has accepted: its log is replayed by this one.
#[test]
fn a_request_of_version_1_knows_no_bound_of_its_own() {
    let mut state = served();
    state.erasures.fill(home(), people(OWN_ERASED_PER_HOME_MAX));
    let envelope = Envelope {
        version: 1,
        ..his(user_of_the_shard(), 0)
    };
    let old = apply(&mut state, &envelope).outcome;
    assert!(matches!(old, Outcome::Accepted { .. }), "{old:?}");
}

fn people(count: usize) -> impl Iterator<Item = UserId> {
    (1_000_000..).take(count).map(user)
}

/// The planted omission: whoever registers and erases himself over and over keeps everybody else from being erased, for ever.
#[test]
fn people_who_erase_themselves_leave_the_last_tenth_of_a_home_to_officers() {
    let mut state = served();
    let user = user_of_the_shard();
    state.erasures.fill(home(), people(OWN_ERASED_PER_HOME_MAX));
    let full = refusal(own(&mut state, user, 0));
    assert!(
        matches!(full, Refusal::Backup(BackupRefusal::OwnTooMany { .. })),
        "{full:?}"
    );
    assert_eq!(
        state.erasures.count(&home()),
        OWN_ERASED_PER_HOME_MAX,
        "nothing half done"
    );
    assert_eq!(state.erasures.open(&home()).count(), 0);
    let officer = begin(&mut state, "eu-central-1/0", user);
    assert!(matches!(officer, Outcome::Accepted { .. }), "{officer:?}");
    let again = own(&mut state, user, 0);
    assert!(
        matches!(again, Outcome::Unchanged { .. }),
        "who is on it stays: {again:?}"
    );
    assert!((0.9..0.91).contains(&state.erased_list_filled()));
}

#[test]
fn the_homes_of_a_jurisdiction_together_leave_a_tenth_to_officers_too() {
    let mut state = served();
    let each = OWN_ERASED_PER_HOME_MAX;
    for number in 0..OWN_ERASED_PER_JURISDICTION_MAX / each {
        let home = format!("eu/eu-x{number}").parse().expect("a home");
        state.erasures.fill(home, people(each));
    }
    let user = user_of_the_shard();
    let full = refusal(own(&mut state, user, 0));
    assert!(
        matches!(full, Refusal::Backup(BackupRefusal::OwnTooManyThere { .. })),
        "{full:?}"
    );
    let officer = begin(&mut state, "eu-central-1/0", user);
    assert!(matches!(officer, Outcome::Accepted { .. }), "{officer:?}");
}

/// The planted omission: the list is full by the evening.
#[test]
fn a_home_takes_so_many_in_a_day_and_goes_on_the_next() {
    let mut state = served();
    let user = user_of_the_shard();
    let (noon, day) = (state.time_ms, 86_400_000);
    for _ in 0..OWN_ERASURES_PER_DAY_MAX {
        assert!(state.erasures.take_own(&home(), noon));
    }
    let today = refusal(own(&mut state, user, noon + day - 1));
    assert!(
        matches!(today, Refusal::Backup(BackupRefusal::OwnTooManyToday { .. })),
        "{today:?}"
    );
    assert_eq!(state.erasures.erased_ms(&home(), user), None);
    assert!(
        (0.99..1.01).contains(&state.erased_list_filled()),
        "somebody is told"
    );
    let tomorrow = own(&mut state, user, noon + day);
    assert!(matches!(tomorrow, Outcome::Accepted { .. }), "{tomorrow:?}");
    assert!(state.erased_list_filled() < 0.01, "only he asked today");
}

/// The planted omission: an afternoon of an officer's work, and nobody can erase himself before the next.
#[test]
fn what_officers_and_nodes_have_erased_takes_nobodys_place_of_the_day() {
    let mut state = served();
    let now = state.time_ms;
    for other in people(OWN_ERASURES_PER_DAY_MAX) {
        state.erasures.begin(&home(), other, now);
    }
    let user = user_of_the_shard();
    let asked = own(&mut state, user, now);
    assert!(matches!(asked, Outcome::Accepted { .. }), "{asked:?}");
    let before = state.erasures.clone();
    let again = own(&mut state, user, now);
    assert!(matches!(again, Outcome::Unchanged { .. }), "{again:?}");
    assert_eq!(state.erasures, before, "who asks twice takes one place");
}

#[test]
fn an_officer_does_not_wait_for_the_next_day() {
    let mut state = served();
    let now = state.time_ms;
    while state.erasures.take_own(&home(), now) {}
    let officer = begin(&mut state, "eu-central-1/0", user_of_the_shard());
    assert!(matches!(officer, Outcome::Accepted { .. }), "{officer:?}");
}
