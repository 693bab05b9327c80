//! Reports of copies, written and read; what copies have to tell is in [`told`]. Whoever reads one believes no length and no
//! number of it.

mod told;

use std::collections::BTreeSet;

use platform_model::{
    Epoch, Generation, Incarnation, InvalidId, Position, ReplicaId, RevokedIdentity, ShardId, ShardRoute,
    Term,
};

use super::{
    CopyReport, Knows, ROUTES_MAX, ReplicasReply, ReplicasReport, TOLD_MAX, Told, copies_sent, told_sent,
};
use crate::convert::InvalidTable;
use crate::frame::FRAME_VERSION;
use crate::pb;
use crate::report::COPIES_MAX;

/// Positions, generations and epochs of a report are below: whoever adds one to them never leaves the number.
pub const NUMBER_MAX: u64 = i64::MAX as u64;
/// Bytes of the name of a machine's state.
pub const STATE_NAME_MAX: usize = 32;

/// A report that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReplicas {
    #[error(transparent)]
    Id(#[from] InvalidId),
    #[error("a replica id has 16 bytes, this one has {0}")]
    Replica(usize),
    #[error("`{0}` is past any that there can be")]
    Number(&'static str),
    #[error("there is no `{0}`")]
    Missing(&'static str),
    #[error("a report has at most {max} {what}")]
    TooMany { what: &'static str, max: usize },
    #[error(
        "the name of a state is a word of small letters and hyphens, at most {STATE_NAME_MAX} bytes long"
    )]
    StateName,
    #[error("{chunks} of {of} chunks")]
    Chunks { chunks: u32, of: u32 },
    #[error("entries ({fork}, {end}] are none")]
    Range { fork: u64, end: u64 },
    #[error("a copy of {0} is in it twice")]
    Twice(ShardId),
    #[error("a configuration that is none")]
    Configured(#[from] InvalidTable),
}

pub(super) fn request(world: String, report: &ReplicasReport) -> pb::ReplicasRequest {
    let knows = report.configured.as_ref();
    let route = |(shard, route): &(ShardId, ShardRoute)| crate::convert::route((shard, route));
    let revoked = |(identity, until_ms): &(RevokedIdentity, u64)| pb::Revocation {
        identity: identity.to_string(),
        until_ms: *until_ms,
    };
    pb::ReplicasRequest {
        version: FRAME_VERSION,
        world,
        node: report.node.to_string(),
        incarnation: report.incarnation.0,
        leaving: report.leaving,
        free_bytes: report.free_bytes,
        copies: copies_sent(report).iter().map(Into::into).collect(),
        told: told_sent(report).iter().map(Into::into).collect(),
        tells: report.configured.is_some(),
        table_generation: report.table.0,
        configured: knows.map_or_else(Vec::new, |knows| knows.routes.iter().map(route).collect()),
        revoked: knows.map_or_else(Vec::new, |knows| knows.revoked.iter().map(revoked).collect()),
        law: knows.map_or(0, |knows| knows.law),
    }
}

impl TryFrom<pb::ReplicasRequest> for ReplicasReport {
    type Error = InvalidReplicas;

    fn try_from(wire: pb::ReplicasRequest) -> Result<Self, InvalidReplicas> {
        few("copies", wire.copies.len(), COPIES_MAX)?;
        few("things to tell", wire.told.len(), TOLD_MAX)?;
        few("configurations", wire.configured.len(), ROUTES_MAX)?;
        few("revocations", wire.revoked.len(), ROUTES_MAX)?;
        let copies = wire.copies.into_iter().map(CopyReport::try_from);
        let copies: Vec<CopyReport> = copies.collect::<Result<_, _>>()?;
        once_each(&copies)?;
        let told = wire.told.into_iter().map(<(ShardId, Told)>::try_from);
        Ok(Self {
            node: wire.node.parse()?,
            incarnation: Incarnation(number("incarnation", wire.incarnation)?),
            leaving: wire.leaving,
            free_bytes: wire
                .free_bytes
                .map(|bytes| number("free_bytes", bytes))
                .transpose()?,
            copies,
            told: told.collect::<Result<_, _>>()?,
            table: Generation(number("table generation", wire.table_generation)?),
            configured: wire
                .tells
                .then(|| knows(wire.configured, wire.revoked, wire.law))
                .transpose()?,
        })
    }
}

fn knows(
    routes: Vec<pb::ShardRoute>,
    revoked: Vec<pb::Revocation>,
    law: u64,
) -> Result<Knows, InvalidReplicas> {
    let route = |wire: pb::ShardRoute| -> Result<(ShardId, ShardRoute), InvalidReplicas> {
        let (shard, route) = crate::convert::read_route(wire)?;
        number("generation", route.set.generation.0)?;
        number("epoch", route.epoch.0)?;
        Ok((shard, route))
    };
    let revocation = |wire: pb::Revocation| -> Result<(RevokedIdentity, u64), InvalidReplicas> {
        Ok((wire.identity.parse()?, number("end", wire.until_ms)?))
    };
    Ok(Knows {
        routes: routes.into_iter().map(route).collect::<Result<_, _>>()?,
        revoked: revoked.into_iter().map(revocation).collect::<Result<_, _>>()?,
        law: number("law", law)?,
    })
}

impl From<&CopyReport> for pb::CopyReport {
    fn from(copy: &CopyReport) -> Self {
        Self {
            shard: copy.shard.to_string(),
            replica: replica_bytes(copy.replica),
            generation: copy.generation.0,
            term: Some(term(copy.term)),
            last: copy.last.0,
            chain: copy.chain,
            committed: copy.committed.0,
            leads: copy.leads,
            serves: copy.serves,
            silent_micros: copy.silent_micros,
            state: copy.state.clone(),
            copied_bytes: copy.copied_bytes,
            copy_bytes_per_second: copy.copy_bytes_per_second,
            copy_left_bytes: copy.copy_left_bytes,
            commits_per_second: copy.commits_per_second,
            p99_micros: copy.p99_micros,
            stalled_micros: copy.stalled_micros,
            bytes: copy.bytes,
        }
    }
}

impl TryFrom<pb::CopyReport> for CopyReport {
    type Error = InvalidReplicas;

    fn try_from(wire: pb::CopyReport) -> Result<Self, InvalidReplicas> {
        let word = |b: u8| b.is_ascii_lowercase() || b == b'-';
        if wire.state.len() > STATE_NAME_MAX || !wire.state.bytes().all(word) {
            return Err(InvalidReplicas::StateName);
        }
        Ok(Self {
            shard: wire.shard.parse()?,
            replica: read_replica(&wire.replica)?,
            generation: Generation(number("generation", wire.generation)?),
            term: read_term(wire.term)?,
            last: Position(number("last", wire.last)?),
            chain: wire.chain,
            committed: Position(number("committed", wire.committed)?),
            leads: wire.leads,
            serves: wire.serves,
            silent_micros: wire.silent_micros,
            state: wire.state,
            copied_bytes: number("copied_bytes", wire.copied_bytes)?,
            copy_bytes_per_second: number("copy_bytes_per_second", wire.copy_bytes_per_second)?,
            copy_left_bytes: number("copy_left_bytes", wire.copy_left_bytes)?,
            commits_per_second: wire.commits_per_second,
            p99_micros: wire.p99_micros,
            stalled_micros: wire.stalled_micros,
            bytes: number("bytes", wire.bytes)?,
        })
    }
}

impl From<&ReplicasReply> for pb::ReplicasReply {
    fn from(reply: &ReplicasReply) -> Self {
        let newest = reply
            .newest
            .iter()
            .map(|(shard, generation)| pb::ShardGeneration {
                shard: shard.to_string(),
                generation: generation.0,
            });
        Self {
            version: FRAME_VERSION,
            newest: newest.collect(),
            verify: reply.verify.iter().map(ToString::to_string).collect(),
            tell: reply.tell,
        }
    }
}

impl TryFrom<pb::ReplicasReply> for ReplicasReply {
    type Error = InvalidReplicas;

    fn try_from(wire: pb::ReplicasReply) -> Result<Self, InvalidReplicas> {
        few("shards", wire.newest.len(), COPIES_MAX)?;
        few("shards to verify", wire.verify.len(), COPIES_MAX)?;
        let newest = wire.newest.into_iter().map(|one| {
            let generation = Generation(number("generation", one.generation)?);
            Ok((one.shard.parse()?, generation))
        });
        let verify = wire.verify.iter().map(|shard| shard.parse());
        Ok(Self {
            newest: newest.collect::<Result<_, InvalidReplicas>>()?,
            verify: verify.collect::<Result<_, InvalidId>>()?,
            tell: wire.tell,
        })
    }
}

/// A node may hold two copies of a shard for a while, the old one until it is erased; not one of them twice.
fn once_each(copies: &[CopyReport]) -> Result<(), InvalidReplicas> {
    let mut seen = BTreeSet::new();
    match copies
        .iter()
        .find(|copy| !seen.insert((&copy.shard, copy.replica)))
    {
        Some(copy) => Err(InvalidReplicas::Twice(copy.shard.clone())),
        None => Ok(()),
    }
}

fn few(what: &'static str, len: usize, max: usize) -> Result<(), InvalidReplicas> {
    if len > max {
        return Err(InvalidReplicas::TooMany { what, max });
    }
    Ok(())
}

fn number(what: &'static str, value: u64) -> Result<u64, InvalidReplicas> {
    if value > NUMBER_MAX {
        return Err(InvalidReplicas::Number(what));
    }
    Ok(value)
}

/// As it travels: 16 bytes, big end first.
pub(crate) fn replica_bytes(replica: ReplicaId) -> Vec<u8> {
    replica.0.to_be_bytes().to_vec()
}

/// # Errors
/// Unless it has 16 bytes.
pub fn read_replica(bytes: &[u8]) -> Result<ReplicaId, InvalidReplicas> {
    let exact: [u8; 16] = bytes
        .try_into()
        .map_err(|_| InvalidReplicas::Replica(bytes.len()))?;
    Ok(ReplicaId(u128::from_be_bytes(exact)))
}

fn term(term: Term) -> pb::Term {
    pb::Term {
        epoch: term.epoch.0,
        incarnation: term.incarnation.0,
    }
}

fn read_term(wire: Option<pb::Term>) -> Result<Term, InvalidReplicas> {
    let wire = wire.ok_or(InvalidReplicas::Missing("term"))?;
    Ok(Term {
        epoch: Epoch(number("epoch", wire.epoch)?),
        incarnation: Incarnation(number("incarnation", wire.incarnation)?),
    })
}
