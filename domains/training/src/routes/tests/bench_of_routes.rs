//! A node as far as the routes need one: one shard in memory, two people, tokens that are their user ids.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use cell_layers::keys::UserKey;
use cell_sdk::{
    Arrival, ClaimDigest, ClaimEntry, ClaimOutcome, Directory, Domain, Lent, OpenUser, RootCtx, Services,
};
use cell_shard::{Ownership, Shard, ShardLimits};
use cell_store::memory::Memory;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use platform_model::{
    Actor, Code, Epoch, HomeId, Jurisdiction, Problem, RegionId, RequestId, RoutingTable, UserId, WorldId,
};
use platform_runtime::TaskGroup;
use platform_runtime::clock::{Clock, ManualClock};
use platform_token::Claims;
use serde_json::Value;
use tower::ServiceExt;
use uuid::Uuid;

use crate::Training;

/// When the tests begin, milliseconds since 1970.
pub const NOW_MS: u64 = 1_800_000_000_000;

pub struct Bench {
    router: Router,
    store: Arc<Memory>,
    people: Vec<(UserId, UserKey)>,
    pub shard: Shard,
    pub clock: ManualClock,
    _tasks: TaskGroup,
}

struct Node {
    clock: Clock,
    world: WorldId,
    region: RegionId,
    shard: Shard,
    people: Vec<(UserId, UserKey)>,
    home: HomeId,
}

/// The people of the bench.
pub fn person(number: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(number))
}

impl Bench {
    pub async fn new() -> Self {
        let (clock, manual) = Clock::manual(NOW_MS);
        let tasks = TaskGroup::new();
        let ownership = Ownership {
            shard: "eu/eu-central/000".parse().expect("a shard"),
            node: "eu-central-1/0".parse().expect("a node"),
            epoch: Epoch(1),
        };
        let store = Memory::new();
        let people: Vec<_> = (1..=2)
            .map(|number| (person(number), UserKey::generate()))
            .collect();
        let shard = Shard::open(
            store.clone(),
            ownership,
            clock.clone(),
            &tasks,
            ShardLimits::default(),
        );
        let shard = shard.await.expect("it opens");
        let node = Node {
            clock,
            world: WorldId::new(&"0".repeat(64)).expect("a world"),
            region: "eu-central".parse().expect("a region"),
            shard: shard.clone(),
            people: people.clone(),
            home: "eu/eu-central".parse().expect("a home"),
        };
        let lent: Lent = Arc::new(node);
        Self {
            router: Training::new().routes().with_state(lent),
            store,
            people,
            shard,
            clock: manual,
            _tasks: tasks,
        }
    }

    /// Rows of the root's data whose key holds this text: a table's or a layer's name.
    pub fn rows_of(&self, name: &str) -> usize {
        let rows = self.store.rows();
        rows.iter()
            .filter(|(key, _)| key.windows(name.len()).any(|part| part == name.as_bytes()))
            .count()
    }

    /// The first person's root, as a request has it.
    pub fn root(&self) -> RootCtx {
        let (user, key) = self.people[0].clone();
        let open = OpenUser {
            shard: self.shard.clone(),
            key,
        };
        let home = "eu/eu-central".parse().expect("a home");
        RootCtx {
            user,
            home,
            actor: Actor::User(user),
            open,
            arrival: arrival(),
        }
    }

    pub async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router
            .clone()
            .oneshot(request)
            .await
            .expect("a router does not fail")
    }

    /// A request of person 1 without a body.
    pub async fn ask(&self, method: &str, path: &str) -> (StatusCode, Value) {
        json(self.send(request(1, method, path, None, Vec::new())).await).await
    }

    /// An upload of person 1 under a key of its own.
    pub async fn upload(&self, bytes: &[u8]) -> (StatusCode, Value) {
        json(
            self.send(request(1, "POST", "/v1/activities", Some(key()), bytes.to_vec()))
                .await,
        )
        .await
    }
}

/// A fresh idempotency key at the time of the tests.
pub fn key() -> Uuid {
    platform_runtime::random::uuid_v7_at(NOW_MS)
}

pub fn request(who: u128, method: &str, path: &str, key: Option<Uuid>, body: Vec<u8>) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path);
    builder = builder.header("authorization", format!("Bearer {}", person(who)));
    if let Some(key) = key {
        builder = builder.header("idempotency-key", key.to_string());
    }
    builder
        .extension(arrival())
        .body(Body::from(body))
        .expect("a request")
}

fn arrival() -> Arrival {
    Arrival {
        shard: "eu/eu-central/000".parse().expect("a shard"),
        request_id: RequestId::from_uuid(Uuid::from_u128(7)),
        not_older_than: None,
        seen: cell_sdk::Seen::default(),
    }
}

pub async fn bytes(response: Response<Body>) -> Vec<u8> {
    response
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes()
        .to_vec()
}

pub async fn json(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let bytes = bytes(response).await;
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&bytes).expect("JSON")
    };
    (status, body)
}

#[async_trait]
impl Services for Node {
    fn clock(&self) -> &Clock {
        &self.clock
    }
    fn world(&self) -> &WorldId {
        &self.world
    }
    fn region(&self) -> &RegionId {
        &self.region
    }
    fn table(&self) -> Arc<RoutingTable> {
        Arc::new(RoutingTable::empty(self.world.clone()))
    }
    fn directory(&self) -> &dyn Directory {
        self
    }
    async fn open_user(&self, _: &HomeId, user: UserId) -> Result<OpenUser, Problem> {
        let known = self
            .people
            .iter()
            .find(|person| person.0 == user)
            .ok_or(Code::NotFound)?;
        Ok(OpenUser {
            shard: self.shard.clone(),
            key: known.1.clone(),
        })
    }
    async fn create_user_key(&self, _: &HomeId, _: UserId) -> Result<(), Problem> {
        Err(Code::Internal.into())
    }
    async fn sign_token(&self, _: &Claims) -> Result<String, Problem> {
        Err(Code::Internal.into())
    }
    fn verify_token(&self, token: &str) -> Result<Arc<Claims>, Problem> {
        let user: UserId = token.parse().map_err(|_| Code::InvalidToken)?;
        Ok(Arc::new(Claims {
            user,
            home: self.home.clone(),
            host: "localhost".to_owned(),
            session: Uuid::from_u128(9),
            issued_s: 0,
            expires_s: u64::MAX,
        }))
    }
    async fn check_session(&self, _: &OpenUser, _: &Claims) -> Result<(), Problem> {
        Ok(())
    }
}

/// Training claims nothing.
#[async_trait]
impl Directory for Node {
    fn digest(&self, _: &str, _: &str) -> ClaimDigest {
        ClaimDigest([0; 32])
    }
    async fn claim(&self, _: &Jurisdiction, _: ClaimDigest, _: ClaimEntry) -> Result<ClaimOutcome, Problem> {
        Err(Code::Internal.into())
    }
    async fn release(
        &self,
        _: &Jurisdiction,
        _: ClaimDigest,
        _: Uuid,
        _: Option<&HomeId>,
    ) -> Result<(), Problem> {
        Err(Code::Internal.into())
    }
    async fn lookup(&self, _: &Jurisdiction, _: ClaimDigest) -> Result<Option<ClaimEntry>, Problem> {
        Err(Code::Internal.into())
    }
}
