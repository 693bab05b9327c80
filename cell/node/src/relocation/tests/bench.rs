//! Two homes on one node, and people who move between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use cell_law::Law;
use cell_layers::place::Standing;
use cell_layers::{LayerError, RootTx, Table};
use cell_relay::Place;
use cell_sdk::{ClaimDigest, ClaimEntry, ClaimOutcome, DomainError, Services as _};
use cell_shard::{Tx, WriteError};
use cell_store::key::Tuple;
use domains_identity::stored::{Claim, ClaimState, Follower};
use parking_lot::Mutex;
use platform_model::{HomeId, Jurisdiction, RootRef, UserId};
use platform_runtime::clock::Clock;
use platform_token::Verifier;
use platform_wire::directory::DirectoryClient;
use platform_wire::relocation::{ArrivalsClient, EntriesClient};
use uuid::Uuid;

use crate::directory::{Claims, LookupKey};
use crate::events::tests::bench::{self as two, AUTHORS as WEST, FOLLOWERS as CENTRAL};
use crate::relocation::standing::{self, request};
use crate::relocation::{self, NotAdmitted, Parts, Records, Relocations};
use crate::services::NodeServices;
use crate::tests::sample;

const FOLLOWERS: Table<Follower> = Table::new();
const CLAIMS: Table<Claim> = Table::new();
const ROWS_AT_ONCE: u64 = 500;

pub(super) struct Bench {
    pub two: two::Bench,
    relocations: Relocations,
    services: Arc<NodeServices>,
    recorder: Arc<Recorder>,
    law_age_ms: Arc<AtomicU64>,
}

/// Controllers that note whatever they are told.
#[derive(Default)]
struct Recorder(Mutex<Vec<(HomeId, UserId, HomeId)>>);

#[async_trait]
impl Records for Recorder {
    async fn admit(&self, _: &HomeId, _: &Jurisdiction) -> Result<(), NotAdmitted> {
        Ok(())
    }

    async fn departed(&self, home: &HomeId, user: UserId, _: u64, to: &HomeId) -> Result<u64, String> {
        self.0.lock().push((home.clone(), user, to.clone()));
        Ok(1)
    }
}

pub(super) fn home(text: &str) -> HomeId {
    text.parse().expect("a home")
}

impl Bench {
    pub(super) async fn new() -> Self {
        let two = two::Bench::new().await;
        let (followed, clock) = (two.followed(), Clock::system());
        let law_age_ms = Arc::new(AtomicU64::new(0));
        let age = Arc::clone(&law_age_ms);
        let region: platform_model::RegionId = "eu-central".parse().expect("a region");
        let law = Law::new(region.clone(), sample::CATALOGUE, move || {
            age.load(Ordering::Relaxed)
        });
        let claims = Claims {
            hosted: two.hosted.clone(),
            followed: followed.clone(),
            client: DirectoryClient::new(two.identity.clone()),
            lookup_key: LookupKey::from_bytes([3; 32]),
            law: law.clone(),
            clock: clock.clone(),
        };
        let services = Arc::new(NodeServices {
            clock: clock.clone(),
            world: followed.current().world.clone(),
            region,
            followed: followed.clone(),
            hosted: two.hosted.clone(),
            keys: two.keys(),
            claims,
            verifier: Verifier::new(8),
            domains: std::sync::Arc::new(crate::gateway::domains()),
            relocations: std::sync::OnceLock::new(),
            custody: std::sync::OnceLock::new(),
        });
        let recorder = Arc::new(Recorder::default());
        let relocations = Relocations::new(Parts {
            world: followed.current().world.clone(),
            hosted: two.hosted.clone(),
            followed,
            keys: two.keys(),
            law,
            clock,
            lent: Arc::clone(&services) as _,
            entries: EntriesClient::new(two.identity.clone()),
            arrivals: ArrivalsClient::new(two.identity.clone()),
            records: Arc::clone(&recorder) as _,
            tasks: two.tasks.child(),
            domains: std::sync::Arc::new(crate::gateway::domains()),
            driven: relocation::Driven::default(),
            custody: std::sync::OnceLock::new(),
        });
        relocations.start();
        two.events.relay(&two.tasks);
        Self {
            two,
            relocations,
            services,
            recorder,
            law_age_ms,
        }
    }

    /// And one who lives in the west, with so many rows.
    pub(super) async fn of_one(rows: u64) -> (Self, UserId) {
        let bench = Self::new().await;
        let person = bench.person(1).await;
        bench.fill(person, rows).await;
        (bench, person)
    }

    pub(super) fn parts(&self) -> &Arc<Parts> {
        &self.relocations.parts
    }

    pub(super) fn relocations(&self) -> &Relocations {
        &self.relocations
    }

    pub(super) fn departed(&self) -> Vec<(HomeId, UserId, HomeId)> {
        self.recorder.0.lock().clone()
    }

    /// The law is too old to be asked, or not any more.
    pub(super) fn stop_at_parts(&self, stop: bool) {
        let age = if stop { u64::MAX } else { 0 };
        self.law_age_ms.store(age, Ordering::Relaxed);
    }

    pub(super) async fn person(&self, number: u128) -> UserId {
        self.person_in(WEST, number).await
    }

    pub(super) async fn person_in(&self, home: &str, number: u128) -> UserId {
        self.two.person(home, number).await
    }

    /// Whose registration is under way: with a key, and without an account.
    pub(super) async fn half_registered(&self, number: u128) -> UserId {
        let (parts, person) = (self.parts(), two::user(number));
        let made = parts.keys.create(&parts.followed, &home(WEST), person).await;
        made.expect("a key");
        person
    }

    /// Rows that are counted.
    pub(super) async fn fill(&self, person: UserId, rows: u64) {
        for first in (0..rows).step_by(500) {
            let some = first..rows.min(first + ROWS_AT_ONCE);
            let fill = |tx: RootTx| {
                let some = some.clone();
                async move {
                    for number in some {
                        FOLLOWERS.insert(&tx, &row(number)).await?;
                    }
                    Ok(())
                }
            };
            self.two.write(WEST, person, "identity", fill).await;
        }
    }

    /// One more, as a request writes it. False: he is not served there.
    pub(super) async fn add(&self, home: &str, person: UserId, number: u64) -> bool {
        let (parts, id) = (self.parts(), self::home(home));
        let opened = parts.keys.open(&parts.followed, &id, person).await;
        let Ok(key) = &opened else {
            return false;
        };
        let add = |tx: Tx| async move {
            let tx = RootTx::new(tx, RootRef::user(person), "identity", key)
                .enter()
                .await?;
            Ok::<_, DomainError>(FOLLOWERS.insert(&tx, &row(number)).await?)
        };
        match self.two.shard(home).write(&request(person), add).await {
            Ok(_) => true,
            Err(WriteError::Rejected(DomainError::Layer(LayerError::Gone { .. } | LayerError::OnTheWay))) => {
                false
            }
            Err(other) => panic!("{other}"),
        }
    }

    /// As a request of his writes, or an event that comes for him.
    pub(super) async fn serve<T, F, Fut>(&self, home: &str, person: UserId, domain: &'static str, f: F) -> T
    where
        T: Send,
        F: Fn(RootTx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, DomainError>> + Send,
    {
        let f = &f;
        let entered = |tx: RootTx| async move { f(tx.enter().await?).await };
        self.two.write(home, person, domain, entered).await
    }

    pub(super) async fn count(&self, home: &str, person: UserId) -> u64 {
        let within = |key: &[u8]| key.windows(8).any(|part| part == b"follower");
        let keys = self.keys_of(home, person).await;
        keys.iter().filter(|key| within(key)).count() as u64
    }

    /// All rows of a person in a home, whoever may see them.
    pub(super) async fn rows(&self, home: &str, person: UserId) -> usize {
        self.keys_of(home, person).await.len()
    }

    pub(super) async fn keys_of(&self, home: &str, person: UserId) -> Vec<bytes::Bytes> {
        let mut keys: Vec<bytes::Bytes> = Vec::new();
        loop {
            let start = keys
                .last()
                .map_or_else(Vec::new, |last| [&last[..], &[0]].concat());
            let range = cell_shard::KeyRange::new(start, vec![u8::MAX]);
            let page = |tx: Tx| {
                let range = range.clone();
                async move { tx.scan(range, 1_000, false).await }
            };
            let page = self.two.shard(home).read(&request(person), page).await;
            let page = page.expect("read").value;
            keys.extend(page.rows.into_iter().map(|(key, _)| key));
            if !page.more {
                return keys;
            }
        }
    }

    pub(super) fn claim_row(&self, number: u8) -> Claim {
        Claim {
            id: Uuid::from_u128(u128::from(number)).as_bytes().to_vec(),
            kind: "email".into(),
            digest: vec![number; 32],
            state: ClaimState::Active as u32,
            changed_ms: 1,
        }
    }

    /// An address that the person holds.
    pub(super) async fn claim(&self, person: UserId) -> ClaimDigest {
        let row = &self.claim_row(5);
        let put = |tx: RootTx| async move { Ok(CLAIMS.insert(&tx, row).await?) };
        self.two.write(WEST, person, "identity", put).await;
        self.hold_for(person, 5).await
    }

    pub(super) async fn hold_for(&self, person: UserId, number: u8) -> ClaimDigest {
        let digest = ClaimDigest([number; 32]);
        let claim_id = if number == 5 { 5 } else { 1_000 };
        let entry = ClaimEntry {
            user: person,
            claim_id: Uuid::from_u128(claim_id),
            home: home(WEST),
            version: 0,
        };
        let directory = self.services.directory();
        let claimed = directory.claim(&"eu".parse().expect("one"), digest, entry).await;
        assert_eq!(claimed.expect("answered"), ClaimOutcome::Held);
        digest
    }

    /// He has taken the address of [`Self::claim`] along to another home of the jurisdiction.
    pub(super) async fn take_along(&self, person: UserId, digest: ClaimDigest, to: &str) {
        let entry = ClaimEntry {
            user: person,
            claim_id: Uuid::from_u128(5),
            home: home(to),
            version: 1_000,
        };
        let directory = self.services.directory();
        let claimed = directory.claim(&"eu".parse().expect("one"), digest, entry).await;
        assert_eq!(claimed.expect("answered"), ClaimOutcome::Held);
    }

    pub(super) async fn holder(&self, digest: ClaimDigest) -> Option<ClaimEntry> {
        let directory = self.services.directory();
        let found = directory.lookup(&"eu".parse().expect("one"), digest).await;
        found.expect("answered")
    }

    /// Where he stands cannot be read there.
    pub(super) async fn unreadable_at(&self, home: &str, person: UserId) {
        let damage = |tx: Tx| async move {
            let key = Tuple::new().uuid(person.as_uuid()).pack();
            tx.shared("people")?.put(key, "damaged")
        };
        let written = self.two.shard(home).write(&request(person), damage).await;
        written.expect("written");
    }

    pub(super) async fn here(&self, person: UserId) -> Standing {
        self.standing(WEST, person).await.expect("he moves")
    }

    pub(super) async fn standing_at(&self, home: &str, person: UserId) -> Standing {
        self.standing(home, person).await.expect("he moves")
    }

    pub(super) async fn there_now(&self, person: UserId) -> Standing {
        self.standing_at(CENTRAL, person).await
    }

    /// Nothing more follows from it that he came.
    pub(super) async fn until_settled(&self, home: &str, person: UserId) {
        let settled = |now: &Standing| matches!(now.place, Place::Home { .. }) && !now.settling.is_due();
        self.until_at(home, person, settled).await;
    }

    /// As a term of it begins.
    pub(super) async fn take_up(&self, home: &str) {
        let taken = self.parts().take_up(&self.two.shard(home)).await;
        taken.expect("read");
    }

    pub(super) async fn there(&self, person: UserId) -> Place<HomeId> {
        self.standing(CENTRAL, person).await.expect("he came").place
    }

    async fn standing(&self, home: &str, person: UserId) -> Option<Standing> {
        standing::read(&self.two.shard(home), person).await.expect("read")
    }

    pub(super) async fn until_at(&self, home: &str, person: UserId, so: impl Fn(&Standing) -> bool) {
        two::until("he stands so", async || {
            self.standing(home, person).await.is_some_and(|now| so(&now))
        })
        .await;
    }

    pub(super) async fn until(&self, person: UserId, so: impl Fn(&Standing) -> bool) {
        self.until_at(WEST, person, so).await;
    }

    pub(super) async fn until_gone(&self, person: UserId) {
        self.until(person, |standing| matches!(standing.place, Place::Gone { .. }))
            .await;
    }

    pub(super) async fn until_cleared(&self, person: UserId) {
        let cleared =
            |standing: &Standing| matches!(standing.place, Place::Gone { .. }) && !standing.clearing;
        self.until(person, cleared).await;
    }

    pub(super) async fn until_nothing_at(&self, home: &str, person: UserId) {
        two::until("nothing of him is there", async || {
            let place = self.standing(home, person).await.map(|now| now.place);
            let stands = matches!(place, Some(Place::Incoming { .. } | Place::Home { .. }));
            !stands && self.rows(home, person).await == 0
        })
        .await;
    }

    pub(super) async fn end(self) {
        self.two.end().await;
    }
}

fn row(number: u64) -> Follower {
    Follower {
        user: Uuid::from_u128(u128::from(number) + 1).as_bytes().to_vec(),
        home: CENTRAL.into(),
        since_ms: number,
        ..Follower::default()
    }
}
