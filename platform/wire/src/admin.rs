//! What an operator asks of the controllers. Commands are sent again only if surely nobody took them.

pub(crate) mod dry_run;
mod law;
mod status;

use platform_model::{CellId, CellState, CountryCode, Generation, Jurisdiction, ShardId};
use platform_runtime::clock::Clock;
use platform_runtime::tls::Identity;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Response, Status};

use crate::channel::InvalidAddress;
use crate::client_protocol::Speaks;
use crate::controllers::{COMMAND, CallError, Controllers, MEMBERS, REPORT};
use crate::convert::cell_state;
use crate::frame::{FRAME_VERSION, MESSAGE_BYTES_MAX};
use crate::pb;
use crate::pb::admin_client::AdminClient as Client;

pub use crate::spec::{AuthoritySpec, CellSpec, HomeSpec, WorldSpec};
pub use status::{
    Automation, HeardCopy, Insight, Member, NodeReport, Paused, Recovering, ShardRecord, WorldStatus,
};

/// Clone: a shared handle.
#[derive(Clone)]
pub struct AdminClient {
    pub(crate) controllers: Controllers,
    /// Commands are judged and not given.
    pub(crate) dry: bool,
}

/// A command was taken and applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Number of the decision; 0 if it was so already.
    pub sequence: u64,
    /// Generation of the routing table after it.
    pub generation: Generation,
}

impl AdminClient {
    /// # Errors
    /// For an empty list, or an address that is none. Does no I/O.
    pub fn connect(
        controllers: Vec<String>,
        identity: Identity,
        clock: Clock,
    ) -> Result<Self, InvalidAddress> {
        Ok(Self {
            controllers: Controllers::new(controllers, identity, clock)?,
            dry: false,
        })
    }

    /// A client whose commands are only judged: the leader says what it would answer, and nothing comes of it.
    #[must_use]
    pub fn dry_run(&self) -> Self {
        Self {
            controllers: self.controllers.clone(),
            dry: true,
        }
    }

    /// The world as the leader knows it, or, while nobody leads, as one controller does.
    ///
    /// # Errors
    /// When no controller answers.
    pub async fn status(&self) -> Result<WorldStatus, CallError> {
        self.read_status(false, false).await
    }

    /// What the controller that answers first knows by itself.
    ///
    /// # Errors
    /// When no controller answers.
    pub async fn status_local(&self) -> Result<WorldStatus, CallError> {
        self.read_status(true, false).await
    }

    /// As [`Self::status_local`]; with `digest`, also the digest of the whole state there.
    ///
    /// # Errors
    /// When no controller answers.
    pub async fn insight(&self, digest: bool) -> Result<WorldStatus, CallError> {
        self.read_status(true, digest).await
    }

    async fn read_status(&self, local: bool, digest: bool) -> Result<WorldStatus, CallError> {
        let request = pb::StatusRequest {
            version: FRAME_VERSION,
            world: self.world(),
            local,
            digest,
        };
        let send = |channel| {
            let request = request.clone();
            async move { client(channel).status(request).await }
        };
        let reply = self.controllers.call(REPORT, send).await?;
        let address = reply.controller.clone();
        reply
            .try_into()
            .map_err(|e: status::InvalidStatus| CallError::InvalidAnswer {
                address,
                cause: e.to_string(),
            })
    }

    /// Makes the world, once. Its shards are placed as the first node of each cell registers.
    ///
    /// # Errors
    /// `world-exists` the second time.
    pub async fn init_world(&self, spec: &WorldSpec) -> Result<Accepted, CallError> {
        let request = pb::InitWorldRequest {
            version: FRAME_VERSION,
            world: self.world(),
            spec: Some(spec.into()),
        };
        self.command(request, async |channel, request| {
            client(channel).init_world(request).await
        })
        .await
    }

    /// # Errors
    /// `exists`, or the rule that the home breaks.
    pub async fn create_home(&self, home: &HomeSpec, reason: &str) -> Result<Accepted, CallError> {
        let request = pb::CreateHomeRequest {
            version: FRAME_VERSION,
            world: self.world(),
            home: Some(home.into()),
            reason: reason.to_owned(),
        };
        self.command(request, async |channel, request| {
            client(channel).create_home(request).await
        })
        .await
    }

    /// # Errors
    /// `exists`.
    pub async fn create_cell(&self, cell: &CellSpec, reason: &str) -> Result<Accepted, CallError> {
        let request = pb::CreateCellRequest {
            version: FRAME_VERSION,
            world: self.world(),
            cell: Some(cell.into()),
            reason: reason.to_owned(),
        };
        self.command(request, async |channel, request| {
            client(channel).create_cell(request).await
        })
        .await
    }

    /// # Errors
    /// `exists`, or the rule that the authority breaks.
    pub async fn create_authority(&self, spec: &AuthoritySpec, reason: &str) -> Result<Accepted, CallError> {
        let request = pb::CreateAuthorityRequest {
            version: FRAME_VERSION,
            world: self.world(),
            authority: Some(spec.into()),
            reason: reason.to_owned(),
        };
        self.command(request, async |channel, request| {
            client(channel).create_authority(request).await
        })
        .await
    }

    /// Says to which jurisdiction residents of a country belong.
    ///
    /// # Errors
    /// When no home is of that jurisdiction.
    pub async fn set_country(
        &self,
        country: CountryCode,
        jurisdiction: &Jurisdiction,
        reason: &str,
    ) -> Result<Accepted, CallError> {
        let request = pb::SetCountryRequest {
            version: FRAME_VERSION,
            world: self.world(),
            country: Some(pb::Country {
                code: country.to_string(),
                jurisdiction: jurisdiction.to_string(),
            }),
            reason: reason.to_owned(),
        };
        self.command(request, async |channel, request| {
            client(channel).set_country(request).await
        })
        .await
    }

    /// Opens or cordons a cell. `expected` is the generation of the cell's record that the caller has seen.
    ///
    /// # Errors
    /// `generation-mismatch` if the record has changed since.
    pub async fn set_cell_state(
        &self,
        cell: &CellId,
        state: CellState,
        expected: Generation,
        reason: &str,
    ) -> Result<Accepted, CallError> {
        let request = pb::SetCellStateRequest {
            version: FRAME_VERSION,
            world: self.world(),
            cell: cell.to_string(),
            state: cell_state(state).into(),
            expected: expected.0,
            reason: reason.to_owned(),
        };
        self.command(request, async |channel, request| {
            client(channel).set_cell_state(request).await
        })
        .await
    }

    /// Gives a shard that has no primary yet to a cell. `expected` is the generation of the shard's configuration
    /// that the caller has seen.
    ///
    /// # Errors
    /// `placement` with the rule that forbids it; `generation-mismatch` if the configuration has changed since.
    pub async fn place_shard(
        &self,
        shard: &ShardId,
        cell: &CellId,
        expected: Generation,
        reason: &str,
    ) -> Result<Accepted, CallError> {
        let request = pb::PlaceShardRequest {
            version: FRAME_VERSION,
            world: self.world(),
            shard: shard.to_string(),
            cell: cell.to_string(),
            expected: expected.0,
            reason: reason.to_owned(),
        };
        self.command(request, async |channel, request| {
            client(channel).place_shard(request).await
        })
        .await
    }

    /// Pauses what the controllers do by themselves, or lets it go on. `expected` is the generation of the record that
    /// the caller has seen.
    ///
    /// # Errors
    /// `generation-mismatch` if the record has changed since; `invalid` for a pause without a reason.
    pub async fn set_automation(
        &self,
        paused: bool,
        expected: Generation,
        reason: &str,
    ) -> Result<Accepted, CallError> {
        let request = pb::SetAutomationRequest {
            version: FRAME_VERSION,
            world: self.world(),
            paused,
            expected: expected.0,
            reason: reason.to_owned(),
        };
        self.command(request, async |channel, request| {
            client(channel).set_automation(request).await
        })
        .await
    }

    /// Adds a controller, which runs already and knows its id; returns once it has the log and votes.
    ///
    /// # Errors
    /// `unavailable` while the newcomer cannot be reached or another change of members is under way: ask again.
    pub async fn add_member(&self, member: &Member, reason: &str) -> Result<Vec<Member>, CallError> {
        let request = pb::AddMemberRequest {
            version: FRAME_VERSION,
            world: self.world(),
            member: Some(pb::Member {
                id: member.id,
                address: member.address.clone(),
            }),
            reason: reason.to_owned(),
        };
        let send = |channel| {
            let request = request.clone();
            async move { client(channel).add_member(request).await }
        };
        self.controllers.call(MEMBERS, send).await.map(voters)
    }

    /// Takes a controller's vote away; it may then be stopped. A leader that removes itself hands over.
    ///
    /// # Errors
    /// As [`Self::add_member`]; `invalid` for the last one.
    pub async fn remove_member(&self, id: u64, reason: &str) -> Result<Vec<Member>, CallError> {
        let request = pb::RemoveMemberRequest {
            version: FRAME_VERSION,
            world: self.world(),
            id,
            reason: reason.to_owned(),
        };
        let send = |channel| {
            let request = request.clone();
            async move { client(channel).remove_member(request).await }
        };
        self.controllers.call(MEMBERS, send).await.map(voters)
    }

    async fn command<R, F>(&self, request: R, send: F) -> Result<Accepted, CallError>
    where
        R: Clone + Into<dry_run::Command>,
        F: AsyncFn(Channel, R) -> Result<Response<pb::CommandReply>, Status>,
    {
        if self.dry {
            return self.judge(dry_run::request(self.world(), request.into())).await;
        }
        let reply = self
            .controllers
            .call(COMMAND, |channel| send(channel, request.clone()))
            .await?;
        Ok(accepted(&reply))
    }

    /// What would come of a command.
    pub(crate) async fn judge(&self, request: pb::DryRunRequest) -> Result<Accepted, CallError> {
        let judge = |channel| {
            let request = request.clone();
            async move { client(channel).dry_run(request).await }
        };
        let reply = self.controllers.call(REPORT, judge).await?;
        Ok(accepted(&reply))
    }

    pub(crate) fn world(&self) -> String {
        self.controllers.world().to_string()
    }
}

fn accepted(reply: &pb::CommandReply) -> Accepted {
    Accepted {
        sequence: reply.sequence,
        generation: Generation(reply.generation),
    }
}

fn voters(reply: pb::MembersReply) -> Vec<Member> {
    reply
        .voters
        .into_iter()
        .map(|m| Member {
            id: m.id,
            address: m.address,
        })
        .collect()
}

/// Every request says which protocol its sender speaks.
fn client(channel: Channel) -> Client<InterceptedService<Channel, Speaks>> {
    Client::with_interceptor(channel, Speaks).max_decoding_message_size(MESSAGE_BYTES_MAX)
}
