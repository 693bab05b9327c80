//! Tests of [`super`]: what moves the table and what must not.

use platform_runtime::clock::Clock;

use super::*;
use crate::FRAME_VERSION;

fn table(generation: u64) -> RoutingTable {
    let mut table = RoutingTable::empty(WorldId::new(&"a".repeat(64)).expect("an id"));
    table.generation = Generation(generation);
    table.common_host = format!("h{generation}.test");
    table
}

fn holding(generation: u64) -> (Held, watch::Receiver<Arc<RoutingTable>>) {
    let (sender, receiver) = watch::channel(Arc::new(table(generation)));
    let age = Arc::new(Age::new(Clock::manual(0).0));
    let told = watch::Sender::new(None);
    (Held::new(table(0).world, sender, age, told), receiver)
}

fn frame(generation: u64, body: Body) -> pb::WatchFrame {
    pb::WatchFrame {
        version: FRAME_VERSION,
        world: "a".repeat(64),
        generation,
        body: Some(body),
        ledger: None,
    }
}

fn snapshot(generation: u64) -> pb::WatchFrame {
    frame(generation, Body::Snapshot((&table(generation)).into()))
}

fn delta(from: u64, to: u64) -> pb::WatchFrame {
    frame(to, Body::Delta((&table(from).delta_to(&table(to))).into()))
}

#[test]
fn snapshots_and_deltas_lead_forward() {
    let (held, receiver) = holding(0);
    for (frame, generation) in [
        (snapshot(3), 3),
        (delta(3, 4), 4),
        (snapshot(9), 9),
        (snapshot(9), 9),
    ] {
        held.take(frame).expect("forward");
        assert_eq!(*receiver.borrow().as_ref(), table(generation));
    }
}

#[test]
fn only_current_confirms_and_only_what_is_held() {
    let (held, _receiver) = holding(3);
    held.take(snapshot(4)).expect("forward");
    assert_eq!(held.age.ms(), u64::MAX);
    assert!(matches!(
        held.take(frame(5, Body::Current(pb::Current {}))),
        Err(Unusable::Gap(_))
    ));
    held.take(frame(4, Body::Current(pb::Current {})))
        .expect("the same");
    assert_eq!(held.age.ms(), 0);
}

#[test]
fn nothing_else_moves_the_table() {
    let (held, receiver) = holding(5);
    let other_world = pb::WatchFrame {
        world: "b".repeat(64),
        ..snapshot(6)
    };
    let foreign = RoutingTable {
        world: "b".repeat(64).parse().expect("an id"),
        ..table(6)
    };
    let unusable = [
        snapshot(4),
        delta(3, 4),
        delta(6, 7),
        delta(4, 6),
        other_world,
        frame(6, Body::Snapshot((&foreign).into())),
        frame(7, Body::Snapshot((&table(6)).into())),
        pb::WatchFrame {
            generation: 9,
            ..delta(5, 6)
        },
        pb::WatchFrame {
            version: FRAME_VERSION + 1,
            ..snapshot(6)
        },
        pb::WatchFrame {
            body: None,
            ..snapshot(6)
        },
        frame(
            6,
            Body::Snapshot(pb::Table {
                records: None,
                ..(&table(6)).into()
            }),
        ),
    ];
    for frame in unusable {
        let text = format!("{frame:?}");
        assert!(held.take(frame).is_err(), "{text}");
        assert_eq!(*receiver.borrow().as_ref(), table(5), "{text}");
    }
}

fn head(sequence: u64, hash: Vec<u8>) -> Option<pb::LedgerHead> {
    Some(pb::LedgerHead { sequence, hash })
}

#[test]
fn the_end_of_the_ledger_is_told_whatever_else_a_frame_says() {
    let (held, _receiver) = holding(5);
    let mut told = held.ledger.subscribe();
    let with = |sequence, frame| pb::WatchFrame {
        ledger: head(sequence, vec![7; 32]),
        ..frame
    };
    held.take(with(3, frame(5, Body::Current(pb::Current {}))))
        .expect("the same");
    assert_eq!(told.borrow_and_update().map(|head| head.sequence), Some(3));
    // The sender lags behind with its table; what it says of the ledger is evidence all the same.
    held.take(with(2, snapshot(4))).expect_err("older");
    assert_eq!(told.borrow_and_update().map(|head| head.sequence), Some(2));
    let foreign = pb::WatchFrame {
        world: "b".repeat(64),
        ..with(9, snapshot(6))
    };
    held.take(foreign).expect_err("another world");
    assert!(!told.has_changed().expect("open"));
}

#[test]
fn an_end_of_the_ledger_that_is_none_ends_the_watch() {
    let (held, receiver) = holding(5);
    let short = pb::WatchFrame {
        ledger: head(1, vec![7; 31]),
        ..snapshot(6)
    };
    assert!(matches!(held.take(short), Err(Unusable::Frame(_))));
    assert_eq!(*receiver.borrow().as_ref(), table(5));
}
