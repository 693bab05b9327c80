//! A person asks for his own erasure.

use platform_model::Code;
use platform_wire::RefusalCode;
use platform_wire::backup::ErasureStage;

use super::{Controllers, ENDED, Ordering, asked as by_officer, custody, has_key, home, rows};
use crate::events::tests::bench::{Bench, FOLLOWERS, user};

#[tokio::test]
async fn whoever_asks_himself_is_erased_as_by_an_officer_and_the_ledger_says_who_asked() {
    let bench = Bench::new().await;
    let (controllers, person) = (Controllers::answering(), bench.person(FOLLOWERS, 7).await);
    let custody = custody(&bench, &controllers);
    let lent = custody.lent();
    let asked = lent.get().expect("the node runs");
    let erased = asked.erase_himself(&home(), person).await.expect("erased");
    assert_eq!(erased.certificate, Some(2));
    assert!(!has_key(&bench, &custody, person).await);
    assert_eq!(rows(&bench, person).await, ENDED);
    let told = controllers.told.lock().clone();
    let stages: Vec<_> = told.iter().map(|record| record.stage).collect();
    assert!(
        matches!(stages[..], [ErasureStage::Begins, ErasureStage::Done { .. }]),
        "{stages:?}"
    );
    assert!(
        told.iter()
            .all(|record| record.by == "the person" && !record.reason.is_empty())
    );
    let nobody = asked.erase_himself(&home(), user(99)).await;
    assert_eq!(nobody.map_err(|problem| problem.code), Err(Code::NotFound));
    drop((asked, custody));
    assert!(lent.get().is_none(), "it keeps nothing alive");
    bench.end().await;
}

/// The planted omission: he is told to try again at once, in the words of the controllers; or loses what he has and is on no list.
#[tokio::test]
async fn whoever_finds_no_room_on_the_list_is_told_so_in_our_words_and_nothing_is_half_done() {
    let bench = Bench::new().await;
    let (controllers, person) = (Controllers::answering(), bench.person(FOLLOWERS, 7).await);
    let custody = custody(&bench, &controllers);
    controllers.full.store(true, Ordering::Relaxed);
    let before = rows(&bench, person).await;
    let refused = custody.erase_himself(&home(), person).await;
    let problem = refused.map(|erased| erased.certificate).expect_err("it is full");
    assert_eq!(problem.code, Code::Overloaded, "{problem:?}");
    assert!(problem.retry_after_s.is_some(), "{problem:?}");
    let detail = problem.detail.expect("a hint");
    assert!(
        detail.starts_with("nothing was erased") && detail.contains("tomorrow"),
        "{detail}"
    );
    assert!(!detail.contains("inner words"), "{detail}");
    assert!(has_key(&bench, &custody, person).await && rows(&bench, person).await == before);
    // An officer reads what the controllers say of it, and what to do.
    let refused = custody.erase_now(&by_officer(person)).await;
    let refusal = refused.map(|erased| erased.sequence).expect_err("it is full");
    assert_eq!(
        (refusal.code, refusal.hint.as_str()),
        (RefusalCode::Limit, "ask again tomorrow")
    );
    controllers.full.store(false, Ordering::Relaxed);
    let erased = custody.erase_himself(&home(), person).await.expect("erased");
    assert!(erased.certificate.is_some());
    bench.end().await;
}

/// The planted omission: an app shows what one server of ours said to another.
#[tokio::test]
async fn what_servers_say_to_each_other_is_in_no_answer_to_a_person() {
    let bench = Bench::new().await;
    let (controllers, person) = (Controllers::answering(), bench.person(FOLLOWERS, 7).await);
    let custody = custody(&bench, &controllers);
    controllers.begins.store(false, Ordering::Relaxed);
    let refused = custody.erase_himself(&home(), person).await;
    let problem = refused
        .map(|erased| erased.certificate)
        .expect_err("nobody has it on record");
    let detail = problem.detail.expect("what to do");
    assert_eq!(problem.code, Code::Unavailable);
    assert!(
        !detail.contains("planted") && !detail.contains("controller"),
        "{detail}"
    );
    bench.end().await;
}
