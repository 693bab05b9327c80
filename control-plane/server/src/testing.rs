//! A world of controllers inside the test's process: real TLS, real Raft, real files.

pub mod nodes;
pub mod small;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use control_plane_ledger::Digest;
use platform_model::matrix::plain::{self, Area};
use platform_model::matrix::{LawVersion, Stamp};
use platform_model::{NodeId, Role, WorldId};
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use platform_runtime::config::HumanDuration;
use platform_runtime::serve::{ServeError, connect_mtls};
use platform_runtime::tls::authority::Authority;
use platform_runtime::tls::{Expect, Identity, SpiffeId, SpiffeKind, install_ring};
use platform_wire::admin::{AdminClient, WorldSpec};
use platform_wire::follow::{self, Follow, Followed};
use platform_wire::law::{APPROVAL_PURPOSE, approval_statement};
use platform_wire::ledger::LedgerClient;
use platform_wire::report::ReportClient;
use platform_wire::trust::TrustClient;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Mutex, MutexGuard};

use crate::config::{Config, Peer, Settings};
use crate::controller::{Controller, StartError};

/// Longest wait for anything; what is waited for takes seconds.
pub const WITHIN: Duration = Duration::from_secs(60);

/// One world at a time: two cores are not enough for the timers of several.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Where the jurisdictions of the development world are at home.
pub const AREAS: [(&str, &str, &[&str]); 2] = [
    ("eu", "DE", &["eu-central", "eu-west"]),
    ("us", "US", &["us-east"]),
];

/// A text, and the matrix of a law under which each of `areas` stays in its own regions.
pub fn law_of(version: u64, areas: &[(&str, &str, &[&str])]) -> (String, Vec<u8>) {
    let text = format!("law {version} of a test");
    let stamp = Stamp {
        version: LawVersion(version),
        date: "2000-01-01".parse().expect("a day"),
        document: *Digest::plain(text.as_bytes()).as_bytes(),
        compiler: 1,
        catalogues: vec![[1; 32]],
    };
    let areas: Vec<Area> = areas.iter().copied().map(Area::named).collect();
    (
        text,
        plain::law(stamp, &areas, false).expect("few areas").to_bytes(),
    )
}

pub struct World {
    dir: TempDir,
    authority: Authority,
    peers: Vec<Peer>,
    pub running: BTreeMap<u64, Controller>,
    /// Clients and followers.
    pub tasks: TaskGroup,
    _one: MutexGuard<'static, ()>,
}

impl World {
    /// `count` controllers that run and know each other, without a world.
    pub async fn of(count: u64) -> Self {
        let mut world = Self::stopped(count).await;
        for id in 1..=count {
            world.start(id).await;
        }
        world
    }

    /// As [`Self::of`], one of them with another clock than the machine's.
    pub async fn of_with_clock(count: u64, odd: u64, clock: Clock) -> Self {
        let mut world = Self::stopped(count).await;
        for id in 1..=count {
            let clock = if id == odd { clock.clone() } else { Clock::system() };
            let started = Controller::start(world.settings(id), clock, &TaskGroup::new()).await;
            world.running.insert(id, started.expect("starts"));
        }
        world
    }

    /// Addresses for `count` controllers, of which the first runs and knows itself alone.
    pub async fn alone(count: u64) -> Self {
        let mut world = Self::stopped(count).await;
        let mut settings = world.settings(1);
        settings.peers.retain(|id, _| *id == 1);
        let first = world.try_start(settings).await.expect("starts");
        world.running.insert(1, first);
        world
    }

    async fn stopped(count: u64) -> Self {
        let one = ONE_AT_A_TIME.lock().await;
        install_ring();
        let dir = tempfile::tempdir().expect("a folder");
        let authority = Authority::create(&dir.path().join("authority")).expect("a root");
        let peers = (1..=count)
            .map(|id| Peer {
                id,
                address: free_address(),
            })
            .collect();
        let running = BTreeMap::new();
        Self {
            dir,
            authority,
            peers,
            running,
            tasks: TaskGroup::new(),
            _one: one,
        }
    }

    /// As [`Self::of`], with the development world made.
    pub async fn made(count: u64) -> Self {
        let world = Self::of(count).await;
        world
            .admin(Role::Sre)
            .init_world(&WorldSpec::dev("meridian.test"))
            .await
            .expect("made");
        world.enact(1, &AREAS).await;
        world
    }

    /// Brings a law into force under which each of `areas` stays in its own regions.
    pub async fn enact(&self, version: u64, areas: &[(&str, &str, &[&str])]) {
        let (ann, ben) = (self.officer("ann"), self.officer("ben"));
        let author = self.admin_as(&ann);
        let seen = author.law().await.expect("answers").generation;
        let (text, matrix) = law_of(version, areas);
        author
            .propose_law(&text, &matrix, seen, "a test")
            .await
            .expect("proposed");
        let digest = *Digest::plain(&matrix).as_bytes();
        let (version, statement) = (
            LawVersion(version),
            approval_statement(&self.id(), LawVersion(version), &digest),
        );
        let signature = ben.sign(APPROVAL_PURPOSE, &statement).expect("signs");
        let approver = self.admin_as(&ben);
        approver
            .approve_law(version, digest, signature, "a test")
            .await
            .expect("approved");
    }

    /// A person of the role `compliance`.
    pub fn officer(&self, name: &str) -> Identity {
        let kind = SpiffeKind::Operator {
            role: Role::Compliance,
            name: name.to_owned(),
        };
        self.identity(kind, "eu-central")
    }

    pub fn admin_as(&self, identity: &Identity) -> AdminClient {
        AdminClient::connect(self.addresses(), identity.clone(), Clock::system()).expect("addresses")
    }

    pub fn id(&self) -> WorldId {
        self.authority.world()
    }

    pub fn addresses(&self) -> Vec<String> {
        self.peers.iter().map(|peer| peer.address.clone()).collect()
    }

    pub fn settings(&self, id: u64) -> Settings {
        let identity_dir = self.identity_dir(SpiffeKind::Controller(format!("c{id}")), "eu-central");
        let mut config = Config {
            world: self.id().to_string(),
            id,
            data_dir: self.data_dir(id),
            identity_dir,
            peers: self.peers.clone(),
            ..Config::default()
        };
        config.listen = self
            .peers
            .iter()
            .find(|p| p.id == id)
            .expect("a peer")
            .address
            .clone();
        config.trust.issuer_dir = self.issuer_dir(&format!("c{id}"));
        config.trust.join_listen = "127.0.0.1:0".into();
        config.raft.election_min = HumanDuration(Duration::from_millis(1_000));
        config.check().expect("good settings")
    }

    /// The authority of a controller, made when it is first asked for.
    pub fn issuer_dir(&self, name: &str) -> PathBuf {
        let into = self.dir.path().join(format!("issuer-{name}"));
        if !into.exists() {
            self.authority.make_issuer(name, 30, &into).expect("made");
        }
        into
    }

    /// Where controller `id` lets processes join.
    pub fn joins_at(&self, id: u64) -> String {
        let address =
            platform_runtime::addresses::recall(&self.data_dir(id), crate::controller::JOIN_LISTENER);
        address.expect("bound").to_string()
    }

    /// What an operator of this role says about trust.
    pub fn trust(&self, role: Role) -> TrustClient {
        let name = "o-1".into();
        let identity = self.identity(SpiffeKind::Operator { role, name }, "eu-central");
        TrustClient::connect(self.addresses(), identity, Clock::system()).expect("addresses")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// While it was down another program of this machine may have been given its port, for a connection of its own perhaps.
    pub async fn start(&mut self, id: u64) {
        let mut tries = 0..100;
        let controller = loop {
            match self.try_start(self.settings(id)).await {
                Err(StartError::Serve(ServeError::PortInUse { .. })) if tries.next().is_some() => {
                    Clock::system().sleep(Duration::from_millis(100)).await;
                }
                started => break started.expect("starts"),
            }
        };
        self.running.insert(id, controller);
    }

    pub async fn try_start(&self, settings: Settings) -> Result<Controller, StartError> {
        Controller::start(settings, Clock::system(), &TaskGroup::new()).await
    }

    pub async fn stop(&mut self, id: u64) {
        let controller = self.running.remove(&id).expect("runs");
        assert!(controller.shutdown().await, "controller {id} ended in time");
    }

    pub async fn stop_all(&mut self) {
        let ids: Vec<u64> = self.running.keys().copied().collect();
        for id in ids {
            self.stop(id).await;
        }
    }

    /// Everything of one controller that survives a restart.
    pub fn data_dir(&self, id: u64) -> PathBuf {
        self.dir.path().join(format!("controller-{id}"))
    }

    /// The ledger as one controller holds it, read by someone of this role.
    pub fn ledger(&self, role: Role, id: u64) -> LedgerClient {
        let name = "o-1".into();
        let identity = self.identity(SpiffeKind::Operator { role, name }, "eu-central");
        LedgerClient::of_one(self.address(id), identity, Clock::system()).expect("an address")
    }

    pub fn address(&self, id: u64) -> String {
        let peer = self.peers.iter().find(|peer| peer.id == id);
        peer.expect("a peer").address.clone()
    }

    pub fn identity_dir(&self, kind: SpiffeKind, region: &str) -> PathBuf {
        let trust_domain = self.id().trust_domain().to_owned();
        let id = SpiffeId {
            trust_domain,
            region: region.parse().expect("a region"),
            kind,
        };
        let into = self
            .dir
            .path()
            .join(format!("identity-{}", id.to_string().replace(['/', ':'], "-")));
        self.authority
            .issue(&id, &["localhost".to_owned()], 1, &into)
            .expect("issued");
        into
    }

    pub fn identity(&self, kind: SpiffeKind, region: &str) -> Identity {
        Identity::load(&self.identity_dir(kind, region), &self.id()).expect("loads")
    }

    pub fn admin(&self, role: Role) -> AdminClient {
        self.admin_of(role, self.addresses())
    }

    pub fn admin_of(&self, role: Role, controllers: Vec<String>) -> AdminClient {
        let identity = self.identity(
            SpiffeKind::Operator {
                role,
                name: "o-1".into(),
            },
            "eu-central",
        );
        AdminClient::connect(controllers, identity, Clock::system()).expect("addresses")
    }

    /// Reports of a node with a certificate for `region`.
    pub fn reports(&self, node: &NodeId, region: &str, controllers: Vec<String>) -> ReportClient {
        let identity = self.identity(SpiffeKind::Node(node.clone()), region);
        ReportClient::new(controllers, identity, Clock::system()).expect("addresses")
    }

    /// A router's view of the table, with its copy on disk under `name`.
    pub fn follow(&self, name: &str) -> Followed {
        let identity = self.identity(SpiffeKind::Router(name.into()), "eu-central");
        self.follow_as(name, &identity)
    }

    /// As [`Self::follow`], with an identity that the caller keeps.
    pub fn follow_as(&self, name: &str, identity: &Identity) -> Followed {
        let cache = self.dir.path().join(name).join("table.copy");
        let follow = Follow {
            controllers: self.addresses(),
            heads: cache.with_file_name("ledger-heads"),
            cache,
        };
        follow::start(follow, identity.clone(), Clock::system(), &self.tasks).expect("addresses")
    }

    /// Status and body of a plain HTTP/1.1 request to the first controller.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let router = self.identity(SpiffeKind::Router("r1".into()), "eu-central");
        let mut config = router.client_config(Expect::Controller).as_ref().clone();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut stream = connect_mtls(&self.addresses()[0], Arc::new(config))
            .await
            .expect("connects");
        let request = format!("GET {path} HTTP/1.1\r\nhost: controld\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("answered");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .expect("a status line");
        (status, body.to_owned())
    }

    /// The id of who leads.
    pub async fn leader(&self) -> u64 {
        eventually("a leader", async || {
            let leads = self.running.iter().find(|(_, c)| c.raft().is_leader());
            leads.map(|(id, _)| *id)
        })
        .await
    }
}

/// Asks until there is an answer.
pub async fn eventually<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(what, asking).await
}

pub async fn within<T>(what: &str, f: impl Future<Output = T>) -> T {
    tokio::time::timeout(WITHIN, f)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// A port that is free now; peers must be known before the first of them starts.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").to_string()
}
