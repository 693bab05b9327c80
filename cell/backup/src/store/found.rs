//! What lies in a store under names of backups, and how it is taken away.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::{BackupStore, MANIFEST, manifest_path};
use crate::error::BackupError;
use crate::name::BackupName;

/// Backups that one look names.
const LOOKED_MAX: usize = 10_000;

/// A folder that is called as a backup is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub name: BackupName,
    /// Whether it has a manifest.
    pub whole: bool,
    /// When its newest object was written, by the store's clock, in milliseconds since 1970.
    pub written_ms: u64,
}

/// All of them, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    pub folders: Vec<Found>,
    /// There are more than one look names: what is missing here may be there, and the last may be more than it seems.
    pub more: bool,
}

impl BackupStore {
    /// Walks through every object.
    ///
    /// # Errors
    /// [`BackupError::Store`].
    pub async fn look(&self) -> Result<Looked, BackupError> {
        let mut objects = self.objects.list(None);
        let (mut found, mut more) = (BTreeMap::new(), false);
        while let Some(object) = objects.try_next().await.map_err(BackupError::Store)? {
            let mut segments = object.location.parts();
            let (Some(folder), Some(file)) = (segments.next(), segments.next()) else {
                continue;
            };
            let Ok(name) = folder.as_ref().parse::<BackupName>() else {
                continue;
            };
            if found.len() == LOOKED_MAX && !found.contains_key(&name) {
                more = true;
                break;
            }
            let written_ms = u64::try_from(object.last_modified.timestamp_millis()).unwrap_or(0);
            let (whole, newest_ms) = found.entry(name).or_insert((false, 0));
            *whole |= file.as_ref() == MANIFEST;
            *newest_ms = written_ms.max(*newest_ms);
        }
        let folders = found.into_iter().map(|(name, (whole, written_ms))| Found {
            name,
            whole,
            written_ms,
        });
        Ok(Looked {
            folders: folders.collect(),
            more,
        })
    }

    /// Removes all that lies under the name of a backup: its manifest first, so that it is none from there on. What was not
    /// there is no error; what broke off is told as unfinished, and may be removed again.
    ///
    /// # Errors
    /// [`BackupError::Store`].
    pub async fn remove(&self, name: &BackupName) -> Result<(), BackupError> {
        self.delete(&manifest_path(name)).await?;
        let mut objects = self.objects.list(Some(&Path::from_iter([name.as_str()])));
        while let Some(object) = objects.try_next().await.map_err(BackupError::Store)? {
            self.delete(&object.location).await?;
        }
        Ok(())
    }

    async fn delete(&self, path: &Path) -> Result<(), BackupError> {
        match self.objects.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(BackupError::Store(error)),
        }
    }
}
