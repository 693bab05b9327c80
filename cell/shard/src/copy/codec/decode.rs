//! From bytes to a frame. Nothing is believed: lengths, versions, checksums, chains.

use bytes::{Buf, Bytes};
use cell_replica::frame::{Ask, Promise, Status};
use cell_replica::log::EpochEnd;
use cell_replica::{Body, Entry, Frame, Group, Head, Member, Message, Moment, OrderIndex, Refusal};
use platform_model::{Epoch, Generation, Position, ReplicaId};
use prost::Message as _;
use xxhash_rust::xxh3::xxh3_64;

use super::records::{AskRecord, FrameRecord, PairRecord, PromiseRecord, RefusalRecord, RowsRecord, kind};
use super::{Beside, FRAME_BYTES_MAX, FrameError, HEAD_BYTES, Incoming, MAGIC, VERSION};
use crate::copy::content::{Handle, Rows, ShardContent, Touched};
use crate::copy::nodes::Nodes;
use crate::copy::records::{head, replica, term, upkeep};
use crate::entry::{self, EntryKind, LogEntry};

/// Entries of one frame.
const ENTRIES_MAX: usize = cell_replica::limits::MESSAGE_ENTRIES;
/// What a refusal that names a state of the other end says here.
const ELSEWHERE: &str = "elsewhere";

pub(crate) fn decode(mut bytes: Bytes, nodes: &mut Nodes) -> Result<Incoming, FrameError> {
    if bytes.len() > FRAME_BYTES_MAX {
        return Err(FrameError::TooLong { max: FRAME_BYTES_MAX });
    }
    if bytes.len() < HEAD_BYTES || bytes[..MAGIC.len()] != MAGIC {
        return Err(FrameError::Foreign);
    }
    bytes.advance(MAGIC.len());
    let found = bytes.get_u8();
    if found != VERSION {
        let known = VERSION;
        return Err(FrameError::Version { found, known });
    }
    let checksum = bytes.get_u64();
    if xxh3_64(&bytes) != checksum {
        return Err(FrameError::Checksum);
    }
    let record = FrameRecord::decode(bytes).map_err(|_| FrameError::Damaged("record"))?;
    frame(record, nodes)
}

fn frame(record: FrameRecord, nodes: &mut Nodes) -> Result<Incoming, FrameError> {
    let node = record
        .from
        .node
        .parse()
        .map_err(|_| FrameError::Damaged("sender"))?;
    let from = Member {
        node: nodes.key(&node).ok_or(FrameError::Nodes)?,
        replica: name(&record.from.replica)?,
    };
    let group = Group {
        world: record.world,
        shard: record.shard,
    };
    let (term, to) = (term(record.term), name(&record.to)?);
    let (message, beside) = message(record)?;
    let frame = Frame {
        group,
        term,
        from,
        to,
        message,
    };
    Ok(Incoming { frame, beside })
}

fn message(record: FrameRecord) -> Result<(Message<ShardContent>, Beside), FrameError> {
    let heads: Vec<Head> = record.heads.iter().copied().map(head).collect();
    let at = |index: usize| heads.get(index).copied().ok_or(FrameError::Damaged("head"));
    let plain = |message| Ok((message, Beside::Nothing));
    match record.kind {
        kind::QUERY => plain(Message::Query(ask(record.ask)?)),
        kind::APPEND => append(record),
        kind::KEEP_ALIVE => plain(Message::KeepAlive {
            ask: ask(record.ask)?,
            serves: record.flag,
        }),
        kind::REWIND => plain(Message::Rewind {
            fork: at(0)?,
            end: at(1)?,
        }),
        kind::RESTORED => plain(Message::Restored {
            fork: at(0)?,
            stamp: at(1)?,
            page: rows(record.rows)?,
        }),
        kind::COPY_BASE => Ok((
            Message::CopyBase { base: at(0)? },
            Beside::BaseTime(record.time_ms),
        )),
        kind::PAGE => plain(Message::Page {
            chunk: record.chunk,
            stamp: at(0)?,
            page: rows(record.rows)?,
            last: record.flag,
        }),
        kind::RELEASE => plain(Message::Release {
            generation: Generation(record.generation),
            epoch: Epoch(record.epoch),
            last: at(0)?,
        }),
        kind::STATUS => plain(status(&record, at(0)?)?),
        kind::ACK => plain(Message::Ack {
            last: at(0)?,
            promise: promise(record.promise)?,
        }),
        kind::FETCH_KEYS => plain(Message::FetchKeys {
            fork: at(0)?,
            keys: touched(record.rows)?,
        }),
        kind::FETCH_PAGE => Ok((
            Message::FetchPage { chunk: record.chunk },
            Beside::PageStart(record.start),
        )),
        kind::DIGEST => plain(Message::Digest {
            chunk: record.chunk,
            position: Position(record.position),
            digest: record.digest,
        }),
        kind::LEAVING => plain(Message::Leaving),
        kind::REFUSED => plain(Message::Refused(refusal(record.refusal)?)),
        _ => Err(FrameError::Damaged("kind")),
    }
}

fn append(record: FrameRecord) -> Result<(Message<ShardContent>, Beside), FrameError> {
    if record.entries.is_empty() || record.entries.len() > ENTRIES_MAX {
        return Err(FrameError::Damaged("number of entries"));
    }
    let mut before = record.before;
    let mut entries = Vec::with_capacity(record.entries.len());
    let mut stored = Vec::with_capacity(record.entries.len());
    for bytes in record.entries {
        let read = entry::open(bytes.clone(), Some(before)).map_err(|_| FrameError::Chain)?;
        entries.push(machine_entry(&read, before, bytes.len()));
        before = read.chain;
        stored.push((bytes, read));
    }
    let ask = ask(record.ask)?;
    Ok((Message::Append { ask, entries }, Beside::Entries(stored)))
}

/// The entry as the machine holds it.
pub(crate) fn machine_entry(read: &LogEntry, before: u64, bytes: usize) -> Entry<ShardContent> {
    let head = Head {
        position: read.position,
        term: read.term,
        chain: read.chain,
    };
    let body = match &read.kind {
        EntryKind::Data => Body::Data(Handle {
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            sync: read.is_sync(),
        }),
        EntryKind::Term => Body::Term,
        EntryKind::Trim { upto } => Body::Trim(*upto),
        EntryKind::Barrier { chunk, .. } => Body::Barrier { chunk: *chunk },
    };
    Entry { head, before, body }
}

fn status(record: &FrameRecord, last: Head) -> Result<Message<ShardContent>, FrameError> {
    if record.ends.len() > cell_replica::limits::EPOCH_ENDS_MAX + 1 {
        return Err(FrameError::Damaged("number of epochs"));
    }
    let ends = record.ends.iter().map(|end| EpochEnd {
        epoch: Epoch(end.epoch),
        end: Position(end.end),
    });
    let upkeep = record.upkeep.and_then(upkeep);
    Ok(Message::Status(Status {
        last,
        upkeep: upkeep.ok_or(FrameError::Damaged("upkeep"))?,
        ends: ends.collect(),
        promise: promise(record.promise)?,
    }))
}

fn name(bytes: &[u8]) -> Result<ReplicaId, FrameError> {
    replica(bytes).ok_or(FrameError::Damaged("name"))
}

fn ask(record: Option<AskRecord>) -> Result<Ask, FrameError> {
    let record = record.ok_or(FrameError::Damaged("question"))?;
    Ok(Ask {
        sent: Moment(record.sent),
        lease_micros: record.lease_micros,
        known: Position(record.known),
    })
}

fn promise(record: Option<PromiseRecord>) -> Result<Promise, FrameError> {
    let record = record.ok_or(FrameError::Damaged("promise"))?;
    Ok(Promise {
        echo: Moment(record.echo),
        micros: record.micros,
    })
}

fn pairs(records: Vec<PairRecord>) -> Vec<(Bytes, Bytes)> {
    records
        .into_iter()
        .map(|pair| (pair.first, pair.second))
        .collect()
}

fn rows(record: Option<RowsRecord>) -> Result<Rows, FrameError> {
    let record = record.ok_or(FrameError::Damaged("page"))?;
    Ok(Rows {
        ranges: pairs(record.ranges),
        cleared: record.keys,
        rows: pairs(record.rows),
        time_ms: record.time_ms,
        left_bytes: record.left_bytes,
    })
}

fn touched(record: Option<RowsRecord>) -> Result<Touched, FrameError> {
    let record = record.ok_or(FrameError::Damaged("keys"))?;
    Ok(Touched {
        keys: record.keys,
        ranges: pairs(record.ranges),
    })
}

fn refusal(record: Option<RefusalRecord>) -> Result<Refusal, FrameError> {
    let record = record.ok_or(FrameError::Damaged("refusal"))?;
    let damaged = FrameError::Damaged("refusal");
    let asked = || record.asked.as_deref().and_then(replica).ok_or(damaged);
    let own_term = || record.term.map(term).ok_or(damaged);
    let highest = || record.highest.map(term).ok_or(damaged);
    let (first, second) = (record.first, record.second);
    let (position, end) = (Position(first), Position(second));
    Ok(match record.kind {
        1 => Refusal::ForeignWorld,
        2 => Refusal::ForeignShard,
        3 => Refusal::Amnesia {
            asked: asked()?,
            have: match &record.have {
                Some(bytes) => Some(replica(bytes).ok_or(damaged)?),
                None => None,
            },
        },
        4 => Refusal::ForeignReplica { from: asked()? },
        5 => Refusal::NotPrimary {
            from: asked()?,
            term: own_term()?,
        },
        6 => Refusal::TermTooLow {
            term: own_term()?,
            highest: highest()?,
        },
        7 => Refusal::UnknownTerm { term: own_term()? },
        8 => Refusal::Promised {
            promised: Epoch(first),
        },
        9 => Refusal::Gap { position, end },
        10 => Refusal::Repeat { position, end },
        11 => Refusal::ChainMisfit { position },
        12 => Refusal::AckMisfit { position },
        13 => Refusal::OldConfiguration {
            given: Generation(first),
            known: Generation(second),
        },
        14 => Refusal::LateOrder {
            given: OrderIndex(first),
            highest: OrderIndex(second),
        },
        15 => Refusal::EpochBegun { epoch: Epoch(first) },
        16 => Refusal::NotWhole,
        17 => Refusal::StillNamed { replica: asked()? },
        18 => Refusal::OtherPosition {
            chunk: u32::try_from(first).map_err(|_| damaged)?,
            position: Position(second),
        },
        19 => Refusal::NotNow { state: ELSEWHERE },
        20 => Refusal::Moving,
        21 => Refusal::NoLease,
        22 => Refusal::Busy,
        23 => Refusal::Stopped,
        24 => Refusal::UnknownTicket,
        _ => return Err(damaged),
    })
}
