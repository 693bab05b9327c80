//! Backups in a bucket alone: a server that speaks S3 and checks signatures, in the test's own process. The cells of a
//! world are given it as any other: name and address in their settings, the secret in a file.

use std::net::SocketAddr;
use std::path::PathBuf;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use platform_runtime::TaskGroup;
use platform_runtime::files::write_atomic;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::*;

const BUCKET: &str = "backups";
const CREDENTIALS: &str = "credentials";

/// Ends with the test's runtime.
struct Bucket {
    root: TempDir,
    address: SocketAddr,
    secret: Canaries,
}

impl Bucket {
    async fn up() -> Result<Self> {
        let root = tempfile::tempdir()?;
        fs::create_dir(root.path().join(BUCKET))?;
        let mut secret = Canaries::default();
        let key = secret.text("secret access key");
        let credentials = format!("aws_access_key_id = id\naws_secret_access_key = {key}\n");
        write_atomic(&root.path().join(CREDENTIALS), credentials.as_bytes(), 0o600)?;
        let files = FileSystem::new(root.path()).expect("a folder");
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single("id", key));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let tasks = TaskGroup::new();
        tasks.spawn("s3", serve(listener, service.build(), tasks.child()));
        Ok(Self {
            root,
            address,
            secret,
        })
    }

    /// For every node: all of them have one bucket, where the law has the sink of the EU.
    fn settings(&self) -> [(&'static str, String); 7] {
        let credentials = self.root.path().join(CREDENTIALS);
        [
            // Instead of the one that the world's own settings name.
            ("CELLD_BACKUP__FOLDER", String::new()),
            ("CELLD_BACKUP__BUCKET", BUCKET.to_owned()),
            ("CELLD_BACKUP__BUCKET_REGION", "eu-west-1".to_owned()),
            ("CELLD_BACKUP__REGION", "eu-west".to_owned()),
            ("CELLD_BACKUP__ENDPOINT", format!("http://{}", self.address)),
            ("CELLD_BACKUP__PLAINTEXT", "true".to_owned()),
            (
                "CELLD_BACKUP__CREDENTIALS_FILE",
                credentials.display().to_string(),
            ),
        ]
    }

    fn folder(&self, backup: &str) -> PathBuf {
        self.root.path().join(BUCKET).join(backup)
    }

    /// They lie there, and no node has a folder for any.
    fn holds(&self, scene: &Scene, backups: &BTreeMap<String, String>) -> Result<()> {
        for backup in backups.values() {
            let manifest = self.folder(backup).join("manifest");
            ensure!(manifest.is_file(), "{backup} is not in the bucket");
        }
        for jurisdiction in ["eu", "us"] {
            let folder = scene.processes.layout.backups(&jurisdiction.parse()?);
            ensure!(!folder.exists(), "there is {}", folder.display());
        }
        Ok(())
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

/// Other threads serve the bucket: the test's own waits for `cellctl`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_lost_for_good_goes_on_from_a_bucket() -> Result<()> {
    let bucket = Bucket::up().await?;
    let settings = bucket.settings();
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let Some(scene) = Scene::up_with(&settings)? else {
        return Ok(());
    };
    let mut of_ben = Canaries::default();
    let (ben, ride) = newcomer(&scene, &mut of_ben, "Ben").await?;
    let backups = backed_up(&scene)?;
    bucket.holds(&scene, &backups)?;
    let backup = &backups["eu/eu-central/003"];
    refused::with_a_broken_part(&scene, &bucket.folder(backup), backup)?;
    // Of the law's two sinks this bucket is one.
    let elsewhere = "this node's settings have it in eu-west";
    scene.refused(&["backup", "create", "us/us-east/000"], elsewhere)?;
    removed::by_a_person(&scene, &backups)?;
    let wanted = logged::written(&scene, &ben, &backups).await?;
    scene.processes.lose(&seat(LOST)?).await?;
    let restored = restored(&scene, &backups, |shard| wanted.flags(shard)).await?;
    wanted.is_met(&restored)?;
    goes_on(&scene, ben, logged::KEPT, &[ride]).await?;
    let in_bucket = Searcher::new(of_ben.all()).folder(bucket.root.path(), &[])?;
    ensure!(in_bucket.found.is_empty(), "{:?}", in_bucket.found);
    let told = left(&scene, bucket.secret.all())?;
    ensure!(told.is_empty(), "the bucket's secret is in the world: {told:?}");
    Ok(())
}
