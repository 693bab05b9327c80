//! The events that every state meets, the good and the bad.

use platform_model::{Epoch, Generation, Position, ReplicaId};

use super::table::{Machine, NOW, ask, at, config, elsewhere, frame, handover, last, promise, status_of};
use super::{Small, seal, term};
use crate::entry::{Body, Head};
use crate::event::Event;
use crate::frame::{Ask, Message};
use crate::meta::Upkeep;
use crate::moment::Moment;
use crate::names::{OrderIndex, Ticket};
use crate::refusal::Refusal;

/// Frames of a primary (1) to a standby (2), the good and the bad.
pub(super) fn from_primary(me: u16, machine: &Machine) -> Vec<(&'static str, Event<Small>)> {
    let tail = machine.tail();
    let good = |message| frame(term(1, 1), 1, me, message);
    let next = seal(tail, term(1, 1), Body::Data(7));
    let after = seal(next.head, term(1, 1), Body::Data(8));
    let mut misfit = next.clone();
    misfit.before ^= 1;
    let append = |entries| Message::Append { ask: ask(), entries };
    let repeated = machine.log().entry(tail.position).cloned();
    vec![
        ("query", good(Message::Query(ask()))),
        (
            "query of a new term",
            frame(term(2, 5), 1, me, Message::Query(ask())),
        ),
        (
            "query of a lower term",
            frame(term(0, 1), 1, me, Message::Query(ask())),
        ),
        (
            "query of a higher term by a copy that does not lead",
            frame(term(1, 9), 3, me, Message::Query(ask())),
        ),
        ("append", good(append(vec![next.clone()]))),
        (
            "append of an unknown term",
            frame(term(2, 5), 1, me, append(vec![next.clone()])),
        ),
        ("append with a gap", good(append(vec![after]))),
        ("append again", good(append(repeated.into_iter().collect()))),
        ("append off the chain", good(append(vec![misfit]))),
    ]
}

/// More of them: leases, undoing, copying, handing over.
pub(super) fn more_from_primary(me: u16, machine: &Machine) -> Vec<(&'static str, Event<Small>)> {
    let tail = machine.tail();
    let good = |message| frame(term(1, 1), 1, me, message);
    let fork = machine.log().head(Position(2)).unwrap_or_default();
    let known = Ask {
        known: Position(99),
        ..ask()
    };
    vec![
        (
            "keep-alive",
            good(Message::KeepAlive {
                ask: ask(),
                serves: true,
            }),
        ),
        (
            "keep-alive that knows of more than is here",
            good(Message::KeepAlive {
                ask: known,
                serves: true,
            }),
        ),
        ("rewind to 2", good(Message::Rewind { fork, end: tail })),
        (
            "rewind of a log that has gone on",
            good(Message::Rewind { fork, end: fork }),
        ),
        (
            "restored",
            good(Message::Restored {
                fork: at(2),
                stamp: at(4),
                page: 1,
            }),
        ),
        ("copy-base", good(Message::CopyBase { base: tail })),
        (
            "page 1, the last",
            good(Message::Page {
                chunk: 1,
                stamp: at(3),
                page: 1,
                last: true,
            }),
        ),
        (
            "page 5",
            good(Message::Page {
                chunk: 5,
                stamp: at(3),
                page: 1,
                last: false,
            }),
        ),
        (
            "release of a handover that is not known",
            good(Message::Release {
                generation: Generation(4),
                epoch: Epoch(2),
                last: tail,
            }),
        ),
    ]
}

/// Frames of a standby (2) to the primary (1).
pub(super) fn from_standby(me: u16, machine: &Machine) -> Vec<(&'static str, Event<Small>)> {
    let tail = machine.tail();
    let good = |message| frame(term(1, 1), 2, me, message);
    let ack = |last| Message::Ack {
        last,
        promise: promise(),
    };
    let mut other = tail;
    other.chain ^= 1;
    let mut ahead = tail;
    ahead.position = Position(99);
    let copying = Upkeep::Copying {
        base: None,
        next_chunk: 0,
        stamp: Head::default(),
    };
    vec![
        (
            "status, a prefix",
            good(Message::Status(status_of(last(), Upkeep::Whole))),
        ),
        (
            "status, ahead in this epoch",
            good(Message::Status(status_of(ahead, Upkeep::Whole))),
        ),
        (
            "status, an empty copy",
            good(Message::Status(status_of(Head::default(), copying))),
        ),
        ("ack", good(ack(tail))),
        ("ack of another entry", good(ack(other))),
        ("ack of what is not there", good(ack(ahead))),
        ("ack of a lower term", frame(term(0, 1), 2, me, ack(tail))),
        ("ack of a higher term", frame(term(9, 1), 2, me, ack(tail))),
        ("ack of a foreign replica", frame(term(1, 1), 8, me, ack(tail))),
        ("fetch-keys", good(Message::FetchKeys { fork: at(2), keys: 1 })),
        (
            "fetch-keys for a fork of another history",
            good(Message::FetchKeys {
                fork: elsewhere(2),
                keys: 1,
            }),
        ),
        ("fetch-page", good(Message::FetchPage { chunk: 0 })),
        (
            "digest for another position",
            good(Message::Digest {
                chunk: 0,
                position: Position(1),
                digest: 1,
            }),
        ),
        ("leaving", good(Message::Leaving)),
        (
            "refused: amnesia",
            good(Message::Refused(Refusal::Amnesia {
                asked: ReplicaId(2),
                have: None,
            })),
        ),
        (
            "refused: unknown term",
            good(Message::Refused(Refusal::UnknownTerm { term: term(1, 1) })),
        ),
    ]
}

pub(super) fn foreign(me: u16) -> Vec<(&'static str, Event<Small>)> {
    let mut world = frame(term(1, 1), 1, me, Message::Query(ask()));
    let mut shard = world.clone();
    if let (Event::Received(world), Event::Received(shard)) = (&mut world, &mut shard) {
        world.group.world = 8;
        shard.group.shard = 8;
    }
    vec![
        ("frame of a foreign world", world),
        ("frame of a foreign shard", shard),
        (
            "frame to another replica id",
            frame(term(1, 1), 1, 77, Message::Query(ask())),
        ),
    ]
}

pub(super) fn own(me: u16, machine: &Machine) -> Vec<(&'static str, Event<Small>)> {
    let replica = ReplicaId(u128::from(me));
    let order = |order| OrderIndex(order);
    let sealed = |body| Event::Append(seal(machine.tail(), term(1, 1), body));
    let mut list = vec![
        ("configuration from the past", Event::Configured(config(2, 1, 1))),
        (
            "configuration of the same generation",
            Event::Configured(config(3, 1, 1)),
        ),
        ("configuration, newer", Event::Configured(config(9, 1, 1))),
        ("configuration, 2 leads e2", Event::Configured(config(9, 2, 2))),
        ("configuration, a handover to 2", Event::Configured(handover(9))),
        (
            "confirmed",
            Event::Confirmed {
                asked: NOW,
                generation: Generation(3),
            },
        ),
        (
            "confirmed, asked before the start",
            Event::Confirmed {
                asked: Moment(1),
                generation: Generation(3),
            },
        ),
        ("persisted, no such ticket", Event::Persisted(Ticket(999))),
        ("disk-failed", Event::DiskFailed),
        ("sealed data", sealed(Body::Data(1))),
        ("sealed term", sealed(Body::Term)),
        (
            "prepare e2",
            Event::Prepare {
                order: order(30),
                epoch: Epoch(2),
            },
        ),
        (
            "prepare e1",
            Event::Prepare {
                order: order(30),
                epoch: Epoch(1),
            },
        ),
        (
            "prepare, a late order",
            Event::Prepare {
                order: order(0),
                epoch: Epoch(2),
            },
        ),
        (
            "erase",
            Event::Erase {
                order: order(30),
                replica,
            },
        ),
        (
            "erase of another copy",
            Event::Erase {
                order: order(30),
                replica: ReplicaId(66),
            },
        ),
    ];
    list.extend(foreign(me));
    list
}

/// What the host brings.
pub(super) fn of_the_host() -> Vec<(&'static str, Event<Small>)> {
    vec![
        ("tick", Event::Tick),
        (
            "page-read",
            Event::PageRead {
                to: ReplicaId(2),
                chunk: 0,
                stamp: at(1),
                page: 1,
                last: false,
            },
        ),
        (
            "page-read of another history",
            Event::PageRead {
                to: ReplicaId(2),
                chunk: 0,
                stamp: elsewhere(2),
                page: 1,
                last: false,
            },
        ),
        (
            "keys-collected",
            Event::KeysCollected {
                fork: at(2),
                end: at(3),
                keys: 1,
            },
        ),
        (
            "digested",
            Event::Digested {
                chunk: 0,
                position: Position(1),
                digest: 1,
            },
        ),
        ("verify", Event::Verify { chunk: 0 }),
        ("may-trim", Event::MayTrim { upto: Position(2) }),
        ("leave", Event::Leave),
    ]
}
