//! What the door lets in.

use std::sync::Arc;

use axum::body::Body;
use axum::routing::get;
use axum::{Router, middleware};
use cell_sdk::Arrival;
use cell_store::memory::Memory;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use platform_model::{Generation, RoutingTable, ShardId};
use platform_runtime::clock::Clock;
use platform_runtime::{PeerIdentity, TaskGroup};
use platform_wire::follow::Followed;
use serde_json::Value;
use tokio::sync::Semaphore;
use tower::ServiceExt;

use super::leader::Leader;
use super::until::until;
use crate::door::waiting::WaitingRoom;
use crate::door::{self, Door};
use crate::hosted::Hosted;
use crate::telling::Telling;

pub const SHARD: &str = "eu/eu-central/000";
const AWAY: &str = "eu/eu-central/001";

pub struct Bench {
    pub router: Router,
    pub leader: Leader,
    _tasks: TaskGroup,
}

fn table() -> RoutingTable {
    let mut table = super::sample::table();
    table.generation = Generation(3);
    for (shard, node, epoch) in [(SHARD, "eu-central-1/0", 4), (AWAY, "eu-west-1/0", 9)] {
        let route = super::leader::unborn(node, epoch);
        table.shards.insert(shard.parse().expect("a shard"), route);
    }
    table
}

async fn echo(arrival: Arrival) -> String {
    format!(
        "{} {:?}",
        arrival.shard,
        arrival.not_older_than.map(|pair| pair.to_string())
    )
}

impl Bench {
    async fn new(room: usize) -> Self {
        Self::with(room, WaitingRoom::default(), Clock::system()).await
    }

    /// The door goes by `doors`, everything else by the system's clock.
    pub async fn with(room: usize, waiting: WaitingRoom, doors: Clock) -> Self {
        let tasks = TaskGroup::new();
        let clock = Clock::system();
        let (sender, followed) = Followed::by_hand(table(), &clock);
        let node = "eu-central-1/0".parse().expect("a node");
        let telling = Telling::default();
        let lent = super::leader::lending(Memory::new(), &telling);
        let hosted = Hosted::new((node, super::hosted::start(1)), lent, tasks.child());
        hosted.keep(followed.table.clone(), &tasks);
        let leader = Leader::begin(&sender, &hosted, &telling, &tasks);
        let shard: ShardId = SHARD.parse().expect("a shard");
        until("it opens", async || hosted.get(&shard).is_some()).await;
        let door = Door {
            hosted,
            followed,
            law: super::hosted::lawful(),
            clock: doors,
            room: Arc::new(Semaphore::new(room)),
            waiting,
        };
        let router = Router::new()
            .route("/v1/echo", get(echo))
            .layer(middleware::from_fn_with_state(door, door::pass));
        Self {
            router,
            leader,
            _tasks: tasks,
        }
    }

    async fn ask(&self, who: Option<&str>, headers: &[(&str, &str)]) -> (StatusCode, Value) {
        self.ask_from("eu-central", who, headers).await
    }

    async fn ask_from(
        &self,
        region: &str,
        who: Option<&str>,
        headers: &[(&str, &str)],
    ) -> (StatusCode, Value) {
        let request = request("/v1/echo", who.map(|who| (region, who)), headers);
        let response = self.router.clone().oneshot(request).await.expect("answered");
        let status = response.status();
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        (
            status,
            serde_json::from_slice(&bytes).unwrap_or(Value::String(text)),
        )
    }
}

/// A request as `who` in a region makes it, to the path.
pub fn request(path: &str, who: Option<(&str, &str)>, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).expect("a request");
    if let Some((region, who)) = who {
        let id = format!("spiffe://{}/region/{region}/{who}", "a".repeat(16));
        request
            .extensions_mut()
            .insert(PeerIdentity(id.parse().expect("an id")));
    }
    request
}

const ROUTER: Option<&str> = Some("router/r1");

#[tokio::test]
async fn only_a_router_with_shard_and_epoch_gets_in() {
    let bench = Bench::new(8).await;
    let good = [("meridian-shard", SHARD), ("meridian-epoch", "4")];
    for who in [
        None,
        Some("cell/eu-west-1/node/0"),
        Some("controller/c1"),
        Some("operator/sre/kim"),
    ] {
        assert_eq!(bench.ask(who, &good).await.0, StatusCode::FORBIDDEN, "{who:?}");
    }
    assert_eq!(bench.ask(ROUTER, &[]).await.1["code"], "bad-request");
    assert_eq!(
        bench.ask(ROUTER, &[good[0], ("meridian-epoch", "x")]).await.1["code"],
        "bad-request"
    );
    assert_eq!(
        bench
            .ask(ROUTER, &[good[0], good[1], ("meridian-position", "7")])
            .await
            .1["code"],
        "bad-request"
    );
    let (status, body) = bench
        .ask(ROUTER, &[good[0], good[1], ("meridian-position", "e4:7")])
        .await;
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::OK, Some("eu/eu-central/000 Some(\"e4:7\")"))
    );
}

#[tokio::test]
async fn a_wrong_place_or_an_old_epoch_is_told_the_right_one() {
    let bench = Bench::new(8).await;
    let ask = |shard, epoch| {
        let headers = [("meridian-shard", shard), ("meridian-epoch", epoch)];
        let bench = &bench;
        async move { bench.ask(ROUTER, &headers).await }
    };
    let (status, body) = ask(AWAY, "9").await;
    assert_eq!(status, StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(
        (&body["code"], &body["node"], &body["epoch"]),
        (&"moved".into(), &"eu-west-1/0".into(), &9.into())
    );
    let (status, body) = ask(SHARD, "3").await;
    assert_eq!(status, StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(
        (&body["node"], &body["epoch"]),
        (&"eu-central-1/0".into(), &4.into())
    );
    assert_eq!(
        ask(SHARD, "5").await.1["code"],
        "moving",
        "the router knows more than the node"
    );
    assert_eq!(
        ask("eu/eu-west/000", "1").await.1["code"],
        "moving",
        "nobody serves it"
    );
}

#[tokio::test]
async fn past_its_room_the_node_says_come_again() {
    let bench = Bench::new(0).await;
    let (status, body) = bench
        .ask(ROUTER, &[("meridian-shard", SHARD), ("meridian-epoch", "4")])
        .await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"overloaded".into())
    );
}

/// The door of the router asks first; a router that does not is found out.
#[tokio::test]
async fn a_request_that_its_router_may_not_have_seen_is_refused() {
    let bench = Bench::new(8).await;
    let good = [("meridian-shard", SHARD), ("meridian-epoch", "4")];
    let (status, _) = bench.ask_from("eu-west", ROUTER, &good).await;
    assert_eq!(status, StatusCode::OK);
    let (status, problem) = bench.ask_from("us-east", ROUTER, &good).await;
    assert_eq!(status.as_u16(), 451);
    assert_eq!(problem["code"], "law-forbids");
}
