//! `Forward`: from a controller that does not lead to this one. It has checked the caller; here its own role is.

use control_plane_state::Envelope;
use platform_wire::pb::forward_server::Forward;
use platform_wire::{FRAME_VERSION, Refusal, pb};
use tonic::{Request, Response, Status};

use super::{Parts, report};
use crate::authorise::Verb;
use crate::refuse;

pub(super) struct Service(pub(super) Parts);

#[tonic::async_trait]
impl Forward for Service {
    async fn propose(
        &self,
        request: Request<pb::ProposeRequest>,
    ) -> Result<Response<pb::ProposeReply>, Status> {
        let wire = request.get_ref();
        self.0
            .admit(&request, Verb::ForwardPropose, wire.version, &wire.world)?;
        let envelope: Envelope = serde_json::from_slice(&wire.envelope).map_err(Refusal::invalid)?;
        let outcome = self.0.proposer.propose_here(envelope).await?;
        let outcome = serde_json::to_vec(&outcome).map_err(|e| refuse::outcome_unknown(e.to_string()))?;
        Ok(Response::new(pb::ProposeReply {
            version: FRAME_VERSION,
            outcome,
        }))
    }

    async fn heartbeat(
        &self,
        request: Request<pb::HeartbeatRequest>,
    ) -> Result<Response<pb::HeartbeatReply>, Status> {
        let wire = request.get_ref();
        self.0
            .admit(&request, Verb::ForwardHeartbeat, wire.version, &wire.world)?;
        if !self.0.raft.is_leader() {
            return Err(refuse::no_leader().into());
        }
        self.0.take(report::heartbeat(wire)?)?;
        Ok(Response::new(pb::HeartbeatReply {
            version: FRAME_VERSION,
        }))
    }

    async fn replicas(
        &self,
        request: Request<pb::ReplicasRequest>,
    ) -> Result<Response<pb::ReplicasReply>, Status> {
        let wire = request.get_ref();
        self.0
            .admit(&request, Verb::ForwardReplicas, wire.version, &wire.world)?;
        Ok(Response::new(self.0.copies_of(request.into_inner()).await?))
    }

    async fn wall_clock(
        &self,
        request: Request<pb::WallClockRequest>,
    ) -> Result<Response<pb::WallClockReply>, Status> {
        let wire = request.get_ref();
        self.0
            .admit(&request, Verb::ForwardWallClock, wire.version, &wire.world)?;
        Ok(Response::new(pb::WallClockReply {
            version: FRAME_VERSION,
            unix_ms: self.0.clock.unix_ms(),
        }))
    }
}
