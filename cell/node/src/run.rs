//! The process: puts the parts together.
//!
//! It starts from the copy of the table on disk when no controller answers. How it ends is in [`crate::running`].

mod begin;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use cell_backup::BackupError;
use cell_bridge_nats::BridgeError;
use cell_law::Law;
use cell_sdk::{Domain, Lent};
use cell_stream::{Streams, inbound};
use platform_runtime::clock::Clock;
use platform_runtime::data_dir::{self, DataDirError, Lock};
use platform_runtime::serve::{self, ServeError};
use platform_runtime::tls::{Identity, TlsError};
use platform_runtime::{CancellationToken, TaskGroup, addresses, telemetry};
use platform_token::Verifier;
use platform_wire::channel::InvalidAddress;
use platform_wire::directory::{DecideClient, DirectoryClient};
use platform_wire::events::EventsClient;
use platform_wire::follow::{FollowError, Followed};
use platform_wire::join::{self, JoinError};
use platform_wire::relocation::{ArrivalsClient, EntriesClient};
use platform_wire::report::ReportClient;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::check_store::StoreChecks;
use crate::config::{Config, InvalidConfig, Settings};
use crate::custody::{self, Custody, Sink};
use crate::directory::{self, Claims, LookupKey, LookupKeyError, Reconciler};
use crate::door::Door;
use crate::door::waiting::WaitingRoom;
use crate::engine::{Engine, EngineError};
use crate::events::{self, Events};
use crate::gateway;
use crate::health::{self, Health};
use crate::home_keys::{HomeKeys, KeysError, load_keks};
use crate::hosted::Hosted;
use crate::keys_rpc;
use crate::operator_read;
use crate::peers;
use crate::relocation::{self, Relocations};
use crate::replicas::Replicas;
use crate::reporter::Reporter;
use crate::room::Room;
use crate::running::Running;
use crate::services::NodeServices;
use crate::starting::StartingError;
use crate::telling::Telling;
use crate::wire::Wire;

/// Name of the listener in the data directory's address file.
pub const LISTENER: &str = "celld";
/// Folder of the entries that copies here had to give up, in the data directory.
const CUT_OFF: &str = "cut-off";

/// Why the node did not start. Nothing listens then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the settings cannot be used")]
    Settings(#[from] InvalidConfig),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the node has no certificate and cannot join")]
    Join(#[from] JoinError),
    #[error("the certificate is of {found}, the settings say {wanted} in {region}")]
    OtherNode {
        found: String,
        wanted: String,
        region: String,
    },
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    LookupKey(#[from] LookupKeyError),
    #[error("the store cannot be opened")]
    Store(#[from] EngineError),
    #[error("the node's threads cannot be started")]
    Threads(#[source] std::io::Error),
    #[error("the bridge cannot be used")]
    Bridge(#[from] BridgeError),
    #[error("the backup store cannot be opened")]
    Backup(#[from] BackupError),
    #[error("the node's start cannot be noted")]
    Starting(#[from] StartingError),
    #[error(transparent)]
    Listen(#[from] ServeError),
    #[error("the routing table cannot be followed")]
    Follow(#[from] FollowError),
    #[error(transparent)]
    Controllers(#[from] InvalidAddress),
}

impl StartError {
    /// What to do, where that can be said.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Store(error) => error.hint(),
            _ => None,
        }
    }
}

/// Starts a node on its settings.
///
/// # Errors
/// What of the machine or the settings does not allow it; nothing runs then.
pub async fn start(config: Config, clock: Clock) -> Result<Running, StartError> {
    let settings = config.check()?;
    let config = &settings.config;
    let lock = data_dir::lock(&config.data_dir)?;
    join::ensure(&config.identity_dir, &config.join, &settings.world).await?;
    let identity = begin::identity(&settings)?;
    let keks = load_keks(&config.keys.jurisdiction_key_dir)?;
    let (lookup_key, domains) = (
        LookupKey::load(&config.keys.lookup_key_file)?,
        Arc::new(gateway::domains()),
    );
    let (tasks, shards) = (TaskGroup::new(), TaskGroup::new());
    let wire = Wire::start().map_err(StartError::Threads)?;
    let wired = tasks.on(wire.handle());
    let store = Engine::open(&settings, &clock, &shards).await?;
    let (this, shared) = begin::begin(&store, &settings).await?;
    let (sink, bridge) = (begin::sink(config)?, begin::bridge(&settings).await?);
    let listener = addresses::bind(&config.data_dir, LISTENER, &config.listen).await?;
    let followed = begin::follow(config, &identity, &clock, &wired)?;
    let reports = begin::reports(config, &identity, &clock, &wire)?;
    begin::keep_up(config, &identity, &clock, &tasks)?;
    let (law, telling) = (begin::law(&settings, &followed), Telling::default());
    let streams = Streams::new(identity.clone(), peers::known(&followed), clock.clone(), &wired);
    let lent = begin::lending(&settings, &store, shared, &law, &telling, streams, &clock);
    let hosted = Hosted::new((settings.node.clone(), this), lent, shards.clone());
    hosted.keep(followed.table.clone(), &wired);
    let keys = begin::keys(config, &identity, &clock, &hosted, keks);
    let events = Events::new(events::Lent {
        world: settings.world.clone(),
        hosted: hosted.clone(),
        followed: followed.clone(),
        keys: keys.clone(),
        law: law.clone(),
        clock: clock.clone(),
        client: EventsClient::new(identity.clone()),
        reports: reports.clone(),
        domains: Arc::clone(&domains),
        bridge,
    });
    let parts = Parts {
        room_left: Room::of(config.data_dir.clone(), &hosted).await,
        identity,
        events,
        domains,
        clock,
        store,
        hosted,
        telling,
        keys,
        followed,
        law,
        lookup_key,
        sink,
        room: Arc::new(Semaphore::new(config.limits.requests)),
        hearing: CancellationToken::new(),
        tasks,
        shards,
        wire,
        lock,
    };
    Ok(parts.open(&settings, listener, reports))
}

struct Parts {
    identity: Identity,
    clock: Clock,
    store: Engine,
    hosted: Hosted,
    telling: Telling,
    keys: HomeKeys,
    followed: Followed,
    law: Law,
    events: Events,
    domains: Arc<Vec<Box<dyn Domain>>>,
    lookup_key: LookupKey,
    /// Where backups go.
    sink: Option<Sink>,
    /// For requests of apps.
    room: Arc<Semaphore>,
    room_left: Room,
    /// Cancelled when nothing is heard from peers any more.
    hearing: CancellationToken,
    tasks: TaskGroup,
    shards: TaskGroup,
    wire: Wire,
    lock: Lock,
}

impl Parts {
    fn open(self, settings: &Settings, listener: TcpListener, reports: ReportClient) -> Running {
        let config = &settings.config;
        let address = begin::advertised(config, &listener);
        let serving = self.tasks.child();
        let services = self.lent(settings);
        let lent: Lent = Arc::clone(&services) as Lent;
        let relocations = self.relocations(settings, &lent, reports.clone());
        let _ = services.relocations.set(relocations.lent());
        let custody = self.custody(settings, (&lent, &relocations), reports.clone());
        let _ = services.custody.set(custody.lent());
        relocations.erases_by(custody.lent());
        custody.start();
        serve::serve_mtls_apart(
            listener,
            self.identity.clone(),
            begin::limits(config),
            self.routes(settings, (&lent, &relocations), custody),
            (&serving.on(self.wire.handle()), &serving),
        );
        self.room_left
            .keep(config.data_dir.clone(), &self.hosted, &self.clock, &self.tasks);
        let replicas = Replicas {
            reports: reports.clone(),
            hosted: self.hosted.clone(),
            telling: self.telling.clone(),
            followed: self.followed.clone(),
            room: self.room_left.clone(),
            clock: self.clock.clone(),
            asked: AtomicBool::new(false),
        };
        replicas.start(&self.tasks.on(self.wire.handle()));
        let reporter = Reporter {
            reports,
            node: settings.node.clone(),
            address: address.clone(),
            hosted: self.hosted.clone(),
            keys: self.keys.clone(),
            followed: self.followed.clone(),
            clock: self.clock.clone(),
            every: config.reports.every.0,
        };
        reporter.start(&self.tasks);
        self.events.relay(&self.tasks);
        relocations.start();
        let reconciler = Reconciler {
            hosted: self.hosted.clone(),
            followed: self.followed.clone(),
            services: Arc::clone(&lent),
            client: DecideClient::new(self.identity.clone()),
            clock: self.clock.clone(),
        };
        reconciler.start(&self.tasks);
        tracing::info!(%address, node = %settings.node, start = %self.hosted.start(), "node serves");
        Running {
            address,
            hosted: self.hosted,
            telling: self.telling,
            followed: self.followed,
            store: self.store,
            clock: self.clock,
            room: (self.room, config.limits.requests),
            hearing: self.hearing,
            drain_within: config.limits.drain_within.0,
            serving,
            tasks: self.tasks,
            shards: self.shards,
            _wire: self.wire,
            _lock: self.lock,
        }
    }

    /// What the node lends its domains.
    fn lent(&self, settings: &Settings) -> Arc<NodeServices> {
        let claims = Claims {
            hosted: self.hosted.clone(),
            followed: self.followed.clone(),
            client: DirectoryClient::new(self.identity.clone()),
            lookup_key: self.lookup_key.clone(),
            law: self.law.clone(),
            clock: self.clock.clone(),
        };
        Arc::new(NodeServices {
            clock: self.clock.clone(),
            world: settings.world.clone(),
            region: settings.region.clone(),
            followed: self.followed.clone(),
            hosted: self.hosted.clone(),
            keys: self.keys.clone(),
            claims,
            verifier: Verifier::new(settings.config.limits.tokens),
            domains: Arc::clone(&self.domains),
            relocations: OnceLock::new(),
            custody: OnceLock::new(),
        })
    }

    /// What operators have done to data here.
    fn custody(
        &self,
        settings: &Settings,
        (lent, relocations): (&Lent, &Relocations),
        reports: ReportClient,
    ) -> Custody {
        Custody::new(custody::Parts {
            world: settings.world.clone(),
            node: settings.node.clone(),
            hosted: self.hosted.clone(),
            followed: self.followed.clone(),
            law: self.law.clone(),
            keys: self.keys.clone(),
            disk: self.store.store(),
            scratch: settings.config.data_dir.join("scratch"),
            lent: Arc::clone(lent),
            domains: Arc::clone(&self.domains),
            elsewhere: Arc::new(relocations.clone()),
            register: Arc::new(reports),
            sink: self.sink.clone(),
            clock: self.clock.clone(),
            tasks: self.tasks.clone(),
        })
    }

    /// People who change home.
    fn relocations(&self, settings: &Settings, lent: &Lent, reports: ReportClient) -> Relocations {
        Relocations::new(relocation::Parts {
            world: settings.world.clone(),
            hosted: self.hosted.clone(),
            followed: self.followed.clone(),
            keys: self.keys.clone(),
            law: self.law.clone(),
            clock: self.clock.clone(),
            lent: Arc::clone(lent),
            entries: EntriesClient::new(self.identity.clone()),
            arrivals: ArrivalsClient::new(self.identity.clone()),
            records: Arc::new(reports),
            tasks: self.tasks.child(),
            domains: Arc::clone(&self.domains),
            driven: relocation::Driven::default(),
            custody: OnceLock::new(),
        })
    }

    /// Everything that the one listener serves.
    fn routes(
        &self,
        settings: &Settings,
        (lent, relocations): (&Lent, &Relocations),
        custody: Custody,
    ) -> axum::Router {
        let (hosted, followed) = (self.hosted.clone(), self.followed.clone());
        let door = Door {
            hosted: hosted.clone(),
            followed: followed.clone(),
            law: self.law.clone(),
            clock: self.clock.clone(),
            room: Arc::clone(&self.room),
            waiting: WaitingRoom::default(),
        };
        let health = Health {
            store: self.store.clone(),
            hosted: hosted.clone(),
            followed: followed.clone(),
            metrics: telemetry::metrics(),
        };
        let replication = inbound::routes(
            settings.world.clone(),
            peers::known(&followed),
            Arc::new(hosted.clone()),
            self.hearing.clone(),
        );
        // A set of gRPC services answers an unknown path with 200 and a gRPC status; here it is a plain 404, which
        // clients of gRPC read as "unimplemented".
        let world = || settings.world.clone();
        gateway::routes(&self.domains, Arc::clone(lent), door)
            .merge(custody::routes(custody).reset_fallback())
            .merge(operator_read::routes(Arc::clone(lent)))
            .merge(StoreChecks::new(settings, &self.store, &self.clock).routes())
            .merge(directory::decisions(
                world(),
                (hosted.clone(), followed.clone()),
                Arc::clone(lent),
            ))
            .merge(relocation::operator_routes(relocations))
            .merge(relocation::arrivals_routes(relocations).reset_fallback())
            .merge(relocation::entry_routes(relocations).reset_fallback())
            .merge(events::operator_routes(&self.events))
            .merge(events::routes(&self.events).reset_fallback())
            .merge(keys_rpc::routes(world(), hosted.clone(), followed.clone()).reset_fallback())
            .merge(directory::routes(world(), hosted, followed, self.law.clone()).reset_fallback())
            .merge(replication.into_axum_router().reset_fallback())
            .merge(health::routes(health))
    }
}
