//! A bucket: the same promises as a folder's, on a server that speaks S3 over HTTP and checks signatures.

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

use super::*;
use crate::s3::Bucket;

const BUCKET: &str = "backups";

/// A server over a folder; ends with the test's runtime.
struct Server {
    endpoint: String,
    root: tempfile::TempDir,
}

impl Server {
    async fn start() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir(root.path().join(BUCKET)).expect("a bucket");
        let files = FileSystem::new(root.path()).expect("a folder");
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single("id", "secret"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let tasks = TaskGroup::new();
        tasks.spawn("s3", serve(listener, service.build(), tasks.child()));
        Self {
            endpoint: format!("http://{address}"),
            root,
        }
    }

    fn store(&self, secret: &str) -> BackupStore {
        platform_runtime::tls::install_ring();
        let file = self.root.path().join(format!("{secret}.credentials"));
        let text = format!("aws_access_key_id = id\naws_secret_access_key = {secret}\n");
        platform_runtime::files::write_atomic(&file, text.as_bytes(), 0o600).expect("written");
        let bucket = Bucket {
            name: BUCKET.into(),
            region: "eu-central-1".into(),
            endpoint: Some(self.endpoint.clone()),
            ca: None,
            credentials_file: Some(file),
            plaintext: true,
        };
        BackupStore::bucket(&bucket).expect("a bucket")
    }

    fn object(&self, name: &BackupName, file: &str) -> PathBuf {
        self.root.path().join(BUCKET).join(name.as_str()).join(file)
    }
}

async fn serve(listener: TcpListener, service: S3Service, tasks: TaskGroup) {
    while let Ok((socket, _)) = listener.accept().await {
        let service = service.clone();
        tasks.spawn("s3-connection", async move {
            let http = Builder::new(TokioExecutor::new());
            // The client may go.
            let _ = http.serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

#[tokio::test]
async fn what_is_restored_from_a_bucket_is_what_was_backed_up_there() {
    let server = Server::start().await;
    let bench = Bench::on(server.store("secret")).await;
    let manifest = bench.back_up().await;
    assert!(manifest.parts > 3, "{manifest:?}");
    assert_eq!(bench.verify(&manifest.name).await.expect("whole"), manifest);
    assert_eq!(bench.rehearse(&manifest.name).await.expect("whole"), manifest);
    let disk: Arc<dyn Store> = Memory::new();
    let restored = bench
        .restore(&manifest.name, &disk, &ErasedPeople::default())
        .await;
    assert_eq!(restored.expect("restored").left_out, 0);
    assert_eq!(rows(&*disk).await.len(), 3 * PEOPLE as usize);
    let listing = bench.store.list().await.expect("listed");
    assert_eq!(
        (listing.whole.as_slice(), listing.unfinished),
        (std::slice::from_ref(&manifest.name), vec![])
    );
    bench.store.remove(&manifest.name).await.expect("removed");
    assert_eq!(bench.store.list().await.expect("listed").whole, []);
}

#[tokio::test]
async fn a_bucket_that_breaks_a_backup_is_seen_through() {
    let server = Server::start().await;
    let bench = Bench::on(server.store("secret")).await;
    let manifest = bench.back_up().await;
    flip(&server.object(&manifest.name, "part-00000001"), 40);
    let damaged = |error: &BackupError| matches!(error, BackupError::DamagedPart { part: 1, .. });
    bench.is_refused(&manifest.name, damaged).await;
    // Whoever can write there has nobody read it into memory.
    let huge = |file: &str, bytes: u64| {
        let file = fs::File::create(server.object(&manifest.name, file)).expect("made");
        file.set_len(bytes).expect("as long as that");
    };
    huge("part-00000001", (64 << 20) + 1);
    bench.is_refused(&manifest.name, damaged).await;
    fs::remove_file(server.object(&manifest.name, "part-00000001")).expect("removed");
    let missing = |error: &BackupError| matches!(error, BackupError::MissingPart { part: 1, .. });
    bench.is_refused(&manifest.name, missing).await;
    huge("manifest", (1 << 20) + 1);
    let unreadable = |error: &BackupError| matches!(error, BackupError::DamagedManifest(_));
    bench.is_refused(&manifest.name, unreadable).await;
    fs::remove_file(server.object(&manifest.name, "manifest")).expect("removed");
    let none = |error: &BackupError| matches!(error, BackupError::NoSuchBackup(_));
    bench.is_refused(&manifest.name, none).await;
}

#[tokio::test]
async fn whoever_has_not_the_secret_neither_reads_nor_writes_there() {
    let server = Server::start().await;
    let bench = Bench::on(server.store("secret")).await;
    let manifest = bench.back_up().await;
    let stranger = Bench::on(server.store("guessed")).await;
    let frozen = stranger.shard.freeze().await.expect("served");
    let refused = stranger.write(frozen, &|| Permit::Granted).await;
    assert!(matches!(refused, Err(BackupError::Store(_))), "{refused:?}");
    let refused = stranger.verify(&manifest.name).await;
    assert!(matches!(refused, Err(BackupError::Store(_))), "{refused:?}");
    assert!(stranger.store.list().await.is_err());
    assert_eq!(bench.store.list().await.expect("listed").whole, [manifest.name]);
}

#[tokio::test]
async fn a_log_is_kept_in_a_bucket_and_restored_from_there() {
    let server = Server::start().await;
    let bench = Bench::on(server.store("secret")).await;
    let base = bench.back_up().await;
    let mut run = Run::begin(base.clone()).expect("a shard of people");
    for number in 20..30 {
        put(&bench.shard, number).await;
    }
    bench.keep_all(&mut run).await;
    assert!(run.segments > 1, "{run:?}");
    assert_eq!(bench.find().await.expect("read"), Some(run.clone()));
    let (disk, nobody): (Arc<dyn Store>, _) = (Memory::new(), ErasedPeople::default());
    let restored = bench
        .restore_to(&base.name, Goal::Latest, (&disk, &nobody, &AllAtHome))
        .await;
    assert_eq!(restored.expect("restored").end, run.end);
    assert_eq!(rows(&*disk).await.len(), 3 * (PEOPLE as usize + 10));
    flip(&server.object(&base.name, "log/segment-00000001"), 60);
    let told = log::read::verify(&bench.store, &bench.kek, &base, Goal::Latest).await;
    let damaged = matches!(told, Err(BackupError::DamagedSegment { segment: 1, .. }));
    assert!(damaged, "{told:?}");
}
