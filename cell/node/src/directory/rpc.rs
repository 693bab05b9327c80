//! The directory as other nodes ask for it: gRPC, nodes only, for shards that are open here.

use axum::Router;
use axum::middleware::{self, Next};
use cell_law::{Law, Withheld};
use cell_sdk::{ClaimDigest, ClaimEntry};
use cell_shard::{Shard, WriteError};
use platform_model::header::TRACEPARENT;
use platform_model::matrix::{Crossing, Destination, Purpose};
use platform_model::{DataClass, HomeId, Jurisdiction, NodeId, RegionId, ShardId, UserId, WorldId};
use platform_runtime::PeerIdentity;
use platform_runtime::telemetry::TraceContext;
use platform_runtime::tls::SpiffeKind;
use platform_wire::directory::{self as wire, Asked};
use platform_wire::follow::Followed;
use platform_wire::pb::directory_server::{Directory, DirectoryServer};
use platform_wire::{FRAME_VERSION, Refusal, RefusalCode, pb};
use tonic::{Extensions, Request, Response, Status};
use tracing::Instrument;

use super::rows::{self, Failed, RowError};
use crate::hosted::Hosted;
use crate::peers::holds;

/// Length of a claim's digest, in bytes.
const DIGEST_BYTES: usize = 32;

struct Service {
    world: WorldId,
    hosted: Hosted,
    followed: Followed,
    law: Law,
}

/// The service as a router.
pub fn routes(world: WorldId, hosted: Hosted, followed: Followed, law: Law) -> Router {
    let service = Service {
        world,
        hosted,
        followed,
        law,
    };
    tonic::service::Routes::new(DirectoryServer::new(service))
        .into_axum_router()
        .layer(middleware::from_fn(in_trace))
}

/// A call goes on with the trace of the request that caused it, at whichever node that came in.
pub(crate) async fn in_trace(call: axum::extract::Request, next: Next) -> axum::response::Response {
    let text = call
        .headers()
        .get(TRACEPARENT)
        .and_then(|value| value.to_str().ok());
    let trace = TraceContext::continue_or_new(text);
    let span = tracing::info_span!("node", trace = %trace.trace_id());
    trace.scope(next.run(call)).instrument(span).await
}

impl Service {
    /// The shard that is meant, if it is open here in the epoch that the caller knows.
    fn shard(&self, asked: &Asked) -> Result<(Shard, ClaimDigest), Status> {
        let digest = <[u8; DIGEST_BYTES]>::try_from(asked.digest.as_slice());
        let digest = digest.map_err(|_| Refusal::invalid("a digest has 32 bytes"))?;
        let shard = self
            .hosted
            .get(&asked.shard)
            .ok_or_else(|| self.elsewhere(&asked.shard))?;
        if shard.epoch() == asked.epoch {
            Ok((shard, ClaimDigest(digest)))
        } else {
            Err(self.elsewhere(&asked.shard))
        }
    }

    /// An answer about a person of `subject` leaves for a node in `region`: the law is asked here, where it leaves.
    fn may_tell(&self, subject: &Jurisdiction, region: &RegionId) -> Result<(), Status> {
        let (table, to) = (self.followed.current(), Destination::Region(region));
        free(
            self.law
                .egress(&table, subject, DataClass::Contact, Purpose::Service, to),
        )
    }

    /// A claim of a person of `subject` comes in to be kept: whoever sent it has asked, and so does who keeps it.
    fn may_keep(&self, subject: &Jurisdiction) -> Result<(), Status> {
        let table = self.followed.current();
        free(
            self.law
                .ingress(&table, subject, DataClass::Contact, Purpose::Service),
        )
    }

    /// Whether a node holds a copy of the shard in which somebody lives. Any copy, not the primary alone: the table here may
    /// name the one before.
    fn speaks_for(&self, node: &NodeId, home: &HomeId, user: UserId) -> bool {
        let table = self.followed.current();
        let shard = table.shard_of_user(home, user);
        shard.is_some_and(|shard| holds(&table, node, &shard))
    }

    fn elsewhere(&self, shard: &ShardId) -> Status {
        let table = self.followed.current();
        match table.shards.get(shard) {
            Some(route) => Refusal::new(
                RefusalCode::Moved,
                format!("{shard} is not served here in that epoch"),
            )
            .moved_to(route.node.clone(), route.epoch)
            .into(),
            None => Refusal::new(RefusalCode::Unavailable, format!("{shard} has no node yet")).into(),
        }
    }
}

/// A node that asks, by its certificate.
struct Caller {
    node: NodeId,
    region: RegionId,
}

/// Only nodes ask for claims.
fn admit(extensions: &Extensions) -> Result<Caller, Status> {
    let caller = extensions.get::<PeerIdentity>();
    match caller.map(|PeerIdentity(id)| (&id.kind, &id.region)) {
        Some((SpiffeKind::Node(node), region)) => Ok(Caller {
            node: node.clone(),
            region: region.clone(),
        }),
        _ => {
            metrics::counter!("celld_denied_total", "door" => "directory").increment(1);
            let who = caller.map_or_else(
                || "a caller without a certificate".to_owned(),
                |id| id.0.to_string(),
            );
            Err(Refusal::new(
                RefusalCode::NotAuthorised,
                format!("{who} may not ask for claims"),
            )
            .hint("takes the role node")
            .into())
        }
    }
}

/// Whose consent it would be is not known to the directory, so what needs one does not pass.
fn free(crossing: Result<Crossing, Withheld>) -> Result<(), Status> {
    let (code, why) = match crossing {
        Ok(Crossing::Free) => return Ok(()),
        Ok(Crossing::WithConsent(purpose)) => (
            RefusalCode::LawForbids,
            format!("the law asks for a consent to {purpose}, which is not known here"),
        ),
        Err(why) if why.waits() => (RefusalCode::Unavailable, why.to_string()),
        Err(why) => (RefusalCode::LawForbids, why.to_string()),
    };
    Err(Refusal::new(code, why).into())
}

/// A node claims and releases only for people whom it may hold.
fn foreign(node: &NodeId) -> Status {
    metrics::counter!("celld_denied_total", "door" => "directory").increment(1);
    let message = format!("{node} speaks only for people of whose shards it holds a copy");
    Refusal::new(RefusalCode::NotAuthorised, message).into()
}

fn refused(error: Failed) -> Status {
    let (code, text) = match error {
        WriteError::Rejected(RowError::Damaged) => (RefusalCode::Internal, "a row is damaged".to_owned()),
        WriteError::Rejected(error @ RowError::Incomplete) => (RefusalCode::Unavailable, error.to_string()),
        WriteError::Fenced => (RefusalCode::Moved, "the shard has left this node".to_owned()),
        other => (RefusalCode::Unavailable, other.to_string()),
    };
    Refusal::new(code, text).into()
}

#[tonic::async_trait]
impl Directory for Service {
    async fn claim(&self, request: Request<pb::ClaimRequest>) -> Result<Response<pb::ClaimReply>, Status> {
        let caller = admit(request.extensions())?;
        let (asked, entry) = wire::claim_of(request.into_inner(), &self.world)?;
        if !self.speaks_for(&caller.node, &entry.home, entry.user) {
            return Err(foreign(&caller.node));
        }
        self.may_keep(&entry.home.jurisdiction)?;
        let (shard, digest) = self.shard(&asked)?;
        let entry = ClaimEntry {
            user: entry.user,
            claim_id: entry.claim_id,
            home: entry.home,
            version: entry.version,
        };
        let held = rows::claim(&shard, digest, &entry, false)
            .await
            .map_err(refused)?;
        Ok(Response::new(pb::ClaimReply {
            version: FRAME_VERSION,
            held,
        }))
    }

    async fn release(
        &self,
        request: Request<pb::ReleaseRequest>,
    ) -> Result<Response<pb::ReleaseReply>, Status> {
        let caller = admit(request.extensions())?;
        let released = wire::release_of(request.into_inner(), &self.world)?;
        let (shard, digest) = self.shard(&released.asked)?;
        let (claim_id, home) = (released.claim_id, released.home.as_ref());
        let held = rows::look(&shard, digest).await.map_err(refused)?;
        let held = held.map(|row| row.entry).filter(|held| held.claim_id == claim_id);
        // Of one who holds it in another home by now nothing is let go, so that nobody need speak for that.
        let held = held.filter(|held| home.is_none_or(|home| held.home == *home));
        if held.is_some_and(|held| !self.speaks_for(&caller.node, &held.home, held.user)) {
            return Err(foreign(&caller.node));
        }
        let gone = rows::release(&shard, digest, claim_id, home).await;
        gone.map_err(refused)?;
        Ok(Response::new(pb::ReleaseReply {
            version: FRAME_VERSION,
        }))
    }

    async fn lookup(&self, request: Request<pb::LookupRequest>) -> Result<Response<pb::LookupReply>, Status> {
        let caller = admit(request.extensions())?;
        let asked = wire::lookup_of(request.into_inner(), &self.world)?;
        self.may_tell(asked.shard.jurisdiction(), &caller.region)?;
        let (shard, digest) = self.shard(&asked)?;
        let found = rows::lookup(&shard, digest).await.map_err(refused)?;
        let found = found.map(|e| wire::ClaimEntry {
            user: e.user,
            claim_id: e.claim_id,
            home: e.home,
            version: e.version,
        });
        Ok(Response::new(wire::lookup_reply(found.as_ref())))
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use platform_runtime::Clock;
    use tower::ServiceExt;
    use uuid::Uuid;

    use super::*;
    use crate::events::tests::bench::{AUTHORS, Bench, DIRECTORY, FOLLOWERS, shard_of, user};
    use crate::tests::hosted::lawful;

    /// A directory that two cells ask, each for people of its own.
    fn asked_by_two_cells(bench: &Bench) -> Service {
        let mut table = (*bench.followed().current()).clone();
        let west = table.shards.get_mut(&shard_of(AUTHORS)).expect("there");
        west.node = "eu-west-1/0".parse().expect("a node");
        let world = table.world.clone();
        let (_, followed) = Followed::by_hand(table, &Clock::system());
        Service {
            world,
            hosted: bench.hosted.clone(),
            followed,
            law: lawful(),
        }
    }

    /// What a cell is told that claims an address for somebody of a home.
    async fn claim(
        service: &Service,
        region: &str,
        (home, number): (&str, u128),
        digest: u8,
    ) -> Result<bool, Status> {
        let shard: ShardId = DIRECTORY.parse().expect("a shard");
        let epoch = service.hosted.get(&shard).expect("it serves").epoch();
        let mut request = Request::new(pb::ClaimRequest {
            version: FRAME_VERSION,
            world: service.world.to_string(),
            target: Some(pb::DirectoryTarget {
                shard: shard.to_string(),
                epoch: epoch.0,
            }),
            digest: vec![digest; DIGEST_BYTES],
            entry: Some(pb::ClaimEntry {
                user: user(number).as_bytes().to_vec(),
                claim_id: Uuid::from_u128(number).as_bytes().to_vec(),
                home: home.to_owned(),
                version: 0,
            }),
        });
        let domain = "a".repeat(16);
        let id = format!("spiffe://{domain}/region/{region}/cell/{region}-1/node/0");
        let id = id.parse().expect("an id");
        request.extensions_mut().insert(PeerIdentity(id));
        let reply = service.claim(request).await;
        reply.map(|reply| reply.into_inner().held)
    }

    /// The row that was there first decides; whoever lost is told so, however often he asks.
    #[tokio::test]
    async fn of_two_cells_that_claim_one_address_at_once_one_holds_it_and_the_other_is_told() {
        let bench = Bench::new().await;
        let service = asked_by_two_cells(&bench);
        for digest in 0..20 {
            let central = async || claim(&service, "eu-central", (FOLLOWERS, 1), digest).await;
            let west = async || claim(&service, "eu-west", (AUTHORS, 2), digest).await;
            let (one, other) = tokio::join!(central(), west());
            let (one, other) = (one.expect("answered"), other.expect("answered"));
            assert_ne!(one, other, "{digest}");
            // Each answer may have been lost.
            assert_eq!(west().await.expect("answered"), other, "{digest}");
            assert_eq!(central().await.expect("answered"), one, "{digest}");
        }
        let foreign = claim(&service, "eu-west", (FOLLOWERS, 3), 99).await;
        let refusal = Refusal::from_status(&foreign.expect_err("not its own"));
        assert_eq!(refusal.expect("a refusal").code, RefusalCode::NotAuthorised);
        bench.end().await;
    }

    #[tokio::test]
    async fn a_call_goes_on_with_its_callers_trace() {
        let trace = async || TraceContext::current().map_or_else(String::new, |trace| trace.trace_id());
        let routes = Router::new()
            .route("/", axum::routing::get(trace))
            .layer(middleware::from_fn(in_trace));
        let caller = TraceContext::new_root();
        let call = http::Request::builder().header(TRACEPARENT, caller.to_header());
        let answer = routes.oneshot(call.body(Body::empty()).expect("a call")).await;
        let body = answer.expect("an answer").into_body();
        let seen = axum::body::to_bytes(body, 100).await.expect("a body");
        assert_eq!(seen, caller.trace_id().as_bytes());
    }
}
