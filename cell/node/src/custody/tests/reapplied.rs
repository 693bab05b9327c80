//! Who was erased, in a copy that knows nothing of it.

use std::sync::atomic::Ordering;

use platform_wire::RefusalCode;
use platform_wire::backup::{ErasureRecord, ErasureStage};

use super::{Controllers, ENDED, OFFICER, Register, asked, custody, has_key, home, rows};
use crate::custody::reapplying::Applied;
use crate::events::tests::bench::{Bench, FOLLOWERS, user};

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
    let done = ErasureStage::Done { claims: 0, rows: 7 };
    for (user, stage) in [
        (back, ErasureStage::Begins),
        (back, done),
        (begun, ErasureStage::Begins),
    ] {
        let record = ErasureRecord {
            home: home(),
            user,
            by: OFFICER.to_owned(),
            reason: "request 4711".to_owned(),
            stage,
        };
        controllers.record_erasure(&record).await.expect("on record");
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
