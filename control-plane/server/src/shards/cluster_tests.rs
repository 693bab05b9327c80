//! The same over real controllers: Raft, TLS, files. Nodes are simulated, and report over the wire.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use platform_model::thresholds::REPORT_EVERY_MS;
use platform_model::{CopyState, Generation, Incarnation, NodeId, Role, ShardId, Start};
use platform_runtime::clock::Clock;
use platform_wire::RefusalCode;
use platform_wire::follow::Followed;
use platform_wire::operation::{Change, MoveShard, MoveTo, OperationView, RunState};
use platform_wire::replicas::ReplicasReport;
use platform_wire::report::ReportClient;

use crate::testing::nodes::Nodes;
use crate::testing::{World, eventually, within};

const HERE: &str = "eu-central-1/0";
const BESIDE: &str = "eu-central-1/1";
const THERE: &str = "eu-west-1/0";

/// A move takes seconds, an election after each step a few more.
const ENDS_WITHIN: Duration = Duration::from_secs(150);

fn node(text: &str) -> NodeId {
    text.parse().expect("a node")
}

fn shard() -> ShardId {
    "eu/eu-central/003".parse().expect("a shard")
}

fn region(node: &NodeId) -> String {
    let (region, _) = node.cell.as_str().rsplit_once('-').expect("region and number");
    region.to_owned()
}

/// Nodes that report to the world's controllers for as long as the world lives.
struct Cluster {
    world: World,
    nodes: Arc<Mutex<Nodes>>,
    table: Followed,
    clock: Clock,
}

impl Cluster {
    async fn new() -> Self {
        let world = World::made(3).await;
        let table = world.follow("nodes");
        let cluster = Self {
            nodes: Arc::default(),
            table,
            world,
            clock: Clock::system(),
        };
        for id in [HERE, BESIDE, THERE] {
            cluster.join(&node(id)).await;
        }
        cluster
            .route("its first primary to be formed", |route| !route.set.unborn)
            .await;
        cluster
    }

    async fn join(&self, id: &NodeId) {
        let reports = self.world.reports(id, &region(id), self.world.addresses());
        let start = Start {
            incarnation: Incarnation(1),
            copy: 7,
            process: 1,
        };
        within("a registration", async {
            while let Err(error) = reports.register_node(id, "127.0.0.1:9", start).await {
                assert!(error.retryable(), "{error}");
            }
        })
        .await;
        let (nodes, table, clock, id) = (
            Arc::clone(&self.nodes),
            self.table.clone(),
            self.clock.clone(),
            id.clone(),
        );
        let token = self.world.tasks.token();
        self.world.tasks.spawn("a simulated node", async move {
            let pause = Duration::from_millis(REPORT_EVERY_MS);
            while token
                .run_until_cancelled(tokio::time::sleep(pause))
                .await
                .is_some()
            {
                report(&reports, &nodes, &table, &clock, &id).await;
            }
        });
    }

    async fn route(
        &self,
        what: &str,
        is_so: impl Fn(&platform_model::ShardRoute) -> bool,
    ) -> platform_model::ShardRoute {
        eventually(what, async || {
            let table = self.table.current();
            table.shards.get(&shard()).filter(|route| is_so(route)).cloned()
        })
        .await
    }

    async fn operation(&self, id: u64) -> OperationView {
        let admin = self.world.admin(Role::Viewer);
        eventually("an operation", async || admin.operation(id).await.ok()).await
    }

    async fn kill(&self, id: &str) {
        let now_ms = u64::try_from(self.clock.monotonic().as_millis()).expect("not so long");
        self.nodes.lock().kill(&node(id), now_ms);
    }

    /// Ends whoever leads as a crash would, and starts it again.
    async fn crash_the_leader(&mut self) {
        let id = self.world.leader().await;
        let controller = self.world.running.remove(&id).expect("runs");
        controller.raft().stop().await;
        controller.shutdown().await;
        self.world.start(id).await;
    }
}

async fn report(reports: &ReportClient, nodes: &Mutex<Nodes>, table: &Followed, clock: &Clock, id: &NodeId) {
    let now_ms = u64::try_from(clock.monotonic().as_millis()).expect("not so long");
    let told = {
        let mut nodes = nodes.lock();
        if !nodes.is_up(id) {
            return;
        }
        nodes.report(id, &table.current(), now_ms)
    };
    // One that is lost is followed by the next.
    if let Ok(reply) = reports.replicas(&told).await {
        nodes.lock().hear(id, &reply);
    }
}

fn to(node_id: &str) -> MoveShard {
    MoveShard {
        shard: shard(),
        to: MoveTo::Node(node(node_id)),
        window_ms: 1_000,
        deadline_ms: None,
        expected: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_goes_on_under_every_leader_that_comes() {
    let mut cluster = Cluster::new().await;
    let sre = cluster.world.admin(Role::Sre);
    let judged = sre
        .dry_run()
        .move_shard(&to(BESIDE), "a drill")
        .await
        .expect("possible");
    assert_eq!(judged.operation, None);
    let started = sre.move_shard(&to(BESIDE), "a drill").await.expect("starts");
    let id = started.operation.expect("an id");
    let mut seen: Vec<String> = Vec::new();
    let begun = cluster.clock.monotonic();
    loop {
        let view = cluster.operation(id).await;
        if view.state.is_over() {
            assert_eq!(view.state, RunState::Done, "{view:?}");
            assert!(view.receipt.is_some() && view.certificate.is_some(), "{view:?}");
            break;
        }
        let late = cluster.clock.monotonic() - begun > ENDS_WITHIN;
        assert!(!late, "after {seen:?}: {view:?}");
        if !seen.contains(&view.step) {
            seen.push(view.step);
            cluster.crash_the_leader().await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // What takes time was seen; at each of those the leader died.
    assert!(seen.len() >= 3, "{seen:?}");
    let route = cluster
        .route("the new primary", |route| route.node == node(BESIDE))
        .await;
    assert!(
        route.set.standbys.is_empty() && route.set.erased.is_empty(),
        "{route:?}"
    );
    let erased = cluster.nodes.lock().erased.len();
    assert_eq!(erased, 1, "one copy was erased, once");
    cluster.world.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_dies_is_followed_and_a_person_is_told_what_he_may_not() {
    let mut cluster = Cluster::new().await;
    let sre = cluster.world.admin(Role::Sre);
    // A standby: a move that is ended in its window by a way back would do as well.
    let goal = platform_wire::operation::SetSurvival {
        home: "eu/eu-central".parse().expect("a home"),
        goal: "region".into(),
        expected: None,
    };
    sre.set_survival(&goal, "a drill").await.expect("lawful");
    let in_sync = |route: &platform_model::ShardRoute| {
        let standbys = &route.set.standbys;
        standbys
            .iter()
            .any(|copy| copy.node == node(THERE) && copy.state == CopyState::InSync)
    };
    let before = cluster.route("a standby in another region", in_sync).await;
    eventually("the shard's repair to end", async || {
        let active = sre.operations(false).await.ok()?;
        active.iter().all(|view| view.shard != shard()).then_some(())
    })
    .await;
    let refused = sre
        .move_shard(&to(HERE), "a drill")
        .await
        .expect_err("it is there");
    assert_eq!(
        refused.refusal().map(|refusal| refusal.code),
        Some(RefusalCode::Operation)
    );
    let refused = sre
        .move_shard(&to("us-east-1/0"), "a drill")
        .await
        .expect_err("abroad");
    let code = refused.refusal().map(|refusal| refusal.code);
    assert!(matches!(code, Some(RefusalCode::LawForbids)), "{refused}");
    let refused = sre
        .change_operation(4_711, Change::Cancel, None, "")
        .await
        .expect_err("none");
    assert_eq!(
        refused.refusal().map(|refusal| refusal.code),
        Some(RefusalCode::Unknown)
    );
    cluster.kill(HERE).await;
    let after = cluster
        .route("the next primary", |route| route.node == node(THERE))
        .await;
    assert!(after.epoch > before.epoch);
    cluster.world.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_passes_reports_on_and_only_the_leader_vouches_for_what_is_newest() {
    let mut cluster = Cluster::new().await;
    let leader = cluster.world.leader().await;
    let follower = (1..=3).find(|id| *id != leader).expect("another");
    let address = cluster.world.address(follower);
    let here = node(HERE);
    let through = cluster.world.reports(&here, "eu-central", vec![address.clone()]);
    let table = cluster.table.current();
    let report = cluster.nodes.lock().report(&here, &table, 1);
    let reply = through.replicas(&report).await.expect("passed on");
    let known = reply.newest.iter().find(|(known, _)| *known == shard());
    assert!(
        known.is_some_and(|(_, generation)| *generation >= Generation(2)),
        "{reply:?}"
    );
    // Nobody reports for another.
    let other = ReplicasReport {
        node: node(THERE),
        ..report.clone()
    };
    let refused = through.replicas(&other).await.expect_err("another's report");
    assert_eq!(
        refused.refusal().map(|refusal| refusal.code),
        Some(RefusalCode::NotAuthorised)
    );
    // Without a majority nobody vouches once the lease of whoever led is over, whatever it takes itself for.
    for id in (1..=3).filter(|id| *id != leader) {
        cluster.world.stop(id).await;
    }
    let alone = cluster
        .world
        .reports(&here, "eu-central", vec![cluster.world.address(leader)]);
    eventually("nobody to vouch", async || {
        alone.replicas(&report).await.is_err().then_some(())
    })
    .await;
    cluster.world.stop_all().await;
}
