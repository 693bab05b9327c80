//! `Admin`: what operators ask. Everything that changes something is a command; refusals are the state's.

use control_plane_state::{Author, Command};
use platform_wire::pb::admin_server::Admin;
use platform_wire::{FRAME_VERSION, Refusal, pb};
use tonic::{Request, Response, Status};

use super::{Parts, dry_run, law, residency, status};
use crate::authorise::Verb;
use crate::config::Peer;
use crate::{bootstrap, members, refuse, translate};

pub(super) struct Service(pub(super) Parts);

type Reply = Result<Response<pb::CommandReply>, Status>;
type MembersReply = Result<Response<pb::MembersReply>, Status>;

#[tonic::async_trait]
impl Admin for Service {
    async fn status(&self, request: Request<pb::StatusRequest>) -> Result<Response<pb::StatusReply>, Status> {
        let wire = request.get_ref();
        self.0.admit(&request, Verb::Status, wire.version, &wire.world)?;
        let leader = self.0.proposer.leader_address().filter(|_| !wire.local);
        if let Some(address) = leader
            && let Ok(reply) = self.0.proposer.status_of(&address).await
        {
            return Ok(Response::new(reply));
        }
        let digest = wire.digest;
        Ok(Response::new(status::local(&self.0, digest).await))
    }

    async fn init_world(&self, request: Request<pb::InitWorldRequest>) -> Reply {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::InitWorld, wire.version, &wire.world)?;
        let command = translate::init_world(request.into_inner())?;
        bootstrap::ensure(&self.0.raft, &self.0.proposer, self.0.id, &self.0.peers).await?;
        bootstrap::leader(&self.0.raft).await?;
        self.command(author, String::new(), Ok(command)).await
    }

    async fn create_home(&self, request: Request<pb::CreateHomeRequest>) -> Reply {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::CreateHome, wire.version, &wire.world)?;
        let wire = request.into_inner();
        self.command(author, wire.reason.clone(), translate::create_home(wire))
            .await
    }

    async fn create_cell(&self, request: Request<pb::CreateCellRequest>) -> Reply {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::CreateCell, wire.version, &wire.world)?;
        let wire = request.into_inner();
        self.command(author, wire.reason.clone(), translate::create_cell(wire))
            .await
    }

    async fn create_authority(&self, request: Request<pb::CreateAuthorityRequest>) -> Reply {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::CreateAuthority, wire.version, &wire.world)?;
        let wire = request.into_inner();
        self.command(author, wire.reason.clone(), translate::create_authority(wire))
            .await
    }

    async fn set_country(&self, request: Request<pb::SetCountryRequest>) -> Reply {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::SetCountry, wire.version, &wire.world)?;
        let wire = request.into_inner();
        self.command(author, wire.reason.clone(), translate::set_country(wire))
            .await
    }

    async fn set_cell_state(&self, request: Request<pb::SetCellStateRequest>) -> Reply {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::SetCellState, wire.version, &wire.world)?;
        let wire = request.into_inner();
        self.command(author, wire.reason.clone(), translate::set_cell_state(wire))
            .await
    }

    async fn place_shard(&self, request: Request<pb::PlaceShardRequest>) -> Reply {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::PlaceShard, wire.version, &wire.world)?;
        let wire = request.into_inner();
        self.command(author, wire.reason.clone(), translate::place_shard(wire))
            .await
    }

    async fn add_member(&self, request: Request<pb::AddMemberRequest>) -> MembersReply {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::AddMember, wire.version, &wire.world)?;
        let member = wire
            .member
            .clone()
            .ok_or_else(|| Refusal::invalid("the request has no `member`"))?;
        let text = format!("{}@{}", member.id, member.address);
        let peer: Peer = text.parse().map_err(Refusal::invalid)?;
        members::leads(&self.0.raft)?;
        if !members::voters(&self.0.raft).contains(&peer.id) {
            let (id, address) = (peer.id, Some(peer.address.clone()));
            let command = Command::ChangeMember { id, address };
            self.command(author, wire.reason.clone(), Ok(command)).await?;
        }
        members::add(&self.0.raft, peer.id, peer.address).await?;
        self.members()
    }

    async fn propose_law(&self, request: Request<pb::ProposeLawRequest>) -> Reply {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::ProposeLaw, wire.version, &wire.world)?;
        let wire = request.into_inner();
        self.command(author, wire.reason.clone(), law::propose(wire))
            .await
    }

    async fn approve_law(&self, request: Request<pb::ApproveLawRequest>) -> Reply {
        let wire = request.get_ref();
        let caller = self
            .0
            .admit(&request, Verb::ApproveLaw, wire.version, &wire.world)?;
        let author = self
            .0
            .author(&request, Verb::ApproveLaw, wire.version, &wire.world)?;
        let wire = request.into_inner();
        self.command(author, wire.reason.clone(), law::approve(&self.0, &caller, wire))
            .await
    }

    async fn withdraw_law(&self, request: Request<pb::WithdrawLawRequest>) -> Reply {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::WithdrawLaw, wire.version, &wire.world)?;
        let wire = request.into_inner();
        self.command(author, wire.reason.clone(), Ok(law::withdraw(&wire)))
            .await
    }

    async fn set_matrix_age_max(&self, request: Request<pb::SetMatrixAgeMaxRequest>) -> Reply {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::SetMatrixAgeMax, wire.version, &wire.world)?;
        let wire = request.into_inner();
        let matrix_age_max_ms = wire.matrix_age_max_ms;
        let command = Command::SetMatrixAgeMax { matrix_age_max_ms };
        self.command(author, wire.reason, Ok(command)).await
    }

    async fn read_law(&self, request: Request<pb::ReadLawRequest>) -> Result<Response<pb::LawReply>, Status> {
        let wire = request.get_ref();
        self.0.admit(&request, Verb::ReadLaw, wire.version, &wire.world)?;
        Ok(Response::new(law::read(&self.0)))
    }

    async fn residency(
        &self,
        request: Request<pb::ResidencyRequest>,
    ) -> Result<Response<pb::ResidencyReply>, Status> {
        let wire = request.get_ref();
        self.0
            .admit(&request, Verb::Residency, wire.version, &wire.world)?;
        match self.0.proposer.leader_address() {
            Some(leader) => Ok(Response::new(self.0.proposer.residency_of(&leader).await?)),
            None if self.0.raft.is_leader() => Ok(Response::new(residency::signed(&self.0)?)),
            None => Err(refuse::no_leader().into()),
        }
    }

    async fn remove_member(&self, request: Request<pb::RemoveMemberRequest>) -> MembersReply {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::RemoveMember, wire.version, &wire.world)?;
        members::leads(&self.0.raft)?;
        if members::voters(&self.0.raft).contains(&wire.id) {
            let command = Command::ChangeMember {
                id: wire.id,
                address: None,
            };
            self.command(author, wire.reason.clone(), Ok(command)).await?;
        }
        members::remove(&self.0.raft, wire.id).await?;
        self.members()
    }

    async fn set_automation(&self, request: Request<pb::SetAutomationRequest>) -> Reply {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::SetAutomation, wire.version, &wire.world)?;
        let wire = request.into_inner();
        let command = translate::set_automation(&wire);
        self.command(author, wire.reason, Ok(command)).await
    }

    async fn dry_run(&self, request: Request<pb::DryRunRequest>) -> Reply {
        dry_run::judge(&self.0, request).await
    }
}

impl Service {
    fn members(&self) -> MembersReply {
        let voters = self.0.raft.status().voters;
        let voters = voters
            .into_iter()
            .map(|(id, address)| pb::Member { id, address })
            .collect();
        Ok(Response::new(pb::MembersReply {
            version: FRAME_VERSION,
            voters,
        }))
    }

    async fn command(&self, author: Author, reason: String, command: Result<Command, Refusal>) -> Reply {
        let done = self.0.proposer.propose(author, reason, command?).await?;
        Ok(Response::new(pb::CommandReply {
            version: FRAME_VERSION,
            sequence: done.sequence,
            generation: done.generation.0,
        }))
    }
}
