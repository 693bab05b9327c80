//! The listener as its clients see it: both versions of HTTP, identities in requests, limits, orderly end.

use std::convert::Infallible;
use std::path::Path;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio_rustls::client;

use super::*;
use platform_model::RevokedIdentity;

use crate::tls::authority::Authority;
use crate::tls::{Credentials, Expect, Refused, RevokedList};

const WITHIN: Duration = Duration::from_secs(10);

struct Scene {
    dir: TempDir,
    node: Identity,
    router: Identity,
    address: String,
    tasks: TaskGroup,
    /// Requests to `/held` wait for this.
    release: Arc<Notify>,
    /// Told when one waits.
    held: Arc<Notify>,
}

fn identity(authority: &Authority, dir: &Path, path: &str) -> Identity {
    let world = authority.world();
    let id = format!("spiffe://{}/region/eu-central/{path}", world.trust_domain())
        .parse()
        .expect("an id");
    let into = dir.join(path);
    authority.issue(&id, &[], 7, &into).expect("issued");
    Identity::load(&into, &world).expect("good")
}

impl Scene {
    async fn new(limits: Limits) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let authority = Authority::create(&dir.path().join("ca")).expect("a world");
        let node = identity(&authority, dir.path(), "cell/eu-central-1/node/0");
        let router = identity(&authority, dir.path(), "router/r1");
        let listener = bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("bound").to_string();
        let (release, held, tasks) = (Arc::new(Notify::new()), Arc::new(Notify::new()), TaskGroup::new());
        let (wait, waits) = (Arc::clone(&release), Arc::clone(&held));
        let service = tower::service_fn(move |request: Request<Incoming>| {
            let (wait, waits) = (Arc::clone(&wait), Arc::clone(&waits));
            async move {
                if request.uri().path() == "/held" {
                    waits.notify_one();
                    wait.notified().await;
                }
                let PeerIdentity(id) = request.extensions().get().expect("known");
                assert!(request.extensions().get::<PeerAddress>().is_some());
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(id.to_string()))))
            }
        });
        serve_mtls(listener, node.clone(), limits, service, &tasks);
        Self {
            dir,
            node,
            router,
            address,
            tasks,
            release,
            held,
        }
    }

    /// The digest of the key that the node shows.
    fn node_key(&self) -> platform_model::KeyDigest {
        let chain = self.node.certified().cert.clone();
        Credentials::of(Some(&chain)).leaf().expect("one leaf").1
    }

    async fn connect(&self, protocol: &[u8]) -> client::TlsStream<TcpStream> {
        let mut config = (*self.router.client_config(Expect::AnyNode)).clone();
        config.alpn_protocols = vec![protocol.to_vec()];
        connect_mtls(&self.address, Arc::new(config))
            .await
            .expect("connected")
    }

    async fn h2(&self) -> http2::SendRequest<Empty<Bytes>> {
        let io = TokioIo::new(self.connect(b"h2").await);
        let (send, connection) = http2::handshake(TokioExecutor::new(), io).await.expect("h2");
        self.tasks
            .child()
            .spawn("client", async move { drop(connection.await) });
        send
    }
}

fn request(path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("https://node{path}"))
        .header("host", "node")
        .body(Empty::new())
        .expect("a request")
}

async fn text(response: Response<Incoming>) -> String {
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[tokio::test]
async fn both_versions_of_http_know_who_asks() {
    let scene = Scene::new(Limits::default()).await;
    let asked = scene.router.spiffe_id().to_string();
    let response = scene
        .h2()
        .await
        .send_request(request("/"))
        .await
        .expect("answered");
    assert_eq!(text(response).await, asked);
    let io = TokioIo::new(scene.connect(b"http/1.1").await);
    let (mut send, connection) = http1::handshake(io).await.expect("h1");
    scene
        .tasks
        .child()
        .spawn("client", async move { drop(connection.await) });
    let response = send.send_request(request("/")).await.expect("answered");
    assert_eq!(text(response).await, asked);
}

#[tokio::test]
async fn shutdown_lets_a_running_request_finish_and_takes_no_new_one() {
    let scene = Scene::new(Limits::default()).await;
    let mut send = scene.h2().await;
    let running = send.send_request(request("/held"));
    let ended = async {
        scene.held.notified().await;
        let ending = scene.tasks.shutdown(WITHIN);
        let release = async {
            scene.tasks.cancelled().await;
            scene.release.notify_one();
        };
        tokio::join!(ending, release).0
    };
    let (response, ended) = tokio::join!(running, ended);
    assert_eq!(response.expect("answered").status(), StatusCode::OK);
    assert!(ended, "{:?}", scene.tasks.running());
    let config = scene.router.client_config(Expect::AnyNode);
    let error = connect_mtls(&scene.address, config).await.expect_err("closed");
    assert!(
        matches!(error, ServeError::Connect { .. }) && error.retryable(),
        "{error}"
    );
}

#[tokio::test]
async fn one_connection_too_many_is_closed() {
    let scene = Scene::new(Limits {
        connections: 1,
        ..Limits::default()
    })
    .await;
    let mut send = scene.h2().await;
    let config = scene.router.client_config(Expect::AnyNode);
    let error = connect_mtls(&scene.address, config)
        .await
        .expect_err("one too many");
    assert!(matches!(error, ServeError::Broken { .. }), "{error}");
    assert_eq!(
        send.send_request(request("/")).await.expect("answered").status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_client_that_says_nothing_is_let_go() {
    let short = Duration::from_millis(500);
    let scene = Scene::new(Limits {
        handshake: short,
        header_read: short,
        ..Limits::default()
    })
    .await;
    let mut silent = TcpStream::connect(&scene.address).await.expect("connected");
    let read = tokio::time::timeout(WITHIN, silent.read(&mut [0; 1]))
        .await
        .expect("in time");
    assert!(matches!(read, Ok(0) | Err(_)), "no handshake");
    let mut slow = scene.connect(b"http/1.1").await;
    slow.write_all(b"GET / HT").await.expect("sent");
    let mut rest = Vec::new();
    let read = tokio::time::timeout(WITHIN, slow.read_to_end(&mut rest))
        .await
        .expect("in time");
    assert!(
        read.is_err() || rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"),
        "no headers: {rest:?}"
    );
}

#[tokio::test]
async fn a_connection_without_requests_is_closed_in_order() {
    let short = Duration::from_millis(50);
    let scene = Scene::new(Limits {
        header_read: short * 10,
        idle: short,
        ..Limits::default()
    })
    .await;
    let mut silent = scene.connect(b"h2").await;
    let closed = tokio::time::timeout(WITHIN, silent.read_to_end(&mut Vec::new())).await;
    assert!(closed.is_ok(), "no preface: let go");

    // A request that takes longer than the idle time is no idleness.
    let mut send = scene.h2().await;
    let running = send.send_request(request("/held"));
    let release = async {
        scene.held.notified().await;
        let clock = crate::Clock::system();
        clock.sleep(short * 14).await;
        scene.release.notify_one();
    };
    let (response, ()) = tokio::join!(running, release);
    assert_eq!(response.expect("answered").status(), StatusCode::OK);
    tokio::time::timeout(WITHIN, async {
        while send.ready().await.is_ok() {
            tokio::task::yield_now().await
        }
    })
    .await
    .expect("closed once idle");
}

#[tokio::test]
async fn a_connection_ends_with_the_certificate_of_its_client() {
    let scene = Scene::new(Limits::default()).await;
    let world = scene.router.world().clone();
    let authority = Authority::open(&scene.dir.path().join("ca")).expect("there");
    let into = scene.dir.path().join("brief");
    let lifetime = crate::tls::authority::lifetime(1);
    let not_after_s = crate::Clock::system().unix_s() + 3;
    let uris = vec![scene.router.spiffe_id().to_string()];
    let leaf = crate::tls::authority::Leaf {
        uris,
        not_after_s,
        client: true,
        ..lifetime
    };
    authority.issue_into(&into, &leaf).expect("issued");
    let brief = Identity::load(&into, &world).expect("good");
    let mut stream = connect_mtls(&scene.address, brief.client_config(Expect::AnyNode))
        .await
        .expect("good");
    let began = crate::Clock::system().monotonic();
    let read = tokio::time::timeout(WITHIN, stream.read_to_end(&mut Vec::new())).await;
    assert!(
        read.is_ok(),
        "closed when the certificate ends, not {:?} later",
        WITHIN
    );
    assert!(crate::Clock::system().monotonic() - began < WITHIN);
}

#[tokio::test]
async fn a_revoked_client_is_cut_off_in_the_middle_of_a_request_and_not_let_in_again() {
    let scene = Scene::new(Limits::default()).await;
    let mut running = scene.h2().await;
    let list = RevokedList::from([(
        RevokedIdentity {
            id: scene.router.spiffe_id().to_string(),
            key: None,
        },
        u64::MAX,
    )]);
    let revoke = async {
        scene.held.notified().await;
        scene.node.revocations().set(&list);
    };
    let asking = running.send_request(request("/held"));
    let both = async { tokio::join!(asking, revoke) };
    let (answer, ()) = tokio::time::timeout(WITHIN, both).await.expect("in time");
    assert!(answer.is_err(), "cut off, not answered");
    let again = connect_guarded(&scene.address, &scene.router, Expect::AnyNode).await;
    let reason = again.err().and_then(|error| error.refused().map(Refused::reason));
    assert_eq!(reason, Some("by-peer"), "told so before it sends anything");
    scene.node.revocations().set(&RevokedList::new());
    scene.release.notify_waiters();
    assert!(scene.h2().await.send_request(request("/")).await.is_ok());
}

#[tokio::test]
async fn a_client_sends_nothing_more_to_a_server_that_is_revoked() {
    let scene = Scene::new(Limits::default()).await;
    let mut stream = connect_guarded(&scene.address, &scene.router, Expect::AnyNode)
        .await
        .expect("good");
    stream.write_all(b"G").await.expect("good still");
    let key = scene.node_key();
    let revoked = RevokedIdentity {
        id: scene.node.spiffe_id().to_string(),
        key: Some(key),
    };
    let list = RevokedList::from([(revoked, u64::MAX)]);
    scene.router.revocations().set(&list);
    let error = stream.write_all(b"E").await.expect_err("cut off");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    assert!(error.to_string().ends_with("is revoked"), "{error}");
    let again = connect_guarded(&scene.address, &scene.router, Expect::AnyNode).await;
    let reason = again.err().and_then(|error| error.refused().map(Refused::reason));
    assert_eq!(reason, Some("revoked"));
}

#[tokio::test]
async fn headers_past_the_limit_are_refused() {
    let limits = Limits::default();
    let scene = Scene::new(limits).await;
    let long = "a".repeat(limits.header_bytes as usize + 1);
    let mut h1 = scene.connect(b"http/1.1").await;
    h1.write_all(format!("GET / HTTP/1.1\r\nhost: node\r\nx: {long}\r\n\r\n").as_bytes())
        .await
        .expect("sent");
    let mut answer = [0; 12];
    tokio::time::timeout(WITHIN, h1.read_exact(&mut answer))
        .await
        .expect("in time")
        .expect("answered");
    assert_eq!(&answer, b"HTTP/1.1 431");
    let mut request = request("/");
    request.headers_mut().insert("x", long.parse().expect("a value"));
    let response = scene.h2().await.send_request(request).await;
    let refused = response.map_or(true, |r| {
        r.status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    });
    assert!(refused);
}

#[tokio::test]
async fn a_port_in_use_is_called_so() {
    let first = bind("127.0.0.1:0").await.expect("bound");
    let port = first.local_addr().expect("bound").port();
    let error = bind(&format!("127.0.0.1:{port}")).await.expect_err("in use");
    assert_eq!(
        error.to_string(),
        format!("127.0.0.1:{port} is in use by another process (`ss -ltnp 'sport = :{port}'` shows which)")
    );
    assert!(!error.retryable());
}
