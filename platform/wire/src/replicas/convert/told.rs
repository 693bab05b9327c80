//! What a copy has to tell, written and read.

use platform_model::{Epoch, Generation, Position, ReplicaId, ShardId, Term};

use super::super::{Told, ToldChange, UnusableWhy};
use super::{InvalidReplicas, number, read_replica, read_term, replica_bytes, term};
use crate::pb;
use crate::pb::told::What;

impl From<&(ShardId, Told)> for pb::Told {
    fn from((shard, told): &(ShardId, Told)) -> Self {
        Self {
            shard: shard.to_string(),
            what: Some(what(told)),
        }
    }
}

fn what(told: &Told) -> What {
    match *told {
        Told::Proposal {
            generation,
            epoch,
            by,
            change,
        } => What::Proposal(proposal(generation, epoch, by, change)),
        Told::Prepared {
            epoch: Epoch(epoch),
            replica,
            last_epoch: Epoch(last_epoch),
            last_position: Position(last_position),
        } => What::Prepared(pb::ToldPrepared {
            epoch,
            replica: replica_bytes(replica),
            last_epoch,
            last_position,
        }),
        Told::Confirmed {
            generation: Generation(generation),
            epoch: Epoch(epoch),
            replica,
            position: Position(position),
        } => What::Confirmed(pb::ToldConfirmed {
            generation,
            epoch,
            replica: replica_bytes(replica),
            position,
        }),
        Told::Unusable { replica, why } => {
            let replica = replica_bytes(replica);
            let why = unusable(why).into();
            What::Unusable(pb::ToldUnusable { replica, why })
        }
        Told::CutOff { replica, fork, end } => {
            let (replica, fork, end) = (replica_bytes(replica), fork.0, end.0);
            What::CutOff(pb::ToldCutOff { replica, fork, end })
        }
        Told::Mismatch {
            replica,
            chunk,
            position: Position(position),
        } => What::Mismatch(pb::ToldMismatch {
            replica: replica_bytes(replica),
            chunk,
            position,
        }),
        Told::Certified {
            replica,
            term,
            chunks,
            of,
        } => What::Certified(certified(replica, term, chunks, of)),
        Told::Erased {
            replica,
            order,
            bytes,
            keys,
        } => What::Erased(erased(replica, order, bytes, keys)),
    }
}

fn certified(replica: ReplicaId, of_term: Term, chunks: u32, of: u32) -> pb::ToldCertified {
    pb::ToldCertified {
        replica: replica_bytes(replica),
        term: Some(term(of_term)),
        chunks,
        of,
    }
}

fn erased(replica: ReplicaId, order: u64, bytes: u64, keys: u64) -> pb::ToldErased {
    pb::ToldErased {
        replica: replica_bytes(replica),
        order,
        bytes,
        keys,
    }
}

fn proposal(generation: Generation, epoch: Epoch, by: ReplicaId, change: ToldChange) -> pb::ToldProposal {
    let (kind, replica) = match change {
        ToldChange::Born => (pb::ChangeKind::Born, Vec::new()),
        ToldChange::Complete(replica) => (pb::ChangeKind::Complete, replica_bytes(replica)),
        ToldChange::Add(replica) => (pb::ChangeKind::Add, replica_bytes(replica)),
        ToldChange::Drop(replica) => (pb::ChangeKind::Drop, replica_bytes(replica)),
        ToldChange::Damaged(replica) => (pb::ChangeKind::Damaged, replica_bytes(replica)),
    };
    pb::ToldProposal {
        generation: generation.0,
        epoch: epoch.0,
        by: replica_bytes(by),
        change: kind.into(),
        replica,
    }
}

impl TryFrom<pb::Told> for (ShardId, Told) {
    type Error = InvalidReplicas;

    fn try_from(wire: pb::Told) -> Result<Self, InvalidReplicas> {
        let shard = wire.shard.parse()?;
        let told = match wire.what.ok_or(InvalidReplicas::Missing("what"))? {
            What::Proposal(told) => read_proposal(&told)?,
            What::Prepared(told) => Told::Prepared {
                epoch: Epoch(number("epoch", told.epoch)?),
                replica: read_replica(&told.replica)?,
                last_epoch: Epoch(number("last_epoch", told.last_epoch)?),
                last_position: Position(number("last_position", told.last_position)?),
            },
            What::Confirmed(told) => Told::Confirmed {
                generation: Generation(number("generation", told.generation)?),
                epoch: Epoch(number("epoch", told.epoch)?),
                replica: read_replica(&told.replica)?,
                position: Position(number("position", told.position)?),
            },
            What::Unusable(told) => Told::Unusable {
                replica: read_replica(&told.replica)?,
                why: read_unusable(told.why())?,
            },
            What::CutOff(told) => read_cut_off(&told)?,
            What::Mismatch(told) => Told::Mismatch {
                replica: read_replica(&told.replica)?,
                chunk: told.chunk,
                position: Position(number("position", told.position)?),
            },
            What::Certified(told) => read_certified(&told)?,
            What::Erased(told) => Told::Erased {
                replica: read_replica(&told.replica)?,
                order: number("order", told.order)?,
                bytes: number("bytes", told.bytes)?,
                keys: number("keys", told.keys)?,
            },
        };
        Ok((shard, told))
    }
}

fn read_proposal(wire: &pb::ToldProposal) -> Result<Told, InvalidReplicas> {
    let about = || read_replica(&wire.replica);
    let change = match wire.change() {
        pb::ChangeKind::Unspecified => return Err(InvalidReplicas::Missing("change")),
        pb::ChangeKind::Born => ToldChange::Born,
        pb::ChangeKind::Complete => ToldChange::Complete(about()?),
        pb::ChangeKind::Add => ToldChange::Add(about()?),
        pb::ChangeKind::Drop => ToldChange::Drop(about()?),
        pb::ChangeKind::Damaged => ToldChange::Damaged(about()?),
    };
    Ok(Told::Proposal {
        generation: Generation(number("generation", wire.generation)?),
        epoch: Epoch(number("epoch", wire.epoch)?),
        by: read_replica(&wire.by)?,
        change,
    })
}

fn read_cut_off(wire: &pb::ToldCutOff) -> Result<Told, InvalidReplicas> {
    let (fork, end) = (number("fork", wire.fork)?, number("end", wire.end)?);
    if fork > end {
        return Err(InvalidReplicas::Range { fork, end });
    }
    Ok(Told::CutOff {
        replica: read_replica(&wire.replica)?,
        fork: Position(fork),
        end: Position(end),
    })
}

fn read_certified(wire: &pb::ToldCertified) -> Result<Told, InvalidReplicas> {
    let (chunks, of) = (wire.chunks, wire.of);
    if chunks > of {
        return Err(InvalidReplicas::Chunks { chunks, of });
    }
    Ok(Told::Certified {
        replica: read_replica(&wire.replica)?,
        term: read_term(wire.term)?,
        chunks,
        of,
    })
}

fn unusable(why: UnusableWhy) -> pb::UnusableWhy {
    match why {
        UnusableWhy::Amnesia => pb::UnusableWhy::Amnesia,
        UnusableWhy::Trimmed => pb::UnusableWhy::Trimmed,
        UnusableWhy::Misfit => pb::UnusableWhy::Misfit,
        UnusableWhy::Mismatch => pb::UnusableWhy::Mismatch,
    }
}

fn read_unusable(why: pb::UnusableWhy) -> Result<UnusableWhy, InvalidReplicas> {
    match why {
        pb::UnusableWhy::Unspecified => Err(InvalidReplicas::Missing("why")),
        pb::UnusableWhy::Amnesia => Ok(UnusableWhy::Amnesia),
        pb::UnusableWhy::Trimmed => Ok(UnusableWhy::Trimmed),
        pb::UnusableWhy::Misfit => Ok(UnusableWhy::Misfit),
        pb::UnusableWhy::Mismatch => Ok(UnusableWhy::Mismatch),
    }
}
