//! Events as other nodes bring them: gRPC, only from a node that holds a copy of the shard that told them, only for shards
//! that are served here.

use std::sync::Arc;

use axum::{Router, middleware};
use futures::future::join_all;
use platform_model::{NodeId, ShardId};
use platform_runtime::PeerIdentity;
use platform_runtime::tls::SpiffeKind;
use platform_wire::events::{deliver_of, deliver_reply};
use platform_wire::pb::events_server::{Events as Door, EventsServer};
use platform_wire::{Refusal, RefusalCode, pb};
use tonic::{Extensions, Request, Response, Status};

use super::{Events, Parts};
use crate::directory::in_trace;
use crate::peers::holds;

/// The service as a router.
pub fn routes(events: &Events) -> Router {
    let service = Service(Arc::clone(&events.parts));
    tonic::service::Routes::new(EventsServer::new(service))
        .into_axum_router()
        .layer(middleware::from_fn(in_trace))
}

struct Service(Arc<Parts>);

impl Service {
    /// Whoever holds a copy of the shard may speak for it: what it tells is committed, whoever leads now.
    fn admit(&self, extensions: &Extensions, source: &ShardId) -> Result<(), Status> {
        let caller = extensions.get::<PeerIdentity>().map(|PeerIdentity(id)| id);
        let table = self.0.followed.current();
        let is_of_its_cell = |node: &NodeId, id: &platform_runtime::tls::SpiffeId| {
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
        metrics::counter!("celld_denied_total", "door" => "events").increment(1);
        let who = caller.map_or_else(
            || "a caller without a certificate".to_owned(),
            ToString::to_string,
        );
        let refusal = Refusal::new(
            RefusalCode::NotAuthorised,
            format!("{who} may not tell events of {source}"),
        );
        Err(refusal
            .hint("takes a node that holds a copy of the shard, as this node's table says")
            .into())
    }
}

#[tonic::async_trait]
impl Door for Service {
    async fn deliver(
        &self,
        request: Request<pb::DeliverRequest>,
    ) -> Result<Response<pb::DeliverReply>, Status> {
        let (extensions, message) = (request.extensions().clone(), request.into_inner());
        let asked = deliver_of(message, &self.0.world)?;
        self.admit(&extensions, &asked.source)?;
        let here = self.0.hosted.get(&asked.target);
        let shard = here.filter(|shard| shard.epoch() == asked.epoch).ok_or_else(|| {
            let message = format!("{} is not served here in that epoch", asked.target);
            Refusal::new(RefusalCode::Moved, message)
        })?;
        let received = asked
            .deliveries
            .iter()
            .map(|one| self.0.receive(&asked.source, &shard, one));
        Ok(Response::new(deliver_reply(join_all(received).await)))
    }
}
