//! Controllers as their clients see them.

mod lost;

use platform_model::{CellState, Epoch, Generation, Incarnation, NodeId, Role, Start, TokenKey};
use platform_runtime::tls::{Expect, SpiffeKind};
use platform_wire::admin::{Member, WorldSpec};
use platform_wire::pb::backups_client::BackupsClient;
use platform_wire::pb::forward_client::ForwardClient;
use platform_wire::pb::topology_client::TopologyClient;
use platform_wire::report::Heartbeat;
use platform_wire::{CallError, FRAME_VERSION, Refusal, RefusalCode, channel, pb};

use super::StartError;
use crate::testing::{AREAS, WITHIN, World, eventually, within};

fn node(text: &str) -> NodeId {
    text.parse().expect("a node")
}

fn code<T: std::fmt::Debug>(result: Result<T, CallError>) -> RefusalCode {
    let error = result.expect_err("refused");
    error
        .refusal()
        .unwrap_or_else(|| panic!("no refusal: {error}"))
        .code
}

fn start(incarnation: u64) -> Start {
    Start {
        incarnation: Incarnation(incarnation),
        copy: 7,
        process: incarnation,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_world_is_made_once_and_nodes_bring_its_shards_to_life() {
    let world = World::of(3).await;
    let admin = world.admin(Role::Sre);
    let status = admin
        .status_local()
        .await
        .expect("answers before the world is made");
    assert!(!status.initialized && !status.world_made);
    assert_eq!(
        code(admin.create_cell(&WorldSpec::dev("x").cells[0], "").await),
        RefusalCode::NotInitialized
    );
    let router = world.follow("r1");
    admin
        .init_world(&WorldSpec::dev("meridian.test"))
        .await
        .expect("made");
    assert_eq!(
        code(admin.init_world(&WorldSpec::dev("meridian.test")).await),
        RefusalCode::WorldExists
    );
    assert!(router.ready(WITHIN).await);
    world.enact(1, &AREAS).await;
    // Through a controller that does not lead, whichever that is.
    let leader = world.leader().await;
    let other = world.addresses()[usize::from(leader == 1)].clone();
    let first = node("eu-central-1/0");
    let reports = world.reports(&first, "eu-central", vec![other.clone()]);
    reports
        .register_node(&first, "127.0.0.1:9", start(1))
        .await
        .expect("registered");
    let shard = "eu/eu-central/007".parse().expect("a shard");
    let served = router.table.clone();
    let route = eventually("the shard's route", async || {
        served.borrow().shards.get(&shard).cloned()
    })
    .await;
    assert_eq!((route.node, route.epoch), (first.clone(), Epoch(1)));
    let key = TokenKey {
        kid: "k1".into(),
        public: [7; 32],
    };
    let home = "eu/eu-central".parse().expect("a home");
    reports.publish_token_key(&home, &key).await.expect("published");
    eventually("the key", async || {
        served.borrow().homes[&home]
            .token_keys
            .contains(&key)
            .then_some(())
    })
    .await;
    eventually("a confirmed table", async || {
        (router.age_ms() < 10_000).then_some(())
    })
    .await;
    let beat = Heartbeat {
        node: first,
        incarnation: Incarnation(1),
        table_generation: Generation(2),
        shards_open: 9,
        copies: Vec::new(),
    };
    reports.heartbeat(&beat).await.expect("forwarded to the leader");
    let status = world
        .admin_of(Role::Viewer, vec![other])
        .status()
        .await
        .expect("of the leader");
    assert_eq!(status.controller_id, leader);
    assert_eq!(status.reports.len(), 1);
    assert_eq!((status.shards.len(), status.members.len()), (29, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_does_what_his_certificate_does_not_allow() {
    let world = World::made(1).await;
    let spec = WorldSpec::dev("meridian.test");
    for role in [Role::Viewer, Role::Compliance] {
        let refused = world.admin(role).init_world(&spec).await;
        assert_eq!(code(refused), RefusalCode::NotAuthorised);
    }
    let first = node("eu-central-1/0");
    let foreign = world.reports(&node("us-east-1/0"), "us-east", world.addresses());
    let last = world.running[&1].raft().status().last_log;
    let refused = foreign.register_node(&first, "127.0.0.1:9", start(1)).await;
    assert_eq!(code(refused), RefusalCode::NotAuthorised);
    let nowhere = world.reports(&node("mars-1/0"), "us-east", world.addresses());
    let refused = nowhere
        .register_node(&node("mars-1/0"), "127.0.0.1:9", start(1))
        .await;
    assert_eq!(code(refused), RefusalCode::Unknown);
    let now = world.running[&1].raft().status().last_log;
    assert_eq!(
        now, last,
        "what is refused for who asks writes nothing into the log"
    );
    let elsewhere = world.reports(&first, "us-east", world.addresses());
    let refused = elsewhere.register_node(&first, "127.0.0.1:9", start(1)).await;
    assert_eq!(code(refused), RefusalCode::NotAuthorised);
    let beat = Heartbeat {
        node: first,
        incarnation: Incarnation(1),
        table_generation: Generation(1),
        shards_open: 0,
        copies: Vec::new(),
    };
    assert_eq!(code(foreign.heartbeat(&beat).await), RefusalCode::NotAuthorised);
    let far = "us-east-1".parse().expect("a cell");
    let shard = "eu/eu-central/000".parse().expect("a shard");
    let refused = world
        .admin(Role::Sre)
        .place_shard(&shard, &far, Generation(1), "a test")
        .await;
    assert_eq!(code(refused), RefusalCode::LawForbids);
    let cell = "eu-central-1".parse().expect("a cell");
    let stale = world
        .admin(Role::Sre)
        .set_cell_state(&cell, CellState::Cordoned, Generation(7), "a test")
        .await;
    assert_eq!(code(stale), RefusalCode::GenerationMismatch);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn controllers_join_and_leave() {
    let mut world = World::alone(3).await;
    let admin = world.admin(Role::Sre);
    admin
        .init_world(&WorldSpec::dev("meridian.test"))
        .await
        .expect("made by one controller");
    for id in [2, 3] {
        world.start(id).await;
        let address = world.addresses()[usize::try_from(id - 1).expect("small")].clone();
        let voters = within("a new voter", async {
            loop {
                match admin
                    .add_member(
                        &Member {
                            id,
                            address: address.clone(),
                        },
                        "a test",
                    )
                    .await
                {
                    Ok(voters) => break voters,
                    Err(error) => assert!(error.retryable(), "{error}"),
                }
            }
        })
        .await;
        assert_eq!(voters.len(), usize::try_from(id).expect("small"));
    }
    let late = world.admin_of(Role::Viewer, vec![world.addresses()[2].clone()]);
    eventually("the late member's state", async || {
        late.status_local().await.ok().filter(|s| s.world_made)
    })
    .await;
    assert_eq!(
        code(world.admin(Role::Viewer).remove_member(3, "a test").await),
        RefusalCode::NotAuthorised
    );
    let voters = admin.remove_member(3, "a test").await.expect("removed");
    assert_eq!(voters.iter().map(|m| m.id).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_another_world_or_version_is_refused_by_name() {
    let world = World::of(1).await;
    let router = world.identity(SpiffeKind::Router("r1".into()), "eu-central");
    let channel = channel::connect(&world.addresses()[0], &router, Expect::Controller).expect("an address");
    let good = pb::WatchRequest {
        version: FRAME_VERSION,
        world: world.id().to_string(),
        have: 0,
    };
    let foreign = pb::WatchRequest {
        world: "b".repeat(64),
        ..good.clone()
    };
    let newer = pb::WatchRequest {
        version: FRAME_VERSION + 1,
        ..good.clone()
    };
    for (request, expected) in [
        (foreign, RefusalCode::WrongWorld),
        (newer, RefusalCode::UnknownVersion),
    ] {
        let status = TopologyClient::new(channel.clone())
            .watch(request)
            .await
            .expect_err("refused");
        assert_eq!(Refusal::from_status(&status).map(|r| r.code), Some(expected));
    }
    TopologyClient::new(channel.clone())
        .watch(good.clone())
        .await
        .expect("ours");
    let forward = pb::ProposeRequest {
        version: FRAME_VERSION,
        world: good.world,
        envelope: Vec::new(),
    };
    let status = ForwardClient::new(channel)
        .propose(forward)
        .await
        .expect_err("a router forwards nothing");
    assert_eq!(
        Refusal::from_status(&status).map(|r| r.code),
        Some(RefusalCode::NotAuthorised)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_metrics_stand_on_the_same_listener() {
    let world = World::of(1).await;
    assert_eq!(world.get("/healthz").await, (200, "ok\n".into()));
    let (status, text) = world.get("/readyz").await;
    assert_eq!(
        (status, text.as_str()),
        (503, "this controller belongs to no running world yet\n")
    );
    world
        .admin(Role::Sre)
        .init_world(&WorldSpec::dev("meridian.test"))
        .await
        .expect("made");
    assert_eq!(world.get("/readyz").await, (200, "controller 1 leads\n".into()));
    let (status, text) = world.get("/metrics").await;
    assert!(
        status == 200 && text.contains("controld_commands_total"),
        "{text}"
    );
    assert_eq!(world.get("/nothing-here").await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_belongs_elsewhere_does_not_start_here() {
    let mut world = World::made(1).await;
    world.stop(1).await;
    let mut settings = world.settings(1);
    settings.config.identity_dir = world.identity_dir(SpiffeKind::Router("r9".into()), "eu-central");
    let error = world.try_start(settings).await.err().expect("no controller");
    assert!(matches!(error, StartError::NotAController { .. }), "{error}");
    let mut settings = world.settings(1);
    settings.config.id = 7;
    let error = world.try_start(settings).await.err().expect("another disk");
    assert!(matches!(error, StartError::Raft(_)), "{error}");
    let mut settings = world.settings(1);
    settings.world = "b".repeat(64).parse().expect("an id");
    let error = world.try_start(settings).await.err().expect("another world");
    assert!(matches!(error, StartError::Tls(_)), "{error}");
    world.start(1).await;
    world.leader().await;
    let error = world
        .try_start(world.settings(1))
        .await
        .err()
        .expect("it runs already");
    assert!(matches!(error, StartError::DataDir(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_another_replaced_is_told_to_end() {
    let world = World::made(1).await;
    let me = node("eu-west-1/0");
    let reports = world.reports(&me, "eu-west", world.addresses());
    let registered = async |start: Start| reports.register_node(&me, "127.0.0.1:9", start).await;
    registered(start(5)).await.expect("the first");
    registered(start(5)).await.expect("asked again");
    registered(start(6)).await.expect("a later start");
    assert_eq!(code(registered(start(5)).await), RefusalCode::OldIncarnation);
    let image = Start {
        process: 99,
        ..start(6)
    };
    assert_eq!(code(registered(image).await), RefusalCode::OldIncarnation);
    let empty = Start { copy: 8, ..start(7) };
    assert_eq!(code(registered(empty).await), RefusalCode::OtherData);
    let beat = Heartbeat {
        node: me.clone(),
        incarnation: Incarnation(5),
        table_generation: Generation(1),
        shards_open: 0,
        copies: Vec::new(),
    };
    assert_eq!(code(reports.heartbeat(&beat).await), RefusalCode::OldIncarnation);
}

/// The planted omission: a controller that lags tells who was erased, and whoever goes by that misses the last of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_erased_is_told_by_whoever_leads_and_by_nobody_else() {
    let world = World::made(3).await;
    let leader = world.leader().await;
    let identity = world.identity(SpiffeKind::Node(node("eu-central-1/0")), "eu-central");
    for id in 1..=3 {
        let channel = channel::connect(&world.address(id), &identity, Expect::Controller);
        let mut client = BackupsClient::new(channel.expect("an address"));
        for open_only in [false, true] {
            let request = pb::ReadErasedRequest {
                version: FRAME_VERSION,
                world: world.id().to_string(),
                shard: "eu/eu-central/000".to_owned(),
                open_only,
            };
            let answer = client.read_erased(request).await;
            let refusal = answer.as_ref().err().and_then(Refusal::from_status);
            let sends_on = refusal.is_some_and(|refusal| refusal.code == RefusalCode::NotLeader);
            assert_eq!(sends_on, id != leader, "{id}: {answer:?}");
        }
    }
}
