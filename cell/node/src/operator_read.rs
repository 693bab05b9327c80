//! How an operator at work reads a person's data: through a window of break-glass that is open for him, for this person and
//! this purpose. Everything else is refused and noted. (Who answers for the person's rights exports it: `custody::exporting`.)
//!
//! The window is on record in the ledger and comes with the routing table; each use is a line of this node's log.

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use cell_sdk::{Arrival, Lent, ProblemResponse, RootCtx, Seen};
use platform_model::break_glass::operator_may_read;
use platform_model::{Actor, Code, HomeId, Problem, RequestId, RoutingTable, UserId};
use platform_runtime::tls::SpiffeKind;
use platform_runtime::{PeerIdentity, random};
use serde::Deserialize;

/// Home (jurisdiction, region) and person; the purpose is a parameter.
pub const PATH: &str = "/operator/v1/users/{jurisdiction}/{region}/{user}/training";

#[derive(Debug, Deserialize)]
pub struct Asked {
    purpose: String,
}

/// The route; it stands beside the door of apps, not behind it.
pub fn routes(lent: Lent) -> Router {
    Router::new().route(PATH, get(training)).with_state(lent)
}

async fn training(
    State(lent): State<Lent>,
    peer: Option<Extension<PeerIdentity>>,
    Path((jurisdiction, region, user)): Path<(String, String, String)>,
    Query(Asked { purpose }): Query<Asked>,
) -> Result<Response, ProblemResponse> {
    let home = format!("{jurisdiction}/{region}");
    let home: HomeId = home.parse().map_err(|_| Problem::new(Code::NotFound))?;
    let user: UserId = user.parse().map_err(|_| Problem::new(Code::NotFound))?;
    let peer = peer.map(|Extension(peer)| peer);
    let (table, now_ms) = (lent.table(), lent.clock().unix_ms());
    let by = admit(&table, now_ms, peer.as_ref(), (&home, user), &purpose)?;
    let open = lent.open_user(&home, user).await?;
    let shard = table.shard_of_user(&home, user).ok_or(Code::UnknownHome)?;
    let root = RootCtx {
        user,
        home,
        actor: Actor::Operator(by),
        open,
        arrival: Arrival {
            shard,
            request_id: RequestId::from_uuid(random::uuid_v7()),
            not_older_than: None,
            seen: Seen::default(),
        },
    };
    Ok(Json(domains_training::summary(&root).await?).into_response())
}

/// The reader's SPIFFE id, if a window is open for him.
fn admit(
    table: &RoutingTable,
    now_ms: u64,
    peer: Option<&PeerIdentity>,
    (home, user): (&HomeId, UserId),
    purpose: &str,
) -> Result<String, Problem> {
    let refuse = |detail: &str| {
        metrics::counter!("celld_denied_total", "door" => "operators").increment(1);
        let by = peer.map_or_else(|| "nobody".to_owned(), |PeerIdentity(id)| id.to_string());
        tracing::warn!(by, "an operator's read of a person's data is refused");
        Problem::new(Code::Forbidden).detail(detail.to_owned())
    };
    let id = match peer {
        Some(PeerIdentity(id)) if matches!(id.kind, SpiffeKind::Operator { .. }) => id.to_string(),
        _ => return Err(refuse("takes the certificate of an operator")),
    };
    match operator_may_read(&table.break_glass, &id, (home, user), purpose, now_ms) {
        Some(window) => {
            metrics::counter!("celld_break_glass_reads_total").increment(1);
            tracing::warn!(by = id, window, %user, purpose, "an operator reads a person's data");
            Ok(id)
        }
        None => Err(refuse(
            "takes an open window of break-glass for this person and purpose",
        )),
    }
}

#[cfg(test)]
mod tests {
    use platform_model::{BreakGlass, WorldId};

    use super::*;

    const KIM: &str = "operator/sre/kim";

    fn peer(kind: &str) -> PeerIdentity {
        let id = format!("spiffe://{}/region/eu-central/{kind}", "a".repeat(16));
        PeerIdentity(id.parse().expect("an id"))
    }

    #[test]
    fn nobody_reads_a_person_without_a_window_that_is_his() {
        let home: HomeId = "eu/eu-central".parse().expect("a home");
        let user: UserId = "018f3f2e-0000-7000-8000-000000000001".parse().expect("an id");
        let mut table = RoutingTable::empty(WorldId::new(&"a".repeat(64)).expect("an id"));
        let ask = |table: &RoutingTable, who: Option<&str>, now_ms| {
            let peer = who.map(peer);
            admit(table, now_ms, peer.as_ref(), (&home, user), "support").map_err(|problem| problem.code)
        };
        assert_eq!(ask(&table, Some(KIM), 1), Err(Code::Forbidden), "none is open");
        let PeerIdentity(kim) = peer(KIM);
        let window = BreakGlass {
            by: kim.to_string(),
            home: home.clone(),
            subject: user,
            purpose: "support".into(),
            until_ms: 100,
        };
        table.break_glass.insert(1, window);
        assert_eq!(ask(&table, Some(KIM), 99), Ok(kim.to_string()));
        assert_eq!(ask(&table, Some(KIM), 100), Err(Code::Forbidden), "it has ended");
        for who in [
            None,
            Some("operator/sre/ada"),
            Some("operator/compliance/kim"),
            Some("router/r1"),
            Some("cell/eu-central-1/node/0"),
        ] {
            assert_eq!(ask(&table, who, 99), Err(Code::Forbidden), "{who:?}");
        }
    }
}
