//! Where a person lives, as the directory has it: asked and changed at the node that serves the directory's shard.

use platform_model::{HomeId, UserId, WorldId};
use platform_runtime::tls::Identity;
use tonic::Status;

use super::parse::user;
use crate::controllers::CallError;
use crate::directory::{Asked, Target, asked};
use crate::frame::{self, FRAME_VERSION};
use crate::nodes::{self, Nodes, traced};
use crate::pb::home_entries_client::HomeEntriesClient as Client;
use crate::pb::{self, EntryStepKind};
use crate::refusal::Refusal;

/// What is asked of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryStep {
    Read,
    /// Where he lives and since which user epoch, as the caller knows it.
    Start {
        operation: u64,
        home: HomeId,
        user_epoch: u64,
        to: HomeId,
    },
    Commit {
        operation: u64,
        to: HomeId,
    },
    Cancel {
        operation: u64,
    },
}

/// An entry as it stands after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryTold {
    /// None: nobody ever relocated him.
    pub entry: Option<(HomeId, u64)>,
    /// 0: none is under way.
    pub operation: u64,
    pub newest: u64,
    /// Why the step changed nothing.
    pub refused: Option<String>,
}

/// A step for an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedEntry {
    pub asked: Asked,
    pub user: UserId,
    pub step: EntryStep,
}

/// # Errors
/// A refusal as a status: another world, another version, or a field that cannot be.
pub fn entry_of(wire: pb::EntryStep, ours: &WorldId) -> Result<AskedEntry, Status> {
    frame::check(wire.version, &wire.world, ours)?;
    let home = |text: &str| text.parse::<HomeId>().map_err(Refusal::invalid);
    let operation = wire.operation;
    let step = match EntryStepKind::try_from(wire.kind).map_err(Refusal::invalid)? {
        EntryStepKind::Unspecified => return Err(Refusal::invalid("a step of no kind").into()),
        EntryStepKind::Read => EntryStep::Read,
        EntryStepKind::Start => EntryStep::Start {
            operation,
            home: home(&wire.home)?,
            user_epoch: wire.user_epoch,
            to: home(&wire.to)?,
        },
        EntryStepKind::Commit => EntryStep::Commit {
            operation,
            to: home(&wire.to)?,
        },
        EntryStepKind::Cancel => EntryStep::Cancel { operation },
    };
    Ok(AskedEntry {
        user: user(&wire.user)?,
        asked: asked(wire.target, wire.digest)?,
        step,
    })
}

/// The answer to a step.
pub fn entry_reply(told: EntryTold) -> pb::EntryReply {
    let (home, user_epoch) = match &told.entry {
        Some((home, epoch)) => (home.to_string(), *epoch),
        None => (String::new(), 0),
    };
    pb::EntryReply {
        version: FRAME_VERSION,
        known: told.entry.is_some(),
        home,
        user_epoch,
        operation: told.operation,
        newest: told.newest,
        refused: told.refused.unwrap_or_default(),
    }
}

/// Clone: a shared handle.
#[derive(Clone)]
pub struct EntriesClient {
    world: WorldId,
    nodes: Nodes,
}

impl EntriesClient {
    pub fn new(identity: Identity) -> Self {
        Self {
            world: identity.world().clone(),
            nodes: Nodes::new(identity),
        }
    }

    /// Takes a step and answers the entry as it is then. The same may be sent again.
    ///
    /// # Errors
    /// `moved` when the node does not serve that shard; [`CallError::Unknown`] when the answer was lost: read.
    pub async fn step(
        &self,
        target: &Target,
        digest: &[u8],
        user: UserId,
        step: &EntryStep,
    ) -> Result<EntryTold, CallError> {
        let request = request(&self.world, target, digest, user, step);
        let channel = self
            .nodes
            .channel(&target.node, &target.address, target.expect())?;
        let call = async { Client::new(channel).step(traced(request)).await };
        let reply = nodes::answer(&target.address, call).await?;
        nodes::understood(&target.address, reply.version)?;
        let home = reply.known.then(|| reply.home.parse::<HomeId>()).transpose();
        let home = home.map_err(|error| CallError::InvalidAnswer {
            address: target.address.clone(),
            cause: error.to_string(),
        })?;
        Ok(EntryTold {
            entry: home.map(|home| (home, reply.user_epoch)),
            operation: reply.operation,
            newest: reply.newest,
            refused: Some(reply.refused).filter(|why| !why.is_empty()),
        })
    }
}

fn request(world: &WorldId, target: &Target, digest: &[u8], user: UserId, step: &EntryStep) -> pb::EntryStep {
    let mut wire = pb::EntryStep {
        version: FRAME_VERSION,
        world: world.to_string(),
        target: Some(target.into()),
        digest: digest.to_vec(),
        user: user.as_bytes().to_vec(),
        ..pb::EntryStep::default()
    };
    let kind = match step {
        EntryStep::Read => EntryStepKind::Read,
        EntryStep::Start {
            operation,
            home,
            user_epoch,
            to,
        } => {
            (wire.operation, wire.user_epoch) = (*operation, *user_epoch);
            (wire.home, wire.to) = (home.to_string(), to.to_string());
            EntryStepKind::Start
        }
        EntryStep::Commit { operation, to } => {
            (wire.operation, wire.to) = (*operation, to.to_string());
            EntryStepKind::Commit
        }
        EntryStep::Cancel { operation } => {
            wire.operation = *operation;
            EntryStepKind::Cancel
        }
    };
    wire.kind = kind.into();
    wire
}
