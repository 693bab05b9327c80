//! People whose rows are of a key that is lost: a key shard was restored from before they came.

use cell_layers::RootTx;
use cell_layers::keys::UserKey;
use domains_identity::stored::{Claim, ClaimState};
use platform_model::{Code, UserId};
use platform_wire::backup::ErasureStage;
use uuid::Uuid;

use super::{CLAIMS, Controllers, ENDED, asked, custody, has_key, home, rows};
use crate::events::tests::bench::{Bench, FOLLOWERS, user};

/// A row of his, of a key that nobody has.
async fn row_of_a_lost_key(bench: &Bench, person: UserId) {
    let row = &Claim {
        id: Uuid::from_u128(1).as_bytes().to_vec(),
        digest: vec![9; 32],
        state: ClaimState::Active as u32,
        ..Claim::default()
    };
    let write = |tx: RootTx| async move { Ok(CLAIMS.put(&tx, row).await?) };
    let whose = (person, &UserKey::generate());
    bench.write_under(FOLLOWERS, whose, "identity", write).await;
}

/// The planted omission: what cannot be read cannot be given back, and so is never erased.
#[tokio::test]
async fn a_person_whose_rows_never_open_is_erased_all_the_same() {
    let bench = Bench::new().await;
    let (controllers, person) = (Controllers::answering(), bench.person(FOLLOWERS, 7).await);
    let custody = custody(&bench, &controllers);
    row_of_a_lost_key(&bench, person).await;
    let erased = custody.erase_now(&asked(person)).await.expect("erased");
    assert_eq!(erased.claims, 0, "nobody can tell");
    assert!(erased.rows > 0);
    assert!(!has_key(&bench, &custody, person).await, "the key is there");
    assert_eq!(rows(&bench, person).await, ENDED);
    let stages = controllers.stages();
    assert!(
        matches!(stages[..], [ErasureStage::Begins, ErasureStage::Done { .. }]),
        "{stages:?}"
    );
    bench.end().await;
}

/// The planted omission: a registration that is sent again makes a second key for rows that do not open under it.
#[tokio::test]
async fn who_has_rows_and_no_key_gets_no_other_key() {
    let bench = Bench::new().await;
    let custody = custody(&bench, &Controllers::answering());
    let (lost, newcomer) = (user(7), user(8));
    row_of_a_lost_key(&bench, lost).await;
    let lent = &custody.shared.lent;
    let refused = lent.create_user_key(&home(), lost).await;
    assert_eq!(refused.map_err(|problem| problem.code), Err(Code::NotFound));
    assert!(!has_key(&bench, &custody, lost).await, "a key was made");
    for _ in 0..2 {
        lent.create_user_key(&home(), newcomer).await.expect("made");
    }
    let person = bench.person(FOLLOWERS, 9).await;
    lent.create_user_key(&home(), person).await.expect("sent again");
    bench.end().await;
}
