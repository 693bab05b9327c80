//! `/healthz`, `/readyz` and `/metrics`, on the one mTLS listener.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use control_plane_raft::RaftNode;
use platform_runtime::telemetry::MetricsHandle;

#[derive(Clone)]
struct Health {
    raft: RaftNode,
    metrics: MetricsHandle,
}

pub fn routes(raft: RaftNode, metrics: MetricsHandle) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(rendered))
        .with_state(Health { raft, metrics })
}

/// Well unless Raft has failed for good: only a restart helps then.
async fn healthz(State(health): State<Health>) -> (StatusCode, String) {
    match health.raft.status().failure {
        None => (StatusCode::OK, "ok\n".into()),
        Some(why) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("raft has stopped: {why}\n"),
        ),
    }
}

/// Ready while someone leads: commands and reports are taken.
async fn readyz(State(health): State<Health>) -> (StatusCode, String) {
    match health.raft.leader() {
        Some((id, _)) if health.raft.hears_leader().await => {
            (StatusCode::OK, format!("controller {id} leads\n"))
        }
        Some((id, _)) => {
            let text = format!("controller {id} led, and is not heard\n");
            (StatusCode::SERVICE_UNAVAILABLE, text)
        }
        None if health.raft.initialized().await => (StatusCode::SERVICE_UNAVAILABLE, "no leader\n".into()),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            "this controller belongs to no running world yet\n".into(),
        ),
    }
}

async fn rendered(State(health): State<Health>) -> String {
    health.metrics.render()
}
