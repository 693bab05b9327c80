use platform_model::{Epoch, Generation, Incarnation, Position, ReplicaId, Term};
use prost::Message;

use super::convert::request;
use super::*;
use crate::pb;

fn shard() -> ShardId {
    "eu/eu-central/007".parse().expect("a shard")
}

fn term() -> Term {
    Term {
        epoch: Epoch(2),
        incarnation: Incarnation(3),
    }
}

fn copy(replica: u128) -> CopyReport {
    CopyReport {
        shard: shard(),
        replica: ReplicaId(replica),
        generation: Generation(4),
        term: term(),
        last: Position(9),
        chain: u64::MAX,
        committed: Position(8),
        leads: true,
        serves: false,
        silent_micros: 70,
        state: "catching-up".into(),
        copied_bytes: 1,
        copy_bytes_per_second: 2,
        copy_left_bytes: 3,
        commits_per_second: 4,
        p99_micros: 5,
        stalled_micros: 6,
        bytes: 7,
    }
}

/// One of each.
fn all_told() -> Vec<Told> {
    let replica = ReplicaId(u128::MAX - 1);
    let other = ReplicaId(2);
    let changes = [
        ToldChange::Born,
        ToldChange::Complete(other),
        ToldChange::Add(other),
        ToldChange::Drop(other),
        ToldChange::Damaged(other),
    ];
    let proposals = changes.map(|change| Told::Proposal {
        generation: Generation(1),
        epoch: Epoch(2),
        by: replica,
        change,
    });
    let whys = [
        UnusableWhy::Amnesia,
        UnusableWhy::Trimmed,
        UnusableWhy::Misfit,
        UnusableWhy::Mismatch,
    ];
    let unusable = whys.map(|why| Told::Unusable { replica, why });
    let position = Position(7);
    let rest = [
        Told::Prepared {
            epoch: Epoch(2),
            replica,
            last_epoch: Epoch(1),
            last_position: position,
        },
        Told::Confirmed {
            generation: Generation(3),
            epoch: Epoch(2),
            replica,
            position,
        },
        Told::CutOff {
            replica,
            fork: Position(6),
            end: position,
        },
        Told::Mismatch {
            replica,
            chunk: 5,
            position,
        },
        Told::Certified {
            replica,
            term: term(),
            chunks: 3,
            of: 4,
        },
        Told::Erased {
            replica,
            order: 10,
            bytes: 11,
            keys: 12,
        },
    ];
    proposals.into_iter().chain(unusable).chain(rest).collect()
}

fn report() -> ReplicasReport {
    ReplicasReport {
        node: "eu-central-1/0".parse().expect("a node"),
        incarnation: Incarnation(5),
        leaving: true,
        free_bytes: Some(8),
        copies: vec![copy(1), copy(2)],
        told: all_told().into_iter().map(|told| (shard(), told)).collect(),
        table: Generation(77),
        configured: Some(Knows {
            routes: vec![(
                shard(),
                ShardRoute::single("eu-central-1/0".parse().expect("a node"), Epoch(3), ReplicaId(5)),
            )],
            revoked: vec![("spiffe://w/region/eu/router/1".parse().expect("an identity"), 9)],
            law: 4,
        }),
    }
}

fn sent(report: &ReplicasReport) -> pb::ReplicasRequest {
    request("a".repeat(64), report)
}

#[test]
fn a_report_is_read_as_it_was_written() {
    let report = report();
    let bytes = sent(&report).encode_to_vec();
    let wire = pb::ReplicasRequest::decode(bytes.as_slice()).expect("our own bytes");
    assert_eq!(ReplicasReport::try_from(wire), Ok(report));
}

#[test]
fn an_answer_is_read_as_it_was_written() {
    let reply = ReplicasReply {
        newest: vec![(shard(), Generation(9))],
        verify: vec![shard()],
        tell: true,
    };
    let wire = pb::ReplicasReply::from(&reply);
    assert_eq!(ReplicasReply::try_from(wire), Ok(reply));
}

type Spoil = fn(&mut pb::ReplicasRequest);

#[test]
fn what_no_node_would_say_is_refused_by_name() {
    let cases: [(Spoil, InvalidReplicas); 10] = [
        (|r| r.copies[0].replica.push(0), InvalidReplicas::Replica(17)),
        (|r| r.copies[0].term = None, InvalidReplicas::Missing("term")),
        (|r| r.copies[0].last = u64::MAX, InvalidReplicas::Number("last")),
        (|r| r.copies[0].state = "Bad".into(), InvalidReplicas::StateName),
        (|r| r.copies[0].state = "a".repeat(33), InvalidReplicas::StateName),
        (
            |r| r.copies[1] = r.copies[0].clone(),
            InvalidReplicas::Twice(shard()),
        ),
        (|r| r.told[0].what = None, InvalidReplicas::Missing("what")),
        (
            |r| r.incarnation = NUMBER_MAX + 1,
            InvalidReplicas::Number("incarnation"),
        ),
        (
            |r| r.configured[0].epoch = NUMBER_MAX + 1,
            InvalidReplicas::Number("epoch"),
        ),
        (
            |r| r.told = vec![r.told[0].clone(); TOLD_MAX + 1],
            InvalidReplicas::TooMany {
                what: "things to tell",
                max: TOLD_MAX,
            },
        ),
    ];
    for (spoil, expected) in cases {
        let mut wire = sent(&report());
        spoil(&mut wire);
        assert_eq!(ReplicasReport::try_from(wire), Err(expected));
    }
}

#[test]
fn words_that_contradict_themselves_are_refused() {
    let read = |told: Told| {
        ReplicasReport::try_from(sent(&ReplicasReport {
            told: vec![(shard(), told)],
            ..report()
        }))
    };
    let replica = ReplicaId(1);
    let cut = Told::CutOff {
        replica,
        fork: Position(8),
        end: Position(7),
    };
    assert_eq!(read(cut), Err(InvalidReplicas::Range { fork: 8, end: 7 }));
    let certified = Told::Certified {
        replica,
        term: term(),
        chunks: 5,
        of: 4,
    };
    assert_eq!(read(certified), Err(InvalidReplicas::Chunks { chunks: 5, of: 4 }));
}

#[test]
fn what_does_not_fit_into_a_report_waits_for_the_next() {
    let many = ReplicasReport {
        told: vec![(shard(), all_told()[0]); TOLD_MAX + 5],
        ..report()
    };
    let read = ReplicasReport::try_from(sent(&many)).expect("no more than may be");
    assert_eq!(read.told.len(), TOLD_MAX);
}
