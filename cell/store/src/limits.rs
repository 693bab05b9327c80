//! The limits, and the one place where a commit or a read is validated for every engine, before the engine
//! sees it. The numbers are the smallest of all engines, so that what works on one works on all.

use std::time::Duration;

use crate::{CommitError, Fence, Key, KeyRange, Mutation, SnapshotError, WriteBatch};

/// First byte of keys that are an engine's own, as in FoundationDB. A range that reaches into them ends before.
pub(crate) const SYSTEM: u8 = 0xff;

/// Bounds on keys, values, batches, reads and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest key, in bytes. Keys have at least one byte, and the first is not `0xff`.
    pub key_bytes_max: usize,
    /// Longest value, in bytes; larger ones go to the blob layer.
    pub value_bytes_max: usize,
    /// Keys and values of one batch, in bytes.
    pub batch_bytes_max: usize,
    /// Mutations of one batch.
    pub batch_mutations_max: usize,
    /// Fences of one commit.
    pub fences_max: usize,
    /// Existing keys that all [`Mutation::ClearRange`] of one batch may remove together.
    pub clear_range_keys_max: usize,
    /// Longest commit, in milliseconds: one that has not been begun by then is refused, unwritten.
    pub commit_ms_max: u64,
    /// Rows of one page.
    pub page_rows_max: usize,
    /// Bytes of one page; the row that passes it is the last.
    pub page_bytes_max: usize,
    /// Keys of one `get_many`.
    pub get_many_keys_max: usize,
    /// How long a snapshot can be read; none: until it is dropped.
    pub snapshot_life: Option<Duration>,
}

impl Limits {
    /// What every engine keeps.
    pub const PORTABLE: Limits = Limits {
        key_bytes_max: 4_000,
        value_bytes_max: 90_000,
        batch_bytes_max: 4_000_000,
        batch_mutations_max: 40_000,
        fences_max: 16,
        clear_range_keys_max: 1_000,
        commit_ms_max: 4_000,
        page_rows_max: 10_000,
        page_bytes_max: 4_000_000,
        get_many_keys_max: 10_000,
        snapshot_life: None,
    };

    /// Validates a commit before an engine touches it.
    ///
    /// # Errors
    /// [`CommitError::TooLarge`] or [`CommitError::Invalid`].
    pub fn check_commit(&self, batch: &WriteBatch, fences: &[Fence]) -> Result<(), CommitError> {
        at_most("batch_bytes", batch.bytes(), self.batch_bytes_max)?;
        at_most("batch_mutations", batch.len(), self.batch_mutations_max)?;
        at_most("fences", fences.len(), self.fences_max)?;
        for fence in fences {
            self.check_key(&fence.key)?;
            let expected = fence.expected.as_ref().map_or(0, bytes::Bytes::len);
            at_most("value_bytes", expected, self.value_bytes_max)?;
        }
        batch
            .mutations()
            .iter()
            .try_for_each(|mutation| self.check_mutation(mutation))
    }

    /// Validates a range before an engine scans it.
    ///
    /// # Errors
    /// [`SnapshotError::Invalid`] for an inverted range.
    pub fn check_scan(&self, range: &KeyRange) -> Result<(), SnapshotError> {
        if range.start > range.end {
            return Err(SnapshotError::Invalid {
                reason: "the range is inverted",
            });
        }
        Ok(())
    }

    /// Validates the number of keys of a `get_many`.
    ///
    /// # Errors
    /// [`SnapshotError::Invalid`] for too many.
    pub fn check_get_many(&self, keys: &[Key]) -> Result<(), SnapshotError> {
        if keys.len() > self.get_many_keys_max {
            return Err(SnapshotError::Invalid {
                reason: "too many keys in one read",
            });
        }
        Ok(())
    }

    /// Whether a key can exist; one that cannot is absent in every read.
    pub fn is_possible_key(&self, key: &[u8]) -> bool {
        !key.is_empty() && key.len() <= self.key_bytes_max && key[0] != SYSTEM
    }

    fn check_mutation(&self, mutation: &Mutation) -> Result<(), CommitError> {
        match mutation {
            Mutation::Put { key, value } => {
                self.check_key(key)?;
                at_most("value_bytes", value.len(), self.value_bytes_max)
            }
            Mutation::Clear { key } => self.check_key(key),
            Mutation::ClearRange { range } => self.check_range(range),
        }
    }

    fn check_key(&self, key: &[u8]) -> Result<(), CommitError> {
        match key.first() {
            None => {
                return Err(CommitError::Invalid {
                    reason: "a key is empty",
                });
            }
            Some(&SYSTEM) => {
                return Err(CommitError::Invalid {
                    reason: "keys from 0xff on are the engine's own",
                });
            }
            Some(_) => {}
        }
        at_most("key_bytes", key.len(), self.key_bytes_max)
    }

    fn check_range(&self, range: &KeyRange) -> Result<(), CommitError> {
        if range.start > range.end {
            return Err(CommitError::Invalid {
                reason: "a range is inverted",
            });
        }
        at_most(
            "key_bytes",
            range.start.len().max(range.end.len()),
            self.key_bytes_max,
        )
    }
}

fn at_most(what: &'static str, actual: usize, max: usize) -> Result<(), CommitError> {
    if actual > max {
        Err(CommitError::TooLarge { what, actual, max })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(build: impl FnOnce(&mut WriteBatch)) -> Result<(), CommitError> {
        let mut batch = WriteBatch::new();
        build(&mut batch);
        Limits::PORTABLE.check_commit(&batch, &[])
    }

    #[test]
    fn the_largest_allowed_passes_and_one_more_does_not() {
        assert_eq!(check(|b| _ = b.put(vec![1; 4_000], vec![2; 90_000])), Ok(()));
        let key = check(|b| _ = b.put(vec![1; 4_001], "v"));
        assert_eq!(
            key,
            Err(CommitError::TooLarge {
                what: "key_bytes",
                actual: 4_001,
                max: 4_000
            })
        );
        let value = check(|b| _ = b.put("k", vec![1; 90_001]));
        assert_eq!(
            value,
            Err(CommitError::TooLarge {
                what: "value_bytes",
                actual: 90_001,
                max: 90_000
            })
        );
        let batch = check(|b| (0..45u8).for_each(|i| _ = b.put(vec![i], vec![0; 90_000])));
        assert!(matches!(
            batch,
            Err(CommitError::TooLarge {
                what: "batch_bytes",
                ..
            })
        ));
    }

    #[test]
    fn an_empty_key_and_an_inverted_range_are_refused() {
        let empty = check(|b| _ = b.put("", "v"));
        assert!(matches!(empty, Err(CommitError::Invalid { .. })));
        let inverted = check(|b| _ = b.clear_range(KeyRange::new("b", "a")));
        assert!(matches!(inverted, Err(CommitError::Invalid { .. })));
        assert_eq!(check(|b| _ = b.clear_range(KeyRange::new("a", "a"))), Ok(()));
    }
}
