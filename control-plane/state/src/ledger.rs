//! The ledger as the state holds it: the end of the chain, and the refusals of the last minute, so that whoever asks
//! the same again and again fills no disk.
//!
//! The first of equal refusals of one actor is on record at once. What repeats it within a minute is counted here, and
//! becomes one more entry, with the count, when the minute is over: at the next command, or at the
//! [`Command::SettleRefusals`](crate::Command::SettleRefusals) of the leader.

use control_plane_ledger::{Chain, Digest, Entry, Head, Record, Verdict};
use platform_model::WorldId;
use serde::{Deserialize, Serialize};

/// How long after a refusal an equal one counts as its repetition.
pub const REPEATED_WITHIN_MS: u64 = 60_000;
/// Refusals whose repetitions are counted at once; the oldest is settled early to make room.
pub const COUNTED_MAX: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    chain: Chain,
    /// In the order of their first entries.
    refusals: Vec<Counted>,
}

/// A refusal that is on record, and how often it was repeated since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Counted {
    /// Of all in which equal refusals are equal.
    key: Digest,
    /// Of the entry of the first.
    sequence: u64,
    until_ms: u64,
    repeated: u32,
    /// The last of them.
    last: Record,
}

impl Ledger {
    /// Without entries.
    pub fn new(world: &WorldId) -> Self {
        Self::after(Head::genesis(world.as_str()))
    }

    /// That begins behind decisions of which nothing but their end is known.
    pub(crate) fn after(begins: Head) -> Self {
        Self {
            chain: Chain::after(begins),
            refusals: Vec::new(),
        }
    }

    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    pub fn head(&self) -> Head {
        self.chain.head()
    }

    /// Whether repetitions wait whose minute is over at `now_ms`.
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.refusals
            .iter()
            .any(|counted| counted.repeated > 0 && counted.until_ms <= now_ms)
    }

    /// Puts the repetitions on record whose minute is over.
    pub(crate) fn settle(&mut self, now_ms: u64) -> Vec<Entry> {
        let over = |counted: &mut Counted| counted.until_ms <= now_ms;
        let over: Vec<Counted> = self.refusals.extract_if(.., over).collect();
        over.into_iter()
            .filter_map(|counted| self.close(counted, now_ms))
            .collect()
    }

    /// Puts a decision on record.
    pub(crate) fn accept(&mut self, record: Record) -> Entry {
        self.chain.append(record)
    }

    /// Puts a refusal on record, or counts it; answers with the sequence of the entry that stands for it.
    pub(crate) fn refuse(&mut self, record: Record) -> (u64, Vec<Entry>) {
        let key = key(&record);
        if let Some(counted) = self.refusals.iter_mut().find(|counted| counted.key == key) {
            counted.repeated = counted.repeated.saturating_add(1);
            counted.last = record;
            return (counted.sequence, Vec::new());
        }
        let mut entries = Vec::new();
        if self.refusals.len() >= COUNTED_MAX {
            let oldest = self.refusals.remove(0);
            entries.extend(self.close(oldest, record.time_ms));
        }
        let until_ms = record.time_ms.saturating_add(REPEATED_WITHIN_MS);
        let entry = self.chain.append(record.clone());
        self.refusals.push(Counted {
            key,
            sequence: entry.sequence,
            until_ms,
            repeated: 0,
            last: record.bounded(),
        });
        let sequence = entry.sequence;
        entries.push(entry);
        (sequence, entries)
    }

    fn close(&mut self, counted: Counted, now_ms: u64) -> Option<Entry> {
        let record = Record {
            time_ms: now_ms,
            count: counted.repeated,
            repeats: counted.sequence,
            ..counted.last
        };
        (counted.repeated > 0).then(|| self.chain.append(record))
    }
}

/// Equal: the same actor is refused the same command about the same subject for the same reason.
fn key(record: &Record) -> Digest {
    let (code, detail) = match &record.verdict {
        Verdict::Accepted { .. } => ("", ""),
        Verdict::Refused { code, detail } => (code.as_str(), detail.as_str()),
    };
    let mut bytes = Vec::new();
    for text in [&record.actor, &record.command, &record.subject, code, detail] {
        bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    Digest::of("meridian equal refusals", &bytes)
}
