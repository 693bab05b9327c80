//! Events between two homes of one node: told, relayed, taken once and in order, parked where they cannot be.

use std::sync::Arc;
use std::time::Duration;

use cell_layers::event::EventField;
use cell_layers::keys::{KeyCache, UserKey};
use cell_layers::{Query, RootTx, Table};
use cell_sdk::{Address, Domain, DomainError, Mode, tell};
use cell_shard::{Request, Scope, Shard, Tx};
use cell_store::memory::Memory;
use domains_identity::stored::Account;
use domains_training::stored::{SharedWorkout, WorkoutShared};
use platform_model::{
    Actor, DataClass, Epoch, EpochPosition, Home, HomeId, Position, RequestId, RootRef, RoutingTable,
    ShardId, UserId,
};
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use platform_runtime::tls::authority::Authority;
use platform_runtime::tls::{Identity, install_ring};
use platform_wire::events::{Delivery, EventAt, EventsClient, Receipt, Settle};
use platform_wire::follow::Followed;
use platform_wire::keys::KeysClient;
use platform_wire::report::ReportClient;
use tempfile::TempDir;
use uuid::Uuid;

use super::cargo::Kept;
use super::{Events, Lent, Parts};
use crate::home_keys::{HomeKeys, load_keks};
use crate::hosted::Hosted;
use crate::telling::Telling;
use crate::tests::hosted::{lawful, start};
use crate::tests::leader::{Leader, lending, unborn};
use crate::{gateway, tests};

const WITHIN: Duration = Duration::from_secs(60);
const ME: &str = "eu-central-1/0";
const AUTHORS: &str = "eu/eu-west";
const FOLLOWERS: &str = "eu/eu-central";
const SHARED: Table<SharedWorkout> = Table::new();
const ACCOUNTS: Table<Account> = Table::new();

struct Bench {
    events: Events,
    tasks: TaskGroup,
    hosted: Hosted,
    _dir: TempDir,
}

fn user(number: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(number))
}

fn shard_of(home: &str) -> ShardId {
    format!("{home}/000").parse().expect("a shard")
}

/// Both homes, one shard each, their keys, all on this node.
fn table(world: platform_model::WorldId) -> RoutingTable {
    let mut table = RoutingTable {
        world,
        ..tests::sample::table()
    };
    for home in [AUTHORS, FOLLOWERS] {
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
    table
}

impl Bench {
    async fn new() -> Self {
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
        let hosted = Hosted::new(me, lending(Memory::new(), &telling), tasks.child());
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
            client: EventsClient::new(identity),
            reports: reports.expect("an address"),
            domains: Arc::new(gateway::domains()),
        });
        let open = async {
            while hosted.served().len() < 4 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(WITHIN, open).await.expect("all serve");
        Self {
            events,
            tasks,
            hosted,
            _dir: dir,
        }
    }

    fn parts(&self) -> &Parts {
        &self.events.parts
    }

    fn shard(&self, home: &str) -> Shard {
        self.hosted.get(&shard_of(home)).expect("it serves")
    }

    /// Somebody who is there: with a key and an account.
    async fn person(&self, home: &str, number: u128) -> UserId {
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

    async fn key(&self, home: &str, user: UserId) -> UserKey {
        let parts = self.parts();
        let home = home.parse().expect("a home");
        parts
            .keys
            .open(&parts.followed, &home, user)
            .await
            .expect("a key")
    }

    async fn write<T, F, Fut>(&self, home: &str, user: UserId, domain: &'static str, f: F) -> T
    where
        T: Send,
        F: Fn(RootTx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, DomainError>> + Send,
    {
        let key = &self.key(home, user).await;
        let request = Request {
            actor: Actor::User(user),
            domain,
            request_id: RequestId::from_uuid(Uuid::new_v4()),
            mode: Mode::Sync,
            scope: Scope::Root(RootRef::user(user)),
            not_older_than: None,
            deadline: WITHIN,
        };
        let write = |tx: Tx| f(RootTx::new(tx, RootRef::user(user), domain, key));
        let written = self.shard(home).write(&request, write).await;
        written.map_err(|error| error.to_string()).expect("written").value
    }

    /// The author tells somebody of a workout.
    async fn tell(&self, author: UserId, to: UserId, number: u128) {
        let address = &Address {
            home: FOLLOWERS.parse().expect("a home"),
            user: to,
        };
        self.write(AUTHORS, author, "training", |tx| async move {
            tell(&tx, address, &workout(number))
        })
        .await;
    }

    /// Titles of what the follower was shown, in the order in which it came.
    async fn seen(&self, follower: UserId) -> Vec<String> {
        let read = |tx: RootTx| async move { Ok(SHARED.scan(&tx, Query::first(1_000)).await?.rows) };
        let rows = self.write(FOLLOWERS, follower, "training", read).await;
        rows.into_iter().filter_map(|row| row.title).collect()
    }

    async fn until_seen(&self, follower: UserId, wanted: &[String]) {
        let wait = async {
            while self.seen(follower).await.len() < wanted.len() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let came = tokio::time::timeout(WITHIN, wait).await;
        assert!(came.is_ok(), "{:?}", self.seen(follower).await);
        assert_eq!(self.seen(follower).await, wanted);
    }

    async fn receive(&self, delivery: &Delivery) -> Receipt {
        let shard = self.shard(FOLLOWERS);
        self.parts().receive(&shard_of(AUTHORS), &shard, delivery).await
    }

    async fn end(self) {
        self.hosted.close_all().await;
        assert!(self.tasks.shutdown(WITHIN).await);
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

fn workout(number: u128) -> WorkoutShared {
    WorkoutShared {
        workout: Uuid::from_u128(number).as_bytes().to_vec(),
        title: Some(number.to_string()),
        ..WorkoutShared::default()
    }
}

fn titles(numbers: impl IntoIterator<Item = u128>) -> Vec<String> {
    numbers.into_iter().map(|number| number.to_string()).collect()
}

fn delivery(to: UserId, position: u64) -> Delivery {
    let at = EpochPosition {
        epoch: Epoch(1),
        position: Position(position),
    };
    Delivery {
        to,
        key: EventAt {
            at,
            index: 0,
            event: 0,
        },
        low: at,
        domain: "training".into(),
        name: "workout_shared".into(),
        event_version: 1,
        from: user(1),
        message: prost::Message::encode_to_vec(&workout(u128::from(position))).into(),
        classes: vec![(1, DataClass::Operational), (2, DataClass::Social)],
    }
}

#[tokio::test]
async fn what_a_shard_tells_takes_effect_at_another_homes_root_once_and_in_order() {
    let bench = Bench::new().await;
    let author = bench.person(AUTHORS, 1).await;
    let (one, other) = (bench.person(FOLLOWERS, 2).await, bench.person(FOLLOWERS, 3).await);
    // Some before anybody relays, and some after.
    for number in 0..20 {
        bench
            .tell(author, if number % 2 == 0 { one } else { other }, number)
            .await;
    }
    bench.events.relay(&bench.tasks);
    for number in 20..40 {
        bench
            .tell(author, if number % 2 == 0 { one } else { other }, number)
            .await;
    }
    bench.until_seen(one, &titles((0..40).step_by(2))).await;
    bench.until_seen(other, &titles((1..40).step_by(2))).await;
    let shard = bench.shard(AUTHORS);
    let empty = async {
        while !shard.outbox_page(None).await.expect("read").0.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(WITHIN, empty)
        .await
        .expect("what was delivered is removed");
    bench.end().await;
}

#[tokio::test]
async fn a_delivery_that_comes_again_or_late_changes_nothing() {
    let bench = Bench::new().await;
    let follower = bench.person(FOLLOWERS, 2).await;
    for position in [5, 5, 7, 6, 5, 7] {
        assert_eq!(
            bench.receive(&delivery(follower, position)).await,
            Receipt::Delivered
        );
    }
    assert_eq!(
        bench.seen(follower).await,
        titles([5, 7]),
        "6 was overtaken: a repeat"
    );
    bench.end().await;
}

#[tokio::test]
async fn two_that_come_at_once_take_effect_once() {
    let bench = Bench::new().await;
    let follower = bench.person(FOLLOWERS, 2).await;
    let one = delivery(follower, 5);
    let both = tokio::join!(bench.receive(&one), bench.receive(&one));
    assert_eq!(both, (Receipt::Delivered, Receipt::Delivered));
    assert_eq!(bench.seen(follower).await, titles([5]));
    bench.end().await;
}

#[tokio::test]
async fn an_event_of_a_later_version_or_that_is_refused_is_parked_and_holds_nobody_up() {
    let bench = Bench::new().await;
    let follower = bench.person(FOLLOWERS, 2).await;
    let later = Delivery {
        event_version: 9,
        ..delivery(follower, 5)
    };
    let strange = Delivery {
        name: "never_heard_of".into(),
        ..delivery(follower, 6)
    };
    // The workout's id as a number.
    let broken = Delivery {
        message: vec![8, 1].into(),
        ..delivery(follower, 7)
    };
    for event in [&later, &strange, &broken, &delivery(follower, 8)] {
        assert_eq!(bench.receive(event).await, Receipt::Delivered, "{event:?}");
        assert_eq!(bench.receive(event).await, Receipt::Delivered, "again");
    }
    assert_eq!(bench.seen(follower).await, titles([8]));
    let (parked, more) = bench.parts().list_parked().await.expect("listed");
    let reasons: Vec<&str> = parked.iter().map(|event| event.reason.as_str()).collect();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert!(!more && reasons[0].contains("version 9") && reasons[2].contains("bad-request"));
    let settle = |drop, dry_run| Settle {
        id: parked[0].id.clone(),
        drop,
        reason: "a test".into(),
        dry_run,
    };
    let by = "spiffe://a/region/eu-central/operator/sre/kim";
    let again = bench.parts().settle_parked(&settle(false, false), by).await;
    let again = again.expect("answered");
    assert!(!again.settled, "still of a later version: {again:?}");
    let dry = bench.parts().settle_parked(&settle(true, true), by).await;
    assert!(!dry.expect("answered").settled);
    let gone = bench.parts().settle_parked(&settle(true, false), by).await;
    assert!(gone.expect("answered").settled);
    let gone = bench.parts().settle_parked(&settle(true, false), by).await;
    assert!(gone.is_err(), "once");
    assert_eq!(bench.parts().list_parked().await.expect("listed").0.len(), 2);
    bench.end().await;
}

#[tokio::test]
async fn an_event_for_a_root_that_never_was_is_set_aside_and_those_behind_it_arrive() {
    let bench = Bench::new().await;
    let (author, follower) = (bench.person(AUTHORS, 1).await, bench.person(FOLLOWERS, 2).await);
    bench.tell(author, user(99), 1).await;
    bench.tell(author, follower, 2).await;
    bench.events.relay(&bench.tasks);
    bench.until_seen(follower, &titles([2])).await;
    let aside = async {
        loop {
            let (parked, _) = bench.parts().list_parked().await.expect("listed");
            if let [only] = parked.as_slice() {
                return only.clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let aside = tokio::time::timeout(WITHIN, aside).await.expect("set aside");
    assert!(
        aside.undelivered && aside.reason.contains("never was"),
        "{aside:?}"
    );
    // He comes after all, and it is told again.
    bench.person(FOLLOWERS, 99).await;
    let settle = Settle {
        id: aside.id,
        drop: false,
        reason: "he is there now".into(),
        dry_run: false,
    };
    let by = "spiffe://a/region/eu-central/operator/sre/kim";
    let settled = bench.parts().settle_parked(&settle, by).await;
    assert!(settled.expect("answered").settled);
    bench.until_seen(user(99), &titles([1])).await;
    bench.end().await;
}

#[tokio::test]
async fn a_field_that_the_law_keeps_is_left_out_and_without_its_ids_an_event_stays() {
    let bench = Bench::new().await;
    let field = |class| EventField {
        tag: 1,
        name: "a_field",
        class,
    };
    let passes = |source: &str, to: &str, class| {
        let to: HomeId = to.parse().expect("a home");
        bench
            .parts()
            .passes(&source.parse().expect("a shard"), &to, &field(class))
    };
    // The plain law: what is of a jurisdiction stays in its regions.
    assert_eq!(passes("eu/eu-west/000", FOLLOWERS, DataClass::Health), Ok(true));
    assert_eq!(passes("us/us-east/000", FOLLOWERS, DataClass::Health), Ok(false));
    let kept = passes("us/us-east/000", FOLLOWERS, DataClass::Operational);
    assert!(matches!(kept, Err(Kept::Aside(_))), "{kept:?}");
    bench.end().await;
}

#[tokio::test]
async fn a_field_without_a_class_or_of_another_law_does_not_come_in() {
    let bench = Bench::new().await;
    let follower = bench.person(FOLLOWERS, 2).await;
    let unclassed = Delivery {
        classes: vec![(1, DataClass::Operational)],
        ..delivery(follower, 5)
    };
    let refused = bench.receive(&unclassed).await;
    assert!(matches!(refused, Receipt::Unlawful(_)), "{refused:?}");
    let shard = bench.shard(FOLLOWERS);
    let abroad = "us/us-east/000".parse().expect("a shard");
    let refused = bench
        .parts()
        .receive(&abroad, &shard, &delivery(follower, 5))
        .await;
    assert!(matches!(refused, Receipt::Unlawful(_)), "{refused:?}");
    assert!(bench.seen(follower).await.is_empty());
    bench.end().await;
}

#[test]
fn every_event_that_a_domain_tells_has_fields_by_which_it_is_known() {
    for domain in gateway::domains() {
        for event in Domain::events(domain.as_ref()) {
            let known = event
                .fields
                .iter()
                .any(|field| field.class == DataClass::Operational);
            assert!(known, "{}/{}", domain.name(), event.name);
        }
    }
}
