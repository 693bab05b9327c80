//! A backup, read back part by part, each checked; at the end all of it.

use bytes::Bytes;
use cell_layers::keys::Kek;
use platform_runtime::background;
use sha2::{Digest, Sha256};

use crate::error::BackupError;
use crate::manifest::Manifest;
use crate::name::BackupName;
use crate::pace::Pace;
use crate::progress::Progress;
use crate::rows;
use crate::seal::BackupKey;
use crate::store::BackupStore;

/// Reads a backup from its first row to its last.
pub struct Reading<'a> {
    store: &'a BackupStore,
    manifest: Manifest,
    key: BackupKey,
    next: u64,
    digest: Sha256,
    rows: u64,
    progress: &'a Progress,
}

/// What a backup says of itself.
///
/// # Errors
/// [`BackupError::NoSuchBackup`]; as [`Manifest::open`].
pub async fn manifest(store: &BackupStore, name: &BackupName, kek: &Kek) -> Result<Manifest, BackupError> {
    let bytes = store.manifest(name).await?;
    Manifest::open(name, bytes, kek).map(|(manifest, _)| manifest)
}

/// Reads all of it and keeps nothing.
///
/// # Errors
/// The first thing that is not as it was written.
pub async fn verify(
    store: &BackupStore,
    name: &BackupName,
    kek: &Kek,
    progress: &Progress,
) -> Result<Manifest, BackupError> {
    let mut reading = Reading::begin(store, name, kek, progress).await?;
    while reading.part().await?.is_some() {}
    Ok(reading.manifest)
}

/// As [`verify`], no faster than `pace` lets it.
///
/// # Errors
/// The first thing that is not as it was written.
pub async fn verify_slowly(
    store: &BackupStore,
    name: &BackupName,
    kek: &Kek,
    mut pace: Pace,
    progress: &Progress,
) -> Result<Manifest, BackupError> {
    let mut reading = Reading::begin(store, name, kek, progress).await?;
    while let Some(rows) = reading.part().await? {
        let bytes = rows.iter().map(|(key, value)| key.len() + value.len());
        pace.hold(bytes.sum::<usize>() as u64).await;
    }
    Ok(reading.manifest)
}

impl<'a> Reading<'a> {
    /// # Errors
    /// As [`manifest`].
    pub async fn begin(
        store: &'a BackupStore,
        name: &BackupName,
        kek: &Kek,
        progress: &'a Progress,
    ) -> Result<Self, BackupError> {
        let bytes = store.manifest(name).await?;
        let (manifest, key) = Manifest::open(name, bytes, kek)?;
        progress.expect(manifest.bytes);
        Ok(Self {
            store,
            manifest,
            key,
            next: 0,
            digest: Sha256::new(),
            rows: 0,
            progress,
        })
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The rows of the next part; none once all were read, and then all of them were what was written.
    ///
    /// # Errors
    /// [`BackupError::MissingPart`], [`BackupError::DamagedPart`], [`BackupError::Digest`].
    pub async fn part(&mut self) -> Result<Option<Vec<(Bytes, Bytes)>>, BackupError> {
        let name = &self.manifest.name;
        if self.next == self.manifest.parts {
            let whole = <[u8; 32]>::from(self.digest.clone().finalize()) == self.manifest.digest;
            let all = whole && self.rows == self.manifest.rows;
            return if all {
                Ok(None)
            } else {
                Err(BackupError::Digest(name.to_string()))
            };
        }
        let part = self.next;
        let damaged = || BackupError::DamagedPart {
            name: name.to_string(),
            part,
        };
        let sealed = self.store.part(name, part).await?;
        let (key, bound_to) = (self.key.clone(), name.clone());
        let mut digest = self.digest.clone();
        let opened = background::run(async move {
            let plain = key.open(bound_to.as_str(), part, &sealed).ok()?;
            digest.update(&plain);
            Some((digest, rows::read(Bytes::from(plain))?))
        });
        let (digest, rows) = opened.await.ok_or(BackupError::Stopped)?.ok_or_else(damaged)?;
        self.digest = digest;
        self.next += 1;
        self.rows += rows.len() as u64;
        let bytes = rows
            .iter()
            .map(|(key, value)| (key.len() + value.len()) as u64)
            .sum();
        self.progress.add(rows.len() as u64, bytes);
        Ok(Some(rows))
    }
}
