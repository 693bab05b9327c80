//! Where backups lie: an object store, of which a folder on this machine is one.
//!
//! An object is there whole or not at all. Nothing is ever overwritten: a name has a part of chance, and a segment of a log is
//! put only where none is ([`segments`]).

mod found;

use std::path::Path as Folder;
use std::sync::Arc;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use crate::error::BackupError;
use crate::name::BackupName;

pub use found::{Found, Looked};
pub(crate) mod segments;

const MANIFEST: &str = "manifest";
/// Backups that one listing names.
const LISTED_MAX: usize = 10_000;
/// Of what is read whole, whoever put it there: far more than any part or manifest has.
const PART_BYTES_MAX: u64 = 64 << 20;
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// Clone: a shared handle.
#[derive(Clone, Debug)]
pub struct BackupStore {
    objects: Arc<dyn ObjectStore>,
}

/// Backups by name: whole ones, and folders without a manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    pub whole: Vec<BackupName>,
    pub unfinished: Vec<BackupName>,
}

/// What lies under a name.
enum Got {
    Whole(Bytes),
    Nothing,
    TooLarge,
}

impl BackupStore {
    /// A folder, made if it is not there.
    ///
    /// # Errors
    /// [`BackupError::Store`].
    pub fn folder(folder: &Folder) -> Result<Self, BackupError> {
        let unusable = |source| {
            BackupError::Store(object_store::Error::Generic {
                store: "folder",
                source: Box::new(source),
            })
        };
        std::fs::create_dir_all(folder).map_err(unusable)?;
        let objects = LocalFileSystem::new_with_prefix(folder).map_err(BackupError::Store)?;
        // What is told to be a backup is on the disk.
        Ok(Self {
            objects: Arc::new(objects.with_fsync(true)),
        })
    }

    /// Any object store.
    pub fn new(objects: Arc<dyn ObjectStore>) -> Self {
        Self { objects }
    }

    pub(crate) async fn put_part(
        &self,
        name: &BackupName,
        part: u64,
        bytes: Vec<u8>,
    ) -> Result<(), BackupError> {
        self.put(part_path(name, part), bytes).await
    }

    /// The last object of a backup: with it, it is one.
    pub(crate) async fn put_manifest(&self, name: &BackupName, bytes: Vec<u8>) -> Result<(), BackupError> {
        self.put(manifest_path(name), bytes).await
    }

    pub(crate) async fn part(&self, name: &BackupName, part: u64) -> Result<Bytes, BackupError> {
        match self.get(part_path(name, part), PART_BYTES_MAX).await? {
            Got::Whole(bytes) => Ok(bytes),
            Got::Nothing => Err(BackupError::MissingPart {
                name: name.to_string(),
                part,
            }),
            Got::TooLarge => Err(BackupError::DamagedPart {
                name: name.to_string(),
                part,
            }),
        }
    }

    pub(crate) async fn manifest(&self, name: &BackupName) -> Result<Bytes, BackupError> {
        match self.get(manifest_path(name), MANIFEST_BYTES_MAX).await? {
            Got::Whole(bytes) => Ok(bytes),
            Got::Nothing => Err(BackupError::NoSuchBackup(name.to_string())),
            Got::TooLarge => Err(BackupError::DamagedManifest(name.to_string())),
        }
    }

    /// Every backup, by name; bounded.
    ///
    /// # Errors
    /// [`BackupError::Store`].
    pub async fn list(&self) -> Result<Listing, BackupError> {
        let found = self.look(|_| true).await?;
        let (whole, unfinished): (Vec<_>, Vec<_>) = found.folders.into_iter().partition(|found| found.whole);
        let names = |found: Vec<Found>| found.into_iter().map(|found| found.name).collect();
        Ok(Listing {
            whole: names(whole),
            unfinished: names(unfinished),
        })
    }

    /// Takes away what was written of a backup that did not come to its end. Best effort: what stays is told as unfinished.
    pub(crate) async fn give_up(&self, name: &BackupName, parts: u64) {
        // Perhaps it is there, and the answer was lost: one without its parts would be told to be whole.
        if self.delete(&manifest_path(name)).await.is_err() {
            return;
        }
        for part in 0..parts {
            let _ = self.objects.delete(&part_path(name, part)).await;
        }
    }

    async fn put(&self, path: Path, bytes: Vec<u8>) -> Result<(), BackupError> {
        let put = self.objects.put(&path, PutPayload::from(bytes)).await;
        put.map(drop).map_err(BackupError::Store)
    }

    /// What is larger than anything that belongs there is not read.
    async fn get(&self, path: Path, bytes_max: u64) -> Result<Got, BackupError> {
        match self.objects.get(&path).await {
            Ok(found) if found.meta.size > bytes_max => Ok(Got::TooLarge),
            Ok(found) => found.bytes().await.map(Got::Whole).map_err(BackupError::Store),
            Err(object_store::Error::NotFound { .. }) => Ok(Got::Nothing),
            Err(error) => Err(BackupError::Store(error)),
        }
    }
}

fn part_path(name: &BackupName, part: u64) -> Path {
    Path::from_iter([name.as_str(), &format!("part-{part:08}")])
}

fn manifest_path(name: &BackupName) -> Path {
    Path::from_iter([name.as_str(), MANIFEST])
}
