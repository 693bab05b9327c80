//! Events as other nodes bring them: gRPC, only from a node that holds a copy of the shard that told them, only for shards
//! that are served here.

use std::sync::Arc;

use axum::{Router, middleware};
use cell_shard::Shard;
use futures::future::join_all;
use platform_model::{CopyState, Epoch, NodeId, RoutingTable, ShardId};
use platform_runtime::PeerIdentity;
use platform_runtime::tls::SpiffeKind;
use platform_wire::events::{Receipt, decline_of, decline_reply, deliver_of, deliver_reply};
use platform_wire::pb::events_server::{Events as Door, EventsServer};
use platform_wire::{Refusal, RefusalCode, pb};
use tonic::{Extensions, Request, Response, Status};

use super::cargo::law_revision;
use super::decline::NotSaid;
use super::{Events, Parts};
use crate::directory::in_trace;

/// The service as a router.
pub fn routes(events: &Events) -> Router {
    let service = Service(Arc::clone(&events.parts));
    tonic::service::Routes::new(EventsServer::new(service))
        .into_axum_router()
        .layer(middleware::from_fn(in_trace))
}

struct Service(Arc<Parts>);

/// Its primary, and whoever may be it before this node's table says so. Not a copy that is a prefix of nothing.
fn speaks_for(table: &RoutingTable, node: &NodeId, shard: &ShardId) -> bool {
    let Some(route) = table.shards.get(shard) else {
        return false;
    };
    let whole = |state| state > CopyState::Copying;
    let mut standbys = route.set.standbys.iter();
    route.node == *node || standbys.any(|copy| copy.node == *node && whole(copy.state))
}

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
            SpiffeKind::Node(node) => is_of_its_cell(node, id) && speaks_for(&table, node, source),
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

impl Service {
    fn served(&self, target: &ShardId, epoch: Epoch) -> Result<Shard, Refusal> {
        let here = self.0.hosted.get(target);
        here.filter(|shard| shard.epoch() == epoch).ok_or_else(|| {
            let message = format!("{target} is not served here in that epoch");
            Refusal::new(RefusalCode::Moved, message)
        })
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
        let shard = self.served(&asked.target, asked.epoch)?;
        // By a later law something may be kept that this one lets in: it comes here too, in a moment.
        if asked.law_revision > law_revision(&self.0.followed.current()) {
            let later = || Receipt::Later("this node does not know so late a law yet".to_owned());
            let receipts = asked.deliveries.iter().map(|_| later()).collect();
            return Ok(Response::new(deliver_reply(receipts)));
        }
        let received = asked
            .deliveries
            .iter()
            .map(|one| self.0.receive(&asked.source, &shard, one));
        Ok(Response::new(deliver_reply(join_all(received).await)))
    }

    async fn decline(
        &self,
        request: Request<pb::DeclineRequest>,
    ) -> Result<Response<pb::DeclineReply>, Status> {
        let asked = decline_of(request.get_ref(), &self.0.world)?;
        self.admit(request.extensions(), &asked.source)?;
        let shard = self.served(&asked.target, asked.epoch)?;
        let said = self.0.decline(&asked.source, &shard, asked.to, asked.key).await;
        let said = said.map_err(|why| match why {
            NotSaid::Moved => Refusal::new(RefusalCode::Moved, why.to_string()),
            NotSaid::Later(why) => Refusal::new(RefusalCode::Unavailable, why),
        })?;
        Ok(Response::new(decline_reply(&said)))
    }
}

#[cfg(test)]
mod tests {
    use platform_model::CopyRoute;

    use super::*;
    use crate::events::tests::bench::{AUTHORS, Bench, FOLLOWERS, delivery, shard_of};

    fn of(region: &str, kind: &str) -> Extensions {
        let id = format!("spiffe://{}/region/{region}/{kind}", "a".repeat(16));
        let mut extensions = Extensions::new();
        extensions.insert(PeerIdentity(id.parse().expect("an id")));
        extensions
    }

    #[tokio::test]
    async fn only_a_node_that_holds_a_copy_of_the_shard_speaks_for_it() {
        let bench = Bench::new().await;
        let service = Service(Arc::clone(&bench.events.parts));
        let source = shard_of(AUTHORS);
        for (region, kind, may) in [
            ("eu-central", "cell/eu-central-1/node/0", true),
            // Its certificate is of another region than its cell.
            ("eu-west", "cell/eu-central-1/node/0", false),
            ("eu-central", "cell/eu-central-1/node/1", false),
            ("eu-west", "cell/eu-west-1/node/0", false),
            ("eu-central", "router/r1", false),
            ("eu-central", "operator/sre/kim", false),
        ] {
            let admitted = service.admit(&of(region, kind), &source);
            assert_eq!(admitted.is_ok(), may, "{region} {kind}");
        }
        assert!(service.admit(&Extensions::new(), &source).is_err());
        let mut table = (*bench.followed().current()).clone();
        let other: NodeId = "eu-west-1/0".parse().expect("a node");
        for (state, may) in [
            (CopyState::Damaged, false),
            (CopyState::Copying, false),
            (CopyState::CatchingUp, true),
            (CopyState::InSync, true),
        ] {
            let route = table.shards.get_mut(&source).expect("there");
            Arc::make_mut(&mut route.set).standbys = vec![CopyRoute {
                node: other.clone(),
                replica: platform_model::ReplicaId(1),
                state,
            }];
            assert_eq!(speaks_for(&table, &other, &source), may, "{state:?}");
        }
        let unknown = "us/us-east/000".parse().expect("a shard");
        let me = of("eu-central", "cell/eu-central-1/node/0");
        assert!(service.admit(&me, &unknown).is_err(), "no copy of it is here");
        bench.end().await;
    }

    #[tokio::test]
    async fn a_call_for_another_epoch_or_shard_is_moved_and_for_this_one_taken() {
        let bench = Bench::new().await;
        let service = Service(Arc::clone(&bench.events.parts));
        bench.person(AUTHORS, 1).await;
        let follower = bench.person(FOLLOWERS, 2).await;
        let ask = async |target: &str, epoch: u64, law_revision: u64| {
            let message = pb::DeliverRequest {
                version: platform_wire::FRAME_VERSION,
                world: service.0.world.to_string(),
                source: shard_of(AUTHORS).to_string(),
                target: target.to_owned(),
                epoch,
                law_revision,
                deliveries: vec![(&delivery(follower, 5)).into()],
            };
            let mut request = Request::new(message);
            *request.extensions_mut() = of("eu-central", "cell/eu-central-1/node/0");
            service.deliver(request).await
        };
        let here = shard_of(FOLLOWERS).to_string();
        for (target, epoch) in [(here.as_str(), 2), ("eu/eu-central/001", 1)] {
            let status = ask(target, epoch, 1).await.expect_err("not here");
            let refusal = Refusal::from_status(&status).expect("a refusal");
            assert_eq!(refusal.code, RefusalCode::Moved, "{target} {epoch}");
        }
        let reply = ask(&here, 1, 2).await.expect("answered").into_inner();
        let later = platform_wire::pb::ReceiptKind::Later as i32;
        assert_eq!(reply.receipts[0].kind, later, "by a law that is not known here");
        let reply = ask(&here, 1, 1).await.expect("taken").into_inner();
        let delivered: pb::Receipt = Receipt::Delivered.into();
        assert_eq!(reply.receipts, [delivered]);
        bench.end().await;
    }

    #[tokio::test]
    async fn only_who_speaks_for_a_source_has_its_events_declined_and_what_was_is_not_taken() {
        let bench = Bench::new().await;
        let service = Service(Arc::clone(&bench.events.parts));
        bench.person(AUTHORS, 1).await;
        let follower = bench.person(FOLLOWERS, 2).await;
        let sent = delivery(follower, 5);
        let ask = async |kind: &str, epoch: u64| {
            let message = pb::DeclineRequest {
                version: platform_wire::FRAME_VERSION,
                world: service.0.world.to_string(),
                source: shard_of(AUTHORS).to_string(),
                target: shard_of(FOLLOWERS).to_string(),
                epoch,
                to: follower.as_bytes().to_vec(),
                at_epoch: sent.key.at.epoch.0,
                at_position: sent.key.at.position.0,
                index: sent.key.index,
                event: sent.key.event,
            };
            let mut request = Request::new(message);
            *request.extensions_mut() = of("eu-central", kind);
            service
                .decline(request)
                .await
                .map(|reply| reply.into_inner().taken)
        };
        let (node, stranger) = ("cell/eu-central-1/node/0", "cell/eu-central-1/node/1");
        for (kind, epoch, code) in [
            (stranger, 1, RefusalCode::NotAuthorised),
            (node, 2, RefusalCode::Moved),
        ] {
            let status = ask(kind, epoch).await.expect_err("refused");
            assert_eq!(Refusal::from_status(&status).expect("a refusal").code, code);
        }
        assert!(!ask(node, 1).await.expect("answered"), "it was never sent");
        let late = bench.receive(&sent).await;
        assert!(matches!(late, Receipt::Unlawful(_)), "{late:?}");
        assert!(bench.seen(follower).await.is_empty());
        let next = delivery(follower, 6);
        assert_eq!(bench.receive(&next).await, Receipt::Delivered);
        assert_eq!(bench.seen(follower).await.len(), 1, "what is behind it arrives");
        bench.end().await;
    }
}
