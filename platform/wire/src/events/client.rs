//! Calls to the node that serves a receiver's shard. One connection per node, checked to be that very node.

use platform_model::{ShardId, UserId, WorldId};
use platform_runtime::tls::Identity;

use super::{Declined, Delivery, EventAt, EventsTarget, Receipt, parse};
use crate::controllers::CallError;
use crate::frame::FRAME_VERSION;
use crate::nodes::{self, Nodes, traced};
use crate::pb;
use crate::pb::events_client::EventsClient as Client;

/// Clone: a shared handle.
#[derive(Clone)]
pub struct EventsClient {
    world: WorldId,
    nodes: Nodes,
}

impl EventsClient {
    pub fn new(identity: Identity) -> Self {
        Self {
            world: identity.world().clone(),
            nodes: Nodes::new(identity),
        }
    }

    /// Delivers events of `source`, at most [`super::DELIVERIES_MAX`]; the receipts stand in their order. The same events
    /// may be sent again, whatever became of them.
    ///
    /// # Errors
    /// `moved` when the node does not serve that shard; [`CallError::Unknown`] when the answer was lost.
    pub async fn deliver(
        &self,
        target: &EventsTarget,
        source: &ShardId,
        law_revision: u64,
        deliveries: &[Delivery],
    ) -> Result<Vec<Receipt>, CallError> {
        let request = pb::DeliverRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            source: source.to_string(),
            target: target.shard.to_string(),
            epoch: target.epoch.0,
            law_revision,
            deliveries: deliveries.iter().map(Into::into).collect(),
        };
        let channel = self
            .nodes
            .channel(&target.node, &target.address, target.expect())?;
        let call = async { Client::new(channel).deliver(traced(request)).await };
        let reply = nodes::answer(&target.address, call).await?;
        nodes::understood(&target.address, reply.version)?;
        let receipts: Option<Vec<Receipt>> = reply.receipts.into_iter().map(parse::receipt).collect();
        let fitting = receipts.filter(|receipts| receipts.len() == deliveries.len());
        fitting.ok_or_else(|| CallError::InvalidAnswer {
            address: target.address.clone(),
            cause: "the receipts are not those of what was sent".to_owned(),
        })
    }

    /// Whether the event of `source` took effect. If not, it never will under that key; or its receiver has moved.
    /// The same may be asked again.
    ///
    /// # Errors
    /// As [`Self::deliver`].
    pub async fn decline(
        &self,
        target: &EventsTarget,
        source: &ShardId,
        to: UserId,
        key: EventAt,
    ) -> Result<Declined, CallError> {
        let request = pb::DeclineRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            source: source.to_string(),
            target: target.shard.to_string(),
            epoch: target.epoch.0,
            to: to.as_bytes().to_vec(),
            at_epoch: key.at.epoch.0,
            at_position: key.at.position.0,
            index: key.index,
            event: key.event,
        };
        let channel = self
            .nodes
            .channel(&target.node, &target.address, target.expect())?;
        let call = async { Client::new(channel).decline(traced(request)).await };
        let reply = nodes::answer(&target.address, call).await?;
        nodes::understood(&target.address, reply.version)?;
        parse::declined(&reply).map_err(|refusal| CallError::InvalidAnswer {
            address: target.address.clone(),
            cause: refusal.message,
        })
    }
}
