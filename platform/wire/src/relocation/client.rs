//! Calls to the node that serves the shard where a person will live.

use platform_model::WorldId;
use platform_runtime::tls::Identity;

use super::{ArrivalsTarget, Take, Taken, parse};
use crate::controllers::CallError;
use crate::nodes::{self, Nodes, traced};
use crate::pb::arrivals_client::ArrivalsClient as Client;

/// Clone: a shared handle.
#[derive(Clone)]
pub struct ArrivalsClient {
    world: WorldId,
    nodes: Nodes,
}

impl ArrivalsClient {
    pub fn new(identity: Identity) -> Self {
        Self {
            world: identity.world().clone(),
            nodes: Nodes::new(identity),
        }
    }

    /// One step; the same may be sent again, whatever became of it.
    ///
    /// # Errors
    /// `moved` when the node does not serve that shard; [`CallError::Unknown`] when the answer was lost.
    pub async fn take(&self, target: &ArrivalsTarget, take: &Take) -> Result<Taken, CallError> {
        let request = parse::take_request(&self.world, target, take);
        let channel = self
            .nodes
            .channel(&target.node, &target.address, target.expect())?;
        let call = async { Client::new(channel).take(traced(request)).await };
        let reply = nodes::answer(&target.address, call).await?;
        nodes::understood(&target.address, reply.version)?;
        parse::taken(reply).ok_or_else(|| CallError::InvalidAnswer {
            address: target.address.clone(),
            cause: "an outcome that is not known here".to_owned(),
        })
    }
}
