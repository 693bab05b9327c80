//! The relay at the source; marks, floors and parked events at the receiver; what a person emits after he has moved.

use std::fmt::Write as _;

use super::{key, name, root};
use crate::mark::{Floors, Marks};
use crate::outgoing::{Outgoing, has_passed};
use crate::parked::Parked;
use crate::relay::{Answer, EventKey, Relay, RelayAction};

type Machine = Relay<char>;

const RETRY: u64 = 100;

/// Fed with two events for root 1 and one for root 2.
fn fed() -> Machine {
    let mut relay = Relay::new(RETRY);
    relay.committed(root(1), key(1, 4), 'a');
    relay.committed(root(2), key(1, 5), 'b');
    relay.committed(root(1), key(2, 6), 'c');
    relay
}

fn under_way() -> Machine {
    let mut relay = fed();
    relay.tick(0, |_| false);
    relay
}

/// Root 1's events are held.
fn held() -> Machine {
    let mut relay = fed();
    relay.tick(0, |payload| *payload != 'b');
    relay
}

fn half_done() -> Machine {
    let mut relay = under_way();
    let _ = relay.answered(root(1), key(1, 4), Answer::Delivered);
    relay
}

fn moved() -> Machine {
    let mut relay = under_way();
    let _ = relay.answered(root(1), key(1, 4), Answer::Moved);
    relay
}

fn done() -> Machine {
    let mut relay = half_done();
    relay.tick(1, |_| false);
    let _ = relay.answered(root(1), key(2, 6), Answer::Delivered);
    let _ = relay.answered(root(2), key(1, 5), Answer::Delivered);
    relay
}

fn action(action: &RelayAction<char>) -> String {
    let user = |to: &platform_model::RootRef| to.id.0.as_u128();
    match action {
        RelayAction::Deliver {
            to,
            key,
            low,
            payload,
        } => format!(
            "deliver {payload} {} to {} low {}",
            name(*key),
            user(to),
            name(*low)
        ),
        RelayAction::MoveCursor { to, key } => format!("move cursor of {} to {}", user(to), name(*key)),
        RelayAction::AskGate { to } => format!("ask gate for {}", user(to)),
    }
}

fn actions(list: &[RelayAction<char>]) -> String {
    let texts: Vec<String> = list.iter().map(action).collect();
    if texts.is_empty() {
        "nothing".to_owned()
    } else {
        texts.join("; ")
    }
}

fn answer(relay: &mut Machine, to: u128, key: EventKey, answer: Answer) -> String {
    let before = relay.clone();
    match relay.answered(root(to), key, answer) {
        Ok(one) => action(&one),
        Err(refusal) => {
            assert_eq!(*relay, before, "a refused answer changes nothing");
            format!("refused: {refusal}")
        }
    }
}

type RelayEvent = (&'static str, fn(&mut Machine) -> String);

fn relay_events() -> Vec<RelayEvent> {
    vec![
        ("feed the next of root 1", |relay| {
            format!("{:?}", relay.committed(root(1), key(2, 9), 'd'))
        }),
        ("feed root 3, unknown till now", |relay| {
            format!("{:?}", relay.committed(root(3), key(2, 7), 'e'))
        }),
        ("feed what was fed", |relay| {
            format!("{:?}", relay.committed(root(1), key(2, 6), 'c'))
        }),
        ("feed what lies below the cursor", |relay| {
            format!("{:?}", relay.committed(root(1), key(1, 3), 'z'))
        }),
        ("tick", |relay| actions(&relay.tick(RETRY - 1, |_| false))),
        ("tick past the retry", |relay| {
            actions(&relay.tick(RETRY, |_| false))
        }),
        ("tick while all of root 1 is held", |relay| {
            actions(&relay.tick(RETRY, |payload| *payload != 'b'))
        }),
        ("delivered", |relay| {
            answer(relay, 1, key(1, 4), Answer::Delivered)
        }),
        ("moved", |relay| answer(relay, 1, key(1, 4), Answer::Moved)),
        ("delivered, the one behind", |relay| {
            answer(relay, 1, key(2, 6), Answer::Delivered)
        }),
        ("delivered, of another epoch", |relay| {
            answer(relay, 1, key(2, 4), Answer::Delivered)
        }),
        ("moved, of a root never sent to", |relay| {
            answer(relay, 9, key(1, 4), Answer::Moved)
        }),
    ]
}

#[test]
fn every_state_of_a_relay_meets_every_event() {
    let states: [(&str, Machine); 7] = [
        ("empty", Relay::new(RETRY)),
        ("fed", fed()),
        ("held", held()),
        ("under way", under_way()),
        ("half done", half_done()),
        ("moved", moved()),
        ("done", done()),
    ];
    let mut table = String::new();
    for (state, relay) in states {
        let _ = writeln!(table, "## {state}, {} wait", relay.waiting());
        for (event, happens) in relay_events() {
            let mut after = relay.clone();
            let text = happens(&mut after);
            let _ = writeln!(table, "{event:<36} {text}, {} wait", after.waiting());
        }
        table.push('\n');
    }
    insta::assert_snapshot!("relay", table);
}

/// The mark of source a at e1:5; its floor as given.
fn receiver(floor: Option<EventKey>, marked: bool) -> (Marks<char>, Floors<char>) {
    let (mut marks, mut floors) = (Marks::default(), Floors::default());
    if marked {
        marks.note('a', key(1, 5));
    }
    if let Some(floor) = floor {
        floors.raise('a', floor);
    }
    marks.prune(&floors);
    (marks, floors)
}

#[test]
fn every_state_of_a_mark_meets_every_delivery() {
    let states = [
        ("no mark, no floor", receiver(None, false)),
        ("mark e1:5, no floor", receiver(None, true)),
        ("mark e1:5, floor e1:5", receiver(Some(key(1, 5)), true)),
        ("mark e1:5 let go, floor e1:8", receiver(Some(key(1, 8)), true)),
        ("no mark, floor e2:1", receiver(Some(key(2, 1)), false)),
    ];
    let deliveries = [
        ("an older one", 'a', key(1, 2)),
        ("the marked one again", 'a', key(1, 5)),
        ("the next", 'a', key(1, 6)),
        ("one after a gap", 'a', key(1, 9)),
        ("of the next epoch, lower position", 'a', key(2, 3)),
        ("of an epoch before, higher position", 'a', key(0, 99)),
        ("of a shard never heard of", 'x', key(1, 1)),
    ];
    let mut table = String::new();
    for (state, (marks, floors)) in states {
        let mark = marks.of(&'a').map_or("none".to_owned(), name);
        let _ = writeln!(table, "## {state}: mark of a is {mark}");
        for (what, source, key) in deliveries {
            let judged = marks.judge(&floors, &source, key);
            let _ = writeln!(table, "{what:<36} {source} {:<6} {judged:?}", name(key));
        }
        table.push('\n');
    }
    insta::assert_snapshot!("marks", table);
}

#[test]
fn every_state_of_the_parked_meets_every_decision() {
    let mut one = Parked::default();
    one.park('a', key(1, 5), "poison").expect("there is room");
    let mut full = Parked::default();
    while full.park('a', key(1, full.len() as u64), "poison").is_ok() {}
    let mut table = String::new();
    for (state, parked) in [("none", Parked::default()), ("one", one), ("full", full)] {
        let _ = writeln!(table, "## {state}: {} parked", parked.len());
        let park = parked.clone().park('b', key(1, 1), "other");
        let _ = writeln!(table, "park another               {park:?}");
        for (what, source, at) in [
            ("take it", 'a', key(1, 5)),
            ("take it of a later epoch", 'a', key(2, 5)),
            ("take it of another source", 'b', key(1, 5)),
        ] {
            let taken = parked.clone().take(source, at);
            let _ = writeln!(table, "{what:<26} {taken:?}");
        }
        table.push('\n');
    }
    insta::assert_snapshot!("parked", table);
}

#[test]
fn every_state_of_what_goes_out_meets_every_event() {
    let mut waits = Outgoing::default();
    waits.came(2, 'a');
    let mut twice = waits.clone();
    twice.came(4, 'b');
    let mut passed = waits.clone();
    passed.passed(2);
    let mut table = String::new();
    for (state, outgoing) in [
        ("never moved", Outgoing::default()),
        ("came under 2", waits),
        ("came under 2 and again under 4", twice),
        ("the home before 2 has passed", passed),
    ] {
        let _ = writeln!(table, "## {state}");
        for epoch in [1, 2, 3, 4] {
            let holds = outgoing.holds(epoch);
            let released = outgoing.clone().passed(epoch);
            let _ = writeln!(
                table,
                "epoch {epoch}: holds {holds:<5} the home before has passed: {released}"
            );
        }
        table.push('\n');
    }
    let _ = writeln!(table, "## has the home before 3 passed its marker?");
    for (what, served, undelivered) in [
        ("served under 2", Some(2), vec![]),
        ("served under 3", Some(3), vec![3]),
        ("gone, all delivered", None, vec![]),
        ("gone, one of 2 waits", None, vec![2, 3]),
        ("gone, one of 3 waits", None, vec![3]),
        ("served again under 5, one of 2 waits", Some(5), vec![5, 2]),
    ] {
        let _ = writeln!(table, "{what:<38} {}", has_passed(3, served, undelivered));
    }
    insta::assert_snapshot!("outgoing", table);
}
