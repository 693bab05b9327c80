//! What a god sees of one shard: every entry that was ever sealed, and the one committed log.

use std::collections::HashMap;

use cell_replica::{Body, Log};
use platform_model::Position;

use super::content::{KEYS, SimContent, SimEntry, digest};

/// An entry that was sealed somewhere.
#[derive(Debug, Clone, Copy)]
pub struct Sealed {
    /// Of the rows just after it.
    pub digest: u64,
    /// The operation that it stands for; 0 for none.
    pub op: u32,
}

/// An entry of the committed log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    pub chain: u64,
    pub op: u32,
}

/// An async write that was answered and is not committed yet.
#[derive(Debug, Clone, Copy)]
pub struct Pending {
    pub position: u64,
    pub chain: u64,
    pub op: u32,
}

#[derive(Debug, Default)]
pub struct Oracle {
    sealed: HashMap<u64, Sealed>,
    /// Position 1 first.
    pub committed: Vec<Committed>,
    pub acked_async: Vec<Pending>,
    /// Answered async writes that a failover lost.
    pub lost_async: Vec<u32>,
    /// Answered writes that a forced promotion lost.
    pub lost_by_force: Vec<u32>,
}

impl Oracle {
    /// An entry was sealed; `rows` are those just after it.
    pub fn note(&mut self, entry: &SimEntry, rows: &[u64; KEYS]) {
        let op = match &entry.body {
            Body::Data(tx) => tx.id,
            _ => 0,
        };
        let digest = digest(rows, u32::MAX);
        self.sealed.insert(entry.head.chain, Sealed { digest, op });
    }

    pub fn sealed(&self, chain: u64) -> Option<Sealed> {
        self.sealed.get(&chain).copied()
    }

    /// Whether the entry stands in the committed log.
    pub fn is_committed(&self, position: u64, chain: u64) -> bool {
        self.at(position)
            .is_some_and(|committed| committed.chain == chain)
    }

    pub fn at(&self, position: u64) -> Option<Committed> {
        let index = usize::try_from(position.checked_sub(1)?).ok()?;
        self.committed.get(index).copied()
    }

    /// Whether the log has the entry, or had it before it was trimmed.
    pub fn is_in(log: &Log<SimContent>, position: u64, chain: u64) -> bool {
        log.base().position.0 > position
            || log
                .head(Position(position))
                .is_some_and(|head| head.chain == chain)
    }

    /// Somebody forced a promotion of a copy with this log: what it lacks is lost, by his word.
    pub fn force(&mut self, log: &Log<SimContent>) {
        while let Some(last) = self.committed.last().copied() {
            if Self::is_in(log, self.end(), last.chain) {
                break;
            }
            self.committed.pop();
            self.lost_by_force.push(last.op);
        }
        let lost_by_force = &mut self.lost_by_force;
        self.acked_async.retain(|write| {
            let kept = Self::is_in(log, write.position, write.chain);
            if !kept {
                lost_by_force.push(write.op);
            }
            kept
        });
    }

    pub fn end(&self) -> u64 {
        self.committed.len() as u64
    }
}
