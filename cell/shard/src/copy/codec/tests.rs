//! What is sent comes back; what is not what was sent is refused.

use std::collections::BTreeSet;

use bytes::Bytes;
use cell_replica::frame::{Ask, Promise, Status};
use cell_replica::log::EpochEnd;
use cell_replica::{Body, Frame, Group, Head, Member, Message, Moment, OrderIndex, Refusal, Upkeep};
use platform_model::{Epoch, Generation, Incarnation, Position, ReplicaId, Term};

use super::{Beside, Extra, FrameError, decode, encode, encode_entries};
use crate::copy::content::{Rows, ShardContent, Touched};
use crate::copy::nodes::Nodes;
use crate::entry::{self, EntryHead, EntryKind};

fn term() -> Term {
    Term {
        epoch: Epoch(3),
        incarnation: Incarnation(9),
    }
}

fn head(position: u64) -> Head {
    Head {
        position: Position(position),
        term: term(),
        chain: u64::MAX - position,
    }
}

fn rows() -> Rows {
    Rows {
        ranges: vec![("a".into(), "b".into()), (Bytes::new(), "z".into())],
        cleared: vec!["gone".into()],
        rows: vec![("k".into(), "v".into()), ("empty".into(), Bytes::new())],
        time_ms: 77,
        left_bytes: 1 << 40,
    }
}

fn refusals() -> Vec<Refusal> {
    let (position, end, term) = (Position(4), Position(2), term());
    let replica = ReplicaId(u128::MAX - 1);
    vec![
        Refusal::ForeignWorld,
        Refusal::ForeignShard,
        Refusal::Amnesia {
            asked: replica,
            have: None,
        },
        Refusal::Amnesia {
            asked: replica,
            have: Some(ReplicaId(3)),
        },
        Refusal::ForeignReplica { from: replica },
        Refusal::NotPrimary { from: replica, term },
        Refusal::TermTooLow {
            term,
            highest: Term::default(),
        },
        Refusal::UnknownTerm { term },
        Refusal::Promised { promised: Epoch(8) },
        Refusal::Gap { position, end },
        Refusal::Repeat { position, end },
        Refusal::ChainMisfit { position },
        Refusal::AckMisfit { position },
        Refusal::OldConfiguration {
            given: Generation(1),
            known: Generation(2),
        },
        Refusal::LateOrder {
            given: OrderIndex(1),
            highest: OrderIndex(u64::MAX),
        },
        Refusal::EpochBegun { epoch: Epoch(1) },
        Refusal::NotWhole,
        Refusal::StillNamed { replica },
        Refusal::OtherPosition { chunk: 7, position },
        Refusal::NotNow { state: "elsewhere" },
        Refusal::Moving,
        Refusal::NoLease,
        Refusal::Busy,
        Refusal::Stopped,
        Refusal::UnknownTicket,
    ]
}

fn upkeeps() -> [Upkeep; 5] {
    [
        Upkeep::Whole,
        Upkeep::Copying {
            base: None,
            next_chunk: 0,
            stamp: Head::default(),
        },
        Upkeep::Copying {
            base: Some(Position(0)),
            next_chunk: 5,
            stamp: head(4),
        },
        Upkeep::Rewinding {
            fork: head(4),
            end: head(9),
        },
        Upkeep::Mending { until: head(4) },
    ]
}

/// Every message but `Append`.
fn messages() -> Vec<Message<ShardContent>> {
    let ask = Ask {
        sent: Moment(u64::MAX),
        lease_micros: 600_000,
        known: Position(8),
    };
    let promise = Promise {
        echo: Moment(5),
        micros: 6,
    };
    let status = |upkeep| {
        let end = EpochEnd {
            epoch: Epoch(2),
            end: Position(9),
        };
        Message::Status(Status {
            last: head(9),
            upkeep,
            ends: vec![end],
            promise,
        })
    };
    let mut messages = vec![
        Message::Query(ask),
        Message::KeepAlive { ask, serves: true },
        Message::Rewind {
            fork: head(1),
            end: head(2),
        },
        Message::Restored {
            fork: head(1),
            stamp: head(2),
            page: rows(),
        },
        Message::CopyBase { base: head(3) },
        Message::Page {
            chunk: 4,
            stamp: head(5),
            page: rows(),
            last: true,
        },
        Message::Release {
            generation: Generation(6),
            epoch: Epoch(7),
            last: head(8),
        },
        Message::Ack {
            last: head(9),
            promise,
        },
        Message::FetchKeys {
            fork: head(1),
            keys: Touched {
                keys: vec!["k".into()],
                ranges: vec![("a".into(), "b".into())],
            },
        },
        Message::FetchPage { chunk: 9 },
        Message::Digest {
            chunk: 1,
            position: Position(2),
            digest: u64::MAX,
        },
        Message::Leaving,
    ];
    messages.extend(upkeeps().map(status));
    messages.extend(refusals().into_iter().map(Message::Refused));
    messages
}

fn frame(nodes: &mut Nodes, message: Message<ShardContent>) -> Frame<ShardContent> {
    Frame {
        group: Group {
            world: 1,
            shard: u64::MAX,
        },
        term: term(),
        from: Member {
            node: nodes
                .key(&"eu-central-1/0".parse().expect("a node"))
                .expect("room"),
            replica: ReplicaId(7),
        },
        to: ReplicaId(u128::MAX),
        message,
    }
}

#[test]
fn every_message_comes_back_as_it_was_sent() {
    let mut nodes = Nodes::default();
    let mut names = BTreeSet::new();
    for message in messages() {
        names.insert(message.name());
        let sent = frame(&mut nodes, message);
        let extra = Extra {
            time_ms: 88,
            start: "from here".into(),
        };
        let read = decode(encode(&sent, &nodes, &extra), &mut nodes).expect("a frame");
        match (&sent.message, &read.beside) {
            (Message::CopyBase { .. }, Beside::BaseTime(88)) => {}
            (Message::FetchPage { .. }, Beside::PageStart(start)) if start == "from here" => {}
            (_, Beside::Nothing) => {}
            other => panic!("beside: {other:?}"),
        }
        assert_eq!(read.frame, sent);
    }
    assert_eq!(names.len(), 14, "all but `append`: {names:?}");
}

/// Three entries of each kind behind a chain of 5, as they are stored.
fn entries() -> Vec<Bytes> {
    let kinds = [
        EntryKind::Term,
        EntryKind::Data,
        EntryKind::Trim { upto: Position(1) },
        EntryKind::Barrier {
            chunk: 3,
            start: "a".into(),
            end: "b".into(),
        },
    ];
    let mut chain = 5;
    let mut stored = Vec::new();
    for (at, kind) in kinds.into_iter().enumerate() {
        let head = EntryHead {
            position: Position(at as u64 + 1),
            term: term(),
            time_ms: 9,
            kind,
        };
        let (bytes, next) = entry::seal(&head, &[], chain);
        chain = next;
        stored.push(bytes);
    }
    stored
}

fn appended(nodes: &mut Nodes, before: u64, entries: Vec<Bytes>) -> Bytes {
    let ask = Ask {
        sent: Moment(1),
        lease_micros: 2,
        known: Position(3),
    };
    let frame = frame(nodes, Message::Leaving);
    encode_entries(&frame, nodes, ask, before, entries)
}

#[test]
fn entries_come_back_with_their_chain() {
    let mut nodes = Nodes::default();
    let read = decode(appended(&mut nodes, 5, entries()), &mut nodes).expect("a frame");
    let Message::Append {
        entries: read_entries,
        ..
    } = &read.frame.message
    else {
        panic!("another message");
    };
    assert_eq!(read_entries[0].before, 5);
    assert!(
        read_entries
            .windows(2)
            .all(|pair| pair[1].before == pair[0].head.chain)
    );
    assert!(matches!(read_entries[2].body, Body::Trim(Position(1))));
    assert!(matches!(read_entries[3].body, Body::Barrier { chunk: 3 }));
    let Beside::Entries(stored) = read.beside else {
        panic!("no entries");
    };
    assert_eq!(
        stored.into_iter().map(|(bytes, _)| bytes).collect::<Vec<_>>(),
        entries()
    );
    assert_eq!(
        decode(appended(&mut nodes, 6, entries()), &mut nodes),
        Err(FrameError::Chain),
        "behind another entry"
    );
    let mut swapped = entries();
    swapped.swap(1, 2);
    assert_eq!(
        decode(appended(&mut nodes, 5, swapped), &mut nodes),
        Err(FrameError::Chain)
    );
    let none = appended(&mut nodes, 5, Vec::new());
    assert!(matches!(decode(none, &mut nodes), Err(FrameError::Damaged(_))));
}

#[test]
fn a_flipped_bit_or_a_cut_end_is_refused() {
    let mut nodes = Nodes::default();
    let sent = frame(&mut nodes, messages().remove(5));
    for whole in [
        encode(&sent, &nodes, &Extra::default()),
        appended(&mut nodes, 5, entries()),
    ] {
        for at in 0..whole.len() {
            for bit in [0, 3, 7] {
                let mut flipped = whole.to_vec();
                flipped[at] ^= 1 << bit;
                assert!(
                    decode(flipped.into(), &mut nodes).is_err(),
                    "bit {bit} of byte {at}"
                );
            }
            assert!(decode(whole.slice(..at), &mut nodes).is_err(), "cut at {at}");
        }
    }
    assert_eq!(
        decode(Bytes::from_static(b"Ms\x09aaaaaaaaaaaa"), &mut nodes),
        Err(FrameError::Version { found: 9, known: 1 })
    );
}
