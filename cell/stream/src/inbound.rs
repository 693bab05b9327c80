//! The receiving end: a gRPC service on the node's inner listener. It takes frames of nodes only, each only about shards
//! of which the caller holds a copy by the newest configuration that is known here.

use std::sync::Arc;

use bytes::Bytes;
use platform_model::{NodeId, ShardId, WorldId};
use platform_runtime::tls::{SpiffeId, SpiffeKind};
use platform_runtime::{CancellationToken, PeerIdentity};
use platform_wire::pb::replication_server::{Replication, ReplicationServer};
use platform_wire::{FRAME_VERSION, MESSAGE_BYTES_MAX, Refusal, RefusalCode, pb, replication};
use tonic::service::Routes;
use tonic::{Extensions, Request, Response, Status, Streaming};

use crate::known::Known;
use crate::meter;

/// Who is handed the frames. Must not wait: a full inbox drops them, for the other end sends again.
pub trait Inbound: Send + Sync + 'static {
    fn receive(&self, from: &NodeId, shard: &ShardId, frame: Bytes);
}

struct Service {
    world: WorldId,
    known: Arc<dyn Known>,
    inbound: Arc<dyn Inbound>,
    ending: CancellationToken,
}

/// The service. Streams end when `ending` is cancelled: they would otherwise outlive all that drains.
pub fn routes(
    world: WorldId,
    known: Arc<dyn Known>,
    inbound: Arc<dyn Inbound>,
    ending: CancellationToken,
) -> Routes {
    let service = Service {
        world,
        known,
        inbound,
        ending,
    };
    Routes::new(ReplicationServer::new(service).max_decoding_message_size(MESSAGE_BYTES_MAX))
}

impl Service {
    /// The node that speaks, by its certificate; the table must place it where that says.
    fn admit(&self, extensions: &Extensions) -> Result<NodeId, Status> {
        let caller = extensions.get::<PeerIdentity>().map(|PeerIdentity(id)| id);
        let (node, region) = match caller.map(|id| (&id.kind, &id.region)) {
            Some((SpiffeKind::Node(node), region)) => (node, region),
            _ => return Err(no_node(caller)),
        };
        match self.known.place(node) {
            Some(place) if place.region == *region => Ok(node.clone()),
            // A table that is behind does not know it yet: it comes again.
            None => Err(Refusal::new(RefusalCode::Unavailable, format!("{node} is not known here")).into()),
            Some(place) => {
                meter::refused("elsewhere");
                let message = format!("{node} stands in {}, its certificate says {region}", place.region);
                Err(Refusal::new(RefusalCode::NotAuthorised, message).into())
            }
        }
    }

    fn take(&self, from: &NodeId, message: pb::ReplicationFrames) -> Result<(), Status> {
        let parcels =
            replication::read_frames(message, &self.world).inspect_err(|_| meter::refused("frame"))?;
        meter::received(parcels.len());
        for (shard, frame) in parcels {
            if self.known.holds(from, &shard) {
                self.inbound.receive(from, &shard, frame);
            } else {
                meter::refused("not-in-set");
                tracing::debug!(%from, %shard, "a node without a copy speaks about a shard");
            }
        }
        Ok(())
    }
}

fn no_node(caller: Option<&SpiffeId>) -> Status {
    meter::refused("no-node");
    let who = caller.map_or_else(
        || "a caller without a certificate".to_owned(),
        ToString::to_string,
    );
    let refusal = Refusal::new(RefusalCode::NotAuthorised, format!("{who} may not replicate"));
    refusal.hint("takes the role node").into()
}

#[tonic::async_trait]
impl Replication for Service {
    async fn replicate(
        &self,
        request: Request<Streaming<pb::ReplicationFrames>>,
    ) -> Result<Response<pb::ReplicationReply>, Status> {
        let from = self.admit(request.extensions())?;
        let mut messages = request.into_inner();
        loop {
            let message = tokio::select! {
                message = messages.message() => message?,
                () = self.ending.cancelled() => {
                    return Err(Refusal::new(RefusalCode::Unavailable, "the node ends").into());
                }
            };
            let Some(message) = message else {
                return Ok(Response::new(pb::ReplicationReply {
                    version: FRAME_VERSION,
                }));
            };
            self.take(&from, message)?;
        }
    }
}
