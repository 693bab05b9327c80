//! What a god sees of one shard: every entry that was ever sealed, and the one committed log.

use std::collections::HashMap;

use cell_replica::{Body, Log};
use platform_model::{Position, Term};

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
    /// The time in the entry; 0 if it has none.
    pub time: u64,
}

/// A committed entry that cleared whole ranges.
#[derive(Debug, Clone, Copy)]
pub struct Erase {
    pub position: u64,
    pub chain: u64,
    /// Rows.
    pub mask: u32,
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
    /// Where each operation's entry was sealed, by its number.
    placed: Vec<u64>,
    pub erases: Vec<Erase>,
    /// The newest acknowledged erase of each row.
    pub erased: [u64; KEYS],
    /// What is durable somewhere at a position of a term.
    pub contents: HashMap<(u64, Term), u64>,
}

impl Oracle {
    /// An entry was sealed; `rows` are those just after it.
    pub fn note(&mut self, entry: &SimEntry, rows: &[u64; KEYS]) {
        let op = match &entry.body {
            Body::Data(tx) => tx.id,
            _ => 0,
        };
        if op != 0 {
            let index = op as usize;
            self.placed.resize(self.placed.len().max(index + 1), 0);
            self.placed[index] = entry.head.position.0;
        }
        let digest = digest(rows, u32::MAX);
        self.sealed.insert(entry.head.chain, Sealed { digest, op });
    }

    /// Where the operation's entry was sealed, if it was.
    pub fn placed(&self, op: u32) -> Option<u64> {
        self.placed.get(op as usize).copied().filter(|place| *place > 0)
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
        let end = self.end();
        self.erases.retain(|erase| erase.position <= end);
        for erased in &mut self.erased {
            *erased = if *erased > end { 0 } else { *erased };
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
