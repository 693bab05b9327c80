//! The same of the engine that a node has open, for operators: gRPC, by the role in the certificate. One look at a time,
//! each within a limit; whoever asks soon after is told what was found then.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::{Router, middleware};
use platform_model::{Role, WorldId};
use platform_runtime::PeerIdentity;
use platform_runtime::clock::Clock;
use platform_wire::pb::store_checks_server::{StoreChecks as Api, StoreChecksServer};
use platform_wire::store_checks::{StoreFinding, check_store_of, check_store_reply};
use platform_wire::{Refusal, RefusalCode, pb};
use tokio::sync::Mutex;
use tonic::{Extensions, Request, Response, Status};

use super::{Finding, findings, serves};
use crate::config::Settings;
use crate::directory::in_trace;
use crate::engine::Engine;

/// Whoever is at work may look.
const LOOKERS: &[Role] = &[Role::Viewer, Role::Sre, Role::Compliance];
/// For a read of the engine, and for all else that it is asked. Together less than callers wait.
const READ_WITHIN: Duration = Duration::from_secs(2);
const ASK_WITHIN: Duration = Duration::from_secs(4);
/// So long what was found is told again.
const KEPT: Duration = Duration::from_secs(5);

/// What answers for this node's engine.
pub struct StoreChecks {
    world: WorldId,
    engine: Engine,
    data_dir: PathBuf,
    clock: Clock,
    /// Of the last look: when it ended, by the monotonic clock. Held while one looks.
    last: Mutex<Option<(Duration, Arc<[StoreFinding]>)>>,
}

impl StoreChecks {
    pub fn new(settings: &Settings, engine: &Engine, clock: &Clock) -> Self {
        Self {
            world: settings.world.clone(),
            engine: engine.clone(),
            data_dir: settings.config.data_dir.clone(),
            clock: clock.clone(),
            last: Mutex::new(None),
        }
    }

    /// The service as a router.
    pub fn routes(self) -> Router {
        tonic::service::Routes::new(StoreChecksServer::new(self))
            .into_axum_router()
            .layer(middleware::from_fn(in_trace))
            .reset_fallback()
    }

    /// What is found now, or was a moment ago.
    async fn found(&self) -> Arc<[StoreFinding]> {
        let mut last = self.last.lock().await;
        if let Some((at, found)) = &*last
            && self.clock.monotonic().saturating_sub(*at) < KEPT
        {
            return Arc::clone(found);
        }
        let found = self.look().await;
        let found: Arc<[StoreFinding]> = found.iter().map(StoreFinding::from).collect();
        *last = Some((self.clock.monotonic(), Arc::clone(&found)));
        found
    }

    async fn look(&self) -> Vec<Finding> {
        let read = tokio::time::timeout(READ_WITHIN, serves(&self.engine, &self.clock)).await;
        let first = match read {
            Ok(Ok(finding)) => finding,
            Ok(Err(error)) => return vec![does_not_serve(error.to_string())],
            Err(_) => return vec![does_not_serve("a read has no answer in time".to_owned())],
        };
        let asked = tokio::time::timeout(ASK_WITHIN, findings::of(&self.engine, &self.data_dir)).await;
        let mut found = vec![first];
        found.extend(asked.unwrap_or_else(|_| vec![Finding::not_told("health", "no answer in time")]));
        found
    }
}

/// The engine is open, and answers no more.
fn does_not_serve(why: String) -> Finding {
    let hint = "see the node's log; of a cluster, whether its placement drivers and stores run";
    Finding::bad("serves", why, hint)
}

#[tonic::async_trait]
impl Api for StoreChecks {
    async fn check(
        &self,
        request: Request<pb::CheckStoreRequest>,
    ) -> Result<Response<pb::CheckStoreReply>, Status> {
        check_store_of(request.get_ref(), &self.world)?;
        admit(request.extensions())?;
        Ok(Response::new(check_store_reply(&self.found().await)))
    }
}

/// Only people at work: nodes and routers have no use for it.
fn admit(extensions: &Extensions) -> Result<(), Status> {
    let caller = extensions.get::<PeerIdentity>().map(|PeerIdentity(id)| id);
    if caller.is_some_and(|id| LOOKERS.contains(&id.role())) {
        return Ok(());
    }
    metrics::counter!("celld_denied_total", "door" => "store-checks").increment(1);
    let who = caller.map_or_else(
        || "a caller without a certificate".to_owned(),
        ToString::to_string,
    );
    let names: Vec<&str> = LOOKERS.iter().map(|role| role.as_str()).collect();
    let message = format!("{who} may not ask how a node's engine is");
    Err(Refusal::new(RefusalCode::NotAuthorised, message)
        .hint(format!("takes the certificate of: {}", names.join(", ")))
        .into())
}

#[cfg(test)]
mod tests {
    use cell_store::embedded::{Embedded, EmbeddedOptions};
    use platform_wire::FRAME_VERSION;
    use platform_wire::store_checks::StoreVerdict;

    use super::*;

    fn checks(dir: &std::path::Path) -> StoreChecks {
        let store = Embedded::open(&dir.join("store"), EmbeddedOptions::default()).expect("opens");
        StoreChecks {
            world: WorldId::new(&"a".repeat(64)).expect("an id"),
            engine: Engine::Embedded(store),
            data_dir: dir.to_owned(),
            clock: Clock::system(),
            last: Mutex::new(None),
        }
    }

    fn asked_by(kind: Option<&str>) -> Request<pb::CheckStoreRequest> {
        let mut request = Request::new(pb::CheckStoreRequest {
            version: FRAME_VERSION,
            world: "a".repeat(64),
        });
        if let Some(kind) = kind {
            let id = format!("spiffe://{}/region/eu-central/{kind}", "a".repeat(16));
            let id = PeerIdentity(id.parse().expect("an id"));
            request.extensions_mut().insert(id);
        }
        request
    }

    #[tokio::test]
    async fn people_at_work_are_told_and_nobody_else() {
        let dir = tempfile::tempdir().expect("a folder");
        let checks = checks(dir.path());
        for (kind, may) in [
            (Some("operator/viewer/ada"), true),
            (Some("operator/sre/kim"), true),
            (Some("operator/compliance/ann"), true),
            (Some("router/r1"), false),
            (Some("cell/eu-central-1/node/0"), false),
            (None, false),
        ] {
            let answer = checks.check(asked_by(kind)).await;
            assert_eq!(answer.is_ok(), may, "{kind:?}");
            if let Err(status) = answer {
                let refusal = Refusal::from_status(&status).expect("a refusal");
                assert_eq!(refusal.code, RefusalCode::NotAuthorised);
            }
        }
    }

    #[tokio::test]
    async fn the_open_engine_is_read_and_what_was_found_is_kept_for_a_moment() {
        let dir = tempfile::tempdir().expect("a folder");
        let (clock, hand) = Clock::manual(1_000_000);
        let checks = StoreChecks {
            clock,
            ..checks(dir.path())
        };
        let first = checks.found().await;
        let told: Vec<(&str, StoreVerdict)> = first
            .iter()
            .map(|finding| (finding.what.as_str(), finding.verdict))
            .collect();
        assert_eq!(told[0], ("serves", StoreVerdict::Ok));
        assert_eq!(told[1].0, "space");
        assert!(
            Arc::ptr_eq(&first, &checks.found().await),
            "it is not looked again"
        );
        hand.advance(KEPT);
        assert!(!Arc::ptr_eq(&first, &checks.found().await));
    }
}
