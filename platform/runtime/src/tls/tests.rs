//! Certificates over real sockets, in both versions of TLS: good and bad ones, renewed ones, ones that do not fit.

use std::path::PathBuf;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::authority::{Authority, Leaf, lifetime};
use super::*;
use crate::serve::{self, ServeError};

mod issuers;
mod matrix;

const WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

/// A world with a folder for each identity.
struct World {
    dir: TempDir,
    authority: Authority,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let authority = Authority::create(&dir.path().join("ca")).expect("a world");
        Self { dir, authority }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn id(&self, path: &str) -> SpiffeId {
        self.uri(path).parse().expect("an id")
    }

    fn uri(&self, path: &str) -> String {
        self.uri_in("eu-central", path)
    }

    fn uri_in(&self, region: &str, path: &str) -> String {
        format!(
            "spiffe://{}/region/{region}/{path}",
            self.authority.world().trust_domain()
        )
    }

    /// A good identity.
    fn identity(&self, path: &str) -> Identity {
        let into = self.path(&path.replace('/', "-"));
        self.authority
            .issue(&self.id(path), &[], 7, &into)
            .expect("issued");
        Identity::load(&into, &self.authority.world()).expect("good")
    }

    fn node(&self) -> Identity {
        self.identity("cell/eu-central-1/node/0")
    }

    fn leaf(&self, path: &str) -> Leaf {
        self.leaf_in("eu-central", path)
    }

    fn leaf_in(&self, region: &str, path: &str) -> Leaf {
        Leaf {
            uris: vec![self.uri_in(region, path)],
            client: true,
            server: true,
            ..lifetime(7)
        }
    }

    /// A certificate and key as this authority signs them, good or bad.
    fn key(&self, leaf: &Leaf) -> Arc<Shown> {
        let into = self.path(&format!("bad-{}", crate::random::u64()));
        self.authority.issue_into(&into, leaf).expect("issued");
        let pair = key_files::Pair::read(&into).expect("written");
        Arc::new(Shown(Some(pair.key)))
    }
}

/// Shows one certificate, or none, unchecked: the attacker's side.
#[derive(Debug)]
struct Shown(Option<Arc<rustls::sign::CertifiedKey>>);

impl rustls::client::ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        self.0.clone()
    }
    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

impl rustls::server::ResolvesServerCert for Shown {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
        self.0.clone()
    }
}

type Version = &'static rustls::SupportedProtocolVersion;
const VERSIONS: [Version; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];

/// What a listener with `identity` says about a client that shows `shown`.
async fn client_shows(
    identity: &Identity,
    shown: &Arc<Shown>,
    version: Version,
) -> Result<PeerIdentity, Refused> {
    let listener = serve::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("bound").to_string();
    let accept = async {
        let (stream, _) = listener.accept().await.expect("a client");
        serve::accept_mtls(stream, identity, WITHIN).await
    };
    let mut config = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .expect("ring speaks it")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verify::ExpectedPeer {
            world: identity.world().clone(),
            roots: identity.roots(),
            revocations: Revocations::default(),
            expect: Expect::AnyNode,
            provider: provider(),
        }))
        .with_client_cert_resolver(Arc::clone(shown) as _);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connect = async {
        // The client must go on reading, or it never hears why.
        if let Ok(mut stream) = serve::connect_mtls(&address, Arc::new(config)).await {
            let _ = stream.read(&mut [0; 1]).await;
        }
    };
    let (accepted, ()) = tokio::join!(accept_then_close(accept), connect);
    accepted.map_err(|error| {
        error
            .refused()
            .cloned()
            .unwrap_or_else(|| panic!("not refused: {error}"))
    })
}

/// Lets go of the stream, so that the client's read ends.
async fn accept_then_close(
    accept: impl Future<Output = Result<(tokio_rustls::server::TlsStream<TcpStream>, PeerIdentity), ServeError>>,
) -> Result<PeerIdentity, ServeError> {
    accept.await.map(|(_, peer)| peer)
}

/// What a client with `identity` that means `expect` says about a server that shows `shown`.
async fn server_shows(
    identity: &Identity,
    expect: Expect,
    shown: &Arc<Shown>,
    version: Version,
) -> Result<(), Refused> {
    let listener = serve::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("bound").to_string();
    let config = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .expect("ring speaks it")
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(shown) as _);
    let serve = async {
        let (stream, _) = listener.accept().await.expect("a client");
        let _ = tokio_rustls::TlsAcceptor::from(Arc::new(config))
            .accept(stream)
            .await;
    };
    let (result, ()) = tokio::join!(
        serve::connect_mtls(&address, identity.client_config(expect)),
        serve
    );
    result.map(drop).map_err(|error| {
        error
            .refused()
            .cloned()
            .unwrap_or_else(|| panic!("not refused: {error}"))
    })
}

#[tokio::test]
async fn new_files_are_used_by_the_next_connection_without_a_restart() {
    let world = World::new();
    let (node, router) = (world.node(), world.identity("router/r1"));
    let listener = serve::bind("127.0.0.1:0").await.expect("bound");
    let client = router.client_config(Expect::AnyNode);
    let before = meet(&listener, &node, Arc::clone(&client)).await;
    assert!(!node.reload().expect("unchanged"), "the same files are no news");

    let dir = world.path("cell-eu-central-1-node-0");
    world
        .authority
        .issue(&node.spiffe_id(), &[], 14, &dir)
        .expect("renewed");
    let expires_s = node.expires_s();
    assert!(node.reload().expect("good"));
    assert!(node.expires_s() > expires_s);
    world
        .authority
        .issue(&router.spiffe_id(), &[], 14, &world.path("router-r1"))
        .expect("renewed");
    assert!(router.reload().expect("good"));
    let after = meet(&listener, &node, client).await;
    assert_ne!(before.0, after.0, "the server shows its new certificate");
    assert_ne!(before.1, after.1, "so does the client, with settings made before");
}

/// One connection: the certificates that the server and the client showed.
async fn meet(
    listener: &TcpListener,
    node: &Identity,
    client: Arc<rustls::ClientConfig>,
) -> (Vec<u8>, Vec<u8>) {
    let address = listener.local_addr().expect("bound").to_string();
    let accept = async {
        let (stream, _) = listener.accept().await.expect("a client");
        let (mut stream, _) = serve::accept_mtls(stream, node, WITHIN).await.expect("good");
        stream.write_all(b"!").await.expect("sent");
        stream.get_ref().1.peer_certificates().expect("shown")[0].to_vec()
    };
    let connect = async {
        let mut stream = serve::connect_mtls(&address, client).await.expect("good");
        stream.read_exact(&mut [0; 1]).await.expect("answered");
        stream.get_ref().1.peer_certificates().expect("shown")[0].to_vec()
    };
    let (of_client, of_server) = tokio::join!(accept, connect);
    (of_server, of_client)
}

#[tokio::test]
async fn a_session_is_never_resumed() {
    let world = World::new();
    let (node, router) = (world.node(), world.identity("router/r1"));
    let listener = serve::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("bound").to_string();
    let mut eager = (*router.client_config(Expect::AnyNode)).clone();
    eager.resumption = rustls::client::Resumption::in_memory_sessions(8);
    let eager = Arc::new(eager);
    for round in 0..3 {
        let accept = async {
            let (stream, _) = listener.accept().await.expect("a client");
            let (mut stream, _) = serve::accept_mtls(stream, &node, WITHIN).await.expect("good");
            stream.write_all(b"!").await.expect("sent");
            stream.get_ref().1.handshake_kind()
        };
        let connect = async {
            let mut stream = serve::connect_mtls(&address, Arc::clone(&eager))
                .await
                .expect("good");
            stream.read_exact(&mut [0; 1]).await.expect("answered");
        };
        let (kind, ()) = tokio::join!(accept, connect);
        let kind = kind.expect("shaken");
        assert!(
            !matches!(kind, rustls::HandshakeKind::Resumed),
            "round {round}: {kind:?}"
        );
    }
}

#[test]
fn files_that_do_not_fit_leave_the_old_ones_in_use() {
    let (world, other) = (World::new(), World::new());
    let node = world.node();
    let dir = world.path("cell-eu-central-1-node-0");
    let held = node.expires_s();
    let kept = |expected: &str| {
        let error = node.reload().expect_err(expected);
        assert!(format!("{error:?}").starts_with(expected), "{error:?}");
        assert_eq!(node.expires_s(), held);
    };

    std::fs::copy(world.path("ca").join("ca-key.pem"), dir.join("key.pem")).expect("copied");
    kept("KeyMismatch");
    world
        .authority
        .issue(&world.id("router/r1"), &[], 30, &dir)
        .expect("issued");
    kept("IdentityChanged");
    other
        .authority
        .issue(&other.id("cell/eu-central-1/node/0"), &[], 30, &dir)
        .expect("issued");
    kept("OwnCertificate");
    std::fs::write(dir.join("cert.pem"), "none").expect("written");
    kept("Pem");
    std::fs::remove_file(dir.join("cert.pem")).expect("removed");
    kept("File");
}

#[test]
fn an_identity_belongs_to_its_world() {
    let (world, other) = (World::new(), World::new());
    let dir = world.path("n");
    world
        .authority
        .issue(&world.id("router/r1"), &[], 7, &dir)
        .expect("issued");
    let error = Identity::load(&dir, &other.authority.world()).expect_err("another world");
    assert!(matches!(error, TlsError::WrongWorld { .. }), "{error}");
    let again = Authority::open(&world.path("ca")).expect("there");
    assert_eq!(again.world(), world.authority.world());
    assert!(matches!(
        Authority::create(&world.path("ca")),
        Err(TlsError::AuthorityExists { .. })
    ));
    assert!(!format!("{:?}", Identity::load(&dir, &again.world()).expect("good")).contains("PRIVATE"));
}
