//! A shard at one position, written to the store in sealed parts.
//!
//! Reading and sealing run on threads that give way to requests ([`background`]); while a part is sealed the one before
//! is put in the store, so that two are in memory at once and no more. The pace holds back every page that is read, so
//! that no processor is busy with it for longer than a page takes; the law is asked before each part.

use bytes::Bytes;
use cell_layers::keys::Kek;
use cell_shard::{Frozen, StateDigest};
use platform_model::WorldId;
use platform_runtime::background;
use sha2::{Digest, Sha256};

use crate::error::BackupError;
use crate::manifest::Manifest;
use crate::name::BackupName;
use crate::pace::Pace;
use crate::permit::{self, Asks};
use crate::progress::Progress;
use crate::rows;
use crate::seal::BackupKey;
use crate::store::BackupStore;

/// Bytes of a part before it is sealed, about. Each is made durable as one file: while a large one is, every commit beside it waits
/// for the disk.
const PART_BYTES: usize = 1 << 20;
/// Bytes that are read from the shard, digested and waited for at once: a millisecond of a processor, or less.
const PAGE_BYTES: usize = 64 << 10;
/// Reading the rows once more costs so much less than writing them.
const DIGEST_COSTS: u64 = 4;

/// What a backup is written with.
pub struct Writer<'a> {
    pub world: &'a WorldId,
    pub kek: &'a Kek,
    pub store: &'a BackupStore,
    pub pace: Pace,
    /// Asked before each part and before the manifest.
    pub permit: &'a Asks<'a>,
}

impl Writer<'_> {
    /// Writes all of it; the manifest last. Dropped or failed, there is no backup of that name; or a whole one, where the
    /// store was not heard any more when it was to say that it has the manifest.
    ///
    /// # Errors
    /// The shard's, the store's; [`BackupError::Withheld`] when the law changes meanwhile.
    pub async fn write(self, frozen: Frozen, progress: &Progress) -> Result<Manifest, BackupError> {
        self.write_in_parts(frozen, progress, PART_BYTES).await
    }

    pub(crate) async fn write_in_parts(
        self,
        frozen: Frozen,
        progress: &Progress,
        part_bytes_max: usize,
    ) -> Result<Manifest, BackupError> {
        let origin = frozen.origin();
        let name = BackupName::fresh(frozen.shard(), origin.term.epoch, origin.position);
        let source = Source {
            frozen,
            next: Some(Bytes::new()),
            key: BackupKey::generate(),
            name: name.clone(),
            part_bytes_max,
            parts: 0,
            digest: Sha256::new(),
            pace: self.pace.clone(),
        };
        let mut writing = Writing {
            with: self,
            name,
            put: 0,
            progress,
        };
        let written = writing.all(source).await;
        if written.is_err() {
            let begun = writing.put + 1;
            writing.with.store.give_up(&writing.name, begun).await;
        }
        written
    }
}

/// The shard, being read and sealed.
struct Source {
    frozen: Frozen,
    next: Option<Bytes>,
    key: BackupKey,
    name: BackupName,
    part_bytes_max: usize,
    parts: u64,
    digest: Sha256,
    pace: Pace,
}

/// A sealed part.
struct Part {
    number: u64,
    sealed: Vec<u8>,
    rows: u64,
    bytes: u64,
}

impl Source {
    /// The next part; none behind the last row.
    async fn part(mut self) -> Result<(Self, Option<Part>), BackupError> {
        let sealed = background::run(async move {
            let part = self.seal().await;
            part.map(|part| (self, part))
        });
        sealed.await.ok_or(BackupError::Stopped)?
    }

    async fn seal(&mut self) -> Result<Option<Part>, BackupError> {
        let mut plain = Vec::with_capacity(self.part_bytes_max + PAGE_BYTES);
        let (mut rows, mut bytes) = (0, 0);
        while plain.len() < self.part_bytes_max
            && let Some(start) = self.next.take()
        {
            let page_bytes = PAGE_BYTES.min(self.part_bytes_max);
            self.pace.hold(page_bytes as u64).await;
            let page = self.frozen.page(start, page_bytes).await?;
            let begins = plain.len();
            for (key, value) in &page.rows {
                if !rows::push(&mut plain, key, value) {
                    return Err(BackupError::Row);
                }
                rows += 1;
                bytes += (key.len() + value.len()) as u64;
            }
            self.digest.update(&plain[begins..]);
            self.next = page.next;
        }
        if plain.is_empty() {
            return Ok(None);
        }
        let number = self.parts;
        self.parts += 1;
        Ok(Some(Part {
            number,
            sealed: self.key.seal(self.name.as_str(), number, &plain),
            rows,
            bytes,
        }))
    }

    /// The digest of the rows, read anew: what the parts have left out, it has not.
    async fn digested(mut self) -> Result<(Self, StateDigest), BackupError> {
        let digested = background::run(async move {
            let state = self.read_anew().await;
            state.map(|state| (self, state))
        });
        digested.await.ok_or(BackupError::Stopped)?
    }

    async fn read_anew(&mut self) -> Result<StateDigest, BackupError> {
        let (mut state, mut next) = (StateDigest::default(), Some(Bytes::new()));
        while let Some(from) = next {
            self.pace.hold(PAGE_BYTES as u64 / DIGEST_COSTS).await;
            next = self.frozen.digest(&mut state, from, PAGE_BYTES).await?;
        }
        Ok(state)
    }
}

struct Writing<'a> {
    with: Writer<'a>,
    name: BackupName,
    put: u64,
    progress: &'a Progress,
}

impl Writing<'_> {
    async fn all(&mut self, source: Source) -> Result<Manifest, BackupError> {
        let source = self.parts(source).await?;
        let (source, state) = source.digested().await?;
        let manifest = Manifest {
            world: self.with.world.clone(),
            shard: source.frozen.shard().clone(),
            origin: source.frozen.origin(),
            parts: source.parts,
            rows: self.progress.rows(),
            bytes: self.progress.bytes(),
            digest: source.digest.finalize().into(),
            state: Some(state.value()),
            name: self.name.clone(),
        };
        let sealed = manifest.seal(&source.key, self.with.kek);
        self.granted().await?;
        self.put_manifest(&manifest.name, sealed).await?;
        Ok(manifest)
    }

    /// Of an answer that was lost the store is asked what it has: with the manifest it is a backup.
    async fn put_manifest(&self, name: &BackupName, sealed: Vec<u8>) -> Result<(), BackupError> {
        let store = self.with.store;
        let Err(error) = store.put_manifest(name, sealed.clone()).await else {
            return Ok(());
        };
        match store.manifest(name).await {
            Ok(found) if found == sealed => Ok(()),
            _ => Err(error),
        }
    }

    async fn parts(&mut self, mut source: Source) -> Result<Source, BackupError> {
        let mut ready = None;
        loop {
            self.granted().await?;
            // Both to their ends, so that nothing is put any more once one has failed.
            let (sealed, put) = tokio::join!(source.part(), self.put(ready.take()));
            put?;
            (source, ready) = sealed?;
            if ready.is_none() {
                return Ok(source);
            }
        }
    }

    async fn put(&mut self, part: Option<Part>) -> Result<(), BackupError> {
        let Some(part) = part else { return Ok(()) };
        let store = self.with.store;
        store.put_part(&self.name, part.number, part.sealed).await?;
        self.put += 1;
        self.progress.add(part.rows, part.bytes);
        Ok(())
    }

    async fn granted(&self) -> Result<(), BackupError> {
        permit::granted(self.with.permit, self.with.pace.clock()).await
    }
}
