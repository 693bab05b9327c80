//! `Recovery`: the whole state, read out to be kept; nodes that are given up after it was recovered.

use control_plane_state::recovery::{RecoveryCommand, RecoveryRefusal};
use control_plane_state::state::STATE_VERSION;
use control_plane_state::{Command, State};
use platform_model::NodeId;
use platform_wire::pb::recovery_server::Recovery;
use platform_wire::recovery::{PART_BYTES_MAX, digest};
use platform_wire::{FRAME_VERSION, Refusal, RefusalCode, pb};
use tonic::{Request, Response, Status};

use super::Parts;
use crate::authorise::Verb;
use crate::shards::Leader;
use crate::{members, refuse};

pub(super) struct Service(pub(super) Parts);

#[tonic::async_trait]
impl Recovery for Service {
    async fn read_world(
        &self,
        request: Request<pb::ReadWorldRequest>,
    ) -> Result<Response<pb::WorldPart>, Status> {
        let wire = request.get_ref();
        let caller = self
            .0
            .admit(&request, Verb::ReadWorld, wire.version, &wire.world)?;
        members::leads(&self.0.raft)?;
        if wire.from == 0 {
            // Who was erased, and who reads whose data, stands in it: that it is read is on record first.
            let author = self
                .0
                .author(&request, Verb::ReadWorld, wire.version, &wire.world)?;
            let command = Command::Recovery(RecoveryCommand::NoteRead);
            self.0.proposer.propose(author, String::new(), command).await?;
        }
        let newest = self.0.raft.read_linearizable().await;
        let state = newest.map_err(|error| Refusal::new(RefusalCode::NoLeader, error.to_string()))?;
        let time_ms = state.time_ms;
        let written = tokio::task::spawn_blocking(move || serde_json::to_vec(&*state)).await;
        let failed = |why: String| Refusal::new(RefusalCode::Internal, why);
        let whole = written.map_err(|error| failed(error.to_string()))?;
        let whole = whole.map_err(|error| failed(error.to_string()))?;
        let from = usize::try_from(wire.from).unwrap_or(usize::MAX).min(whole.len());
        let to = (from + PART_BYTES_MAX).min(whole.len());
        if from == 0 {
            tracing::info!(target: "audit", by = %caller, bytes = whole.len(), "the whole state is read");
        }
        Ok(Response::new(pb::WorldPart {
            version: FRAME_VERSION,
            state_version: u32::from(STATE_VERSION),
            from: wire.from,
            bytes: whole[from..to].to_vec(),
            length: whole.len() as u64,
            digest: digest(&whole).to_vec(),
            time_ms,
        }))
    }

    async fn give_node_up(
        &self,
        request: Request<pb::GiveNodeUpRequest>,
    ) -> Result<Response<pb::CommandReply>, Status> {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::GiveNodeUp, wire.version, &wire.world)?;
        let node: NodeId = wire.node.parse().map_err(Refusal::invalid)?;
        members::leads(&self.0.raft)?;
        let look = |leader: &Leader, state: &State, now| {
            let is_silent = leader.has_listened(now) && !leader.is_heard(now, &node);
            (is_silent, leader.knows_of(state, &node))
        };
        let (is_silent, is_known) = self.0.shards.look(look).ok_or_else(refuse::no_leader)?;
        if !is_known {
            let rule = RecoveryRefusal::NobodyWaits { node };
            return Err(refuse::rule(&rule.into()).into());
        }
        // Of a leader that has just begun nobody has been heard.
        if !is_silent {
            let message = format!("{node} reports, or may: stop it for ever before it is given up");
            return Err(Refusal::new(RefusalCode::Invalid, message)
                .hint("cellctl world status")
                .into());
        }
        let command = Command::Recovery(RecoveryCommand::GiveUp { node });
        let reason = wire.reason.clone();
        let done = self.0.proposer.propose(author, reason, command).await?;
        Ok(Response::new(pb::CommandReply {
            version: FRAME_VERSION,
            sequence: done.sequence,
            generation: done.generation.0,
        }))
    }

    async fn tell_erasures(
        &self,
        request: Request<pb::TellErasuresRequest>,
    ) -> Result<Response<pb::CommandReply>, Status> {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::TellErasures, wire.version, &wire.world)?;
        let command = Command::Recovery(RecoveryCommand::ErasuresTold);
        let reason = wire.reason.clone();
        let done = self.0.proposer.propose(author, reason, command).await?;
        Ok(Response::new(pb::CommandReply {
            version: FRAME_VERSION,
            sequence: done.sequence,
            generation: done.generation.0,
        }))
    }
}
