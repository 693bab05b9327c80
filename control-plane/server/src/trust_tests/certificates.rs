//! Bad certificates at the controller's own listener: each a typed answer, a line of the security log, nothing in Raft.

use platform_model::Role;
use platform_runtime::clock::Clock;
use platform_runtime::serve::{ServeError, connect_guarded, connect_mtls};
use platform_runtime::tls::authority::{Authority, Leaf, lifetime};
use platform_runtime::tls::{Expect, Identity, SpiffeKind, join_client_config};
use platform_wire::CallError;
use platform_wire::admin::AdminClient;
use tokio::io::AsyncReadExt;

use super::{id, last_log, security_log};
use crate::testing::{World, eventually};

/// Loads a certificate that is wrong in a way that its holder does not mind.
fn shown(world: &World, name: &str, signer: &Authority, change: impl Fn(&mut Leaf)) -> Identity {
    let into = world.path(name);
    let mut leaf = Leaf {
        uris: vec![id(&world.id(), "region/eu-central/operator/sre/kim").to_string()],
        client: true,
        server: true,
        ..lifetime(1)
    };
    change(&mut leaf);
    signer.issue_into(&into, &leaf).expect("issued");
    // Whoever forges has the real root's certificate, which is no secret, and not its key.
    std::fs::write(into.join("ca.pem"), world.authority().root_pem()).expect("written");
    Identity::load(&into, &world.id()).expect("loads")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_certificate_is_a_typed_answer_and_a_line_and_nothing_in_raft() {
    let world = World::made(1).await;
    let now_s = Clock::system().unix_s();
    let forger = Authority::create(&world.path("forger")).expect("made");
    let forged = shown(&world, "forged", &forger, |_| {});
    let expired = shown(&world, "expired", world.authority(), |leaf| {
        (leaf.not_before_s, leaf.not_after_s) = (now_s - 7_200, now_s - 3_600);
    });
    let early = shown(&world, "early", world.authority(), |leaf| {
        leaf.not_before_s = now_s + 3_600
    });
    let before = last_log(&world);
    for (reason, identity) in [
        ("unknown-issuer", forged),
        ("expired", expired),
        ("not-yet-valid", early),
    ] {
        let admin = AdminClient::connect(world.addresses(), identity, Clock::system()).expect("addresses");
        let error = admin.status().await.expect_err(reason);
        assert!(matches!(error, CallError::NotTrusted { .. }), "{reason}: {error}");
        noted(&world, reason).await;
    }
    assert_eq!(last_log(&world), before, "none of it reached Raft");
    assert!(
        world.admin(Role::Sre).status().await.is_ok(),
        "good ones are let in"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_without_a_certificate_and_nobody_of_another_world_comes_in() {
    let world = World::made(1).await;
    let other = Authority::create(&world.path("other")).expect("made");
    let of_other = id(&other.world(), "region/eu-central/operator/sre/kim");
    let before = last_log(&world);
    let into = world.path("of-other");
    other.issue(&of_other, &[], 1, &into).expect("issued");
    let foreign = Identity::load(&into, &other.world()).expect("loads");
    let address = world.addresses()[0].clone();
    let refused = connect_guarded(&address, &foreign, Expect::Controller).await;
    assert!(
        matches!(refused, Err(ServeError::Refused { .. })),
        "another world's controller"
    );
    // A certificate of our root for an id of another trust domain.
    let leaf = Leaf {
        uris: vec![of_other.to_string()],
        client: true,
        ..lifetime(1)
    };
    world.authority().issue_into(&into, &leaf).expect("issued");
    std::fs::write(into.join("ca.pem"), other.root_pem()).expect("written");
    let wrong_domain = Identity::load(&into, &other.world()).expect("loads");
    dial(&world, Some(&wrong_domain)).await;
    noted(&world, "wrong-trust-domain").await;
    dial(&world, None).await;
    noted(&world, "no-certificate").await;
    assert_eq!(last_log(&world), before, "none of it reached Raft");
}

/// Connects with another identity's certificate, or with none, and trusts as one of the world does.
async fn dial(world: &World, shows: Option<&Identity>) {
    let kind = SpiffeKind::Router("r-any".into());
    let config = world
        .identity(kind, "eu-central")
        .client_config(Expect::Controller);
    let mut config = config.as_ref().clone();
    config.client_auth_cert_resolver = match shows {
        Some(identity) => identity
            .client_config(Expect::Controller)
            .client_auth_cert_resolver
            .clone(),
        None => join_client_config(&world.id()).client_auth_cert_resolver.clone(),
    };
    if let Ok(mut stream) = connect_mtls(&world.addresses()[0], config.into()).await {
        // Under TLS 1.3 the refusal is the first thing that is read.
        let read = stream.read(&mut [0; 1]).await;
        assert!(read.is_err() || read.is_ok_and(|length| length == 0), "let in");
    }
}

async fn noted(world: &World, reason: &str) {
    let wanted = format!("\"event\":\"handshake-refused\",\"verb\":\"{reason}\"");
    eventually(reason, async || {
        security_log(world)
            .iter()
            .any(|line| line.contains(&wanted))
            .then_some(())
    })
    .await;
}
