//! People who come, as the nodes bring them that serve them still: gRPC, only from a node that holds a copy of the shard that
//! they leave, only for shards that are served here.

use std::sync::Arc;

use axum::{Router, middleware};
use platform_model::{NodeId, ShardId};
use platform_runtime::PeerIdentity;
use platform_runtime::tls::{SpiffeId, SpiffeKind};
use platform_wire::pb::arrivals_server::{Arrivals, ArrivalsServer};
use platform_wire::relocation::{take_of, take_reply};
use platform_wire::{Refusal, RefusalCode, pb};
use tonic::{Extensions, Request, Response, Status};

use super::{Parts, Relocations};
use crate::directory::in_trace;
use crate::peers::holds;

/// The service as a router.
pub fn routes(relocations: &Relocations) -> Router {
    let service = Service(Arc::clone(&relocations.parts));
    tonic::service::Routes::new(ArrivalsServer::new(service))
        .into_axum_router()
        .layer(middleware::from_fn(in_trace))
}

struct Service(Arc<Parts>);

impl Service {
    /// Whoever holds a copy of the shard that he leaves, by this node's own table.
    fn admit(&self, extensions: &Extensions, source: &ShardId) -> Result<(), Status> {
        let caller = extensions.get::<PeerIdentity>().map(|PeerIdentity(id)| id);
        let table = self.0.followed.current();
        let is_of_its_cell = |node: &NodeId, id: &SpiffeId| {
            let cell = table.cells.get(&node.cell);
            cell.is_some_and(|cell| cell.region == id.region)
        };
        let may = caller.is_some_and(|id| match &id.kind {
            SpiffeKind::Node(node) => is_of_its_cell(node, id) && holds(&table, node, source),
            _ => false,
        });
        if may {
            return Ok(());
        }
        metrics::counter!("celld_denied_total", "door" => "arrivals").increment(1);
        let who = caller.map_or_else(
            || "a caller without a certificate".to_owned(),
            ToString::to_string,
        );
        let message = format!("{who} may not bring people of {source}");
        Err(Refusal::new(RefusalCode::NotAuthorised, message)
            .hint("takes a node that holds a copy of the shard, as this node's table says")
            .into())
    }
}

#[tonic::async_trait]
impl Arrivals for Service {
    async fn take(&self, request: Request<pb::TakeRequest>) -> Result<Response<pb::TakeReply>, Status> {
        let (extensions, message) = (request.extensions().clone(), request.into_inner());
        let (target, epoch, take) = take_of(message, &self.0.world)?;
        self.admit(&extensions, &take.source)?;
        let here = self.0.hosted.get(&target);
        let shard = here.filter(|shard| shard.epoch() == epoch).ok_or_else(|| {
            let message = format!("{target} is not served here in that epoch");
            Refusal::new(RefusalCode::Moved, message)
        })?;
        Ok(Response::new(take_reply(self.0.take(&shard, &take).await)))
    }
}
