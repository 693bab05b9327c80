//! Who was elsewhere, or is by now.

use cell_layers::place::{self, Standing, Tally};
use cell_relay::Place;
use cell_sdk::Mode;
use cell_shard::Tx;
use platform_wire::RefusalCode;
use platform_wire::backup::ErasureStage;

use super::{Controllers, asked, custody, has_key};
use crate::custody::erasing;
use crate::events::tests::bench::{Bench, FOLLOWERS};

/// The planted omission: a certificate, and all of him lies readable in the home that he left.
#[tokio::test]
async fn nobody_has_a_certificate_before_nothing_is_left_of_him_where_he_was() {
    let bench = Bench::new().await;
    let (controllers, person) = (Controllers::answering(), bench.person(FOLLOWERS, 7).await);
    let custody = custody(&bench, &controllers);
    *controllers.left.lock() = Some("eu/eu-west: what he told is not delivered yet");
    let refused = custody.erase_now(&asked(person)).await;
    let refused = refused.expect_err("something is left of him");
    assert_eq!(refused.code, RefusalCode::Unavailable, "{refused:?}");
    assert!(refused.message.contains("eu/eu-west"), "{refused:?}");
    assert_eq!(controllers.stages(), [ErasureStage::Begins]);
    assert!(
        !has_key(&bench, &custody, person).await,
        "here nothing waits for it"
    );
    *controllers.left.lock() = None;
    custody.resume().await;
    let stages = controllers.stages();
    assert!(
        matches!(stages.last(), Some(ErasureStage::Done { .. })),
        "{stages:?}"
    );
    bench.end().await;
}

/// The planted omission: a certificate of erasure for one who lives on, and his address is free for anybody.
#[tokio::test]
async fn one_who_has_moved_away_is_not_erased_where_he_was() {
    let bench = Bench::new().await;
    let (controllers, person) = (Controllers::answering(), bench.person(FOLLOWERS, 7).await);
    let custody = custody(&bench, &controllers);
    let gone = Standing {
        place: Place::Gone {
            to: "eu/eu-west".parse().expect("a home"),
            user_epoch: 2,
        },
        errand: None,
        came_from: None,
        clearing: true,
        tally: Tally::default(),
        tried: Vec::new(),
        settling: place::Settling::default(),
    };
    let gone = &gone;
    let note = |tx: Tx| async move { place::put_standing(&tx, person, gone) };
    let noted = bench
        .shard(FOLLOWERS)
        .write(&erasing::request(&asked(person), Mode::Sync), note)
        .await;
    noted.expect("noted");
    let refused = custody
        .erase_now(&asked(person))
        .await
        .expect_err("he lives elsewhere");
    assert_eq!(refused.code, RefusalCode::Placement, "{refused:?}");
    assert!(refused.message.contains("eu/eu-west"), "{refused:?}");
    assert_eq!(controllers.stages(), [], "nothing is put on record");
    // What begins between the look and the end of the root is found in its transaction.
    let ended = erasing::end_root(&bench.shard(FOLLOWERS), &asked(person)).await;
    let refusal = ended.expect_err("refused");
    assert_eq!(refusal.code, RefusalCode::Unavailable, "{refusal:?}");
    assert!(refusal.message.contains("goes on by itself"), "{refusal:?}");
    assert!(has_key(&bench, &custody, person).await);
    bench.end().await;
}
