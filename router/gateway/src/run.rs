//! The process: puts the parts together, and takes them apart in order.
//!
//! It starts from the copy of the table on disk when no controller answers, and serves before anything is known:
//! requests are then told to come again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use platform_runtime::TaskGroup;
use platform_runtime::addresses;
use platform_runtime::clock::Clock;
use platform_runtime::data_dir::{self, DataDirError, Lock};
use platform_runtime::serve::ServeError;
use platform_runtime::telemetry;
use platform_runtime::tls::{Identity, PublicIdentity, SpiffeKind, TlsError};
use platform_token::Verifier;
use platform_wire::follow::{self, Follow, FollowError, Followed};
use platform_wire::join::{self, JoinError};
use platform_wire::renew;
use router_table::Overrides;
use tokio::net::TcpListener;

use crate::apps;
use crate::config::{Config, InvalidSetting};
use crate::faults::Faults;
use crate::hold::Holds;
use crate::internal::{self, Advertised, Inside};
use crate::meters::{CellMeters, DOOR};
use crate::request::cors::Cors;
use crate::service::Door;
use crate::snapshot::Known;
use crate::upstream::Upstreams;
use crate::upstream::pool::PoolSettings;

/// The copy of the routing table in the data directory.
const TABLE_FILE: &str = "table.copy";
/// The last ends of the ledger that the router was told, beside it.
const HEADS_FILE: &str = "ledger-heads";
/// For everything but requests to end.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Why the router did not start. Nothing listens then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the configuration cannot be used")]
    Setting(#[from] InvalidSetting),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error("the router's certificate cannot be used")]
    Identity(#[source] TlsError),
    #[error("the router has no certificate and cannot join")]
    Join(#[from] JoinError),
    #[error("the certificate is of {found}, not of a router")]
    NotARouter { found: String },
    #[error("the certificate for apps cannot be used")]
    Public(#[source] TlsError),
    #[error(transparent)]
    Listen(#[from] ServeError),
    #[error("the routing table cannot be followed")]
    Follow(#[from] FollowError),
}

/// A router that serves.
pub struct Running {
    /// Where the listener for apps is bound.
    pub apps: SocketAddr,
    /// Where the one for health and metrics is.
    pub internal: SocketAddr,
    pub advertised: Advertised,
    pub known: Arc<Known>,
    draining: Arc<AtomicBool>,
    drain_within: Duration,
    app_tasks: TaskGroup,
    tasks: TaskGroup,
    _lock: Lock,
}

/// Starts a router on a configuration.
///
/// # Errors
/// [`StartError`]; nothing is left behind but the data directory.
pub async fn start(config: &Config, clock: Clock) -> Result<Running, StartError> {
    let world = config.check()?;
    let lock = data_dir::lock(&config.data_dir)?;
    let tasks = TaskGroup::new();
    join::ensure(&config.internal.identity_dir, &config.join, &world).await?;
    let identity = Identity::load(&config.internal.identity_dir, &world).map_err(StartError::Identity)?;
    check_identity(&identity)?;
    let certificate = PublicIdentity::load(&config.apps.certificate_dir).map_err(StartError::Public)?;
    let apps = addresses::bind(&config.data_dir, "apps", &config.apps.listen).await?;
    let internal = addresses::bind(&config.data_dir, "internal", &config.internal.listen).await?;
    telemetry::metrics().keep_up(clock.clone(), &tasks);
    identity.watch(config.internal.reload_every.0, clock.clone(), &tasks);
    renew::keep(&identity, config.controllers.clone(), &clock, &tasks).map_err(FollowError::from)?;
    certificate.watch(config.internal.reload_every.0, clock.clone(), &tasks);
    let follow = Follow {
        controllers: config.controllers.clone(),
        cache: config.data_dir.join(TABLE_FILE),
        heads: config.data_dir.join(HEADS_FILE),
    };
    let followed = follow::start(follow, identity.clone(), clock.clone(), &tasks)?;
    let parts = Parts {
        identity,
        certificate,
        followed,
        clock,
        tasks,
        lock,
    };
    Ok(parts.open(config, apps, internal))
}

/// Nodes take requests of apps from routers only, and law goes by the region of a router's certificate.
fn check_identity(identity: &Identity) -> Result<(), StartError> {
    let id = identity.spiffe_id();
    match id.kind {
        SpiffeKind::Router(_) => Ok(()),
        _ => Err(StartError::NotARouter {
            found: id.to_string(),
        }),
    }
}

struct Parts {
    identity: Identity,
    certificate: PublicIdentity,
    followed: Followed,
    clock: Clock,
    tasks: TaskGroup,
    lock: Lock,
}

impl Parts {
    fn open(self, config: &Config, apps: TcpListener, internal: TcpListener) -> Running {
        let known = self.known(config);
        let running = Running {
            apps: bound(&apps),
            internal: bound(&internal),
            advertised: Advertised {
                apps: advertised(&config.apps.advertise, &apps),
                internal: advertised(&config.internal.advertise, &internal),
            },
            known: Arc::clone(&known),
            draining: Arc::default(),
            drain_within: config.drain.within.0,
            app_tasks: self.tasks.child(),
            tasks: self.tasks,
            _lock: self.lock,
        };
        // Not among the tasks of apps: they are to be let go while those are waited for.
        let holds = Holds::new(
            config.hold.limits(),
            Arc::clone(&known),
            self.clock.clone(),
            running.tasks.clone(),
        );
        let door = Arc::new(Door {
            known: Arc::clone(&known),
            holds,
            verifier: Verifier::new(config.tokens.cache_entries_max),
            clock: self.clock,
            cors: Cors::new(&config.cors.origins),
            limits: config.forward_limits(),
            header_bytes_max: config.apps.header_max.0,
            meters: CellMeters::named(DOOR),
            faults: Faults::new(config.controllers.clone(), self.identity.clone()),
            tasks: running.app_tasks.clone(),
        });
        let inside = Arc::new(Inside {
            known,
            heads: self.followed.heads,
            metrics: telemetry::metrics(),
            advertised: running.advertised.clone(),
            draining: Arc::clone(&running.draining),
        });
        internal::serve(internal, self.identity, inside, &running.tasks);
        let limits = config.listener_limits();
        apps::listener::serve(apps, self.certificate, limits, door, &running.app_tasks);
        running.announce();
        running
    }

    fn known(&self, config: &Config) -> Arc<Known> {
        let region = self.identity.spiffe_id().region;
        let settings = PoolSettings {
            identity: self.identity.clone(),
            clock: self.clock.clone(),
            tasks: self.tasks.clone(),
            connections_per_node: config.nodes.connections_per_node,
            in_flight_per_cell_max: config.nodes.in_flight_per_cell_max,
            connect_timeout: config.nodes.connect_timeout.0,
        };
        let upstreams = Upstreams::new(settings);
        let life_ms = u64::try_from(config.learned.life.0.as_millis()).unwrap_or(u64::MAX);
        let overrides = Overrides::new(config.learned.entries_max, life_ms);
        let known = Arc::new(Known::new(
            self.followed.clone().into(),
            region,
            upstreams,
            overrides,
        ));
        known.keep_up(self.clock.clone(), &self.tasks);
        known
    }
}

fn bound(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("a bound listener has an address")
}

fn advertised(setting: &str, listener: &TcpListener) -> String {
    if setting.is_empty() {
        bound(listener).to_string()
    } else {
        setting.to_owned()
    }
}

impl Running {
    fn announce(&self) {
        let Advertised { apps, internal } = &self.advertised;
        tracing::info!(%apps, %internal, apps_bound = %self.apps, internal_bound = %self.internal, "the router serves");
    }

    /// Ends: no new connections, then the requests under way, then everything else. `false` if some of it did not
    /// end in time and was dropped.
    pub async fn drain(self) -> bool {
        self.draining.store(true, Ordering::Relaxed);
        tracing::info!("draining");
        let requests = self.app_tasks.shutdown(self.drain_within).await;
        self.tasks.shutdown(STOP_WITHIN).await && requests
    }
}
