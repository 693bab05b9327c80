//! Segments of a log in the store, in the folder of their backup, by their numbers.

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, PutMode, PutPayload};
use platform_model::ShardId;

use super::{BackupStore, Got};
use crate::error::BackupError;
use crate::name::BackupName;

const FOLDER: &str = "log";
const PREFIX: &str = "segment-";
/// Segments of one log, at most: of one that grows by one every ten seconds, those of some four months.
pub(crate) const SEGMENTS_MAX: u64 = 1_000_000;
/// Far more than any has: the largest entry behind one that was not large enough.
const SEGMENT_BYTES_MAX: u64 = 64 << 20;

/// Which segments of a log lie there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Segments {
    /// All below this one.
    pub first_missing: u64,
    /// And some behind it.
    pub behind_a_gap: bool,
}

impl Segments {
    fn of(mut numbers: Vec<u64>) -> Self {
        numbers.sort_unstable();
        numbers.dedup();
        let first_missing = numbers
            .iter()
            .zip(0..)
            .take_while(|(found, next)| **found == *next);
        let first_missing = first_missing.count();
        Self {
            first_missing: first_missing as u64,
            behind_a_gap: first_missing < numbers.len(),
        }
    }
}

impl BackupStore {
    /// False: there is one of that number already, and it stays as it is.
    pub(crate) async fn put_segment(
        &self,
        name: &BackupName,
        number: u64,
        bytes: Vec<u8>,
    ) -> Result<bool, BackupError> {
        let (path, payload) = (segment_path(name, number), PutPayload::from(bytes));
        let put = self
            .objects
            .put_opts(&path, payload, PutMode::Create.into())
            .await;
        match put {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(BackupError::Store(error)),
        }
    }

    pub(crate) async fn segment(&self, name: &BackupName, number: u64) -> Result<Option<Bytes>, BackupError> {
        match self.get(segment_path(name, number), SEGMENT_BYTES_MAX).await? {
            Got::Whole(bytes) => Ok(Some(bytes)),
            Got::Nothing => Ok(None),
            Got::TooLarge => Err(BackupError::DamagedSegment {
                name: name.to_string(),
                segment: number,
                upto: None,
            }),
        }
    }

    /// Which there are of that backup; one past the bound is as one that is not there.
    pub(crate) async fn segments(&self, name: &BackupName) -> Result<Segments, BackupError> {
        let folder = folder(name);
        let mut objects = self.objects.list(Some(&folder));
        let mut numbers = Vec::new();
        while let Some(object) = objects.try_next().await.map_err(BackupError::Store)? {
            let file = object.location.filename().unwrap_or_default();
            let number = file
                .strip_prefix(PREFIX)
                .and_then(|number| number.parse::<u64>().ok());
            // Of two ways to write a number one is a segment's.
            let number = number.filter(|number| *number < SEGMENTS_MAX && file_of(*number) == file);
            numbers.extend(number);
        }
        Ok(Segments::of(numbers))
    }

    /// Whole backups of a shard by where they say that it stood: the newest first.
    ///
    /// # Errors
    /// [`BackupError::TooMany`] when they are more than one look names; [`BackupError::Store`].
    pub(crate) async fn names_of(&self, shard: &ShardId) -> Result<Vec<BackupName>, BackupError> {
        let of_it = |name: &BackupName| name.shard().is_ok_and(|of| of == *shard);
        let looked = self.look(of_it).await?;
        if looked.more {
            return Err(BackupError::TooMany(Box::new(shard.clone())));
        }
        let whole = looked.folders.into_iter().filter(|found| found.whole);
        let mut names: Vec<BackupName> = whole.map(|found| found.name).collect();
        names.sort_by_key(|name| std::cmp::Reverse(name.at()));
        Ok(names)
    }
}

fn folder(name: &BackupName) -> Path {
    Path::from_iter([name.as_str(), FOLDER])
}

fn segment_path(name: &BackupName, number: u64) -> Path {
    Path::from_iter([name.as_str(), FOLDER, &file_of(number)])
}

fn file_of(number: u64) -> String {
    format!("{PREFIX}{number:08}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_told_from_an_end() {
        for (numbers, first_missing, behind_a_gap) in [
            (vec![], 0, false),
            (vec![2, 0, 1], 3, false),
            (vec![0, 1, 3], 2, true),
            (vec![1], 0, true),
        ] {
            let expected = Segments {
                first_missing,
                behind_a_gap,
            };
            assert_eq!(Segments::of(numbers.clone()), expected, "{numbers:?}");
        }
    }
}
