//! Who was erased, in a copy that knows nothing of it.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use cell_backup::Resident;
use cell_layers::place::{Errand, Standing};
use cell_relay::home::OperationId;
use cell_shard::{Mode, Request, Scope, Shard, Tx, TxError};
use cell_store::key::Tuple;
use cell_store::memory::Memory;
use platform_model::{Actor, HomeId, RequestId, UserId};
use platform_runtime::Clock;
use platform_wire::RefusalCode;
use platform_wire::backup::{ErasureRecord, ErasureStage, OPEN_ERASURES_MAX};
use uuid::Uuid;

use super::{
    Controllers, Custody, ENDED, OFFICER, Parts, Register, asked, custody, has_key, home, parts, rows,
};
use crate::custody::reapplying::Applied;
use crate::events::tests::bench::{AUTHORS, Bench, FOLLOWERS, WITHIN, user};
use crate::relocation::{Elsewheres, standing_of};

const DONE: ErasureStage = ErasureStage::Done { claims: 0, rows: 7 };

async fn put_on_record(controllers: &Controllers, user: UserId, stage: ErasureStage) {
    let record = ErasureRecord {
        home: home(),
        user,
        by: OFFICER.to_owned(),
        reason: "request 4711".to_owned(),
        stage,
    };
    controllers.record_erasure(&record).await.expect("on record");
}

/// The planted omission: a copy is promoted by force that lacks the last minutes, and who was erased in them, with a
/// certificate, logs in again.
#[tokio::test]
async fn who_was_erased_stays_so_though_a_copy_leads_that_lacks_his_erasure() {
    let bench = Bench::new().await;
    let controllers = Controllers::answering();
    let custody = custody(&bench, &controllers);
    let back = bench.person(FOLLOWERS, 7).await;
    let begun = bench.person(FOLLOWERS, 8).await;
    let other = bench.person(FOLLOWERS, 9).await;
    // All that such a copy has of him is there; the controllers have his certificate.
    for (user, stage) in [
        (back, ErasureStage::Begins),
        (back, DONE),
        (begun, ErasureStage::Begins),
    ] {
        put_on_record(&controllers, user, stage).await;
    }
    let (of_begun, of_other) = (rows(&bench, begun).await, rows(&bench, other).await);
    let mut applied = Applied::new();
    custody.reapply(&mut applied).await;
    assert!(!has_key(&bench, &custody, back).await, "he is back");
    assert_eq!(rows(&bench, back).await, ENDED);
    for (user, before) in [(begun, of_begun), (other, of_other)] {
        assert!(has_key(&bench, &custody, user).await, "{user}");
        assert_eq!(rows(&bench, user).await, before, "{user}");
    }
    // Once in an epoch.
    let asked = controllers.asked_who.load(Ordering::Relaxed);
    custody.reapply(&mut applied).await;
    assert_eq!(controllers.asked_who.load(Ordering::Relaxed), asked);
    // The shard or its keys come to another; nothing was lost in it.
    applied.clear();
    custody.reapply(&mut applied).await;
    assert!(controllers.asked_who.load(Ordering::Relaxed) > asked);
    assert_eq!(rows(&bench, back).await, ENDED);
    bench.end().await;
}

/// The planted omission: in that copy he is on the move. He is passed over, and lives on once that has come to nothing.
#[tokio::test]
async fn one_who_moves_in_such_a_copy_is_turned_back_and_looked_at_until_that_has_ended() {
    let bench = Bench::new().await;
    let controllers = Controllers::answering();
    let custody = custody(&bench, &controllers);
    let person = bench.person(FOLLOWERS, 7).await;
    for stage in [ErasureStage::Begins, DONE] {
        put_on_record(&controllers, person, stage).await;
    }
    let errand = Errand {
        operation: OperationId(1),
        other: AUTHORS.parse().expect("a home"),
        under_way: true,
        unwanted: false,
        by: "ann".to_owned(),
        consent: true,
        since_ms: 1,
        outcome: String::new(),
    };
    let moves = Standing {
        errand: Some(errand),
        ..Standing::native()
    };
    bench.stand(FOLLOWERS, person, &moves).await;
    let mut applied = Applied::new();
    custody.reapply(&mut applied).await;
    assert!(
        has_key(&bench, &custody, person).await,
        "where he will live is seen first"
    );
    let now = standing_of(&bench.shard(FOLLOWERS), person).await;
    let errand = now.expect("read").and_then(|standing| standing.errand);
    assert!(errand.is_some_and(|errand| errand.unwanted));
    // It is cancelled, in the same epoch.
    bench.stand(FOLLOWERS, person, &Standing::native()).await;
    custody.reapply(&mut applied).await;
    assert!(!has_key(&bench, &custody, person).await, "he lives on");
    assert_eq!(rows(&bench, person).await, ENDED);
    bench.end().await;
}

/// What broke: of one on the list it cannot be read how he stands, and nobody behind him was seen to, ever.
#[tokio::test]
async fn one_of_whom_it_cannot_be_read_how_he_stands_keeps_it_from_nobody_else() {
    let bench = Bench::new().await;
    let controllers = Controllers::answering();
    let custody = custody(&bench, &controllers);
    let (unread, back) = (bench.person(FOLLOWERS, 7).await, bench.person(FOLLOWERS, 8).await);
    for person in [unread, back] {
        put_on_record(&controllers, person, ErasureStage::Begins).await;
        put_on_record(&controllers, person, DONE).await;
    }
    let request = Request {
        actor: Actor::Service("test".into()),
        domain: "test",
        request_id: RequestId::from_uuid(Uuid::new_v4()),
        mode: Mode::Sync,
        scope: Scope::Shared("people"),
        not_older_than: None,
        deadline: WITHIN,
    };
    let key = &Tuple::new().uuid(unread.as_uuid()).pack();
    // As a later build may have written it.
    let damage = |tx: Tx| async move { tx.put(key, vec![0xff_u8]) };
    let shard = bench.shard(FOLLOWERS);
    let damaged = shard.write::<_, TxError, _, _>(&request, damage);
    damaged.await.expect("written");
    let mut applied = Applied::new();
    custody.reapply(&mut applied).await;
    assert!(!has_key(&bench, &custody, back).await, "he is back");
    assert_eq!(rows(&bench, back).await, ENDED);
    assert!(
        applied.keys().all(|shard| shard.home() != Some(&home())),
        "it is looked again"
    );
    bench.end().await;
}

/// A directory that never answers.
struct Silent;

#[async_trait]
impl Elsewheres for Silent {
    async fn forget(&self, _: &Shard, _: UserId) -> Result<(), String> {
        Ok(())
    }

    async fn erase_there(&self, _: &Shard, _: UserId) -> Result<(), String> {
        Ok(())
    }

    async fn gone_from(&self, _: &HomeId, _: Vec<Resident>) -> Result<Vec<(UserId, Standing)>, String> {
        pending().await
    }
}

/// What broke: one look waited for the directory, for minutes, and nobody was seen to in a shard that came to another epoch
/// meanwhile.
#[tokio::test]
async fn a_silent_directory_keeps_nobody_waiting_whose_shard_comes_to_an_epoch_meanwhile() {
    let bench = Bench::new().await;
    let controllers = Controllers::answering();
    let (clock, hand) = Clock::manual(0);
    let custody = Custody::new(Parts {
        elsewhere: Arc::new(Silent),
        ..parts(&bench, &controllers, (Memory::new(), clock))
    });
    let (back, later) = (bench.person(FOLLOWERS, 7).await, bench.person(FOLLOWERS, 8).await);
    let before = rows(&bench, back).await;
    let mut applied = Applied::new();
    for person in [back, later] {
        put_on_record(&controllers, person, ErasureStage::Begins).await;
        put_on_record(&controllers, person, DONE).await;
        let time_passes = async {
            for _ in 0..1_000 {
                hand.advance(Duration::from_secs(1));
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            () = custody.reapply(&mut applied) => {}
            () = time_passes => panic!("it waits for the directory"),
        }
        assert!(!has_key(&bench, &custody, person).await, "he is back");
    }
    assert_eq!(rows(&bench, back).await, before, "he may live elsewhere");
    bench.end().await;
}

/// The planted omission: as long as more erasures are under way than are told at once, nobody's is seen to.
#[tokio::test]
async fn many_erasures_that_are_under_way_keep_only_those_waiting_of_whom_it_is_not_told() {
    let bench = Bench::new().await;
    let controllers = Controllers::answering();
    let custody = custody(&bench, &controllers);
    let (early, late) = (
        bench.person(FOLLOWERS, 7).await,
        bench.person(FOLLOWERS, 9_000).await,
    );
    for person in [early, late] {
        put_on_record(&controllers, person, ErasureStage::Begins).await;
        put_on_record(&controllers, person, DONE).await;
    }
    let open = u128::try_from(OPEN_ERASURES_MAX).expect("not that many");
    for number in 0..open {
        put_on_record(&controllers, user(1_000 + number), ErasureStage::Begins).await;
    }
    let mut applied = Applied::new();
    custody.reapply(&mut applied).await;
    assert!(!has_key(&bench, &custody, early).await, "he is back");
    assert!(has_key(&bench, &custody, late).await, "perhaps it is under way");
    // One comes to its end.
    put_on_record(&controllers, user(1_000), DONE).await;
    custody.reapply(&mut applied).await;
    assert!(!has_key(&bench, &custody, late).await, "he is back");
    bench.end().await;
}

/// The planted omission: an erasure is on record, the copies that lead by force by now never had the person, and it is begun
/// anew for ever.
#[tokio::test]
async fn an_erasure_on_record_comes_to_its_end_though_nobody_knows_the_person_any_more() {
    let bench = Bench::new().await;
    let controllers = Controllers::answering();
    let custody = custody(&bench, &controllers);
    let lost = asked(user(4_711));
    let refused = custody.erase_now(&lost).await.expect_err("nobody");
    assert_eq!(refused.code, RefusalCode::Unknown, "{refused:?}");
    custody
        .record(&lost, ErasureStage::Begins)
        .await
        .expect("on record");
    custody.resume().await;
    let stages = controllers.stages();
    let last = stages.last();
    assert!(matches!(last, Some(ErasureStage::Done { .. })), "{stages:?}");
    let keys = bench.keys();
    let destroyed = keys.is_destroyed(&custody.shared.followed, &lost.home, lost.user);
    assert!(destroyed.await.expect("read"), "his id gets no key any more");
    bench.end().await;
}
