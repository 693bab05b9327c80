//! `Report`: what nodes say of themselves. Each speaks for the node in its certificate alone.

use platform_model::{Generation, Incarnation, NodeId};
use platform_wire::pb::report_server::Report;
use platform_wire::replicas::ReplicasReport;
use platform_wire::report::{COPIES_MAX, Heartbeat, HeldCopy};
use platform_wire::{FRAME_VERSION, Refusal, RefusalCode, pb};
use tonic::{Request, Response, Status};

use super::Parts;
use control_plane_state::Refusal as Rule;

use crate::authorise::{self, Verb};
use crate::{refuse, translate};

pub(super) struct Service(pub(super) Parts);

#[tonic::async_trait]
impl Report for Service {
    async fn register_node(
        &self,
        request: Request<pb::RegisterNodeRequest>,
    ) -> Result<Response<pb::ReportReply>, Status> {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::RegisterNode, wire.version, &wire.world)?;
        let node: NodeId = wire.node.parse().map_err(Refusal::invalid)?;
        let caller = self
            .0
            .admit(&request, Verb::RegisterNode, wire.version, &wire.world)?;
        authorise::same_node(&caller, &node, Verb::RegisterNode).map_err(|denied| self.0.deny(denied))?;
        self.0.may_register(&node)?;
        let command = translate::register_node(request.into_inner())?;
        self.command(author, command).await
    }

    async fn publish_token_key(
        &self,
        request: Request<pb::PublishTokenKeyRequest>,
    ) -> Result<Response<pb::ReportReply>, Status> {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::PublishTokenKey, wire.version, &wire.world)?;
        let command = translate::publish_token_key(request.into_inner())?;
        self.command(author, command).await
    }

    async fn admit_foreign(
        &self,
        request: Request<pb::AdmitForeignRequest>,
    ) -> Result<Response<pb::ReportReply>, Status> {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::AdmitForeign, wire.version, &wire.world)?;
        let command = translate::admit_foreign(request.into_inner())?;
        self.command(author, command).await
    }

    async fn heartbeat(
        &self,
        request: Request<pb::HeartbeatRequest>,
    ) -> Result<Response<pb::HeartbeatReply>, Status> {
        let wire = request.get_ref();
        let caller = self
            .0
            .admit(&request, Verb::Heartbeat, wire.version, &wire.world)?;
        let beat = heartbeat(wire)?;
        authorise::same_node(&caller, &beat.node, Verb::Heartbeat).map_err(|denied| self.0.deny(denied))?;
        if self.0.raft.is_leader() {
            self.0.take(beat)?;
        } else {
            self.0.proposer.forward_heartbeat(request.into_inner()).await?;
        }
        Ok(Response::new(pb::HeartbeatReply {
            version: FRAME_VERSION,
        }))
    }

    async fn replicas(
        &self,
        request: Request<pb::ReplicasRequest>,
    ) -> Result<Response<pb::ReplicasReply>, Status> {
        let wire = request.get_ref();
        let caller = self
            .0
            .admit(&request, Verb::Replicas, wire.version, &wire.world)?;
        let node: NodeId = wire.node.parse().map_err(Refusal::invalid)?;
        authorise::same_node(&caller, &node, Verb::Replicas).map_err(|denied| self.0.deny(denied))?;
        if self.0.raft.is_leader() {
            return Ok(Response::new(self.0.copies_of(request.into_inner()).await?));
        }
        let reply = self.0.proposer.forward_replicas(request.into_inner()).await?;
        Ok(Response::new(reply))
    }
}

impl Service {
    async fn command(
        &self,
        author: control_plane_state::Author,
        command: control_plane_state::Command,
    ) -> Result<Response<pb::ReportReply>, Status> {
        let done = self.0.proposer.propose(author, String::new(), command).await?;
        Ok(Response::new(pb::ReportReply {
            version: FRAME_VERSION,
            generation: done.generation.0,
        }))
    }
}

impl Parts {
    /// What this controller's state refuses already: answered here, so that a node that asks every second for what
    /// cannot be writes nothing into the log.
    fn may_register(&self, node: &NodeId) -> Result<(), Refusal> {
        let state = self.raft.state();
        let state = state.borrow();
        if state.made.is_none() {
            return Err(refuse::rule(&Rule::NoWorld));
        }
        if !state.cells.contains_key(&node.cell) {
            return Err(refuse::rule(&Rule::UnknownCell(node.cell.clone())));
        }
        Ok(())
    }

    /// Takes what a node tells of its copies, here at the leader.
    pub(super) async fn copies_of(&self, wire: pb::ReplicasRequest) -> Result<pb::ReplicasReply, Refusal> {
        let report = ReplicasReport::try_from(wire).map_err(Refusal::invalid)?;
        self.is_registered(&report.node, report.incarnation)?;
        let reply = self.shards.hear(&report).await?;
        Ok((&reply).into())
    }

    /// Keeps the report of a node that has registered.
    pub(super) fn take(&self, beat: Heartbeat) -> Result<(), Refusal> {
        self.is_registered(&beat.node, beat.incarnation)?;
        self.beats.take(beat);
        Ok(())
    }

    /// Whether the node is known, and this no earlier start of it than the one that is.
    fn is_registered(&self, node: &NodeId, incarnation: Incarnation) -> Result<(), Refusal> {
        let state = self.raft.state();
        let Some(known) = state
            .borrow()
            .nodes
            .get(node)
            .map(|record| record.start.incarnation)
        else {
            let message = format!("node {node} has not registered");
            return Err(Refusal::new(RefusalCode::Unknown, message).hint("register first"));
        };
        if incarnation < known {
            return Err(refuse::rule(&Rule::OldIncarnation {
                node: node.clone(),
                have: known,
                given: incarnation,
            }));
        }
        Ok(())
    }
}

fn copies(wire: &pb::HeartbeatRequest) -> Result<Vec<HeldCopy>, Refusal> {
    if wire.copies.len() > COPIES_MAX {
        return Err(Refusal::invalid(format!(
            "a report tells of at most {COPIES_MAX} copies"
        )));
    }
    let copies = wire.copies.iter().cloned().map(HeldCopy::try_from);
    copies.collect::<Result<_, _>>().map_err(Refusal::invalid)
}

/// A report as it was sent.
pub(super) fn heartbeat(wire: &pb::HeartbeatRequest) -> Result<Heartbeat, Refusal> {
    Ok(Heartbeat {
        node: wire.node.parse::<NodeId>().map_err(Refusal::invalid)?,
        incarnation: Incarnation(wire.incarnation),
        table_generation: Generation(wire.table_generation),
        shards_open: wire.shards_open,
        copies: copies(wire)?,
    })
}
