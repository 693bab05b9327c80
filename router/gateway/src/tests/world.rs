//! A small world for tests: certificates, three cells of one node each, a router that starts from the table on disk.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use platform_model::{NodeId, Problem, RoutingTable, UserId};
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use platform_runtime::config::HumanDuration;
use platform_runtime::tls::authority::{Authority, Leaf, lifetime};
use platform_runtime::tls::{Identity, SpiffeId, SpiffeKind, install_ring};
use platform_token::{Claims, SigningKey};
use platform_wire::follow::copy::{self, TableCopy};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::stand_in::{Body, StandIn, full};
use super::table::{name, region_of, table};
use crate::{Config, Running, start};

/// The name where apps begin.
pub const COMMON: &str = "meridian.test";
/// No test waits longer for anything.
pub const SOON: Duration = Duration::from_secs(20);
/// Short limit for what is meant to run out.
pub const SHORT: HumanDuration = HumanDuration(Duration::from_millis(300));

/// Everything that a test needs.
pub struct World {
    pub dir: TempDir,
    authority: Authority,
    pub router: Option<Running>,
    /// Serves `eu/eu-central`.
    pub central: Arc<StandIn>,
    /// In the same region, with no shard yet.
    pub spare: Arc<StandIn>,
    /// Serves `us/us-east`.
    pub east: Arc<StandIn>,
    pub key: SigningKey,
    pub table: RoutingTable,
    pub config: Config,
}

impl World {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A world whose router's configuration was changed.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        install_ring();
        let dir = tempfile::tempdir().expect("a folder");
        let authority = Authority::create(&dir.path().join("ca")).expect("made");
        let central = node(&authority, &dir, "eu-central-1/0", "127.0.0.1:0").await;
        let spare = node(&authority, &dir, "eu-central-2/0", "127.0.0.1:0").await;
        let east = node(&authority, &dir, "us-east-1/0", "127.0.0.1:0").await;
        let key = SigningKey::generate();
        let mut table = table(authority.world(), &key, &[&central, &east]);
        name(&mut table, &spare);
        let mut config = Config {
            world: authority.world().to_string(),
            ..Config::default()
        };
        config.data_dir = dir.path().join("router");
        config.controllers = vec!["127.0.0.1:1".into()];
        config.apps.listen = "127.0.0.1:0".into();
        config.apps.certificate_dir = dir.path().join("public");
        config.internal.identity_dir = dir.path().join("identity");
        change(&mut config);
        let names = [
            COMMON.to_owned(),
            format!("*.eu.{COMMON}"),
            format!("*.us.{COMMON}"),
        ];
        authority
            .issue_public(&names, 1, &config.apps.certificate_dir)
            .expect("issued");
        let id = spiffe(&authority, "eu-central", SpiffeKind::Router("r1".into()));
        authority
            .issue(&id, &["localhost".into()], 1, &config.internal.identity_dir)
            .expect("issued");
        let mut world = Self {
            dir,
            authority,
            router: None,
            central,
            spare,
            east,
            key,
            table,
            config,
        };
        world.keep_table();
        world.start().await;
        world
    }

    /// Writes the table where a router finds it when it starts.
    pub fn keep_table(&self) {
        std::fs::create_dir_all(&self.config.data_dir).expect("made");
        let copy = TableCopy {
            unix_ms: Clock::system().unix_ms(),
            table: self.table.clone(),
        };
        copy::write(&self.config.data_dir.join("table.copy"), &copy).expect("written");
    }

    pub async fn start(&mut self) {
        self.router = Some(start(&self.config, Clock::system()).await.expect("starts"));
    }

    /// A certificate for anyone of this world.
    pub fn issue(&self, id: &SpiffeId, into: &std::path::Path) {
        self.authority.issue(id, &[], 1, into).expect("issued");
    }

    pub fn running(&self) -> &Running {
        self.router.as_ref().expect("runs")
    }

    /// A node that was stopped, again at its old address.
    pub async fn revive(&self, node: &StandIn) -> Arc<StandIn> {
        self::node(
            &self.authority,
            &self.dir,
            &node.id.to_string(),
            &node.address.to_string(),
        )
        .await
    }

    /// A process at `node`'s address that shows the certificate of another node of the world.
    pub async fn impostor(&self, node: &StandIn, shows: &str) -> Arc<StandIn> {
        self::node(&self.authority, &self.dir, shows, &node.address.to_string()).await
    }

    /// `node` again at its old address, with a certificate that says `change`d things.
    pub async fn disguised(&self, node: &StandIn, change: impl FnOnce(&mut Leaf)) -> Arc<StandIn> {
        let kind = SpiffeKind::Node(node.id.clone());
        let mut leaf = Leaf {
            uris: vec![spiffe(&self.authority, &region_of(&node.id), kind).to_string()],
            client: true,
            server: true,
            ..lifetime(1)
        };
        change(&mut leaf);
        let into = self.dir.path().join("disguised");
        self.authority.issue_into(&into, &leaf).expect("issued");
        let identity = Identity::load(&into, &self.authority.world()).expect("loads");
        StandIn::start(&node.id, &node.address.to_string(), identity).await
    }

    /// The cell of a node, as the router sees it.
    pub fn cell(&self, node: &StandIn) -> Arc<crate::upstream::Cell> {
        let snapshot = self.running().known.snapshot.load_full();
        let index = snapshot.table.node_index(&node.id).expect("known");
        Arc::clone(&snapshot.pool(index).cell)
    }

    /// Whether a cell has all of its `places` free.
    pub fn is_free(&self, node: &StandIn, places: usize) -> bool {
        let cell = self.cell(node);
        let taken: Vec<_> = (0..places).map_while(|_| cell.admit()).collect();
        taken.len() == places
    }

    pub fn claims(&self, home: &str, user: UserId) -> Claims {
        let now_s = Clock::system().unix_s();
        Claims {
            user,
            home: home.parse().expect("a home"),
            host: String::new(),
            session: uuid::Uuid::now_v7(),
            issued_s: now_s - 10,
            expires_s: now_s + 600,
        }
    }

    pub fn bearer(&self, home: &str) -> String {
        let claims = self.claims(home, UserId::from_uuid(uuid::Uuid::from_u128(7)));
        format!("Bearer {}", self.key.sign(&claims, &self.table.world))
    }

    /// A TLS connection to the router, speaking `alpn`.
    pub async fn connect(&self, alpn: &str) -> TlsStream<TcpStream> {
        let root = self.authority.root_pem().to_owned();
        Connector {
            root,
            address: self.running().apps,
        }
        .connect(alpn)
        .await
    }

    /// Sends one request over its own connection; h1 or h2 as its version says.
    pub async fn send<B>(&self, request: Request<B>) -> Response<Incoming>
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        tokio::time::timeout(SOON, self.try_send(request))
            .await
            .expect("in time")
            .expect("an answer")
    }

    pub async fn try_send<B>(&self, request: Request<B>) -> hyper::Result<Response<Incoming>>
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        use hyper::client::conn::{http1, http2};
        if request.version() == http::Version::HTTP_2 {
            let io = TokioIo::new(self.connect("h2").await);
            let (mut sender, connection) =
                http2::handshake(crate::spawner::Spawner(self.central.tasks.clone()), io).await?;
            self.central
                .tasks
                .spawn("client", async { drop(connection.await) });
            return sender.send_request(request).await;
        }
        let io = TokioIo::new(self.connect("http/1.1").await);
        let (mut sender, connection) = http1::handshake(io).await?;
        self.central
            .tasks
            .spawn("client", async { drop(connection.await) });
        sender.send_request(request).await
    }

    /// Sends a request in a task of its own.
    pub fn send_apart(&self, request: Request<Body>) -> tokio::sync::oneshot::Receiver<Response<Incoming>> {
        let (answered, answer) = tokio::sync::oneshot::channel();
        let tasks = TaskGroup::new();
        let connected = Connector {
            root: self.authority.root_pem().to_owned(),
            address: self.running().apps,
        };
        let group = tasks.clone();
        tasks.spawn("apart", async move {
            let io = TokioIo::new(connected.connect("http/1.1").await);
            let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.expect("connects");
            group.spawn("client", async { drop(connection.await) });
            let response = tokio::time::timeout(SOON, sender.send_request(request))
                .await
                .expect("in time");
            // The test may have stopped waiting.
            let _ = answered.send(response.expect("an answer"));
        });
        answer
    }

    /// A request of a person of `home` over HTTP/1.1.
    pub fn request(&self, home: &str, method: &str, path: &str) -> http::request::Builder {
        let request = Request::builder().method(method).uri(path).header("host", COMMON);
        request.header("authorization", self.bearer(home))
    }

    /// Sends a request without a body and reads the answer.
    pub async fn get(&self, home: &str, path: &str) -> Answer {
        let request = self.request(home, "GET", path).body(full("")).expect("a request");
        Answer::read(self.send(request).await).await
    }
}

struct Connector {
    root: String,
    address: SocketAddr,
}

impl Connector {
    async fn connect(&self, alpn: &str) -> TlsStream<TcpStream> {
        let mut roots = rustls::RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.root.as_bytes()).expect("a certificate");
        roots.add(root).expect("a root");
        let mut config = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.into()];
        let stream = TcpStream::connect(self.address).await.expect("connects");
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        connector
            .connect(ServerName::try_from(COMMON).expect("a name"), stream)
            .await
            .expect("trusted")
    }
}

/// An answer, read.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub async fn read(response: Response<Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        let body = tokio::time::timeout(SOON, body.collect())
            .await
            .expect("in time")
            .expect("whole")
            .to_bytes();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        }
    }

    /// The code of a problem document.
    pub fn code(&self) -> String {
        assert_eq!(self.headers["content-type"], Problem::CONTENT_TYPE, "{self:?}");
        let document: serde_json::Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(document["status"], self.status);
        document["code"].as_str().expect("a code").to_owned()
    }
}

/// Waits until `done`, which something else brings about.
pub async fn until(what: &str, done: impl Fn() -> bool) {
    let waited = tokio::time::timeout(SOON, async {
        while !done() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what} did not come"));
}

/// A node with the certificate that is its due.
async fn node(authority: &Authority, dir: &TempDir, id: &str, address: &str) -> Arc<StandIn> {
    let id: NodeId = id.parse().expect("a node");
    let spiffe = spiffe(authority, &region_of(&id), SpiffeKind::Node(id.clone()));
    let into = dir.path().join(id.cell.as_str());
    authority
        .issue(&spiffe, &["localhost".into()], 1, &into)
        .expect("issued");
    let identity = Identity::load(&into, &authority.world()).expect("loads");
    StandIn::start(&id, address, identity).await
}

fn spiffe(authority: &Authority, region: &str, kind: SpiffeKind) -> SpiffeId {
    let trust_domain = authority.world().trust_domain().to_owned();
    SpiffeId {
        trust_domain,
        region: region.parse().expect("a region"),
        kind,
    }
}
