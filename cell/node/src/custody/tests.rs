//! Erasures on a node that serves the person, with controllers that fail when they are told to.

mod elsewhere;
mod exported;
mod himself;
mod left;
mod listing;
mod living;
mod logged;
mod reapplied;
mod removing;
mod scheduled;
mod sink;
mod unreadable;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use cell_backup::Resident;
use cell_layers::place::Standing;
use cell_layers::{RootTx, Table};
use cell_sdk::{Arrival, Lent, Mode, RootCtx, Seen};
use cell_shard::{KeyRange, Request, Scope, Shard, Tx, TxError};
use cell_store::Store;
use cell_store::memory::Memory;
use domains_identity::stored::{Claim, ClaimState};
use parking_lot::Mutex;
use platform_model::{Actor, Code, HomeId, RequestId, RootRef, ShardId, UserId};
use platform_runtime::Clock;
use platform_token::Verifier;
use platform_wire::backup::{Erased, ErasureRecord, ErasureStage};
use platform_wire::directory::DirectoryClient;
use platform_wire::{CallError, Refusal, RefusalCode};
use tokio::sync::Notify;
use uuid::Uuid;

use super::erasing::Asked;
use super::{Custody, Parts, Register};
use crate::directory::{Claims, LookupKey};
use crate::events::tests::bench::{Bench, FOLLOWERS, WITHIN, shard_of};
use crate::gateway;
use crate::relocation::Elsewheres;
use crate::services::NodeServices;
use crate::tests::hosted::lawful;

const OFFICER: &str = "spiffe://x/operator/compliance/ann";

/// Controllers that remember what they were told.
#[derive(Default)]
pub(crate) struct Controllers {
    begins: AtomicBool,
    ends: AtomicBool,
    told: Mutex<Vec<ErasureRecord>>,
    /// What is left of people where they were before, and where.
    left: Mutex<Option<&'static str>>,
    /// They refuse to have anybody begun, as a full list does.
    full: AtomicBool,
    /// Whose data was given to whom.
    exported: Mutex<Vec<(UserId, String)>>,
    /// What was done with which shard's data, by whom and why; unless nobody takes it.
    noted: Mutex<Vec<(ShardId, &'static str, String)>>,
    notes_nothing: AtomicBool,
    /// How often they were asked who was erased.
    asked_who: AtomicUsize,
}

fn unreachable_controllers() -> CallError {
    CallError::Unreachable {
        addresses: "controllers".to_owned(),
        last: "planted".to_owned(),
    }
}

#[async_trait]
impl Elsewheres for Controllers {
    async fn forget(&self, _: &Shard, _: UserId) -> Result<(), String> {
        self.left.lock().map_or(Ok(()), |why| Err(why.to_owned()))
    }

    async fn erase_there(&self, _: &Shard, _: UserId) -> Result<(), String> {
        unreachable!("nobody moves")
    }

    async fn gone_from(&self, _: &HomeId, _: Vec<Resident>) -> Result<Vec<(UserId, Standing)>, String> {
        Ok(Vec::new())
    }
}

impl Controllers {
    pub(crate) fn answering() -> Arc<Self> {
        let controllers = Self::default();
        controllers.begins.store(true, Ordering::Relaxed);
        controllers.ends.store(true, Ordering::Relaxed);
        Arc::new(controllers)
    }

    pub(crate) fn stages(&self) -> Vec<ErasureStage> {
        self.told.lock().iter().map(|record| record.stage).collect()
    }
}

#[async_trait]
impl Register for Controllers {
    async fn record_erasure(&self, record: &ErasureRecord) -> Result<u64, CallError> {
        let answers = match record.stage {
            ErasureStage::Begins => &self.begins,
            ErasureStage::Done { .. } => &self.ends,
        };
        if !answers.load(Ordering::Relaxed) {
            return Err(unreachable_controllers());
        }
        if self.full.load(Ordering::Relaxed) && record.stage == ErasureStage::Begins {
            let full = Refusal::new(
                RefusalCode::Limit,
                "90000 people of home eu/eu-central: inner words",
            );
            return Err(full.hint("ask again tomorrow").into());
        }
        let mut told = self.told.lock();
        told.push(record.clone());
        Ok(told.len() as u64)
    }

    async fn read_erased(&self, shard: &ShardId) -> Result<Erased, CallError> {
        self.asked_who.fetch_add(1, Ordering::Relaxed);
        let told = self.told.lock();
        let of_it = told.iter().filter(|record| shard.home() == Some(&record.home));
        let users: BTreeSet<UserId> = of_it.map(|record| record.user).collect();
        Ok(Erased {
            users: users.into_iter().collect(),
            digest: [0; 32],
        })
    }

    async fn read_open_erasures(&self, shard: &ShardId) -> Result<Vec<UserId>, CallError> {
        let mut told = self.told.lock().clone();
        told.retain(|record| shard.home() == Some(&record.home));
        let done = |user: UserId| {
            let mut of = told.iter().filter(|record| record.user == user);
            of.any(|record| record.stage != ErasureStage::Begins)
        };
        let begun: BTreeSet<UserId> = told.iter().map(|record| record.user).collect();
        Ok(begun.into_iter().filter(|user| !done(*user)).collect())
    }

    async fn note_work(
        &self,
        shard: &ShardId,
        work: &'static str,
        by: (&str, &str),
    ) -> Result<u64, CallError> {
        if self.notes_nothing.load(Ordering::Relaxed) {
            return Err(unreachable_controllers());
        }
        let mut noted = self.noted.lock();
        noted.push((shard.clone(), work, format!("{}: {}", by.0, by.1)));
        Ok(noted.len() as u64)
    }

    async fn note_export(&self, _: &ShardId, user: UserId, by: (&str, &str)) -> Result<u64, CallError> {
        if !self.begins.load(Ordering::Relaxed) {
            return Err(unreachable_controllers());
        }
        let mut exported = self.exported.lock();
        exported.push((user, by.0.to_owned()));
        Ok(exported.len() as u64)
    }
}

fn home() -> HomeId {
    FOLLOWERS.parse().expect("a home")
}

fn lent(bench: &Bench) -> Lent {
    services(bench)
}

/// What a node lends its domains.
pub(crate) fn services(bench: &Bench) -> Arc<NodeServices> {
    let followed = bench.followed();
    let path = bench.dir.path().join("lookup.key");
    std::fs::write(&path, [3; 32]).expect("written");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
    let claims = Claims {
        hosted: bench.hosted.clone(),
        followed: followed.clone(),
        client: DirectoryClient::new(bench.identity.clone()),
        lookup_key: LookupKey::load(&path).expect("a key"),
        law: lawful(),
        clock: Clock::system(),
    };
    Arc::new(NodeServices {
        clock: Clock::system(),
        world: followed.current().world.clone(),
        region: "eu-central".parse().expect("a region"),
        followed: followed.clone(),
        hosted: bench.hosted.clone(),
        keys: bench.keys(),
        claims,
        verifier: Verifier::new(8),
        domains: std::sync::Arc::new(crate::gateway::domains()),
        relocations: std::sync::OnceLock::new(),
        custody: std::sync::OnceLock::new(),
    })
}

fn custody(bench: &Bench, controllers: &Arc<Controllers>) -> Custody {
    custody_of(bench, controllers, (Memory::new(), Clock::system()))
}

fn custody_of(bench: &Bench, controllers: &Arc<Controllers>, with: (Arc<dyn Store>, Clock)) -> Custody {
    Custody::new(parts(bench, controllers, with))
}

pub(crate) fn parts(
    bench: &Bench,
    controllers: &Arc<Controllers>,
    (disk, clock): (Arc<dyn Store>, Clock),
) -> Parts {
    let followed = bench.followed();
    Parts {
        world: followed.current().world.clone(),
        node: "eu-central-1/0".parse().expect("a node"),
        hosted: bench.hosted.clone(),
        followed,
        law: lawful(),
        keys: bench.keys(),
        disk,
        scratch: bench.dir.path().join("scratch"),
        lent: lent(bench),
        domains: Arc::new(gateway::domains()),
        elsewhere: Arc::<Controllers>::clone(controllers),
        register: Arc::<Controllers>::clone(controllers),
        sink: None,
        clock,
        tasks: bench.tasks.child(),
    }
}

fn asked(user: UserId) -> Asked {
    Asked {
        home: home(),
        user,
        by: OFFICER.to_owned(),
        reason: "request 4711".to_owned(),
        on_record: false,
    }
}

/// How many rows lie in the person's root.
async fn rows(bench: &Bench, user: UserId) -> usize {
    let request = Request {
        actor: Actor::Service("test".into()),
        domain: "test",
        request_id: RequestId::from_uuid(Uuid::new_v4()),
        mode: Mode::Async,
        scope: Scope::Root(RootRef::user(user)),
        not_older_than: None,
        deadline: WITHIN,
    };
    let all = |tx: Tx| async move {
        let range = KeyRange::new(Bytes::new(), Bytes::from_static(&[u8::MAX]));
        Ok::<_, TxError>(tx.scan(range, 500, false).await?.rows.len())
    };
    let read = bench.shard(FOLLOWERS).read(&request, all).await;
    read.expect("read").value
}

async fn has_key(bench: &Bench, custody: &Custody, user: UserId) -> bool {
    let opened = bench.keys().open(&custody.shared.followed, &home(), user).await;
    match opened {
        Ok(_) => true,
        Err(problem) if problem.code == Code::NotFound => false,
        Err(problem) => panic!("{problem:?}"),
    }
}

/// The mark of its end.
const ENDED: usize = 1;

/// The planted omission: an erasure that destroys first and is put on the list afterwards.
#[tokio::test]
async fn nothing_is_destroyed_before_the_controllers_have_the_person_on_the_list() {
    let bench = Bench::new().await;
    let (controllers, person) = (Controllers::answering(), bench.person(FOLLOWERS, 7).await);
    let custody = custody(&bench, &controllers);
    controllers.begins.store(false, Ordering::Relaxed);
    let before = rows(&bench, person).await;
    let refused = custody
        .erase_now(&asked(person))
        .await
        .expect_err("no controller");
    assert!(refused.message.contains("nothing was erased"), "{refused:?}");
    assert!(has_key(&bench, &custody, person).await, "the key is gone");
    assert_eq!(rows(&bench, person).await, before, "rows are gone");
    assert!(before > 0);
    bench.end().await;
}

#[tokio::test]
async fn an_erasure_that_broke_off_is_taken_to_its_end_by_whoever_serves_the_person() {
    let bench = Bench::new().await;
    let (controllers, person) = (Controllers::answering(), bench.person(FOLLOWERS, 7).await);
    let other = bench.person(FOLLOWERS, 8).await;
    let of_other = rows(&bench, other).await;
    let custody = custody(&bench, &controllers);
    controllers.ends.store(false, Ordering::Relaxed);
    custody
        .erase_now(&asked(person))
        .await
        .expect_err("no certificate");
    custody.resume().await;
    assert_eq!(controllers.stages(), [ErasureStage::Begins, ErasureStage::Begins]);
    controllers.ends.store(true, Ordering::Relaxed);
    custody.resume().await;
    let stages = controllers.stages();
    let done = matches!(stages[..], [.., ErasureStage::Begins, ErasureStage::Done { .. }]);
    assert!(done, "{stages:?}");
    assert!(!has_key(&bench, &custody, person).await);
    assert_eq!(rows(&bench, person).await, ENDED);
    custody.resume().await;
    assert_eq!(controllers.stages(), stages, "it is at its end");
    let first = controllers.told.lock()[0].clone();
    assert_eq!(
        (first.by.as_str(), first.reason.as_str()),
        (OFFICER, "request 4711")
    );
    assert!(has_key(&bench, &custody, other).await, "another's");
    assert_eq!(rows(&bench, other).await, of_other);
    bench.end().await;
}

const CLAIMS: Table<Claim> = Table::new();

async fn write(root: &RootCtx, number: u128, before: Option<(&Notify, &Notify)>) -> Result<(), Code> {
    let row = Claim {
        id: Uuid::from_u128(number).as_bytes().to_vec(),
        digest: vec![9; 32],
        state: ClaimState::Pending as u32,
        ..Claim::default()
    };
    let (row, before) = (&row, &before);
    let write = |tx: RootTx| async move {
        if let Some((begun, goes_on)) = before {
            begun.notify_one();
            goes_on.notified().await;
            // Whoever runs again is not held.
            goes_on.notify_one();
        }
        Ok(CLAIMS.put(&tx, row).await?)
    };
    let written = root.write("identity", Mode::Sync, write).await;
    written.map(drop).map_err(|problem| problem.code)
}

#[tokio::test]
async fn a_request_that_was_under_way_writes_nothing_behind_an_erasure() {
    let bench = Bench::new().await;
    let (controllers, person) = (Controllers::answering(), bench.person(FOLLOWERS, 7).await);
    let custody = custody(&bench, &controllers);
    let open = custody
        .shared
        .lent
        .open_user(&home(), person)
        .await
        .expect("there");
    let root = RootCtx {
        user: person,
        home: home(),
        actor: Actor::User(person),
        open,
        arrival: Arrival {
            shard: shard_of(FOLLOWERS),
            request_id: RequestId::from_uuid(Uuid::new_v4()),
            not_older_than: None,
            seen: Seen::default(),
        },
    };
    assert_eq!(write(&root, 1, None).await, Ok(()), "before");
    let (begun, goes_on) = (Notify::new(), Notify::new());
    let erased = async {
        begun.notified().await;
        let erased = custody.erase_now(&asked(person)).await;
        goes_on.notify_one();
        erased
    };
    let (written, erased) = tokio::join!(write(&root, 2, Some((&begun, &goes_on))), erased);
    let erased = erased.expect("erased");
    assert_eq!(erased.claims, 1, "the one that was written before");
    assert_eq!(written, Err(Code::NotFound), "under way when it was erased");
    assert_eq!(write(&root, 3, None).await, Err(Code::NotFound), "afterwards");
    assert_eq!(rows(&bench, person).await, ENDED);
    bench.end().await;
}
