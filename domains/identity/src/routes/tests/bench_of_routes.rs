//! The routes of one node that serves three homes, on stores in memory, with a clock that is moved by hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use cell_sdk::{Arrival, Directory, Domain, Lent, Seen};
use cell_shard::{Ownership, Shard, ShardLimits};
use cell_store::memory::Memory;
use cell_store::{KeyRange, Store};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use platform_model::{
    CountryCode, Epoch, Home, HomeId, IdempotencyKey, Jurisdiction, RequestId, RoutingTable, ShardId, UserId,
    WorldId,
};
use platform_runtime::TaskGroup;
use platform_runtime::clock::{Clock, ManualClock};
use platform_token::{SigningKey, Verifier};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use super::node::{Fault, Kept, Node};
use crate::{Identity, PasswordCost, Settings};

/// When the tests begin, milliseconds since 1970.
pub const NOW_MS: u64 = 1_800_000_000_000;
pub const PASSWORD: &str = "correct horse battery";
const HOMES: [&str; 3] = ["eu/eu-central", "eu/eu-west", "us/us-east"];

pub struct Bench {
    router: Router,
    pub node: Arc<Node>,
    pub identity: Identity,
    pub hand: ManualClock,
    clock: Clock,
    stores: BTreeMap<HomeId, Arc<Memory>>,
    _tasks: TaskGroup,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Told {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Told {
    pub fn text(&self, member: &str) -> &str {
        self.body[member]
            .as_str()
            .unwrap_or_else(|| panic!("no {member} in {} {}", self.status, self.body))
    }

    /// The code of a problem.
    pub fn code(&self) -> &str {
        assert_eq!(
            self.headers["content-type"], "application/problem+json",
            "{}",
            self.body
        );
        self.text("code")
    }

    #[track_caller]
    pub fn expect(self, status: StatusCode) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    pub fn access(&self) -> &str {
        self.text("access_token")
    }

    pub fn refresh(&self) -> &str {
        self.text("refresh_token")
    }
}

pub fn settings() -> Settings {
    Settings {
        password_cost: PasswordCost::new(16, 1, 1).expect("a cost"),
        sessions_max: 4,
        ..Settings::default()
    }
}

/// A fresh idempotency key at the time of the tests.
pub fn key() -> Uuid {
    platform_runtime::random::uuid_v7_at(NOW_MS)
}

pub fn home(text: &str) -> HomeId {
    text.parse().expect("a home")
}

pub fn user_of(key: Uuid) -> UserId {
    UserId::from_registration(IdempotencyKey::new(key).expect("version 7"))
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(settings()).await
    }

    pub async fn with(settings: Settings) -> Self {
        let (clock, hand) = Clock::manual(NOW_MS);
        let stores = HOMES.map(|text| (home(text), Memory::new())).into();
        Self::open(settings, (clock, hand), stores, Arc::default()).await
    }

    /// The node anew, with other settings: what it kept in memory is gone, what the stores hold is there.
    pub async fn restarted(self, settings: Settings) -> Self {
        let kept = Arc::clone(&self.node.kept);
        Self::open(settings, (self.clock, self.hand), self.stores, kept).await
    }

    async fn open(
        settings: Settings,
        (clock, hand): (Clock, ManualClock),
        stores: BTreeMap<HomeId, Arc<Memory>>,
        kept: Arc<Kept>,
    ) -> Self {
        let tasks = TaskGroup::new();
        let mut shards = BTreeMap::new();
        for (home, store) in &stores {
            shards.insert(home.clone(), open_shard(home, store, &clock, &tasks).await);
        }
        let signing: BTreeMap<_, _> = stores
            .keys()
            .map(|home| (home.clone(), SigningKey::generate()))
            .collect();
        let world = WorldId::new(&"0".repeat(64)).expect("a world");
        let node = Arc::new(Node {
            clock: clock.clone(),
            table: Arc::new(table(&world, &signing)),
            world,
            region: "eu-central".parse().expect("a region"),
            shards,
            signing,
            verifier: Verifier::new(64),
            kept,
            faults: Mutex::default(),
            hold: Mutex::default(),
        });
        let identity = Identity::new(settings);
        let lent: Lent = node.clone();
        Self {
            router: identity.routes().with_state(lent),
            node,
            identity,
            hand,
            clock,
            stores,
            _tasks: tasks,
        }
    }

    pub fn advance_s(&self, seconds: u64) {
        self.hand.advance(Duration::from_secs(seconds));
    }

    pub fn fail_once(&self, fault: Fault) {
        self.node.faults.lock().push(fault);
    }

    /// Whether the directory of a jurisdiction holds an address, and for whom.
    pub fn holder(&self, authority: &str, address: &str) -> Option<UserId> {
        let authority: Jurisdiction = authority.parse().expect("a jurisdiction");
        let place = (authority, self.node.digest("email", address));
        self.node.kept.claims.lock().get(&place).map(|row| row.user)
    }

    pub async fn send(&self, request: Request<Body>) -> Told {
        let answer = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("a router does not fail");
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).expect("JSON")
        };
        Told {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    /// A registration, as the router sends it to the first shard of `at`.
    pub async fn register_at(&self, at: &str, country: &str, key: Option<Uuid>, body: &Value) -> Told {
        let path = format!("/v1/register/{country}");
        self.send(request(at, "POST", &path, &headers(None, key), body.to_string()))
            .await
    }

    pub async fn register(&self, key: Uuid, email: &str) -> Told {
        self.register_at("eu/eu-central", "DE", Some(key), &person(email))
            .await
    }

    pub async fn login(&self, email: &str, password: &str) -> Told {
        self.login_at("eu/eu-central", email, password).await
    }

    pub async fn login_at(&self, home: &str, email: &str, password: &str) -> Told {
        let path = format!("/v1/homes/{}/login", home.replace('/', "~"));
        let body = json!({"email": email, "password": password});
        self.send(request(home, "POST", &path, &[], body.to_string()))
            .await
    }

    pub async fn refresh(&self, token: &str) -> Told {
        let headers = headers(Some(token), None);
        self.send(request(
            "eu/eu-central",
            "POST",
            "/v1/sessions/refresh",
            &headers,
            String::new(),
        ))
        .await
    }

    /// A request with an access token and no body.
    pub async fn ask(&self, token: &str, method: &str, path: &str) -> Told {
        let headers = headers(Some(token), None);
        self.send(request("eu/eu-central", method, path, &headers, String::new()))
            .await
    }

    /// Whether any key or value of the stores holds these bytes.
    pub async fn holds(&self, needle: &[u8]) -> bool {
        for store in self.stores.values() {
            let range = KeyRange {
                start: Bytes::from_static(&[0]),
                end: Bytes::from_static(&[0xff]),
            };
            let snapshot = store.snapshot().await.expect("a snapshot");
            let page = snapshot.scan(&range, 10_000, false).await.expect("rows");
            assert!(!page.more && !page.rows.is_empty());
            let within = |bytes: &[u8]| bytes.windows(needle.len()).any(|part| part == needle);
            if page.rows.iter().any(|(key, value)| within(key) || within(value)) {
                return true;
            }
        }
        false
    }
}

async fn open_shard(home: &HomeId, store: &Arc<Memory>, clock: &Clock, tasks: &TaskGroup) -> Shard {
    let ownership = Ownership {
        shard: ShardId::Root {
            home: home.clone(),
            index: 0,
        },
        node: "eu-central-1/0".parse().expect("a node"),
        epoch: Epoch(1),
    };
    let limits = ShardLimits::default();
    let shard = Shard::open(store.clone(), ownership, clock.clone(), tasks, limits).await;
    shard.expect("it opens")
}

fn table(world: &WorldId, signing: &BTreeMap<HomeId, SigningKey>) -> RoutingTable {
    let country = |text: &str| -> CountryCode { text.parse().expect("a country") };
    let jurisdiction = |text: &str| -> Jurisdiction { text.parse().expect("a jurisdiction") };
    let homes = signing.iter().map(|(home, key)| {
        let known = Home {
            shard_count: 1,
            host: format!("{}.meridian.test", home.host_label()),
            token_keys: vec![key.public()],
        };
        (home.clone(), known)
    });
    RoutingTable {
        homes: homes.collect(),
        countries: BTreeMap::from([
            (country("DE"), jurisdiction("eu")),
            (country("US"), jurisdiction("us")),
        ]),
        authorities: BTreeMap::from([(jurisdiction("eu"), 1), (jurisdiction("us"), 1)]),
        ..RoutingTable::empty(world.clone())
    }
}

/// A registration's document.
pub fn person(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD, "display_name": "Anna"})
}

pub type Headers = Vec<(&'static str, String)>;

pub fn headers(token: Option<&str>, key: Option<Uuid>) -> Headers {
    let token = token.map(|token| ("authorization", format!("Bearer {token}")));
    let key = key.map(|key| ("idempotency-key", key.to_string()));
    token.into_iter().chain(key).collect()
}

/// A request as it comes through the node's door, to the first shard of a home.
pub fn request(
    at: &str,
    method: &str,
    path: &str,
    headers: &[(&'static str, String)],
    body: String,
) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        builder = builder.header(*name, value);
    }
    builder
        .extension(arrival(&format!("{at}/000")))
        .body(Body::from(body))
        .expect("a request")
}

/// As the node's door says it of a request for this shard.
pub fn arrival(shard: &str) -> Arrival {
    Arrival {
        shard: shard.parse().expect("a shard"),
        request_id: RequestId::from_uuid(Uuid::from_u128(7)),
        not_older_than: None,
        seen: Seen::default(),
    }
}
