//! A stand-in for a node: real mTLS, answers as a test wants them, and remembers what came.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use parking_lot::Mutex;
use platform_model::{Code, NodeId, PROBE_PATH, Problem};
use platform_runtime::TaskGroup;
use platform_runtime::serve::{self, Limits};
use platform_runtime::tls::Identity;

pub type Body = BoxBody<Bytes, hyper::Error>;
type Reply = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;
type Behaviour = Box<dyn Fn(Request<Incoming>) -> Reply + Send + Sync>;

/// A stand-in for one node.
pub struct StandIn {
    pub id: NodeId,
    pub address: SocketAddr,
    /// Heads of the requests of apps that came.
    pub seen: Mutex<Vec<http::request::Parts>>,
    /// Taken one a request; when empty, `always` answers.
    pub next: Mutex<VecDeque<Behaviour>>,
    always: Mutex<Arc<dyn Fn(Request<Incoming>) -> Reply + Send + Sync>>,
    /// What the router asked about its shards: answered as by `always`, never by `next`.
    pub probes: AtomicUsize,
    pub tasks: TaskGroup,
}

impl StandIn {
    pub async fn start(id: &NodeId, address: &str, identity: Identity) -> Arc<Self> {
        let listener = serve::bind(address).await.expect("bound");
        let node = Arc::new(Self {
            id: id.clone(),
            address: listener.local_addr().expect("bound"),
            seen: Mutex::default(),
            next: Mutex::default(),
            always: Mutex::new(Arc::new(echo)),
            probes: AtomicUsize::new(0),
            tasks: TaskGroup::new(),
        });
        let this = Arc::clone(&node);
        let service = tower::service_fn(move |request: Request<Incoming>| {
            let reply = this.reply(request);
            async move { Ok::<_, Infallible>(reply.await) }
        });
        serve::serve_mtls(listener, identity, Limits::default(), service, &node.tasks);
        node
    }

    fn reply(&self, request: Request<Incoming>) -> Reply {
        if request.uri().path() == PROBE_PATH {
            self.probes.fetch_add(1, Ordering::Relaxed);
            return self.always.lock().clone()(request);
        }
        let (parts, body) = request.into_parts();
        self.seen.lock().push(parts.clone());
        let request = Request::from_parts(parts, body);
        match self.next.lock().pop_front() {
            Some(once) => once(request),
            None => self.always.lock().clone()(request),
        }
    }

    /// Answers the next request so.
    pub fn once<F>(&self, answer: impl Fn(Request<Incoming>) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        self.next
            .lock()
            .push_back(Box::new(move |request| Box::pin(answer(request))));
    }

    /// Answers every request so from now on.
    pub fn always<F>(&self, answer: impl Fn(Request<Incoming>) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        *self.always.lock() = Arc::new(move |request| Box::pin(answer(request)));
    }

    pub fn requests(&self) -> usize {
        self.seen.lock().len()
    }
}

/// 200 with the request's own body, streamed.
pub fn echo(request: Request<Incoming>) -> Reply {
    Box::pin(async move { Response::new(request.into_body().boxed()) })
}

pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

/// A node's `421`.
pub fn moved(request: &Request<Incoming>, epoch: u64, node: &NodeId) -> Response<Body> {
    let shard = request.headers()[platform_model::header::SHARD]
        .to_str()
        .expect("text");
    other_shard(shard, epoch, node)
}

/// The same of a shard that nobody asked for.
pub fn other_shard(shard: &str, epoch: u64, node: &NodeId) -> Response<Body> {
    let problem = Problem::new(Code::Moved)
        .with("shard", shard)
        .with("epoch", epoch)
        .with("node", node.to_string());
    told(&problem)
}

/// A node's `421` of a person who lives elsewhere.
pub fn home_moved(home: &str, user_epoch: u64) -> Response<Body> {
    let problem = Problem::new(Code::HomeMoved)
        .with("home", home)
        .with("user_epoch", user_epoch);
    told(&problem)
}

/// A node's `503` of a shard that it may serve in a moment.
pub fn moving() -> Response<Body> {
    told(&Code::Moving.into())
}

fn told(problem: &Problem) -> Response<Body> {
    Response::builder()
        .status(problem.code.status())
        .header("content-type", Problem::CONTENT_TYPE)
        .body(full(problem.to_json()))
        .expect("a response")
}
