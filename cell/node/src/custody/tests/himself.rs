//! A person asks for his own erasure.

use platform_model::Code;
use platform_wire::backup::ErasureStage;

use super::{Controllers, ENDED, custody, has_key, home, rows};
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
