//! How far a restore goes: the backup alone, an entry, a time, everything that was kept.

use cell_shard::Origin;
use platform_model::{EpochPosition, ShardId};

use crate::error::BackupError;
use crate::manifest::Manifest;

/// Where a restore ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Goal {
    /// Where the backup was taken.
    #[default]
    Base,
    /// Just after this entry.
    Pair(EpochPosition),
    /// Just after the last entry that is not later than this, in milliseconds since 1970 by the log's clock.
    Time(u64),
    /// Just after the last entry that was kept, behind the backup itself or behind newer ones.
    Latest,
}

impl Goal {
    /// All that is kept of such a shard.
    pub fn all_of(shard: &ShardId) -> Self {
        match shard {
            ShardId::Keys { .. } => Self::Base,
            _ => Self::Latest,
        }
    }

    /// Whether an entry is part of it.
    pub(super) fn takes(self, entry: &Origin) -> bool {
        match self {
            Self::Base => false,
            Self::Pair(pair) => entry.position <= pair.position,
            Self::Time(ms) => entry.time_ms <= ms,
            Self::Latest => true,
        }
    }

    /// Whether no entry behind `at` is part of it, whatever it is.
    pub(super) fn is_met_at(self, at: &Origin) -> bool {
        match self {
            Self::Base => true,
            Self::Pair(pair) => at.position == pair.position,
            Self::Time(_) | Self::Latest => false,
        }
    }

    /// # Errors
    /// [`BackupError::OutOfReach`] for what lies before the backup.
    pub(super) fn check_base(self, base: &Manifest) -> Result<(), BackupError> {
        let origin = &base.origin;
        let begins = origin.pair();
        match self {
            Self::Pair(pair) if pair.position < origin.position => Err(out_of_reach(
                base,
                format!("it begins at {begins}, and {pair} is before that"),
            )),
            Self::Time(ms) if ms < origin.time_ms => {
                let before = seconds(origin.time_ms - ms);
                let why = format!("it begins at {begins}, {before} after that time");
                Err(out_of_reach(base, why))
            }
            _ => Ok(()),
        }
    }

    /// What was read up to `at` is all of it, or all that there is.
    ///
    /// # Errors
    /// [`BackupError::OutOfReach`] for what lies behind that, or in another history than the log has.
    pub(super) fn check_end(self, base: &Manifest, at: &Origin) -> Result<(), BackupError> {
        let ends = at.pair();
        match self {
            Self::Pair(pair) if at.position < pair.position => Err(out_of_reach(
                base,
                format!("it reaches to {ends}, and {pair} is past that"),
            )),
            Self::Pair(pair) if ends != pair => Err(out_of_reach(
                base,
                format!("the entry there is {ends}, and not {pair}"),
            )),
            _ => Ok(()),
        }
    }

    /// The log ends at `at`, and what came later is not known.
    ///
    /// # Errors
    /// As [`Self::check_end`].
    pub(super) fn check_last(self, base: &Manifest, at: &Origin) -> Result<(), BackupError> {
        match self {
            Self::Time(ms) if ms > at.time_ms => {
                let (ends, past) = (at.pair(), seconds(ms - at.time_ms));
                Err(out_of_reach(
                    base,
                    format!("it reaches to {ends}, {past} before that time"),
                ))
            }
            Self::Time(ms) if ms == at.time_ms => {
                let ends = at.pair();
                let why = format!("it reaches to {ends}, and more of that very millisecond may be missing");
                Err(out_of_reach(base, why))
            }
            _ => self.check_end(base, at),
        }
    }

    /// All that was kept ends at `at`: as little as can be is lost.
    ///
    /// # Errors
    /// [`BackupError::OutOfReach`] where one of these newer backups stands further.
    pub(super) fn check_newest(
        self,
        base: &Manifest,
        at: &Origin,
        newer: &[Manifest],
    ) -> Result<(), BackupError> {
        let further = newer.iter().filter(|other| other.origin.pair() > at.pair());
        match further.max_by_key(|other| other.origin.pair()) {
            Some(other) if self == Self::Latest => {
                let (ends, name, stands) = (at.pair(), &other.name, other.origin.pair());
                let why = format!(
                    "it reaches to {ends}, and {name} stands at {stands}: restore that one, or to {ends} by name"
                );
                Err(out_of_reach(base, why))
            }
            _ => Ok(()),
        }
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03} s", ms / 1_000, ms % 1_000)
}

pub(super) fn out_of_reach(base: &Manifest, why: String) -> BackupError {
    BackupError::OutOfReach {
        name: base.name.to_string(),
        why,
    }
}
