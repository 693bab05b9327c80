//! A claim is decided by the person's own shard, at whichever node that is served: what is pending there is dropped, for
//! good. Asked by the directory's nodes, never by a clock; those also ask what people hold, where their shard was restored.

use axum::{Router, middleware};
use cell_layers::place::Standing;
use cell_relay::Place;
use cell_sdk::{OpenUser, Services};
use cell_shard::Shard;
use domains_identity::decide_claim;
use domains_identity::stored::ClaimState;
use platform_model::{Code, HomeId, Problem, RoutingTable, ShardId, UserId, WorldId};
use platform_runtime::PeerIdentity;
use platform_runtime::tls::SpiffeKind;
use platform_wire::directory::{Decision, HELD_MAX, HeldClaim, HeldPage, decide_of, decide_reply, held_of};
use platform_wire::follow::Followed;
use platform_wire::pb::person_claims_server::{PersonClaims, PersonClaimsServer};
use platform_wire::{Refusal, RefusalCode, pb};
use std::sync::Arc;
use tonic::{Extensions, Request, Response, Status};
use uuid::Uuid;

use super::in_trace;
use crate::hosted::Hosted;
use crate::peers::holds;
use crate::relocation::{claims_on_record, standing_of};

/// The service as a router.
pub fn decisions(
    world: WorldId,
    (hosted, followed): (Hosted, Followed),
    services: Arc<dyn Services>,
) -> Router {
    let service = Service {
        world,
        hosted,
        followed,
        services,
    };
    tonic::service::Routes::new(PersonClaimsServer::new(service))
        .into_axum_router()
        .reset_fallback()
        .layer(middleware::from_fn(in_trace))
}

struct Service {
    world: WorldId,
    hosted: Hosted,
    followed: Followed,
    services: Arc<dyn Services>,
}

/// Has the claim decided, in the person's shard on this node.
///
/// # Errors
/// `moved` when the shard is served elsewhere; what the shard answers.
pub(super) async fn decide_here(
    services: &dyn Services,
    home: &HomeId,
    user: UserId,
    claim: Uuid,
) -> Result<Decision, Problem> {
    let open: OpenUser = match services.open_user(home, user).await {
        Ok(open) => open,
        // Without a key there is no record that could ever be read: the person never came in, or was erased.
        Err(problem) if problem.code == Code::NotFound => return Ok(Decision::Unknown),
        Err(problem) => return of_one_who_left(home, problem),
    };
    let decided = match decide_claim(&open, home, user, claim).await {
        Ok(decided) => decided,
        Err(problem) => return of_one_who_left(home, problem),
    };
    Ok(match decided {
        Some(ClaimState::Active) => Decision::Active,
        Some(ClaimState::Dropped) => Decision::Dropped,
        // A decision that leaves it pending is none.
        Some(ClaimState::Pending) => return Err(Code::Conflict.into()),
        None => Decision::Unknown,
    })
}

/// Who lives under another law by now holds nothing at this directory: he gave it back when he left. Who lives in another home
/// of the same took his claims along.
fn of_one_who_left(home: &HomeId, problem: Problem) -> Result<Decision, Problem> {
    let to = problem.members.get("home").and_then(|to| to.as_str());
    let to = to.and_then(|to| to.parse::<HomeId>().ok());
    match to.filter(|_| problem.code == Code::HomeMoved) {
        Some(to) if to.jurisdiction == home.jurisdiction => Ok(Decision::Active),
        Some(_) => Ok(Decision::Unknown),
        None => Err(problem),
    }
}

/// People whose claims are looked at for one answer: a key is opened for each, perhaps from another region, and the answer is
/// waited for a few seconds.
const PEOPLE_AT_ONCE: usize = 16;

/// What people of a shard that is served here hold at a directory shard, by their own records. Whose record does not open holds
/// nothing: with the key that it was written under he is lost.
///
/// # Errors
/// What the shard or the key shard answers: then nobody knows what is missing.
pub(super) async fn held_here(
    (services, table): (&dyn Services, &RoutingTable),
    (shard, home): (&Shard, &HomeId),
    directory: &ShardId,
    after: Option<UserId>,
) -> Result<HeldPage, Problem> {
    let people = shard.people(after, PEOPLE_AT_ONCE).await;
    let people = people.map_err(|error| super::unavailable(&error.to_string()))?;
    let mut page = HeldPage {
        claims: Vec::new(),
        next: people.last().copied().filter(|_| people.len() == PEOPLE_AT_ONCE),
    };
    for user in people {
        // What comes in is said by the home that it comes from, until it lives here; who has gone, by the one where he is.
        let standing = standing_of(shard, user).await?;
        if !standing.is_none_or(|standing| lives_here(&standing)) {
            continue;
        }
        let open = match services.open_user(home, user).await {
            Ok(open) => open,
            // Erased, or lost with his key: he holds nothing.
            Err(problem) if problem.code == Code::NotFound => continue,
            Err(problem) => return Err(problem),
        };
        let claims = match claims_on_record(shard, user, &open.key).await {
            Ok(claims) => claims,
            // His rows are of another key than his: nobody will ever read them.
            Err(problem) if problem.code == Code::Internal => {
                metrics::counter!("celld_people_unreadable_total").increment(1);
                tracing::error!(target: "audit", shard = %shard.id(), %user, "what a person holds cannot be read; the directory goes on without");
                continue;
            }
            Err(problem) => return Err(problem),
        };
        for (digest, claim_id) in claims {
            let of = table.shard_of_claim(directory.jurisdiction(), &digest.0);
            if of.as_ref() == Some(directory) && page.claims.len() < HELD_MAX {
                let digest = digest.0;
                page.claims.push(HeldClaim {
                    digest,
                    user,
                    claim_id,
                });
            }
        }
    }
    Ok(page)
}

/// He is served here, or is fenced: what his own record says holds until another home serves him.
fn lives_here(standing: &Standing) -> bool {
    matches!(standing.place, Place::Home { .. } | Place::Fenced { .. })
}

impl Service {
    /// Only a node that holds a copy of the authority's shard asks, and of people of its authority only.
    fn admit(&self, extensions: &Extensions, directory: &ShardId, target: &ShardId) -> Result<(), Status> {
        let caller = extensions.get::<PeerIdentity>().map(|PeerIdentity(id)| id);
        let table = self.followed.current();
        let may = caller.is_some_and(|id| match &id.kind {
            SpiffeKind::Node(node) => {
                let cell = table.cells.get(&node.cell);
                cell.is_some_and(|cell| cell.region == id.region) && holds(&table, node, directory)
            }
            _ => false,
        });
        if may && directory.jurisdiction() == target.jurisdiction() {
            return Ok(());
        }
        metrics::counter!("celld_denied_total", "door" => "decisions").increment(1);
        let who = caller.map_or_else(
            || "a caller without a certificate".to_owned(),
            ToString::to_string,
        );
        let refusal = Refusal::new(
            RefusalCode::NotAuthorised,
            format!("{who} may not have a claim decided"),
        );
        Err(refusal
            .hint("takes a node that holds a copy of a directory shard of the person's jurisdiction")
            .into())
    }
}

/// The home whose people a shard holds.
pub(super) fn home_of(shard: &ShardId) -> Option<&HomeId> {
    match shard {
        ShardId::Root { home, .. } => Some(home),
        _ => None,
    }
}

#[tonic::async_trait]
impl PersonClaims for Service {
    async fn decide(&self, request: Request<pb::DecideRequest>) -> Result<Response<pb::DecideReply>, Status> {
        let (extensions, message) = (request.extensions().clone(), request.into_inner());
        let asked = decide_of(message, &self.world)?;
        self.admit(&extensions, &asked.directory, &asked.target)?;
        let table = self.followed.current();
        let home = home_of(&asked.target).ok_or_else(|| Refusal::invalid("no shard of people"))?;
        if table.shard_of_user(home, asked.user).as_ref() != Some(&asked.target) {
            return Err(Refusal::invalid("the person is of another shard").into());
        }
        let decided = decide_here(&*self.services, home, asked.user, asked.claim_id).await;
        let decision = decided.map_err(|problem| {
            let code = match problem.code {
                Code::Moved | Code::Moving => RefusalCode::Moved,
                Code::Internal => RefusalCode::Internal,
                _ => RefusalCode::Unavailable,
            };
            Refusal::new(code, problem.code.as_str())
        })?;
        Ok(Response::new(decide_reply(decision)))
    }

    async fn held(&self, request: Request<pb::HeldRequest>) -> Result<Response<pb::HeldReply>, Status> {
        let (extensions, message) = (request.extensions().clone(), request.into_inner());
        let asked = held_of(message, &self.world)?;
        self.admit(&extensions, &asked.directory, &asked.target)?;
        let table = self.followed.current();
        let home = home_of(&asked.target).ok_or_else(|| Refusal::invalid("no shard of people"))?;
        let served = self.hosted.get(&asked.target);
        let shard = served
            .filter(|shard| shard.epoch() == asked.epoch)
            .ok_or_else(|| {
                Refusal::new(
                    RefusalCode::Moved,
                    format!("{} is not served here in that epoch", asked.target),
                )
            })?;
        let parts = (&*self.services, &*table);
        let page = held_here(parts, (&shard, home), &asked.directory, asked.after).await;
        let page = page.map_err(|problem| Refusal::new(RefusalCode::Unavailable, problem.code.as_str()))?;
        Ok(Response::new((&page).into()))
    }
}
