//! The gRPC services of a controller, one file each. Every handler first asks who calls, then which frame it is,
//! and only then what is wanted.

mod admin;
mod backups;
mod dry_run;
mod forward;
pub mod join;
mod law;
mod ledger;
mod operations;
mod recovery;
mod report;
mod residency;
mod simulate;
mod status;
mod topology;
mod trust;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use control_plane_raft::RaftNode;
use control_plane_state::Author;
use platform_model::WorldId;
use platform_runtime::clock::Clock;
use platform_runtime::tls::{Identity, SpiffeId, SpiffeKind};
use platform_wire::pb::admin_server::AdminServer;
use platform_wire::pb::backups_server::BackupsServer;
use platform_wire::pb::forward_server::ForwardServer;
use platform_wire::pb::ledger_server::LedgerServer;
use platform_wire::pb::operations_server::OperationsServer;
use platform_wire::pb::recovery_server::RecoveryServer;
use platform_wire::pb::report_server::ReportServer;
use platform_wire::pb::topology_server::TopologyServer;
use platform_wire::pb::trust_server::TrustServer;
use platform_wire::{MESSAGE_BYTES_MAX, client_protocol, frame};
use tonic::{Request, Status};

use crate::authorise::{self, Denied, Verb};
use crate::heartbeats::Heartbeats;
use crate::hub::Hub;
use crate::issuing::Issuing;
use crate::ledger::LedgerStore;
use crate::proposer::Proposer;
use crate::security_log::SecurityLog;
use crate::shards::Shards;
use crate::translate;

pub use ledger::head;

/// What all services work with. Clone: a shared handle.
#[derive(Clone)]
pub struct Parts {
    pub world: WorldId,
    /// This controller: the name in its certificate, and its Raft id.
    pub name: SpiffeId,
    /// Signs what this controller tells of residency, and says who signed an approval.
    pub identity: Identity,
    pub clock: Clock,
    pub id: u64,
    /// The first members.
    pub peers: BTreeMap<u64, String>,
    pub raft: RaftNode,
    pub proposer: Proposer,
    pub hub: Hub,
    pub beats: Arc<Heartbeats>,
    pub shards: Shards,
    pub ledger: LedgerStore,
    pub security: SecurityLog,
    pub issuing: Issuing,
    /// Operators' clients of an earlier protocol are refused.
    pub client_protocol_min: u32,
}

/// The services as one router.
pub fn routes(parts: &Parts) -> Router {
    tonic::service::Routes::new(TopologyServer::new(topology::Service(parts.clone())))
        // A node that is asked for its table sends as much as it was sent.
        .add_service(
            ReportServer::new(report::Service(parts.clone())).max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(AdminServer::new(admin::Service(parts.clone())))
        .add_service(BackupsServer::new(backups::Service(parts.clone())))
        .add_service(RecoveryServer::new(recovery::Service(parts.clone())))
        .add_service(OperationsServer::new(operations::Service(parts.clone())))
        .add_service(
            ForwardServer::new(forward::Service(parts.clone())).max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(LedgerServer::new(ledger::Service(parts.clone())))
        .add_service(TrustServer::new(trust::Service(parts.clone())))
        .into_axum_router()
}

impl Parts {
    /// The caller, if his role may use `verb` and the frame is of our world.
    fn admit<R>(
        &self,
        request: &Request<R>,
        verb: Verb,
        version: u32,
        world: &str,
    ) -> Result<SpiffeId, Status> {
        let caller = authorise::caller(request.extensions(), verb).map_err(|denied| self.deny(denied))?;
        frame::check(version, world, &self.world)?;
        if matches!(caller.kind, SpiffeKind::Operator { .. }) {
            client_protocol::check(request.metadata(), self.client_protocol_min)?;
        }
        Ok(caller)
    }

    /// The answer to a caller who may not, who is noted.
    fn deny(&self, denied: Denied) -> Status {
        tracing::warn!(%denied, "refused for who it is");
        self.security.denied(&denied);
        denied.into()
    }

    /// As [`Self::admit`], for verbs that become commands.
    fn author<R>(
        &self,
        request: &Request<R>,
        verb: Verb,
        version: u32,
        world: &str,
    ) -> Result<Author, Status> {
        let caller = self.admit(request, verb, version, world)?;
        translate::author(&caller).ok_or_else(|| Status::permission_denied("gives no commands"))
    }
}
