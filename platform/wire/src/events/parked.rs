//! Parked events, for people at work: what a node says of those that lie with it, and how one is settled.

use platform_model::{NodeId, RegionId, ShardId, UserId, WorldId};
use platform_runtime::tls::{Expect, Identity};
use tonic::Status;
use tonic::transport::Channel;
use uuid::Uuid;

use super::EventAt;
use crate::controllers::CallError;
use crate::frame::{self, FRAME_VERSION};
use crate::nodes::{self, Nodes, traced};
use crate::pb;
use crate::pb::parked_events_client::ParkedEventsClient as Client;
use crate::refusal::Refusal;

/// Longest id of a parked event, in bytes.
const ID_BYTES_MAX: usize = 64;
/// Longest reason, in bytes.
const REASON_BYTES_MAX: usize = 512;

/// An event that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedEvent {
    /// Names it in the commands.
    pub id: String,
    /// Where it is: its receiver's shard, or its teller's.
    pub shard: ShardId,
    /// It could not be delivered, and never left.
    pub undelivered: bool,
    pub to: UserId,
    /// The shard that told it.
    pub source: ShardId,
    pub at: EventAt,
    pub domain: String,
    pub name: String,
    pub event_version: u32,
    pub reason: String,
    /// Milliseconds since 1970.
    pub since_ms: u64,
}

/// What is to become of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settle {
    pub id: String,
    /// Else it is tried again.
    pub drop: bool,
    pub reason: String,
    pub dry_run: bool,
}

/// What became of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub event: ParkedEvent,
    /// It was taken out.
    pub settled: bool,
    /// Why it is parked on.
    pub why: String,
}

/// Asks nodes about parked events, as somebody at work.
#[derive(Clone)]
pub struct ParkedClient {
    world: WorldId,
    nodes: Nodes,
}

impl ParkedClient {
    pub fn new(identity: Identity) -> Self {
        Self {
            world: identity.world().clone(),
            nodes: Nodes::new(identity),
        }
    }

    /// Those that lie with a node, and whether there are more.
    ///
    /// # Errors
    /// As every call.
    pub async fn list(
        &self,
        node: (&NodeId, &RegionId),
        address: &str,
    ) -> Result<(Vec<ParkedEvent>, bool), CallError> {
        let request = pb::ListParkedRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
        };
        let mut client = self.client(node, address)?;
        let reply = nodes::answer(address, client.list(traced(request))).await?;
        nodes::understood(address, reply.version)?;
        let events: Result<Vec<_>, _> = reply.events.into_iter().map(event).collect();
        Ok((events.map_err(|refusal| invalid(address, refusal))?, reply.more))
    }

    /// Tries one again, or drops it.
    ///
    /// # Errors
    /// `unknown-record` when it does not lie with that node; as every call.
    pub async fn settle(
        &self,
        node: (&NodeId, &RegionId),
        address: &str,
        settle: &Settle,
    ) -> Result<Settled, CallError> {
        let request = pb::SettleParkedRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            id: settle.id.clone(),
            drop: settle.drop,
            reason: settle.reason.clone(),
            dry_run: settle.dry_run,
        };
        let mut client = self.client(node, address)?;
        let reply = nodes::answer(address, client.settle(traced(request))).await?;
        nodes::understood(address, reply.version)?;
        let (settled, why) = (reply.settled, reply.why);
        let told = reply
            .event
            .ok_or_else(|| Refusal::invalid("an answer without its event"))
            .and_then(event);
        Ok(Settled {
            event: told.map_err(|refusal| invalid(address, refusal))?,
            settled,
            why,
        })
    }

    fn client(
        &self,
        (node, region): (&NodeId, &RegionId),
        address: &str,
    ) -> Result<Client<Channel>, CallError> {
        let expect = Expect::Node {
            node: node.clone(),
            region: region.clone(),
        };
        Ok(Client::new(self.nodes.channel(node, address, expect)?))
    }
}

fn invalid(address: &str, refusal: Refusal) -> CallError {
    CallError::InvalidAnswer {
        address: address.to_owned(),
        cause: refusal.message,
    }
}

/// # Errors
/// A refusal as a status: another world or version.
pub fn list_parked_of(request: &pb::ListParkedRequest, ours: &WorldId) -> Result<(), Status> {
    frame::check(request.version, &request.world, ours)
}

/// # Errors
/// A refusal as a status: another world or version, an id or a reason that is none.
pub fn settle_parked_of(request: pb::SettleParkedRequest, ours: &WorldId) -> Result<Settle, Status> {
    frame::check(request.version, &request.world, ours)?;
    if request.id.is_empty() || request.id.len() > ID_BYTES_MAX {
        return Err(Refusal::invalid("an id of a parked event has from 1 to 64 bytes").into());
    }
    if request.reason.trim().is_empty() || request.reason.len() > REASON_BYTES_MAX {
        return Err(Refusal::invalid("a reason has from 1 to 512 bytes").into());
    }
    Ok(Settle {
        id: request.id,
        drop: request.drop,
        reason: request.reason,
        dry_run: request.dry_run,
    })
}

/// The answer to who settles one.
pub fn settled_reply(settled: &Settled) -> pb::SettleParkedReply {
    pb::SettleParkedReply {
        version: FRAME_VERSION,
        event: Some((&settled.event).into()),
        settled: settled.settled,
        why: settled.why.clone(),
    }
}

impl From<&ParkedEvent> for pb::ParkedEvent {
    fn from(event: &ParkedEvent) -> Self {
        Self {
            id: event.id.clone(),
            shard: event.shard.to_string(),
            undelivered: event.undelivered,
            to: event.to.as_bytes().to_vec(),
            source: event.source.to_string(),
            at_epoch: event.at.at.epoch.0,
            at_position: event.at.at.position.0,
            index: event.at.index,
            event: event.at.event,
            domain: event.domain.clone(),
            name: event.name.clone(),
            event_version: event.event_version,
            reason: event.reason.clone(),
            since_ms: event.since_ms,
        }
    }
}

fn event(wire: pb::ParkedEvent) -> Result<ParkedEvent, Refusal> {
    let to = Uuid::from_slice(&wire.to).map_err(|_| Refusal::invalid("a UUID has 16 bytes"))?;
    let at = platform_model::EpochPosition {
        epoch: platform_model::Epoch(wire.at_epoch),
        position: platform_model::Position(wire.at_position),
    };
    Ok(ParkedEvent {
        id: wire.id,
        shard: wire.shard.parse().map_err(Refusal::invalid)?,
        undelivered: wire.undelivered,
        to: UserId::from_uuid(to),
        source: wire.source.parse().map_err(Refusal::invalid)?,
        at: EventAt {
            at,
            index: wire.index,
            event: wire.event,
        },
        domain: wire.domain,
        name: wire.name,
        event_version: wire.event_version,
        reason: wire.reason,
        since_ms: wire.since_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> WorldId {
        WorldId::new(&"a".repeat(64)).expect("an id")
    }

    #[test]
    fn a_parked_event_reads_back_as_told() {
        let at = platform_model::EpochPosition {
            epoch: platform_model::Epoch(2),
            position: platform_model::Position(9),
        };
        let told = ParkedEvent {
            id: "3f9a01bc22d45e10".into(),
            shard: "eu/eu-central/000".parse().expect("a shard"),
            undelivered: false,
            to: UserId::from_uuid(Uuid::from_u128(1)),
            source: "us/us-east/001".parse().expect("a shard"),
            at: EventAt {
                at,
                index: 1,
                event: 2,
            },
            domain: "training".into(),
            name: "workout_shared".into(),
            event_version: 7,
            reason: "of version 7".into(),
            since_ms: 5,
        };
        assert_eq!(event((&told).into()), Ok(told));
    }

    #[test]
    fn nobody_settles_without_a_reason_or_an_id() {
        let request = pb::SettleParkedRequest {
            version: FRAME_VERSION,
            world: "a".repeat(64),
            id: "3f".into(),
            drop: true,
            reason: "no use".into(),
            dry_run: false,
        };
        assert!(settle_parked_of(request.clone(), &world()).is_ok());
        let broken: [fn(&mut pb::SettleParkedRequest); 5] = [
            |r| r.version += 1,
            |r| r.world = "b".repeat(64),
            |r| r.id.clear(),
            |r| r.reason = "  ".into(),
            |r| r.reason = "x".repeat(REASON_BYTES_MAX + 1),
        ];
        for breaks in broken {
            let mut request = request.clone();
            breaks(&mut request);
            let status = settle_parked_of(request, &world()).expect_err("broken");
            assert!(Refusal::from_status(&status).is_some(), "{status:?}");
        }
    }
}
