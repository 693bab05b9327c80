//! Revocation as it travels: into the state, the table, every handshake and every open connection.

use platform_model::{NodeId, RevokedIdentity, Role};
use platform_runtime::clock::Clock;
use platform_runtime::serve;
use platform_runtime::tls::{Expect, Refused, SpiffeKind};
use platform_wire::trust::Window;
use platform_wire::{CallError, RefusalCode};

use super::{code, id, security_log, state};
use crate::testing::{WITHIN, World, eventually};

fn in_an_hour() -> u64 {
    Clock::system().unix_ms() + 3_600_000
}

#[expect(clippy::too_many_lines, reason = "one node from its first call to its return")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_node_is_believed_by_nobody_also_after_restarts() {
    let mut world = World::made(1).await;
    let node: NodeId = "eu-central-1/0".parse().expect("a node");
    let reports = world.reports(&node, "eu-central", world.addresses());
    let start = platform_model::Start {
        incarnation: platform_model::Incarnation(1),
        copy: 1,
        process: 1,
    };
    reports
        .register_node(&node, "127.0.0.1:9", start)
        .await
        .expect("believed");
    // A router that follows the table, and a listener of the node that it knows.
    let router = world.identity(SpiffeKind::Router("r1".into()), "eu-central");
    let followed = world.follow_as("r1", &router);
    let nodes = world.identity(SpiffeKind::Node(node.clone()), "eu-central");
    let listener = serve::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("bound").to_string();
    let service = axum::Router::new();
    serve::serve_mtls(listener, nodes, serve::Limits::default(), service, &world.tasks);
    let connect = async || serve::connect_guarded(&address, &router, Expect::AnyNode).await;
    connect().await.map(drop).expect("believed");

    let identity = RevokedIdentity {
        id: id(&world.id(), "region/eu-central/cell/eu-central-1/node/0").to_string(),
        key: None,
    };
    let sre = world.trust(Role::Sre);
    let silent = sre.revoke_identity(&identity, in_an_hour(), "").await;
    assert_eq!(code(silent), RefusalCode::Invalid, "a reason is asked for");
    let done = sre
        .revoke_identity(&identity, in_an_hour(), "its disk was stolen")
        .await;
    done.expect("revoked");
    let refused = eventually("the router's refusal", async || {
        connect()
            .await
            .err()
            .and_then(|error| error.refused().map(Refused::reason))
    });
    assert_eq!(refused.await, "revoked");
    assert_eq!(followed.current().revocations.len(), 1);
    // The node's open connection to the controller is broken off, and no other is let in.
    let call = eventually("the controller's refusal", async || {
        reports.register_node(&node, "127.0.0.1:9", start).await.err()
    });
    let call = call.await;
    assert!(matches!(call, CallError::NotTrusted { .. }), "{call}");
    assert!(
        security_log(&world)
            .iter()
            .any(|line| line.contains("\"verb\":\"revoked\""))
    );

    world.stop(1).await;
    // From its copy on disk, with no controller there.
    let again = world.identity(SpiffeKind::Router("r1".into()), "eu-central");
    world.follow_as("r1", &again);
    let refused = serve::connect_guarded(&address, &again, Expect::AnyNode).await;
    let reason = refused
        .err()
        .and_then(|error| error.refused().map(Refused::reason));
    assert_eq!(reason, Some("revoked"), "a router that restarts forgets nobody");
    world.start(1).await;
    let reports = world.reports(&node, "eu-central", world.addresses());
    let call = eventually("the refusal of a controller that restarted", async || {
        let error = reports.register_node(&node, "127.0.0.1:9", start).await.err()?;
        matches!(error, CallError::NotTrusted { .. }).then_some(())
    });
    call.await;
    let sre = world.trust(Role::Sre);
    sre.restore_identity(&identity, "it was found")
        .await
        .expect("restored");
    let reports = world.reports(&node, "eu-central", world.addresses());
    reports
        .register_node(&node, "127.0.0.1:9", start)
        .await
        .expect("believed again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_is_on_record_and_travels_and_nobody_else_opens_one() {
    let world = World::made(1).await;
    let router = world.follow("r2");
    assert!(router.ready(WITHIN).await);
    let window = Window {
        home: "eu/eu-central".parse().expect("a home"),
        subject: "018f3f2e-0000-7000-8000-000000000001".parse().expect("an id"),
        purpose: "support".into(),
        until_ms: in_an_hour(),
    };
    let viewer = world
        .trust(Role::Viewer)
        .open_break_glass(&window, "curious")
        .await;
    assert_eq!(code(viewer), RefusalCode::NotAuthorised);
    let sre = world.trust(Role::Sre);
    assert_eq!(
        code(sre.open_break_glass(&window, " ").await),
        RefusalCode::Invalid
    );
    let long = Window {
        until_ms: in_an_hour() + 4 * 3_600_000,
        ..window.clone()
    };
    assert_eq!(
        code(sre.open_break_glass(&long, "ticket 1").await),
        RefusalCode::Trust
    );
    let opened = sre
        .open_break_glass(&window, "ticket 4711")
        .await
        .expect("opened");
    let told = eventually("the window in a router's table", async || {
        router.current().break_glass.get(&1).cloned()
    });
    assert!(told.await.by.ends_with("/operator/sre/o-1"));
    assert_eq!(sre.read().await.expect("read").break_glass.len(), 1);
    let page = world
        .ledger(Role::Compliance, 1)
        .read(opened.sequence, 1)
        .await
        .expect("read");
    let text = String::from_utf8_lossy(&page.entries[0].canonical).into_owned();
    assert!(
        text.contains("open-break-glass") && text.contains("ticket 4711"),
        "{text}"
    );
    sre.close_break_glass(1, "done").await.expect("closed");
    assert_eq!(code(sre.close_break_glass(1, "done").await), RefusalCode::Unknown);
    assert!(state(&world).trust.break_glass.is_empty());
}
