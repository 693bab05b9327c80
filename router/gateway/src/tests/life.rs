//! Start, readiness, restart, end.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper_util::rt::TokioIo;
use platform_runtime::serve::connect_mtls;
use platform_runtime::tls::{Expect, Identity};

use super::stand_in::full;
use super::world::{Answer, World, until};

/// Asks the router's internal listener, as a node of the world would.
pub async fn inside(world: &World, path: &str) -> (u16, String) {
    let dir = world.dir.path().join("eu-central-1");
    let identity = Identity::load(&dir, &world.table.world).expect("loads");
    let address = world.running().internal.to_string();
    let stream = connect_mtls(&address, identity.client_config(Expect::Router))
        .await
        .expect("trusted");
    let (mut sender, connection) = hyper::client::conn::http2::handshake(
        crate::spawner::Spawner(world.central.tasks.clone()),
        TokioIo::new(stream),
    )
    .await
    .expect("h2");
    world
        .central
        .tasks
        .spawn("client", async { drop(connection.await) });
    let request = Request::get(format!("https://router{path}"))
        .body(full(""))
        .expect("a request");
    let answer = Answer::read(sender.send_request(request).await.expect("an answer")).await;
    (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
}

#[tokio::test]
async fn it_says_how_it_is_without_naming_anyone() {
    let world = World::new().await;
    assert_eq!(
        world
            .get("eu/eu-central", "/v1/activities/0190-secret")
            .await
            .status,
        200
    );
    assert_eq!(inside(&world, "/healthz").await.0, 200);
    let (apps, internal) = (world.running().apps, world.running().internal);
    let ready = format!("table g5\napps {apps}\ninternal {internal}\n");
    assert_eq!(inside(&world, "/readyz").await, (200, ready));
    assert_eq!(inside(&world, "/v1/profile").await.0, 404);
    let (_, metrics) = inside(&world, "/metrics").await;
    let counted = metrics.lines().any(|line| {
        line.starts_with("router_requests_total")
            && line.contains(r#"cell="eu-central-1""#)
            && line.contains(r#"class="activities""#)
            && !line.ends_with(" 0")
    });
    assert!(counted, "{metrics}");
    assert!(!metrics.contains("secret"));
}

#[tokio::test]
async fn it_says_where_others_reach_it() {
    let world = World::with(|config| {
        config.apps.advertise = "meridian.test:443".into();
        config.internal.advertise = "router-1.internal:9000".into();
    })
    .await;
    let (_, ready) = inside(&world, "/readyz").await;
    assert_eq!(
        ready,
        "table g5\napps meridian.test:443\ninternal router-1.internal:9000\n"
    );
    assert_ne!(world.running().apps.port(), 443, "bound elsewhere");
}

#[tokio::test]
async fn it_does_not_start_on_the_certificate_of_another_process() {
    let mut world = World::new().await;
    world.router.take().expect("runs").drain().await;
    world.config.internal.identity_dir = world.dir.path().join("eu-central-1");
    let error = crate::start(&world.config, platform_runtime::clock::Clock::system()).await;
    let error = error.err().expect("the certificate of a node");
    assert!(matches!(error, crate::StartError::NotARouter { .. }), "{error}");
}

#[tokio::test]
async fn it_starts_from_disk_without_a_controller_and_at_its_old_port() {
    let mut world = World::new().await;
    assert_eq!(world.get("us/us-east", "/v1/profile").await.status, 200);
    let (old, running) = (world.running().apps, world.router.take().expect("runs"));
    assert!(running.drain().await, "ends in time");
    world.start().await;
    assert_eq!(world.running().apps, old);
    assert_eq!(world.get("us/us-east", "/v1/profile").await.status, 200);
}

#[tokio::test]
async fn without_a_table_it_serves_and_says_so() {
    let mut world = World::new().await;
    world.router.take().expect("runs").drain().await;
    std::fs::remove_file(world.config.data_dir.join("table.copy")).expect("there");
    world.start().await;
    assert_eq!(inside(&world, "/readyz").await.0, 503);
    let request = Request::post("/v1/locate")
        .header("host", "x")
        .body(full(""))
        .expect("a request");
    assert_eq!(
        Answer::read(world.send(request).await).await.code(),
        "unavailable"
    );
}

#[tokio::test]
async fn a_second_router_on_the_same_data_is_refused() {
    let world = World::new().await;
    let error = crate::start(&world.config, platform_runtime::clock::Clock::system()).await;
    assert!(matches!(error, Err(crate::StartError::DataDir(_))));
}

#[tokio::test]
async fn draining_lets_requests_finish_and_takes_no_new_connection() {
    let mut world = World::new().await;
    let gate = Arc::new(tokio::sync::Notify::new());
    let waits = Arc::clone(&gate);
    world.central.once(move |_| {
        let waits = Arc::clone(&waits);
        async move {
            waits.notified().await;
            Response::new(full("late"))
        }
    });
    let request = world
        .request("eu/eu-central", "GET", "/v1/profile")
        .body(full(""))
        .expect("a request");
    let under_way = world.send_apart(request);
    until("the request", || world.central.requests() == 1).await;
    let (address, running) = (world.running().apps, world.router.take().expect("runs"));
    let draining = running.drain();
    let finish = async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        gate.notify_one();
        Answer::read(under_way.await.expect("an answer")).await
    };
    let (ended, answer) =
        tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(draining, finish) })
            .await
            .expect("in time");
    assert!(ended);
    assert_eq!((answer.status, &answer.body[..]), (200, &b"late"[..]));
}

#[tokio::test]
async fn a_new_table_is_taken_into_use_and_a_node_that_stays_keeps_its_connections() {
    use crate::snapshot::{Known, Source};
    use crate::upstream::{Upstreams, pool::PoolSettings};
    use platform_runtime::{TaskGroup, clock::Clock};

    let world = World::new().await;
    let identity = Identity::load(&world.config.internal.identity_dir, &world.table.world).expect("loads");
    let (clock, tasks, region) = (Clock::system(), TaskGroup::new(), identity.spiffe_id().region);
    let settings = PoolSettings {
        identity,
        clock: clock.clone(),
        tasks: tasks.clone(),
        connections_per_node: 1,
        in_flight_per_cell_max: 4,
        connect_timeout: Duration::from_secs(1),
    };
    let upstreams = Upstreams::new(settings);
    let (sender, receiver) = tokio::sync::watch::channel(Arc::new(world.table.clone()));
    let source = Source {
        table: receiver,
        age_ms: Box::new(|| 0),
    };
    let known = Arc::new(Known::new(
        source,
        region,
        upstreams,
        router_table::Overrides::new(4, 1_000),
    ));
    known.keep_up(clock, &tasks);

    let before = known.snapshot.load_full();
    let mut next = world.table.clone();
    next.generation = next.generation.next();
    next.nodes.get_mut(&world.east.id).expect("known").address = "127.0.0.1:9".into();
    sender.send(Arc::new(next)).expect("followed");
    until("the new table", || {
        known.snapshot.load().table.generation() > before.table.generation()
    })
    .await;
    let after = known.snapshot.load_full();
    let pool = |snapshot: &crate::snapshot::Snapshot, node: &platform_model::NodeId| {
        Arc::clone(snapshot.pool(snapshot.table.node_index(node).expect("known")))
    };
    assert!(Arc::ptr_eq(
        &pool(&before, &world.central.id),
        &pool(&after, &world.central.id)
    ));
    assert_eq!(pool(&after, &world.east.id).address, "127.0.0.1:9");
    assert!(
        Arc::ptr_eq(
            &pool(&after, &world.east.id).cell,
            &pool(&before, &world.east.id).cell
        ),
        "bounds stay"
    );
    assert!(tasks.shutdown(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn operators_read_what_the_router_has_seen_of_the_ledger_and_processes_do_not() {
    use platform_model::Role;
    use platform_runtime::tls::{SpiffeId, SpiffeKind};
    use platform_wire::heads::{self, FetchError, Heads};
    use platform_wire::ledger::LedgerHead;

    use crate::Config;

    let head = LedgerHead {
        sequence: 7,
        hash: [1; 32],
    };
    // As a watch before this start has left it.
    let seen_before = |config: &mut Config| {
        let world = config.world.parse().expect("an id");
        Heads::open(&config.data_dir.join("ledger-heads"), &world).take(head, 5);
    };
    let world = World::with(seen_before).await;
    assert_eq!(inside(&world, heads::PATH).await.0, 403, "a node");
    let address = world.running().internal.to_string();
    let trust_domain = world.table.world.trust_domain().to_owned();
    for role in [Role::Viewer, Role::Sre, Role::Compliance] {
        let name = "o1".to_owned();
        let id = SpiffeId {
            trust_domain: trust_domain.clone(),
            region: "eu-central".parse().expect("a region"),
            kind: SpiffeKind::Operator { role, name },
        };
        let dir = world.dir.path().join(format!("operator-{role}"));
        world.issue(&id, &dir);
        let operator = Identity::load(&dir, &world.table.world).expect("loads");
        let seen = heads::fetch(&address, &operator, Expect::Router)
            .await
            .expect("answered");
        assert_eq!(seen.iter().map(|seen| seen.head).collect::<Vec<_>>(), [head]);
        let elsewhere = heads::fetch(&address, &operator, Expect::AnyNode).await;
        assert!(
            matches!(elsewhere, Err(FetchError::Connect(_))),
            "whoever answers must be the one"
        );
    }
}
