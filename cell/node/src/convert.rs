//! What the copies tell, in the words of the wire.

use cell_shard::{Change, Told, Unusable};
use platform_wire::replicas as wire;
use platform_wire::replicas::{ToldChange, UnusableWhy};

pub fn told(told: &Told) -> wire::Told {
    match *told {
        Told::Proposed(proposal) => wire::Told::Proposal {
            generation: proposal.generation,
            epoch: proposal.epoch,
            by: proposal.by,
            change: change(proposal.change),
        },
        Told::Prepared {
            epoch,
            replica,
            last_epoch,
            last_position,
        } => wire::Told::Prepared {
            epoch,
            replica,
            last_epoch,
            last_position,
        },
        Told::Confirmed {
            generation,
            epoch,
            replica,
            position,
        } => wire::Told::Confirmed {
            generation,
            epoch,
            replica,
            position,
        },
        Told::Unusable { replica, why } => wire::Told::Unusable {
            replica,
            why: unusable(why),
        },
        Told::CutOff { replica, fork, end } => wire::Told::CutOff { replica, fork, end },
        Told::Mismatch {
            replica,
            chunk,
            position,
        } => wire::Told::Mismatch {
            replica,
            chunk,
            position,
        },
        Told::Certified {
            replica,
            term,
            chunks,
            of,
        } => wire::Told::Certified {
            replica,
            term,
            chunks,
            of,
        },
        Told::Erased {
            replica,
            order,
            bytes,
            keys,
        } => wire::Told::Erased {
            replica,
            order,
            bytes,
            keys,
        },
    }
}

fn change(change: Change) -> ToldChange {
    match change {
        Change::Born => ToldChange::Born,
        Change::Complete(replica) => ToldChange::Complete(replica),
        Change::Add(replica) => ToldChange::Add(replica),
        Change::Drop(replica) => ToldChange::Drop(replica),
        Change::Damaged(replica) => ToldChange::Damaged(replica),
    }
}

fn unusable(why: Unusable) -> UnusableWhy {
    match why {
        Unusable::Amnesia => UnusableWhy::Amnesia,
        Unusable::Trimmed => UnusableWhy::Trimmed,
        Unusable::Misfit => UnusableWhy::Misfit,
        Unusable::Mismatch => UnusableWhy::Mismatch,
    }
}
