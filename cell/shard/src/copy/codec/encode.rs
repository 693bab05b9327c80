//! From a frame to bytes.

use bytes::{BufMut, Bytes, BytesMut};
use cell_replica::frame::{Ask, Promise, Status};
use cell_replica::{Frame, Head, Member, Message, Refusal};
use platform_model::Term;
use prost::Message as _;
use xxhash_rust::xxh3::xxh3_64;

use super::records::{
    AskRecord, EndRecord, FrameRecord, PairRecord, PromiseRecord, RefusalRecord, RowsRecord, kind,
};
use super::{HEAD_BYTES, MAGIC, VERSION};
use crate::copy::content::{Rows, ShardContent, Touched};
use crate::copy::nodes::Nodes;
use crate::copy::records::{MemberRecord, head_record, replica_record, term_record, upkeep_record};

/// What goes beside a frame: see [`super::Beside`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Extra {
    pub time_ms: u64,
    pub start: Bytes,
}

/// A frame without entries. `Append` goes through [`encode_entries`].
pub(crate) fn encode(frame: &Frame<ShardContent>, nodes: &Nodes, extra: &Extra) -> Bytes {
    let mut record = addressed(frame, nodes);
    record.time_ms = extra.time_ms;
    record.start = extra.start.clone();
    fill(&mut record, &frame.message);
    sealed(&record)
}

/// An `Append` with the entries as they are stored; `before` is the chain in front of the first.
pub(crate) fn encode_entries(
    frame: &Frame<ShardContent>,
    nodes: &Nodes,
    ask: Ask,
    before: u64,
    entries: Vec<Bytes>,
) -> Bytes {
    let record = FrameRecord {
        kind: kind::APPEND,
        ask: Some(ask_record(ask)),
        before,
        entries,
        ..addressed(frame, nodes)
    };
    sealed(&record)
}

fn sealed(record: &FrameRecord) -> Bytes {
    let mut buffer = BytesMut::with_capacity(HEAD_BYTES + record.encoded_len());
    buffer.put_bytes(0, HEAD_BYTES);
    record
        .encode(&mut buffer)
        .expect("a buffer that grows takes everything");
    with_head(buffer)
}

/// A record as it is, with the head in front.
pub(super) fn headed(record: &[u8]) -> Bytes {
    let mut buffer = BytesMut::zeroed(HEAD_BYTES);
    buffer.put_slice(record);
    with_head(buffer)
}

/// Fills in the head, for which room was left.
fn with_head(mut buffer: BytesMut) -> Bytes {
    let checksum = xxh3_64(&buffer[HEAD_BYTES..]);
    buffer[..MAGIC.len()].copy_from_slice(&MAGIC);
    buffer[MAGIC.len()] = VERSION;
    buffer[HEAD_BYTES - 8..HEAD_BYTES].copy_from_slice(&checksum.to_be_bytes());
    buffer.freeze()
}

fn addressed(frame: &Frame<ShardContent>, nodes: &Nodes) -> FrameRecord {
    FrameRecord {
        world: frame.group.world,
        shard: frame.group.shard,
        term: term_record(frame.term),
        from: member_record(frame.from, nodes),
        to: replica_record(frame.to),
        ..FrameRecord::default()
    }
}

fn member_record(member: Member, nodes: &Nodes) -> MemberRecord {
    MemberRecord {
        node: nodes
            .name(member.node)
            .map(ToString::to_string)
            .unwrap_or_default(),
        replica: replica_record(member.replica),
    }
}

fn fill(record: &mut FrameRecord, message: &Message<ShardContent>) {
    let heads = |heads: &[Head]| heads.iter().copied().map(head_record).collect();
    match message {
        Message::Query(ask) => (record.kind, record.ask) = (kind::QUERY, Some(ask_record(*ask))),
        Message::Append { ask, .. } => (record.kind, record.ask) = (kind::APPEND, Some(ask_record(*ask))),
        Message::KeepAlive { ask, serves } => {
            (record.kind, record.ask) = (kind::KEEP_ALIVE, Some(ask_record(*ask)));
            record.flag = *serves;
        }
        Message::Rewind { fork, end } => {
            (record.kind, record.heads) = (kind::REWIND, heads(&[*fork, *end]));
        }
        Message::Restored { fork, stamp, page } => {
            (record.kind, record.heads) = (kind::RESTORED, heads(&[*fork, *stamp]));
            record.rows = Some(rows_record(page));
        }
        Message::CopyBase { base } => (record.kind, record.heads) = (kind::COPY_BASE, heads(&[*base])),
        Message::Page {
            chunk,
            stamp,
            page,
            last,
        } => {
            (record.kind, record.heads) = (kind::PAGE, heads(&[*stamp]));
            (record.chunk, record.flag) = (*chunk, *last);
            record.rows = Some(rows_record(page));
        }
        Message::Release {
            generation,
            epoch,
            last,
        } => {
            (record.kind, record.heads) = (kind::RELEASE, heads(&[*last]));
            (record.generation, record.epoch) = (generation.0, epoch.0);
        }
        other => fill_of_standby(record, other),
    }
}

fn fill_of_standby(record: &mut FrameRecord, message: &Message<ShardContent>) {
    match message {
        Message::Status(status) => fill_status(record, status),
        Message::Ack { last, promise } => {
            (record.kind, record.heads) = (kind::ACK, vec![head_record(*last)]);
            record.promise = Some(promise_record(*promise));
        }
        Message::FetchKeys { fork, keys } => {
            (record.kind, record.heads) = (kind::FETCH_KEYS, vec![head_record(*fork)]);
            record.rows = Some(touched_record(keys));
        }
        Message::FetchPage { chunk } => (record.kind, record.chunk) = (kind::FETCH_PAGE, *chunk),
        Message::Digest {
            chunk,
            position,
            digest,
        } => {
            (record.kind, record.chunk) = (kind::DIGEST, *chunk);
            (record.position, record.digest) = (position.0, *digest);
        }
        Message::Leaving => record.kind = kind::LEAVING,
        Message::Refused(refusal) => {
            (record.kind, record.refusal) = (kind::REFUSED, Some(refusal_record(refusal)));
        }
        _ => {}
    }
}

fn fill_status(record: &mut FrameRecord, status: &Status) {
    record.kind = kind::STATUS;
    record.heads = vec![head_record(status.last)];
    record.upkeep = Some(upkeep_record(status.upkeep));
    record.promise = Some(promise_record(status.promise));
    record.ends = status
        .ends
        .iter()
        .map(|end| EndRecord {
            epoch: end.epoch.0,
            end: end.end.0,
        })
        .collect();
}

fn ask_record(ask: Ask) -> AskRecord {
    AskRecord {
        sent: ask.sent.0,
        lease_micros: ask.lease_micros,
        known: ask.known.0,
    }
}

fn promise_record(promise: Promise) -> PromiseRecord {
    PromiseRecord {
        echo: promise.echo.0,
        micros: promise.micros,
    }
}

fn pairs(pairs: &[(Bytes, Bytes)]) -> Vec<PairRecord> {
    let pair = |(first, second): &(Bytes, Bytes)| PairRecord {
        first: first.clone(),
        second: second.clone(),
    };
    pairs.iter().map(pair).collect()
}

fn rows_record(rows: &Rows) -> RowsRecord {
    RowsRecord {
        ranges: pairs(&rows.ranges),
        keys: rows.cleared.clone(),
        rows: pairs(&rows.rows),
        time_ms: rows.time_ms,
        left_bytes: rows.left_bytes,
    }
}

fn touched_record(touched: &Touched) -> RowsRecord {
    RowsRecord {
        ranges: pairs(&touched.ranges),
        keys: touched.keys.clone(),
        ..RowsRecord::default()
    }
}

fn refusal_record(refusal: &Refusal) -> RefusalRecord {
    let empty = RefusalRecord::default();
    let terms = |kind, term: Option<Term>, highest: Option<Term>| RefusalRecord {
        kind,
        term: term.map(term_record),
        highest: highest.map(term_record),
        ..RefusalRecord::default()
    };
    let numbers = |kind, first, second| RefusalRecord {
        kind,
        first,
        second,
        ..RefusalRecord::default()
    };
    match refusal {
        Refusal::ForeignWorld => numbers(1, 0, 0),
        Refusal::ForeignShard => numbers(2, 0, 0),
        Refusal::Amnesia { asked, have } => RefusalRecord {
            kind: 3,
            asked: Some(replica_record(*asked)),
            have: have.map(replica_record),
            ..empty
        },
        Refusal::ForeignReplica { from } => RefusalRecord {
            kind: 4,
            asked: Some(replica_record(*from)),
            ..empty
        },
        Refusal::NotPrimary { from, term } => RefusalRecord {
            asked: Some(replica_record(*from)),
            ..terms(5, Some(*term), None)
        },
        Refusal::TermTooLow { term, highest } => terms(6, Some(*term), Some(*highest)),
        Refusal::UnknownTerm { term } => terms(7, Some(*term), None),
        Refusal::Promised { promised } => numbers(8, promised.0, 0),
        Refusal::Gap { position, end } => numbers(9, position.0, end.0),
        Refusal::Repeat { position, end } => numbers(10, position.0, end.0),
        Refusal::ChainMisfit { position } => numbers(11, position.0, 0),
        Refusal::AckMisfit { position } => numbers(12, position.0, 0),
        Refusal::OldConfiguration { given, known } => numbers(13, given.0, known.0),
        Refusal::LateOrder { given, highest } => numbers(14, given.0, highest.0),
        Refusal::EpochBegun { epoch } => numbers(15, epoch.0, 0),
        Refusal::NotWhole => numbers(16, 0, 0),
        Refusal::StillNamed { replica } => RefusalRecord {
            kind: 17,
            asked: Some(replica_record(*replica)),
            ..empty
        },
        Refusal::OtherPosition { chunk, position } => numbers(18, u64::from(*chunk), position.0),
        Refusal::NotNow { .. } => numbers(19, 0, 0),
        Refusal::Moving => numbers(20, 0, 0),
        Refusal::NoLease => numbers(21, 0, 0),
        Refusal::Busy => numbers(22, 0, 0),
        Refusal::Stopped => numbers(23, 0, 0),
        Refusal::UnknownTicket => numbers(24, 0, 0),
    }
}
