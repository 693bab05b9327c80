//! `/healthz`, `/readyz` and `/metrics`, on the one mTLS listener, for any process or person of the world; and what the
//! node has seen of the ledger, for operators.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use platform_model::Generation;
use platform_runtime::telemetry::MetricsHandle;
use platform_wire::follow::Followed;
use platform_wire::heads::{self, Heads};

use crate::engine::Engine;
use crate::hosted::Hosted;

#[derive(Clone)]
pub struct Health {
    pub store: Engine,
    pub hosted: Hosted,
    pub followed: Followed,
    pub metrics: MetricsHandle,
}

pub fn routes(health: Health) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(rendered))
        .with_state(health.clone())
        .merge(witness(health.followed.heads))
}

/// The node as a witness of the ledger.
fn witness(heads: Heads) -> Router {
    Router::new()
        .route(heads::PATH, get(ledger_heads))
        .with_state(heads)
}

/// Well unless the store has failed for good: only a restart helps then.
async fn healthz(State(health): State<Health>) -> (StatusCode, String) {
    match health.store.stop_reason() {
        None => (StatusCode::OK, "ok\n".into()),
        Some(why) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the store has stopped: {why}\n"),
        ),
    }
}

/// Ready once a table is known and every shard that it gives this node is open.
async fn readyz(State(health): State<Health>) -> (StatusCode, String) {
    let table = health.followed.current();
    let missing = health.hosted.missing(&table);
    if table.generation == Generation(0) {
        (StatusCode::SERVICE_UNAVAILABLE, "no routing table yet\n".into())
    } else if missing > 0 {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{missing} shards are not open yet\n"),
        )
    } else {
        (
            StatusCode::OK,
            format!("table {}, {} shards\n", table.generation, health.hosted.count()),
        )
    }
}

async fn ledger_heads(State(heads): State<Heads>, request: Request) -> Response {
    if !heads::may_read(request.extensions().get()) {
        return (StatusCode::FORBIDDEN, "takes the certificate of an operator\n").into_response();
    }
    let json = [(CONTENT_TYPE, "application/json")];
    (json, heads.json()).into_response()
}

async fn rendered(State(health): State<Health>) -> String {
    health.store.set_gauges();
    health.metrics.render()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt;
    use platform_model::WorldId;
    use platform_runtime::PeerIdentity;
    use platform_wire::ledger::LedgerHead;
    use tower::ServiceExt;

    use super::*;

    async fn ask(heads: &Heads, peer: Option<&str>) -> (StatusCode, String) {
        let mut request = Request::get(heads::PATH).body(Body::empty()).expect("a request");
        if let Some(kind) = peer {
            let id = format!("spiffe://{}/region/eu-central/{kind}", "a".repeat(16));
            let id = PeerIdentity(id.parse().expect("an id"));
            request.extensions_mut().insert(id);
        }
        let response = witness(heads.clone()).oneshot(request).await.expect("answers");
        let status = response.status();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn operators_read_what_the_node_has_seen_of_the_ledger() {
        let heads = Heads::in_memory(&WorldId::new(&"a".repeat(64)).expect("an id"));
        heads.take(
            LedgerHead {
                sequence: 7,
                hash: [1; 32],
            },
            5,
        );
        let (status, body) = ask(&heads, Some("operator/viewer/o1")).await;
        assert_eq!((status, body), (StatusCode::OK, heads.json()));
        for peer in [None, Some("router/r1"), Some("cell/eu-central-1/node/1")] {
            let (status, body) = ask(&heads, peer).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{peer:?}");
            assert!(!body.contains("sequence"), "{body}");
        }
    }
}
