//! What lies in a store under names of backups, and how it is taken away.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt as _, TryStreamExt};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::{BackupStore, LISTED_MAX, manifest_path};
use crate::error::BackupError;
use crate::name::BackupName;

/// Folders that are looked into at once.
const LOOKED_AT_ONCE: usize = 16;

/// A folder that is called as a backup is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub name: BackupName,
    /// Whether it has a manifest.
    pub whole: bool,
    /// When its newest part was written, or its manifest, by the store's clock, in milliseconds since 1970.
    pub written_ms: u64,
}

/// All of them, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    pub folders: Vec<Found>,
    /// There are more than one look names: what is missing here may be there.
    pub more: bool,
}

impl BackupStore {
    /// Those of which the name is wanted.
    ///
    /// # Errors
    /// [`BackupError::Store`].
    pub async fn look(&self, wanted: impl Fn(&BackupName) -> bool) -> Result<Looked, BackupError> {
        // Folders alone, of a store that can tell them from what is in them.
        let listed = self.objects.list_with_delimiter(None).await;
        let listed = listed.map_err(BackupError::Store)?;
        let paths = listed.objects.iter().map(|object| &object.location);
        let mut names = BTreeSet::new();
        for path in paths.chain(&listed.common_prefixes) {
            let first = path.parts().next();
            let name = first.and_then(|first| first.as_ref().parse::<BackupName>().ok());
            names.extend(name.filter(&wanted));
        }
        let more = names.len() > LISTED_MAX;
        let looks = names.into_iter().take(LISTED_MAX);
        let looks: Vec<_> = looks.map(|name| self.look_into(name)).collect();
        let looks = stream::iter(looks).buffered(LOOKED_AT_ONCE);
        let folders: Vec<Option<Found>> = looks.try_collect().await?;
        Ok(Looked {
            folders: folders.into_iter().flatten().collect(),
            more,
        })
    }

    /// Nothing of a folder that holds nothing.
    async fn look_into(&self, name: BackupName) -> Result<Option<Found>, BackupError> {
        let (folder, manifest) = (Path::from_iter([name.as_str()]), manifest_path(&name));
        let listed = self.objects.list_with_delimiter(Some(&folder)).await;
        let objects = listed.map_err(BackupError::Store)?.objects;
        if objects.is_empty() {
            let mut below = self.objects.list(Some(&folder));
            if below.try_next().await.map_err(BackupError::Store)?.is_none() {
                return Ok(None);
            }
        }
        let newest = objects.iter().map(|object| object.last_modified).max();
        let newest_ms = newest.map_or(0, |newest| newest.timestamp_millis());
        Ok(Some(Found {
            whole: objects.iter().any(|object| object.location == manifest),
            written_ms: u64::try_from(newest_ms).unwrap_or(0),
            name,
        }))
    }

    /// Removes all that lies under the name of a backup: its manifest first, so that it is none from there on; the rest
    /// in batches, as large as the store takes them. What was not there is no error; what broke off is told as
    /// unfinished, and may be removed again.
    ///
    /// # Errors
    /// [`BackupError::Store`].
    pub async fn remove(&self, name: &BackupName) -> Result<(), BackupError> {
        self.delete(&manifest_path(name)).await?;
        let listed = self.objects.list(Some(&Path::from_iter([name.as_str()])));
        let found = Box::pin(listed.map_ok(|object| object.location));
        let mut removed = self.objects.delete_stream(found);
        loop {
            match removed.try_next().await {
                Ok(None) => return Ok(()),
                Ok(Some(_)) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(BackupError::Store(error)),
            }
        }
    }

    pub(super) async fn delete(&self, path: &Path) -> Result<(), BackupError> {
        match self.objects.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(BackupError::Store(error)),
        }
    }
}
