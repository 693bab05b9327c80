//! The directory's entry, a person's place in a shard, claims and the authority's rows.

use std::fmt::{Debug, Write as _};

use crate::claim::{Authority, ClaimId, ClaimState};
use crate::home::{Entry, EntryRefusal, OperationId};
use crate::relocate::{Place, PlaceRefusal, RelocatePlants};

const FIRST: OperationId = OperationId(1);
const SECOND: OperationId = OperationId(2);
const THIRD: OperationId = OperationId(3);
const NONE: RelocatePlants = RelocatePlants {
    activate_before_commit: false,
    assume_the_cancel: false,
    late_copy: false,
    law_not_asked: false,
};

/// Home a; operation 2 to b comes to be under way, cancelled, committed.
fn entries() -> Vec<(&'static str, Entry<char>)> {
    let mut entry = Entry::new('a');
    let mut all = vec![("never moved", entry)];
    entry.start(SECOND, 'b').expect("it starts");
    all.push(("2 under way", entry));
    let (mut cancelled, mut committed) = (entry, entry);
    cancelled.cancel(SECOND).expect("it is under way");
    committed.commit(SECOND, 'b').expect("it is under way");
    all.push(("2 cancelled", cancelled));
    all.push(("2 committed", committed));
    all
}

fn brief(entry: &Entry<char>) -> String {
    let operation = entry
        .operation
        .map_or("none".to_owned(), |operation| operation.0.to_string());
    format!(
        "{{{}, {}, {operation}}} newest {}",
        entry.home, entry.user_epoch, entry.newest.0
    )
}

type EntryEvent = (&'static str, fn(&mut Entry<char>) -> Result<(), EntryRefusal>);

#[test]
fn every_state_of_an_entry_meets_every_compare_and_set() {
    let events: [EntryEvent; 10] = [
        ("start 1 to b, an old one", |entry| entry.start(FIRST, 'b')),
        ("start 2 to b", |entry| entry.start(SECOND, 'b')),
        ("start 3 to a", |entry| entry.start(THIRD, 'a')),
        ("start 3 to b", |entry| entry.start(THIRD, 'b')),
        ("start 3 to c", |entry| entry.start(THIRD, 'c')),
        ("commit 1 to b, an old one", |entry| entry.commit(FIRST, 'b')),
        ("commit 2 to b", |entry| entry.commit(SECOND, 'b')),
        ("commit 3 to c, never started", |entry| entry.commit(THIRD, 'c')),
        ("cancel 1, an old one", |entry| entry.cancel(FIRST)),
        ("cancel 2", |entry| entry.cancel(SECOND)),
    ];
    let mut table = String::new();
    for (state, entry) in entries() {
        let _ = writeln!(table, "## {state}: {}", brief(&entry));
        for (event, change) in events {
            let mut after = entry;
            let text = match change(&mut after) {
                Ok(()) => format!("-> {}", brief(&after)),
                Err(refusal) => {
                    assert_eq!(after, entry, "a refused step changes nothing");
                    format!("refused: {refusal}")
                }
            };
            let _ = writeln!(table, "{event:<32} {text}");
        }
        table.push('\n');
    }
    insta::assert_snapshot!("entry", table);
}

fn incoming(operation: OperationId, complete: bool) -> Place<char> {
    Place::Incoming { operation, complete }
}

/// What shard b knows of a person.
fn places() -> Vec<(&'static str, Option<Place<char>>)> {
    let fenced = |operation| Place::Fenced {
        user_epoch: 2,
        operation,
    };
    let gone = Place::Gone {
        to: 'a',
        user_epoch: 2,
    };
    vec![
        ("nobody", None),
        ("home", Some(Place::Home { user_epoch: 2 })),
        ("fenced for 2", Some(fenced(SECOND))),
        ("a first copy comes in for 2", Some(incoming(SECOND, false))),
        ("the whole has come in for 2", Some(incoming(SECOND, true))),
        ("gone", Some(gone)),
    ]
}

fn text<T: Debug>(outcome: Result<T, PlaceRefusal>) -> String {
    match outcome {
        Ok(place) => format!("-> {place:?}"),
        Err(refusal) => format!("refused: {refusal}"),
    }
}

/// What happens to a place that there is.
fn steps(place: Place<char>) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for (operation, which) in [(FIRST, "1, an old one"), (SECOND, "2"), (THIRD, "3")] {
        lines.push((format!("fence for {which}"), text(place.fence(operation))));
        for (complete, what) in [(false, "a first copy"), (true, "the whole")] {
            let leaves = place.leave(operation, complete, true, NONE);
            lines.push((format!("let {what} go for {which}"), text(leaves)));
        }
    }
    let unlawful = place.leave(SECOND, false, false, NONE);
    lines.push(("let it go where the law forbids".to_owned(), text(unlawful)));
    for (state, mut entry) in entries() {
        // The same entries as b reads them: its own user epoch is 2.
        entry.user_epoch += 1;
        let resumed = place.resume('b', &entry, NONE);
        let mut of_b = entry;
        of_b.home = if entry.home == 'a' { 'b' } else { 'a' };
        let resumed_at_home = place.resume('b', &of_b, NONE);
        lines.push((format!("resume by `{state}`, home {}", entry.home), text(resumed)));
        lines.push((
            format!("resume by `{state}`, home {}", of_b.home),
            text(resumed_at_home),
        ));
        let activated = place.activate('b', &entry, NONE);
        lines.push((
            format!("activate by `{state}`, home {}", entry.home),
            text(activated),
        ));
        let abandoned = place.abandon('b', &entry);
        lines.push((
            format!("abandon by `{state}`, home {}", entry.home),
            text(abandoned),
        ));
    }
    for epoch in [1, 2, 3] {
        let erased = place.erase('a', epoch);
        lines.push((format!("erase, a has served {epoch}"), text(erased)));
    }
    lines
}

fn received(place: Option<Place<char>>) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for (operation, which) in [(FIRST, "1, an old one"), (SECOND, "2"), (THIRD, "3")] {
        for (complete, what) in [(false, "a first copy"), (true, "the whole")] {
            for served in [1, 2, 3] {
                let place = Place::receive(place, operation, complete, served, NONE);
                let event = format!("{what} comes in for {which}, served {served}");
                lines.push((event, text(place)));
            }
        }
    }
    lines
}

#[test]
fn every_place_meets_every_step() {
    let mut table = String::new();
    for (state, place) in places() {
        let _ = writeln!(table, "## {state}");
        for (event, outcome) in place.map(steps).into_iter().flatten().chain(received(place)) {
            let _ = writeln!(table, "{event:<52} {outcome}");
        }
        table.push('\n');
    }
    insta::assert_snapshot!("place", table);
}

#[test]
fn every_claim_meets_every_step() {
    let mut table = String::new();
    for state in [ClaimState::Pending, ClaimState::Active, ClaimState::Dropped] {
        let _ = writeln!(
            table,
            "{:<8} given -> {:?}; given up -> {:?}; asked to decide -> {:?}",
            format!("{state:?}"),
            state.activated(),
            state.dropped(),
            state.decided()
        );
    }
    table.push('\n');
    let mut held = Authority::default();
    held.take(7, 'x', ClaimId(1));
    let mut freed = held.clone();
    freed.release(7, ClaimId(1));
    for (state, authority) in [
        ("free", Authority::default()),
        ("held by x's 1", held),
        ("freed", freed),
    ] {
        let _ = writeln!(table, "## {state}");
        for (user, claim) in [('x', 1), ('x', 2), ('y', 3), ('y', 1)] {
            let taken = authority.clone().take(7, user, ClaimId(claim));
            let _ = writeln!(table, "{user} takes it by {claim:<14} {taken:?}");
        }
        for (digest, claim) in [(7, 1), (7, 2), (8, 1)] {
            let released = authority.clone().release(digest, ClaimId(claim));
            let _ = writeln!(table, "{claim} of value {digest} is dropped    {released}");
        }
        table.push('\n');
    }
    insta::assert_snapshot!("claims", table);
}
