//! Keeps the log bounded. Trimming is a logged write of the trim state; the keys of the entries below it go in the
//! same batch, so that whoever replays the log trims at the same point and never further.

use std::collections::VecDeque;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use platform_model::{Epoch, Incarnation, Position, Term};

use crate::limits::{ShardLimits, TRIM_KEYS_MAX};

const VERSION: u8 = 2;
/// Without the term: of a shard that has one copy and was never anything else.
const VERSION_OF_ONE: u8 = 1;

/// Entries up to `position` are gone; the chain after them continues from `chain`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TrimState {
    pub position: Position,
    pub chain: u64,
    /// Of the last one that is gone; none where only one copy ever was.
    pub term: Option<Term>,
}

impl TrimState {
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(33);
        bytes.put_u8(if self.term.is_some() {
            VERSION
        } else {
            VERSION_OF_ONE
        });
        bytes.put_u64(self.position.0);
        bytes.put_u64(self.chain);
        if let Some(term) = self.term {
            bytes.put_u64(term.epoch.0);
            bytes.put_u64(term.incarnation.0);
        }
        bytes.freeze()
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let length = bytes.len();
        let version = (length > 0).then(|| bytes.get_u8())?;
        if (version, length) != (VERSION_OF_ONE, 17) && (version, length) != (VERSION, 33) {
            return None;
        }
        let (position, chain) = (Position(bytes.get_u64()), bytes.get_u64());
        let term = (version == VERSION).then(|| Term {
            epoch: Epoch(bytes.get_u64()),
            incarnation: Incarnation(bytes.get_u64()),
        });
        Some(Self {
            position,
            chain,
            term,
        })
    }
}

/// One entry that is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    pub position: Position,
    pub chain: u64,
    pub parts: usize,
    pub bytes: usize,
}

/// What a step removes.
#[derive(Debug, Default)]
pub(crate) struct TrimStep {
    pub to: TrimState,
    pub entries: Vec<Kept>,
}

/// The entries in the store, oldest first, and the bounds on them.
#[derive(Debug)]
pub(crate) struct LogTrim {
    pub state: TrimState,
    kept: VecDeque<Kept>,
    bytes: usize,
    entries_max: usize,
    step_entries: usize,
    bytes_max: usize,
}

impl LogTrim {
    pub(crate) fn new(state: TrimState, limits: &ShardLimits) -> Self {
        Self {
            state,
            kept: VecDeque::new(),
            bytes: 0,
            entries_max: limits.log_entries_kept,
            step_entries: limits.log_step_entries,
            bytes_max: limits.log_bytes_kept,
        }
    }

    pub(crate) fn note(&mut self, entry: Kept) {
        self.bytes += entry.bytes;
        self.kept.push_back(entry);
    }

    /// What to remove with the next group, if anything.
    pub(crate) fn step(&self) -> Option<TrimStep> {
        if self.kept.len() < self.entries_max + self.step_entries && self.bytes <= self.bytes_max {
            return None;
        }
        let mut step = TrimStep::default();
        let (mut keys, mut bytes) = (0, self.bytes);
        // The newest entry stays whatever its size: readers continue from its chain.
        for entry in self.kept.iter().take(self.kept.len().saturating_sub(1)) {
            let fits = self.kept.len() - step.entries.len() <= self.entries_max && bytes <= self.bytes_max;
            keys += entry.parts;
            if fits || keys > TRIM_KEYS_MAX {
                break;
            }
            bytes -= entry.bytes;
            step.to = TrimState {
                position: entry.position,
                chain: entry.chain,
                term: None,
            };
            step.entries.push(*entry);
        }
        (!step.entries.is_empty()).then_some(step)
    }

    /// The step is durable.
    pub(crate) fn done(&mut self, step: &TrimStep) {
        self.state = step.to;
        for entry in self.kept.drain(..step.entries.len()) {
            self.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_the_state_read_back() {
        let old = TrimState {
            position: Position(7),
            chain: u64::MAX,
            term: None,
        };
        let new = TrimState {
            term: Some(Term {
                epoch: Epoch(3),
                incarnation: Incarnation(4),
            }),
            ..old
        };
        for state in [old, new] {
            assert_eq!(TrimState::decode(&state.encode()), Some(state));
        }
        assert_eq!(TrimState::decode(&new.encode()[..17]), None);
        assert_eq!(TrimState::decode(b""), None);
    }

    #[test]
    fn the_log_stays_within_its_bounds() {
        let limits = ShardLimits {
            log_entries_kept: 100,
            log_bytes_kept: 10_000,
            ..ShardLimits::default()
        };
        let mut trim = LogTrim::new(TrimState::default(), &limits);
        for position in 1..=5_000 {
            let bytes = if position % 7 == 0 { 900 } else { 20 };
            trim.note(Kept {
                position: Position(position),
                chain: position,
                parts: 1,
                bytes,
            });
            if let Some(step) = trim.step() {
                trim.done(&step);
            }
            assert!(
                trim.kept.len() <= 100 + limits.log_step_entries && trim.bytes <= 10_000,
                "{position}"
            );
        }
        assert_eq!(
            trim.kept.front().map(|entry| entry.position),
            Some(trim.state.position.next())
        );
    }

    #[test]
    fn an_entry_larger_than_the_bound_stays_until_there_is_a_newer_one() {
        let limits = ShardLimits {
            log_bytes_kept: 10,
            ..ShardLimits::default()
        };
        let mut trim = LogTrim::new(TrimState::default(), &limits);
        trim.note(Kept {
            position: Position(1),
            chain: 1,
            parts: 20,
            bytes: 1_000,
        });
        assert!(trim.step().is_none());
        trim.note(Kept {
            position: Position(2),
            chain: 2,
            parts: 1,
            bytes: 5,
        });
        assert_eq!(trim.step().expect("a step").to.position, Position(1));
    }
}
