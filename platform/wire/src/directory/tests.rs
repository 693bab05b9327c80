//! Calls over real connections: whom they reach, and what they carry.

use parking_lot::Mutex;
use platform_runtime::TaskGroup;
use platform_runtime::serve::{self, Limits};
use platform_runtime::telemetry::TraceContext;
use platform_runtime::tls::authority::Authority;
use platform_runtime::tls::{Identity, install_ring};
use std::sync::Arc;
use tempfile::TempDir;
use tonic::{Request, Response, Status};

use super::*;
use crate::FRAME_VERSION;
use crate::controllers::CallError;
use crate::pb;
use crate::pb::directory_server::{Directory, DirectoryServer};

/// Notes the `traceparent` of each call and finds nothing.
#[derive(Default)]
struct Nothing {
    traces: Mutex<Vec<Option<String>>>,
}

#[tonic::async_trait]
impl Directory for Nothing {
    async fn claim(&self, _: Request<pb::ClaimRequest>) -> Result<Response<pb::ClaimReply>, Status> {
        Err(Status::unimplemented("only look-ups"))
    }

    async fn release(&self, _: Request<pb::ReleaseRequest>) -> Result<Response<pb::ReleaseReply>, Status> {
        Err(Status::unimplemented("only look-ups"))
    }

    async fn lookup(&self, request: Request<pb::LookupRequest>) -> Result<Response<pb::LookupReply>, Status> {
        let trace = request.metadata().get("traceparent");
        let text = trace.and_then(|value| value.to_str().ok()).map(str::to_owned);
        self.traces.lock().push(text);
        let version = FRAME_VERSION;
        Ok(Response::new(pb::LookupReply { version, entry: None }))
    }
}

/// A node that serves, and the client of another.
struct Scene {
    _dir: TempDir,
    served: Arc<Nothing>,
    target: Target,
    client: DirectoryClient,
    tasks: TaskGroup,
}

impl Scene {
    /// The node's certificate is of `region`, its cell `eu-west-1`.
    async fn new(region: &str) -> Self {
        install_ring();
        let dir = tempfile::tempdir().expect("a folder");
        let authority = Authority::create(&dir.path().join("ca")).expect("a world");
        let identity = |region: &str, path: &str| {
            let into = dir.path().join(path.replace('/', "-"));
            let id = format!(
                "spiffe://{}/region/{region}/{path}",
                authority.world().trust_domain()
            );
            authority
                .issue(&id.parse().expect("an id"), &[], 1, &into)
                .expect("issued");
            Identity::load(&into, &authority.world()).expect("good")
        };
        let node = identity(region, "cell/eu-west-1/node/0");
        let client = DirectoryClient::new(identity("eu-central", "cell/eu-central-1/node/0"));
        let listener = serve::bind("127.0.0.1:0").await.expect("bound");
        let target = Target {
            node: "eu-west-1/0".parse().expect("a node"),
            region: "eu-west".parse().expect("a region"),
            address: listener.local_addr().expect("bound").to_string(),
            shard: "directory/eu/000".parse().expect("a shard"),
            epoch: Epoch(1),
        };
        let (served, tasks) = (Arc::new(Nothing::default()), TaskGroup::new());
        let routes = tonic::service::Routes::new(DirectoryServer::from_arc(Arc::clone(&served)));
        serve::serve_mtls(
            listener,
            node,
            Limits::default(),
            routes.into_axum_router(),
            &tasks,
        );
        Self {
            _dir: dir,
            served,
            target,
            client,
            tasks,
        }
    }

    async fn lookup(&self) -> Result<Option<ClaimEntry>, CallError> {
        self.client.lookup(&self.target, &[5; 32]).await
    }
}

#[tokio::test]
async fn a_call_carries_the_trace_that_it_is_made_in() {
    let scene = Scene::new("eu-west").await;
    let trace = TraceContext::new_root();
    assert_eq!(scene.lookup().await.expect("an answer"), None);
    trace.scope(scene.lookup()).await.expect("an answer");
    let seen = scene.served.traces.lock().clone();
    let [None, Some(text)] = seen.as_slice() else {
        panic!("{seen:?}")
    };
    let carried: TraceContext = text.parse().expect("a traceparent");
    assert_eq!(carried.trace_id(), trace.trace_id());
    assert_ne!(carried.span_id(), trace.span_id(), "a step of its own");
    scene.tasks.shutdown(std::time::Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_node_of_another_region_under_the_right_name_is_refused() {
    let scene = Scene::new("us-east").await;
    let error = scene.lookup().await.expect_err("another region");
    assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("eu-west"), "{error}");
    assert!(scene.served.traces.lock().is_empty(), "it was asked nothing");
}
