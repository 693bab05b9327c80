//! Chains through a controller's own authority: what it may vouch for, what no one takes from it, and renewals on disk.

use super::*;
use crate::tls::request::{KeyRequest, Requested};

fn issuer(world: &World, name: &str) -> Issuer {
    let dir = world.path(&format!("issuer-{name}"));
    world.authority.make_issuer(name, 30, &dir).expect("made");
    Issuer::open(&dir, &world.authority.world()).expect("opens")
}

const LIFE: std::time::Duration = std::time::Duration::from_secs(3_600);

impl World {
    /// A certificate that an authority of this world, right or wrong, signs over whatever leaf.
    fn key_under(&self, name: &str, domain: &str, leaf: &Leaf) -> Arc<Shown> {
        let (above, into) = (self.path("forged-issuer"), self.path("forged-leaf"));
        let issued = self.authority.sign_issuer(name, domain, 30).expect("signed");
        std::fs::create_dir_all(&above).expect("made");
        std::fs::write(above.join("ca.pem"), &issued.cert_pem).expect("written");
        std::fs::write(above.join("ca-key.pem"), &issued.key_pem).expect("written");
        let forger = Authority::open(&above).expect("opens");
        forger.issue_into(&into, leaf).expect("issued");
        let cert = std::fs::read_to_string(into.join("cert.pem")).expect("read");
        std::fs::write(into.join("cert.pem"), cert + &issued.cert_pem).expect("written");
        Arc::new(Shown(Some(key_files::Pair::read(&into).expect("read").key)))
    }

    fn domain(&self) -> String {
        format!("spiffe://{}", self.authority.world().trust_domain())
    }
}

#[tokio::test]
async fn a_chain_through_an_issuer_is_good_at_both_ends() {
    let world = World::new();
    let issuer = issuer(&world, "c1");
    let (node, router) = (world.id("cell/eu-central-1/node/0"), world.id("router/r1"));
    let load = |id: &SpiffeId, name: &str| {
        issuer.issue(id, LIFE, &world.path(name)).expect("issued");
        Identity::load(&world.path(name), &world.authority.world()).expect("good")
    };
    let (node, router) = (load(&node, "n"), load(&router, "r"));
    let listener = serve::bind("127.0.0.1:0").await.expect("bound");
    let met = meet(&listener, &node, router.client_config(Expect::AnyNode)).await;
    assert_ne!(met.0, met.1);
    let mode = std::fs::metadata(world.path("issuer-c1").join("key.pem")).expect("there");
    let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions());
    assert_eq!(mode & 0o777, 0o600);
}

/// webpki knows nothing of SPIFFE domains: these are refused by our own checks, or by nobody.
#[tokio::test]
async fn an_issuer_cannot_vouch_for_what_is_not_its_own() {
    let (world, other) = (World::new(), World::new());
    let node = world.node();
    let router = world.leaf("router/r1");
    let foreign = Leaf {
        uris: vec![other.uri("router/r1")],
        ..router.clone()
    };
    let named = Leaf {
        dns: vec!["localhost".into()],
        ..router.clone()
    };
    let ours = world.domain();
    let matrix = [
        ("wrong-trust-domain", "issuer c1", ours.clone(), &foreign),
        ("foreign-issuer", "issuer c1", other.domain(), &router),
        ("foreign-issuer", "issuer c1", world.uri("controller/c1"), &router),
        (
            "beyond-issuer",
            "issuer c1",
            ours.clone(),
            &world.leaf("operator/sre/kim"),
        ),
        (
            "beyond-issuer",
            "issuer c1",
            ours.clone(),
            &world.leaf("controller/c2"),
        ),
        // The name constraint against DNS names and addresses, which webpki enforces.
        ("handshake", "issuer c1", ours.clone(), &named),
    ];
    for version in VERSIONS {
        for (reason, name, domain, leaf) in &matrix {
            let name = name.trim_start_matches("issuer ");
            let shown = world.key_under(name, domain, leaf);
            let refused = client_shows(&node, &shown, version).await.expect_err(reason);
            assert_eq!(refused.reason(), *reason, "{refused}");
        }
        for good in ["router/r1", "controller/c1", "cell/eu-central-1/node/3"] {
            let shown = world.key_under("c1", &ours, &world.leaf(good));
            let peer = client_shows(&node, &shown, version).await.expect(good);
            assert_eq!(peer.0, world.id(good));
        }
    }
}

#[tokio::test]
async fn a_client_refuses_a_server_under_an_issuer_that_may_not_vouch_for_it() {
    let world = World::new();
    let router = world.identity("router/r1");
    let shown = world.key_under("c1", &world.domain(), &world.leaf("controller/c2"));
    for version in VERSIONS {
        let refused = server_shows(&router, Expect::Controller, &shown, version).await;
        assert_eq!(refused.expect_err("refused").reason(), "beyond-issuer");
    }
}

/// A stolen controller makes itself a person of compliance, and signs a law with it.
#[test]
fn a_signature_proves_nothing_under_an_issuer_that_may_not_or_by_who_is_revoked() {
    let world = World::new();
    let (good, reader) = (world.identity("operator/compliance/ann"), world.node());
    let leaf = world.leaf("operator/compliance/eve");
    world.key_under("c1", &world.domain(), &leaf);
    let forged = world.path("forged-leaf");
    std::fs::write(forged.join("ca.pem"), world.authority.root_pem()).expect("written");
    let forged = Identity::load(&forged, &world.authority.world()).expect("loads");
    let now_s = crate::Clock::system().unix_s();
    let signer = |who: &Identity| {
        let signed = who.sign("approval", b"law 3").expect("signs");
        let read = reader.signer("approval", b"law 3", &signed, now_s);
        read.map_err(|error| error.to_string())
    };
    assert_eq!(signer(&good), Ok(good.spiffe_id()));
    assert!(signer(&forged).is_err(), "a person under an issuer");
    let id = good.spiffe_id().to_string();
    let revoked = platform_model::RevokedIdentity { id, key: None };
    reader
        .revocations()
        .set(&RevokedList::from([(revoked, u64::MAX)]));
    assert!(signer(&good).is_err(), "a person who is revoked");
}

#[test]
fn an_issuer_signs_only_what_it_may() {
    let (world, other) = (World::new(), World::new());
    let issuer = issuer(&world, "c1");
    for id in [
        world.id("operator/compliance/kim"),
        world.id("controller/c2"),
        other.id("router/r1"),
    ] {
        let made = KeyRequest::new(&id).expect("made");
        let requested = Requested::read(&made.request).expect("reads");
        let error = issuer.certify(&requested, &id, LIFE).expect_err("beyond");
        assert!(matches!(error, TlsError::BeyondIssuer { .. }), "{error}");
    }
    let folder = world.path("cell-eu-central-1-node-0");
    world.node();
    let error = Issuer::open(&folder, &world.authority.world()).map(drop);
    assert!(matches!(error, Err(TlsError::NotAnIssuer { .. })), "{error:?}");
}

/// Crashes between the three writes of a renewal: what is on disk is the old identity or the new one.
#[test]
fn a_renewal_that_is_broken_off_leaves_a_good_identity() {
    let world = World::new();
    let issuer = issuer(&world, "c1");
    let (id, dir, new) = (world.id("router/r1"), world.path("r"), world.path("new"));
    issuer.issue(&id, LIFE, &dir).expect("issued");
    issuer.issue(&id, LIFE, &new).expect("issued");
    let loads = || {
        let identity = Identity::load(&dir, &world.authority.world()).expect("good");
        identity.certified().cert[0].to_vec()
    };
    let old = loads();
    std::fs::copy(new.join("key.pem"), dir.join("key-next.pem")).expect("copied");
    assert_eq!(loads(), old);
    std::fs::copy(new.join("cert.pem"), dir.join("cert.pem")).expect("copied");
    let renewed = loads();
    assert_ne!(renewed, old);
    std::fs::rename(dir.join("key-next.pem"), dir.join("key.pem")).expect("renamed");
    assert_eq!(loads(), renewed);
}

/// Without the third look a reader finds the old certificate, the new key, and no next one.
#[test]
fn what_is_read_while_it_is_renewed_is_one_identity_or_the_other() {
    let world = World::new();
    let issuer = issuer(&world, "c1");
    let (id, dir) = (world.id("router/r1"), world.path("r"));
    let renew = || issuer.issue(&id, LIFE, &dir).expect("issued");
    renew();
    std::thread::scope(|scope| {
        let renewals = scope.spawn(|| (0..200).for_each(|_| renew()));
        while !renewals.is_finished() {
            key_files::Pair::read(&dir).expect("one of the two");
        }
    });
}

#[tokio::test]
async fn who_joins_trusts_the_root_by_its_fingerprint_alone() {
    let (world, other) = (World::new(), World::new());
    let controller = world.identity("controller/c1");
    let router = world.identity("router/r9");
    for (served, wanted, good) in [
        (&controller, world.authority.world(), true),
        (&controller, other.authority.world(), false),
        (&router, world.authority.world(), false),
    ] {
        let listener = serve::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("bound").to_string();
        let config = join_server_config(served);
        let serve = async {
            let (stream, _) = listener.accept().await.expect("a client");
            let _ = tokio_rustls::TlsAcceptor::from(config).accept(stream).await;
        };
        let (met, ()) = tokio::join!(serve::connect_mtls(&address, join_client_config(&wanted)), serve);
        assert_eq!(met.is_ok(), good, "{:?}", met.err());
    }
}
