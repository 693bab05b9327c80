//! One controller from its start to its end.

use std::sync::Arc;
use std::time::Duration;

use control_plane_raft::{RaftNode, StartError as RaftError};
use platform_model::RoutingTable;
use platform_runtime::clock::Clock;
use platform_runtime::data_dir::{self, DataDirError, Lock};
use platform_runtime::serve::{self, ServeError};
use platform_runtime::tls::{Identity, RELOAD_EVERY, SpiffeKind, TlsError};
use platform_runtime::{TaskGroup, addresses, telemetry};

use crate::config::Settings;
use crate::heartbeats::Heartbeats;
use crate::hub::Hub;
use crate::proposer::Proposer;
use crate::services::{self, Parts};
use crate::{bootstrap, health};

/// Name of the listener in the data directory's address file.
pub const LISTENER: &str = "controld";
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
    #[error(transparent)]
    Raft(#[from] RaftError),
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
        let name = identity.spiffe_id();
        if !matches!(name.kind, SpiffeKind::Controller(_)) {
            return Err(StartError::NotAController {
                found: name.to_string(),
            });
        }
        identity.watch(RELOAD_EVERY, clock.clone(), tasks);
        let listener = addresses::bind(&config.data_dir, LISTENER, &config.listen).await?;
        let bound = listener
            .local_addr()
            .map(|a| a.to_string())
            .unwrap_or_else(|_| config.listen.clone());
        let address = if config.advertise.is_empty() {
            bound
        } else {
            config.advertise.clone()
        };
        let raft = RaftNode::start(settings.raft(), identity.clone(), clock.clone(), tasks).await?;
        let (id, peers) = (config.id, settings.peers.clone());
        let proposer = Proposer::new(raft.clone(), identity.clone(), clock.clone(), id, peers.clone());
        let hub = Hub::new(
            RoutingTable::empty(settings.world.clone()),
            config.limits.watchers,
            tasks.token(),
        );
        hub.follow(&raft, tasks);
        if config.bootstrap {
            bootstrap::keep_trying(&raft, &proposer, id, &peers, tasks);
        }
        let beats = Arc::new(Heartbeats::new(clock));
        let world = settings.world.clone();
        let parts = Parts {
            world,
            name,
            id,
            peers,
            raft: raft.clone(),
            proposer,
            hub,
            beats,
        };
        let limits = serve::Limits {
            connections: config.limits.connections,
            ..serve::Limits::default()
        };
        serve::serve_mtls(listener, identity, limits, routes(&parts), tasks);
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

    /// Hands leadership over, lets running calls end, closes the files. `false` when some did not end in time.
    pub async fn shutdown(self) -> bool {
        self.raft.shutdown().await;
        self.tasks.shutdown(SHUTDOWN_WITHIN).await
    }
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
#[path = "controller_tests.rs"]
mod tests;
