//! One controller from its start to its end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use control_plane_raft::{RaftNode, StartError as RaftError};
use platform_model::RoutingTable;
use platform_runtime::clock::Clock;
use platform_runtime::data_dir::{self, DataDirError, Lock};
use platform_runtime::serve::{self, ServeError};
use platform_runtime::tls::{Identity, RELOAD_EVERY, SpiffeId, SpiffeKind, TlsError};
use platform_runtime::{TaskGroup, addresses, telemetry};
use tokio::net::TcpListener;

use crate::config::{Config, Settings};
use crate::heartbeats::Heartbeats;
use crate::hub::Hub;
use crate::issuing::{Issuing, IssuingError};
use crate::ledger::{Keeper, LedgerStore};
use crate::proposer::Proposer;
use crate::recover::{self, RecoverError};
use crate::security_log::SecurityLog;
use crate::services::{self, Parts};
use crate::shards::Shards;
use crate::{bootstrap, health, siem};

/// Name of the listener in the data directory's address file.
pub const LISTENER: &str = "controld";
/// Name of the listener for those who join.
pub const JOIN_LISTENER: &str = "controld-join";
/// Folder of the ledger's segments in the data directory.
pub const LEDGER_DIR: &str = "ledger";
/// Callers refused for who they are, in the data directory.
pub const SECURITY_LOG: &str = "security.log";
/// How long running calls and tasks have to end.
const SHUTDOWN_WITHIN: Duration = Duration::from_secs(10);

/// A running controller.
pub struct Controller {
    address: String,
    raft: RaftNode,
    tasks: TaskGroup,
    _lock: Lock,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the certificate is of {found}: a controller's is needed")]
    NotAController { found: String },
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("the ledger in {dir} cannot be opened")]
    Ledger {
        dir: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the authority of this controller cannot be used")]
    Issuing(#[from] IssuingError),
    #[error("a sink of `siem` cannot be used")]
    Siem(#[from] siem::ConnectError),
    #[error(transparent)]
    Raft(#[from] RaftError),
    #[error("the kept state is not recovered")]
    Recover(#[from] RecoverError),
}

impl Controller {
    /// Locks the data directory, binds, joins Raft, serves. Everything runs in `tasks`.
    ///
    /// # Errors
    /// What of the machine or the settings does not allow it; nothing runs then.
    pub async fn start(settings: Settings, clock: Clock, tasks: &TaskGroup) -> Result<Self, StartError> {
        let config = &settings.config;
        let lock = data_dir::lock(&config.data_dir)?;
        let identity = Identity::load(&config.identity_dir, &settings.world)?;
        let name = own_name(&identity)?;
        identity.watch(RELOAD_EVERY, clock.clone(), tasks);
        telemetry::metrics().keep_up(clock.clone(), tasks);
        let issuing = Issuing::open(&config.trust, &settings.world, &identity)?;
        issuing.keep_own(&clock, tasks);
        let listener = addresses::bind(&config.data_dir, LISTENER, &config.listen).await?;
        let joining = bind_joining(config).await?;
        let address = advertised(config, &listener);
        let ledger = open_ledger(&settings).await?;
        let recorder = Arc::new(ledger.clone());
        take_kept(&settings, &address, clock.unix_ms()).await?;
        let raft = RaftNode::start(settings.raft(), recorder, identity.clone(), clock.clone(), tasks).await?;
        let (id, peers) = (config.id, settings.peers.clone());
        let proposer = Proposer::new(raft.clone(), identity.clone(), clock.clone(), id, peers.clone());
        let nothing = RoutingTable::empty(settings.world.clone());
        let hub = Hub::new(nothing, config.limits.watchers, tasks.token());
        believe(&identity, &raft, tasks);
        hub.follow(&raft, tasks);
        let known = (id, peers.clone());
        proposer
            .wall_clock()
            .keep(raft.clone(), proposer.clone(), known, clock.clone(), tasks);
        if config.bootstrap {
            bootstrap::keep_trying(&raft, &proposer, id, &peers, tasks);
        }
        let keeper = Keeper {
            store: ledger.clone(),
            raft: raft.clone(),
            proposer: proposer.clone(),
            identity: identity.clone(),
            clock: clock.clone(),
            id,
        };
        keeper.start(tasks);
        let security = record(&settings, &name, &ledger, &clock, tasks)?;
        let shards = Shards::start(raft.clone(), proposer.clone(), clock.clone(), name.clone(), tasks);
        let beats = Arc::new(Heartbeats::new(clock.clone()));
        let parts = Parts {
            world: settings.world.clone(),
            name,
            identity: identity.clone(),
            clock: clock.clone(),
            id,
            peers,
            raft: raft.clone(),
            proposer,
            hub,
            beats,
            shards,
            ledger,
            security,
            issuing,
            client_protocol_min: config.limits.client_protocol_min,
        };
        if let Some(joining) = joining {
            services::join::serve(joining, &identity, &parts, tasks);
        }
        serve_all(listener, identity, &parts, config, tasks);
        tracing::info!(%address, id, "controller serves");
        Ok(Self {
            address,
            raft,
            tasks: tasks.clone(),
            _lock: lock,
        })
    }

    /// Where others reach it.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn raft(&self) -> &RaftNode {
        &self.raft
    }

    /// Returns, with the reason, when Raft has failed for good: only a restart helps then.
    pub async fn failed(&self) -> String {
        let mut status = self.raft.status_changes();
        let failed = status.wait_for(|status| status.failure.is_some()).await;
        let reason = failed.ok().and_then(|status| status.failure.clone());
        match reason {
            Some(reason) => reason,
            // The status ends with the process's own end.
            None => std::future::pending().await,
        }
    }

    /// Hands leadership over, lets running calls end, closes the files. `false` when some did not end in time.
    pub async fn shutdown(self) -> bool {
        self.raft.shutdown().await;
        self.tasks.shutdown(SHUTDOWN_WITHIN).await
    }
}

/// The listener for those who join, if the settings want one.
async fn bind_joining(config: &Config) -> Result<Option<TcpListener>, ServeError> {
    if config.trust.join_listen.is_empty() {
        return Ok(None);
    }
    let bound = addresses::bind(&config.data_dir, JOIN_LISTENER, &config.trust.join_listen);
    bound.await.map(Some)
}

/// Believes nobody any more whom the state says to be revoked.
fn believe(identity: &Identity, raft: &RaftNode, tasks: &TaskGroup) {
    let (revocations, mut state, token) = (identity.revocations().clone(), raft.state(), tasks.token());
    tasks.spawn("state-revocations", async move {
        loop {
            let current = Arc::clone(&state.borrow_and_update());
            let revoked = current.trust.revocations.iter();
            revocations.set(
                &revoked
                    .map(|(id, record)| (id.clone(), record.until_ms))
                    .collect(),
            );
            tokio::select! {
                () = token.cancelled() => break,
                changed = state.changed() => if changed.is_err() { break },
            }
        }
    });
}

/// Handshakes that fail for a certificate stand in the security log.
fn note_refused(security: &SecurityLog) -> serve::NoteRefused {
    let security = security.clone();
    Arc::new(move |error: &ServeError| {
        if let ServeError::Refused { address, source } = error
            && source.is_about_a_certificate()
        {
            security.refused("handshake-refused", source.reason(), address);
        }
    })
}

/// Opening reads all segments: not on a thread that serves.
async fn open_ledger(settings: &Settings) -> Result<LedgerStore, StartError> {
    let dir = settings.config.data_dir.join(LEDGER_DIR);
    let (world, archive, into) = (settings.world.clone(), settings.archive(), dir.clone());
    let opened = tokio::task::spawn_blocking(move || LedgerStore::open(&into, &world, archive)).await;
    let opened = opened.expect("opening the ledger does not panic, and nothing cancels it");
    opened.map_err(|source| StartError::Ledger { dir, source })
}

/// Reads and writes files: not on a thread that serves.
async fn take_kept(settings: &Settings, address: &str, now_ms: u64) -> Result<(), RecoverError> {
    let (settings, address) = (settings.clone(), address.to_owned());
    let taken = tokio::task::spawn_blocking(move || recover::take(&settings, &address, now_ms)).await;
    taken.expect("taking a kept state does not panic, and nothing cancels it")?;
    Ok(())
}

/// Who this process is, by its certificate: a controller.
fn own_name(identity: &Identity) -> Result<SpiffeId, StartError> {
    let name = identity.spiffe_id();
    if matches!(name.kind, SpiffeKind::Controller(_)) {
        Ok(name)
    } else {
        Err(StartError::NotAController {
            found: name.to_string(),
        })
    }
}

/// Everything that the listener of members of the world serves.
fn serve_all(listener: TcpListener, identity: Identity, parts: &Parts, config: &Config, tasks: &TaskGroup) {
    let limits = serve::Limits {
        connections: config.limits.connections,
        ..serve::Limits::default()
    };
    let note = note_refused(&parts.security);
    serve::serve_mtls_noting(listener, identity, limits, routes(parts), note, tasks);
}

/// Where others reach the controller: as the settings say, else what was bound.
fn advertised(config: &Config, listener: &TcpListener) -> String {
    if config.advertise.is_empty() {
        let bound = listener.local_addr().map(|address| address.to_string());
        bound.unwrap_or_else(|_| config.listen.clone())
    } else {
        config.advertise.clone()
    }
}

/// Starts what carries decisions to the SIEM, and the log of callers refused for who they are.
fn record(
    settings: &Settings,
    name: &SpiffeId,
    ledger: &LedgerStore,
    clock: &Clock,
    tasks: &TaskGroup,
) -> Result<SecurityLog, StartError> {
    let config = &settings.config;
    let sender = siem::Sender {
        world: settings.world.clone(),
        controller: name.clone(),
    };
    siem::start(&config.siem, &config.data_dir, ledger, &sender, clock, tasks)?;
    Ok(SecurityLog::start(
        config.data_dir.join(SECURITY_LOG),
        clock.clone(),
        tasks,
    ))
}

/// Everything that the one listener serves.
fn routes(parts: &Parts) -> axum::Router {
    // A set of gRPC services answers an unknown path with 200 and a gRPC status; here it is a plain 404, which
    // clients of gRPC read as "unimplemented".
    services::routes(parts)
        .reset_fallback()
        .merge(parts.raft.routes().reset_fallback())
        .merge(health::routes(parts.raft.clone(), telemetry::metrics()))
}

#[cfg(test)]
#[path = "controller_tests/mod.rs"]
mod tests;
