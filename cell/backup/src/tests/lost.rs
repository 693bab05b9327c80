//! A store that is not heard when it is to say that it has the manifest.

use std::fmt;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt as _};
use object_store::memory::InMemory;
use object_store::path::Path as Location;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};

use super::*;

/// What becomes of a manifest that is put, of which nobody hears anything in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Lost,
    Taken,
    /// And from then on the store is not heard at all, until it is back.
    TakenAtLast,
}

#[derive(Debug)]
struct Deaf {
    objects: InMemory,
    fate: Fate,
    away: AtomicBool,
}

impl fmt::Display for Deaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deaf")
    }
}

fn unheard() -> object_store::Error {
    object_store::Error::Generic {
        store: "deaf",
        source: "planted".into(),
    }
}

impl Deaf {
    fn of(fate: Fate) -> Arc<Self> {
        Arc::new(Self {
            objects: InMemory::new(),
            fate,
            away: AtomicBool::new(false),
        })
    }

    fn heard(&self) -> object_store::Result<()> {
        if self.away.load(Ordering::Relaxed) {
            return Err(unheard());
        }
        Ok(())
    }
}

#[async_trait]
impl ObjectStore for Deaf {
    async fn put_opts(
        &self,
        location: &Location,
        payload: PutPayload,
        opts: PutOptions,
    ) -> object_store::Result<PutResult> {
        self.heard()?;
        if location.filename() != Some("manifest") {
            return self.objects.put_opts(location, payload, opts).await;
        }
        if self.fate != Fate::Lost {
            self.objects.put_opts(location, payload, opts).await?;
        }
        self.away.store(self.fate == Fate::TakenAtLast, Ordering::Relaxed);
        Err(unheard())
    }

    async fn put_multipart_opts(
        &self,
        location: &Location,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Location, options: GetOptions) -> object_store::Result<GetResult> {
        self.heard()?;
        self.objects.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Location>>,
    ) -> BoxStream<'static, object_store::Result<Location>> {
        if self.heard().is_err() {
            return locations.map(|_| Err(unheard())).boxed();
        }
        self.objects.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Location>) -> object_store::Result<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &Location,
        to: &Location,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        self.objects.copy_opts(from, to, options).await
    }
}

async fn backed_up(fate: Fate) -> (Bench, Arc<Deaf>, Result<Manifest, BackupError>) {
    let deaf = Deaf::of(fate);
    let objects: Arc<dyn ObjectStore> = Arc::<Deaf>::clone(&deaf);
    let bench = Bench::on(BackupStore::new(objects)).await;
    let frozen = bench.shard.freeze().await.expect("served");
    let written = bench.write(frozen, &|| Permit::Granted).await;
    (bench, deaf, written)
}

/// The planted omission: the answer to a manifest is lost, its parts are removed, and what is left is listed as whole,
/// as the newest of its shard, and is not to be restored.
#[tokio::test]
async fn a_manifest_of_which_no_answer_came_has_its_parts_or_is_none() {
    let (bench, _, written) = backed_up(Fate::Taken).await;
    let manifest = written.expect("the store has it");
    assert_eq!(bench.verify(&manifest.name).await.expect("whole"), manifest);

    let (bench, _, written) = backed_up(Fate::Lost).await;
    assert!(matches!(written, Err(BackupError::Store(_))), "{written:?}");
    let listing = bench.store.list().await.expect("listed");
    assert_eq!((listing.whole, listing.unfinished), (vec![], vec![]));

    let (bench, deaf, written) = backed_up(Fate::TakenAtLast).await;
    assert!(matches!(written, Err(BackupError::Store(_))), "{written:?}");
    deaf.away.store(false, Ordering::Relaxed);
    let whole = bench.store.list().await.expect("listed").whole;
    assert_eq!(whole.len(), 1, "{whole:?}");
    bench.verify(&whole[0]).await.expect("whole");
}
