//! Joining and renewing at real listeners.

use std::path::PathBuf;
use std::time::Duration;

use platform_model::{KeyDigest, Role};
use platform_runtime::clock::Clock;
use platform_runtime::config::HumanDuration;
use platform_runtime::tls::{Identity, SpiffeKind};
use platform_wire::join::{self, JoinError, JoinSettings, JoinToken};
use platform_wire::report::ReportClient;
use platform_wire::{RefusalCode, renew};

use super::{attest, code, last_log, security_log, state, token};
use crate::testing::{World, eventually};

const NODE: &str = "region/eu-central/cell/eu-central-1/node/0";
const LIFE: Duration = Duration::from_secs(600);

/// Joins with a token in a file, into a folder of this name.
async fn join(world: &World, folder: &str, token: &str) -> Result<(PathBuf, Identity), JoinError> {
    let into = world.path(folder);
    let file = world.path(&format!("{folder}.token"));
    std::fs::write(&file, token).expect("written");
    let settings = JoinSettings {
        token_file: file,
        controllers: vec![world.joins_at(1)],
    };
    join::ensure(&into, &settings, &world.id()).await?;
    let identity = Identity::load(&into, &world.id()).expect("good");
    Ok((into, identity))
}

async fn known(world: &World, token: &JoinToken) {
    let created = world.trust(Role::Sre).create_join_token(token, "more room").await;
    created.expect("known");
}

fn refused(result: Result<(PathBuf, Identity), JoinError>) -> RefusalCode {
    match result.map(|(path, _)| path) {
        Err(JoinError::Refused(refusal)) => {
            assert!(!refusal.hint.is_empty(), "{refusal}");
            refusal.code
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_a_token_joins_once_and_speaks_for_itself_then() {
    let world = World::made(1).await;
    let unattested = token(&world, NODE, LIFE);
    let not_yet = world.trust(Role::Sre).create_join_token(&unattested, "").await;
    assert_eq!(code(not_yet), RefusalCode::Trust);
    attest(&world, "eu-central").await;
    let token = token(&world, NODE, LIFE);
    known(&world, &token).await;
    let text = token.to_string();
    let stored = serde_json::to_string(&*state(&world)).expect("writes");
    let secret = text.rsplit('.').next().expect("a secret");
    assert!(stored.contains(&token.digest().to_string()) && !stored.contains(secret));

    let (into, identity) = join(&world, "first", &text).await.expect("joins");
    assert_eq!(identity.spiffe_id(), token.id);
    assert!(!into.join("join-key.pem").exists());
    let reports = ReportClient::new(world.addresses(), identity, Clock::system()).expect("addresses");
    let node = "eu-central-1/0".parse().expect("a node");
    let start = platform_model::Start {
        incarnation: platform_model::Incarnation(1),
        copy: 1,
        process: 1,
    };
    reports
        .register_node(&node, "127.0.0.1:9", start)
        .await
        .expect("believed");
    // The answer was lost: the same key asks again, and a certificate is there again.
    std::fs::rename(into.join("key.pem"), into.join("join-key.pem")).expect("moved");
    std::fs::remove_file(into.join("cert.pem")).expect("lost");
    join(&world, "first", &text).await.expect("the same key");
    let before = last_log(&world);
    assert_eq!(
        refused(join(&world, "second", &text).await),
        RefusalCode::TokenUsed
    );
    assert_eq!(last_log(&world), before, "not a matter for Raft");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_token_is_refused_by_name_noted_and_kept_from_raft() {
    let world = World::made(1).await;
    attest(&world, "eu-central").await;
    let unknown = token(&world, NODE, LIFE);
    let brief = token(&world, NODE, Duration::from_secs(1));
    let revoked = token(&world, NODE, LIFE);
    known(&world, &brief).await;
    known(&world, &revoked).await;
    let client = world.trust(Role::Compliance);
    client
        .revoke_join_token(&revoked.digest(), "lost")
        .await
        .expect("revoked");
    let missing = client.revoke_join_token(&KeyDigest([0; 32]), "no such").await;
    assert_eq!(code(missing), RefusalCode::TokenUnknown);
    eventually("its end", async || {
        (Clock::system().unix_ms() > brief.expires_ms).then_some(())
    })
    .await;
    let before = last_log(&world);
    // What was known for one identity is shown for another: the digest covers the identity.
    let other = brief.to_string().replace("node+0", "node+1");
    for (folder, text, expected) in [
        ("unknown", unknown.to_string(), RefusalCode::TokenUnknown),
        ("expired", brief.to_string(), RefusalCode::TokenExpired),
        ("revoked", revoked.to_string(), RefusalCode::TokenRevoked),
        ("changed", other, RefusalCode::TokenUnknown),
    ] {
        assert_eq!(refused(join(&world, folder, &text).await), expected, "{folder}");
        let wanted = format!("\"event\":\"join-refused\",\"verb\":\"{expected}\"");
        eventually(folder, async || {
            security_log(&world)
                .iter()
                .any(|line| line.contains(&wanted))
                .then_some(())
        })
        .await;
    }
    assert_eq!(last_log(&world), before, "none of it reached Raft");
    let garbage = join(&world, "garbage", "meridian-join-1.x").await;
    assert!(matches!(garbage, Err(JoinError::Token { .. })));
}

/// The request names another identity than its token: the controller looks at both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_for_the_region_and_name_that_stand_in_it() {
    let world = World::made(1).await;
    attest(&world, "eu-central").await;
    let token = token(&world, NODE, LIFE);
    known(&world, &token).await;
    for path in [
        "region/us-east/cell/eu-central-1/node/0",
        "region/eu-central/operator/sre/kim",
        "region/eu-central/controller/c1",
    ] {
        let id = super::id(&world.id(), path);
        let made = platform_runtime::tls::KeyRequest::new(&id).expect("made");
        let status = ask(&world, &token.to_string(), made.request)
            .await
            .expect_err(path);
        let refusal = platform_wire::Refusal::from_status(&status).expect("typed");
        assert_eq!(refusal.code, RefusalCode::TokenForeign, "{path}: {refusal}");
    }
    assert!(state(&world).trust.join_tokens[&token.digest()].bound.is_none());
}

async fn ask(world: &World, token: &str, request: Vec<u8>) -> Result<(), tonic::Status> {
    use hyper_util::rt::TokioIo;
    let address = world.joins_at(1);
    let config = platform_runtime::tls::join_client_config(&world.id());
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).expect("an address");
    let channel = endpoint.connect_with_connector_lazy(tower::service_fn(move |_: http::Uri| {
        let (address, config) = (address.clone(), config.clone());
        async move {
            let stream = platform_runtime::serve::connect_mtls(&address, config).await?;
            Ok::<_, platform_runtime::serve::ServeError>(TokioIo::new(stream))
        }
    }));
    let request = platform_wire::pb::JoinRequest {
        version: platform_wire::FRAME_VERSION,
        world: world.id().to_string(),
        token: token.to_owned(),
        request,
    };
    let mut client = platform_wire::pb::join_client::JoinClient::new(channel);
    client.join(request).await.map(drop)
}

/// Lives of four seconds: node, and the controller itself, renew several times while calls go on, and none fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_renewed_under_load_without_a_failed_call() {
    let mut world = World::made(1).await;
    world.stop(1).await;
    let mut settings = world.settings(1);
    settings.config.trust.outage_max = HumanDuration(Duration::from_secs(2));
    // The controller's own begins as a short one too.
    let issuer = platform_runtime::tls::Issuer::open(&settings.config.trust.issuer_dir, &world.id());
    let own = super::id(&world.id(), "region/eu-central/controller/c1");
    let life = Duration::from_secs(4);
    let issuer = issuer.expect("opens");
    issuer
        .issue(&own, life, &settings.config.identity_dir)
        .expect("issued");
    let controller = world.try_start(settings.clone()).await.expect("starts");
    world.running.insert(1, controller);
    let id = super::id(&world.id(), "region/eu-central/router/brief");
    issuer.issue(&id, life, &world.path("brief")).expect("issued");
    let router = Identity::load(&world.path("brief"), &world.id()).expect("good");
    renew::keep(&router, world.addresses(), &Clock::system(), &world.tasks).expect("addresses");

    let served = || Identity::load(&settings.config.identity_dir, &world.id()).expect("good");
    let (mut ends, mut own_ends) = (vec![router.good_s()], vec![served().good_s()]);
    let mut calls = 0_u32;
    while ends.len() < 4 || own_ends.len() < 4 {
        // A new connection for each call, so that each proves both certificates anew.
        let admin =
            platform_wire::admin::AdminClient::connect(world.addresses(), router.clone(), Clock::system());
        let status = admin.expect("addresses").status_local().await;
        status.unwrap_or_else(|error| panic!("call {calls} failed: {error}"));
        calls += 1;
        for (seen, now) in [(&mut ends, router.good_s()), (&mut own_ends, served().good_s())] {
            if seen.last() != Some(&now) {
                seen.push(now);
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(
            calls < 3_000,
            "renewed {} and {} times",
            ends.len(),
            own_ends.len()
        );
    }
    assert!(calls > 20, "{calls}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_renews_into_someone_else() {
    let world = World::made(1).await;
    let router = world.identity(SpiffeKind::Router("r1".into()), "eu-central");
    let channel = platform_wire::channel::connect(
        &world.addresses()[0],
        &router,
        platform_runtime::tls::Expect::Controller,
    );
    let mut client = platform_wire::pb::trust_client::TrustClient::new(channel.expect("an address"));
    let mut ask = async |path: &str| {
        let id = super::id(&world.id(), path);
        let made = platform_runtime::tls::KeyRequest::new(&id).expect("made");
        let request = platform_wire::pb::RenewRequest {
            version: platform_wire::FRAME_VERSION,
            world: world.id().to_string(),
            request: made.request,
        };
        client.renew(request).await.map(drop)
    };
    for path in [
        "region/us-east/router/r1",
        "region/eu-central/router/r2",
        "region/eu-central/operator/sre/kim",
    ] {
        let status = ask(path).await.expect_err(path);
        let refusal = platform_wire::Refusal::from_status(&status).expect("typed");
        assert_eq!(refusal.code, RefusalCode::NotAuthorised, "{path}");
    }
    ask("region/eu-central/router/r1").await.expect("himself");
}
