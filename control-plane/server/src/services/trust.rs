//! `Trust`: what operators say about who is believed, and renewals.

use std::sync::Arc;

use control_plane_state::trust::TrustCommand;
use control_plane_state::{Author, Command};
use platform_runtime::tls::Requested;
use platform_wire::pb::trust_server::Trust;
use platform_wire::{FRAME_VERSION, Refusal, pb};
use tonic::{Request, Response, Status};

use super::Parts;
use crate::authorise::{Denied, Verb};
use crate::translate::trust as translate;

pub(super) struct Service(pub(super) Parts);

type Reply = Result<Response<pb::CommandReply>, Status>;

/// A handler of a verb that becomes a command.
macro_rules! command {
    ($self:ident, $request:ident, $verb:ident, $translate:ident) => {{
        let wire = $request.get_ref();
        let author = $self
            .0
            .author(&$request, Verb::$verb, wire.version, &wire.world)?;
        let wire = $request.into_inner();
        $self
            .command(author, wire.reason.clone(), translate::$translate(wire))
            .await
    }};
}

#[tonic::async_trait]
impl Trust for Service {
    async fn read_trust(
        &self,
        request: Request<pb::ReadTrustRequest>,
    ) -> Result<Response<pb::TrustReply>, Status> {
        let wire = request.get_ref();
        self.0
            .admit(&request, Verb::ReadTrust, wire.version, &wire.world)?;
        let leader = self.0.proposer.leader_address().filter(|_| !wire.local);
        if let Some(address) = leader
            && let Ok(reply) = self.0.proposer.trust_of(&address).await
        {
            return Ok(Response::new(reply));
        }
        let state = Arc::clone(&self.0.raft.state().borrow());
        let name = self.0.name.to_string();
        Ok(Response::new(translate::reply(
            &state,
            name,
            self.0.clock.unix_ms(),
        )))
    }

    async fn attest_region(&self, request: Request<pb::AttestRegionRequest>) -> Reply {
        command!(self, request, AttestRegion, attest_region)
    }

    async fn create_join_token(&self, request: Request<pb::CreateJoinTokenRequest>) -> Reply {
        command!(self, request, CreateJoinToken, create_join_token)
    }

    async fn revoke_join_token(&self, request: Request<pb::RevokeJoinTokenRequest>) -> Reply {
        command!(self, request, RevokeJoinToken, revoke_join_token)
    }

    async fn revoke_identity(&self, request: Request<pb::RevokeIdentityRequest>) -> Reply {
        command!(self, request, RevokeIdentity, revoke_identity)
    }

    async fn restore_identity(&self, request: Request<pb::RestoreIdentityRequest>) -> Reply {
        command!(self, request, RestoreIdentity, restore_identity)
    }

    async fn open_break_glass(&self, request: Request<pb::OpenBreakGlassRequest>) -> Reply {
        command!(self, request, OpenBreakGlass, open_break_glass)
    }

    async fn close_break_glass(&self, request: Request<pb::CloseBreakGlassRequest>) -> Reply {
        command!(self, request, CloseBreakGlass, close_break_glass)
    }

    async fn renew(
        &self,
        request: Request<pb::RenewRequest>,
    ) -> Result<Response<pb::CertificateReply>, Status> {
        let wire = request.get_ref();
        let caller = self.0.admit(&request, Verb::Renew, wire.version, &wire.world)?;
        let requested = Requested::read(&wire.request).map_err(Refusal::invalid)?;
        if requested.id != caller.to_string() {
            let asked: String = requested.id.chars().take(160).collect();
            let who = format!("{caller}, asking to become {asked},");
            return Err(self.0.deny(Denied {
                verb: Verb::Renew,
                who,
            }));
        }
        let certified = self
            .0
            .issuing
            .certify(&requested, &caller, self.0.clock.unix_ms())?;
        tracing::info!(id = %caller, key = %requested.key, "renewed");
        Ok(Response::new(pb::CertificateReply {
            version: FRAME_VERSION,
            chain: certified.chain_pem,
            root: certified.root_pem,
        }))
    }
}

impl Service {
    async fn command(&self, author: Author, reason: String, command: Result<TrustCommand, Refusal>) -> Reply {
        let command = Command::Trust(command?);
        let done = self.0.proposer.propose(author, reason, command).await?;
        Ok(Response::new(pb::CommandReply {
            version: FRAME_VERSION,
            sequence: done.sequence,
            generation: done.generation.0,
        }))
    }
}
