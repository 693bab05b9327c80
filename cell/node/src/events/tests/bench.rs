//! Homes on one node, one shard each, with people in them.

use std::sync::Arc;
use std::time::Duration;

use cell_layers::keys::{KeyCache, UserKey};
use cell_layers::place::{self, Standing};
use cell_layers::{Query, RootTx, Table};
use cell_relay::parked::PARKED_PER_ROOT_MAX;
use cell_sdk::{Address, DomainError, Mode, tell};
use cell_shard::{Request, Scope, Shard, Tx, TxError};
use cell_store::key::Tuple;
use cell_store::memory::Memory;
use domains_identity::stored::Account;
use domains_training::stored::SharedWorkout;
use platform_model::{
    Actor, Cell, CellState, Home, HomeId, RequestId, RootRef, RoutingTable, ShardId, UserId,
};
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use platform_runtime::tls::authority::Authority;
use platform_runtime::tls::{Identity, install_ring};
use platform_wire::events::{Delivery, EventsClient, Receipt};
use platform_wire::follow::Followed;
use platform_wire::keys::KeysClient;
use platform_wire::report::ReportClient;
use tempfile::TempDir;
use uuid::Uuid;

use crate::events::{Bridge, Events, Lent, Parts};
use crate::home_keys::{HomeKeys, load_keks};
use crate::hosted::{Hosted, Lending};
use crate::telling::Telling;
use crate::tests::hosted::{lawful, start};
use crate::tests::leader::{Leader, lending, unborn};
use crate::{gateway, tests};

mod made;

pub(crate) use crate::tests::until::{WITHIN, until};
pub(crate) use made::{delivery, titles, workout};

const ME: &str = "eu-central-1/0";
pub(crate) const DIRECTORY: &str = "directory/eu/000";
pub(crate) const AUTHORS: &str = "eu/eu-west";
pub(crate) const ABROAD: &str = "us/us-east";
pub(crate) const FOLLOWERS: &str = "eu/eu-central";
/// A third home of the same law, for who moves twice.
pub(crate) const BEYOND: &str = "eu/eu-south";
const SHARED: Table<SharedWorkout> = Table::new();
const ACCOUNTS: Table<Account> = Table::new();

pub(crate) struct Bench {
    pub(crate) events: Events,
    pub(crate) tasks: TaskGroup,
    pub(crate) hosted: Hosted,
    pub(crate) identity: Identity,
    pub(crate) dir: TempDir,
}

pub(crate) fn user(number: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn shard_of(home: &str) -> ShardId {
    format!("{home}/000").parse().expect("a shard")
}

/// All homes, one shard each, their keys, all on this node.
fn table(world: platform_model::WorldId) -> RoutingTable {
    let mut table = RoutingTable {
        world,
        ..tests::sample::table()
    };
    for home in [AUTHORS, FOLLOWERS, BEYOND] {
        let id: HomeId = home.parse().expect("a home");
        let known = Home {
            shard_count: 1,
            host: "localhost".into(),
            token_keys: Vec::new(),
        };
        table.homes.insert(id.clone(), known);
        table.shards.insert(shard_of(home), unborn(ME, 1));
        table.shards.insert(ShardId::Keys { home: id }, unborn(ME, 1));
    }
    // A home abroad, of a node that nobody hears.
    let abroad: HomeId = ABROAD.parse().expect("a home");
    let known = Home {
        shard_count: 1,
        host: "localhost".into(),
        token_keys: Vec::new(),
    };
    table.homes.insert(abroad.clone(), known);
    table.shards.insert(shard_of(ABROAD), unborn("us-east-1/0", 1));
    table
        .shards
        .insert(ShardId::Keys { home: abroad }, unborn("us-east-1/0", 1));
    let cell = Cell {
        region: "us-east".parse().expect("a region"),
        state: CellState::Open,
    };
    table.cells.insert("us-east-1".parse().expect("a cell"), cell);
    let cell = Cell {
        region: "eu-central".parse().expect("a region"),
        state: CellState::Open,
    };
    table.cells.insert("eu-central-1".parse().expect("a cell"), cell);
    let directory = DIRECTORY.parse().expect("a shard");
    table.authorities.insert("eu".parse().expect("one"), 1);
    table.shards.insert(directory, unborn(ME, 1));
    table
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(None).await
    }

    /// With a broker outside.
    pub(crate) async fn with(bridge: Option<Bridge>) -> Self {
        install_ring();
        let dir = tempfile::tempdir().expect("a folder");
        let authority = Authority::create(&dir.path().join("ca")).expect("a world");
        let identity = identity(&dir, &authority);
        let keys = dir.path().join("keys");
        std::fs::create_dir(&keys).expect("a folder");
        let kek = keys.join("jurisdiction-eu.key");
        std::fs::write(&kek, [7; 32]).expect("written");
        std::fs::set_permissions(&kek, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
        let (tasks, clock) = (TaskGroup::new(), Clock::system());
        let (sender, followed) = Followed::by_hand(table(authority.world()), &clock);
        let telling = Telling::default();
        let me = (ME.parse().expect("a node"), start(1));
        let lent = Lending {
            bridged: bridge.is_some(),
            ..lending(Memory::new(), &telling)
        };
        let hosted = Hosted::new(me, lent, tasks.child());
        hosted.keep(followed.table.clone(), &tasks);
        Leader::begin(&sender, &hosted, &telling, &tasks);
        let keys = HomeKeys::new(
            hosted.clone(),
            KeysClient::new(identity.clone()),
            clock.clone(),
            load_keks(&keys).expect("keys"),
            KeyCache::new(clock.clone(), 100, Duration::from_secs(60)),
        );
        let reports = ReportClient::new(vec!["127.0.0.1:9".into()], identity.clone(), clock.clone());
        let events = Events::new(Lent {
            world: authority.world(),
            hosted: hosted.clone(),
            followed: followed.clone(),
            keys: keys.clone(),
            law: lawful(),
            clock,
            client: EventsClient::new(identity.clone()),
            reports: reports.expect("an address"),
            domains: Arc::new(gateway::domains()),
            bridge,
        });
        until("all serve", async || hosted.served().len() >= 7).await;
        Self {
            events,
            tasks,
            hosted,
            identity,
            dir,
        }
    }

    pub(in crate::events) fn parts(&self) -> &Parts {
        &self.events.parts
    }

    pub(crate) fn followed(&self) -> Followed {
        self.parts().followed.clone()
    }

    pub(crate) fn keys(&self) -> HomeKeys {
        self.parts().keys.clone()
    }

    pub(crate) fn shard(&self, home: &str) -> Shard {
        self.hosted.get(&shard_of(home)).expect("it serves")
    }

    /// Somebody who is there: with a key and an account.
    pub(crate) async fn person(&self, home: &str, number: u128) -> UserId {
        let (id, user): (HomeId, _) = (home.parse().expect("a home"), user(number));
        let parts = self.parts();
        parts
            .keys
            .create(&parts.followed, &id, user)
            .await
            .expect("a key");
        let account = Account {
            user: user.as_bytes().to_vec(),
            ..Account::default()
        };
        let account = &account;
        self.write(home, user, "identity", |tx| async move {
            Ok(ACCOUNTS.insert(&tx, account).await?)
        })
        .await;
        user
    }

    pub(crate) async fn key(&self, home: &str, user: UserId) -> UserKey {
        let parts = self.parts();
        let home = home.parse().expect("a home");
        parts
            .keys
            .open(&parts.followed, &home, user)
            .await
            .expect("a key")
    }

    pub(crate) async fn write<T, F, Fut>(&self, home: &str, user: UserId, domain: &'static str, f: F) -> T
    where
        T: Send,
        F: Fn(RootTx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, DomainError>> + Send,
    {
        let key = self.key(home, user).await;
        self.write_under(home, (user, &key), domain, f).await
    }

    /// Under a key that need not be the person's.
    pub(crate) async fn write_under<T, F, Fut>(
        &self,
        home: &str,
        (user, key): (UserId, &UserKey),
        domain: &'static str,
        f: F,
    ) -> T
    where
        T: Send,
        F: Fn(RootTx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, DomainError>> + Send,
    {
        let request = root_request(user, domain);
        let write = |tx: Tx| f(RootTx::new(tx, RootRef::user(user), domain, key));
        let written = self.shard(home).write(&request, write).await;
        written.map_err(|error| error.to_string()).expect("written").value
    }

    /// Has somebody stand so in a home, as a relocation leaves him.
    pub(crate) async fn stand(&self, home: &str, user: UserId, standing: &Standing) {
        let request = Request {
            actor: Actor::User(user),
            domain: "relocation",
            request_id: RequestId::from_uuid(Uuid::new_v4()),
            mode: Mode::Sync,
            scope: Scope::Root(RootRef::user(user)),
            not_older_than: None,
            deadline: WITHIN,
        };
        let note = |tx: Tx| async move { place::put_standing(&tx, user, standing) };
        let noted = self.shard(home).write(&request, note).await;
        noted.map_err(|error| error.to_string()).expect("noted");
    }

    /// The author tells somebody of a workout.
    pub(crate) async fn tell(&self, author: UserId, to: UserId, number: u128) {
        let address = &Address {
            home: FOLLOWERS.parse().expect("a home"),
            user: to,
        };
        self.write(AUTHORS, author, "training", |tx| async move {
            tell(&tx, address, &workout(number))
        })
        .await;
    }

    /// As [`Self::tell`], where it may be refused.
    pub(crate) async fn try_tell(&self, author: UserId, to: UserId, number: u128) -> Result<(), String> {
        let key = self.key(AUTHORS, author).await;
        let address = &Address {
            home: FOLLOWERS.parse().expect("a home"),
            user: to,
        };
        let request = root_request(author, "training");
        let write = |tx: Tx| {
            let tx = RootTx::new(tx, RootRef::user(author), "training", &key);
            async move { tell(&tx, address, &workout(number)) }
        };
        let written = self.shard(AUTHORS).write(&request, write).await;
        written.map(drop).map_err(|error| error.to_string())
    }

    /// Titles of what the follower was shown, in the order in which it came.
    pub(crate) async fn seen(&self, follower: UserId) -> Vec<String> {
        self.seen_in(FOLLOWERS, follower).await
    }

    async fn seen_in(&self, home: &str, follower: UserId) -> Vec<String> {
        let read = |tx: RootTx| async move { Ok(SHARED.scan(&tx, Query::first(1_000)).await?.rows) };
        let rows = self.write(home, follower, "training", read).await;
        rows.into_iter().filter_map(|row| row.title).collect()
    }

    pub(crate) async fn until_seen(&self, follower: UserId, wanted: &[String]) {
        self.until_seen_in(FOLLOWERS, follower, wanted).await;
    }

    pub(crate) async fn until_seen_in(&self, home: &str, follower: UserId, wanted: &[String]) {
        let all = format!("{follower} sees {wanted:?}");
        until(&all, async || {
            self.seen_in(home, follower).await.len() >= wanted.len()
        })
        .await;
        assert_eq!(self.seen_in(home, follower).await, wanted);
    }

    /// Until every receiver of what the authors told has it.
    pub(crate) async fn until_delivered(&self) {
        let shard = self.shard(AUTHORS);
        let left = async || shard.outbox().page().await.expect("read");
        until("the outbox is empty", async || {
            left().await.is_none_or(|page| page.is_empty())
        })
        .await;
    }

    pub(crate) async fn receive(&self, delivery: &Delivery) -> Receipt {
        let shard = self.shard(FOLLOWERS);
        self.parts().receive(&shard_of(AUTHORS), &shard, delivery).await
    }

    /// As if as many events of that root were parked as may be.
    pub(crate) async fn fill_parked(&self, user: UserId) {
        let shard = self.shard(FOLLOWERS);
        let request = Request {
            actor: Actor::User(user),
            domain: "relay",
            request_id: RequestId::from_uuid(Uuid::new_v4()),
            mode: Mode::Sync,
            scope: Scope::Shared("parked"),
            not_older_than: None,
            deadline: WITHIN,
        };
        let fill = |tx: Tx| async move {
            (0..PARKED_PER_ROOT_MAX as u64).try_for_each(|number| {
                let key = Tuple::new().uuid(user.as_uuid()).u64(number).pack();
                tx.put(key, "x")
            })
        };
        let filled = shard.write::<_, TxError, _, _>(&request, fill).await;
        filled.expect("written");
    }

    pub(crate) async fn end(self) {
        self.hosted.close_all().await;
        assert!(self.tasks.shutdown(WITHIN).await);
    }
}

fn root_request(user: UserId, domain: &'static str) -> Request {
    Request {
        actor: Actor::User(user),
        domain,
        request_id: RequestId::from_uuid(Uuid::new_v4()),
        mode: Mode::Sync,
        scope: Scope::Root(RootRef::user(user)),
        not_older_than: None,
        deadline: WITHIN,
    }
}

fn identity(dir: &TempDir, authority: &Authority) -> Identity {
    let into = dir.path().join("node");
    let domain = authority.world().trust_domain().to_string();
    let id = format!("spiffe://{domain}/region/eu-central/cell/eu-central-1/node/0");
    authority
        .issue(&id.parse().expect("an id"), &[], 1, &into)
        .expect("issued");
    Identity::load(&into, &authority.world()).expect("good")
}
