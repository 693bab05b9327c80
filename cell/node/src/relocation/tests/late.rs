//! What a home that he left, or that was to take him in, does late: his addresses are where he lives by then.

use cell_layers::place::Standing;
use cell_relay::Place;
use cell_relay::home::OperationId;
use platform_wire::events::Receipt;

use super::bench::{Bench, home};
use super::{CENTRAL, WEST, user};
use crate::events::tests::bench::{ABROAD, delivery};
use crate::relocation::forgetting::errand_to;
use crate::relocation::gone;

/// The planted omission: he came back to this jurisdiction before his first home was cleared, for what he had told
/// there waited; that freed his address for anybody.
#[tokio::test]
async fn a_home_that_is_cleared_late_lets_no_address_go_that_he_holds_elsewhere_by_then() {
    let bench = Bench::new().await;
    let person = bench.person(1).await;
    let digest = bench.claim(person).await;
    bench.take_along(person, digest, CENTRAL).await;
    let gone = Standing {
        place: Place::Gone {
            to: home(ABROAD),
            user_epoch: 2,
        },
        errand: Some(errand_to(&home(ABROAD))),
        clearing: true,
        ..Standing::native()
    };
    bench.two.stand(WEST, person, &gone).await;
    bench.drive(person).await;
    assert!(!bench.here(person).await.clearing);
    assert_eq!(bench.rows(WEST, person).await, 0);
    let holder = bench.holder(digest).await.expect("he holds it");
    assert_eq!((holder.user, holder.home), (person, home(CENTRAL)));
    bench.end().await;
}

/// And one that he has not taken along is free once he lives under another law.
#[tokio::test]
async fn a_home_that_is_cleared_lets_the_addresses_go_that_he_held_there() {
    let bench = Bench::new().await;
    let person = bench.person(1).await;
    let digest = bench.claim(person).await;
    let gone = Standing {
        place: Place::Gone {
            to: home(ABROAD),
            user_epoch: 2,
        },
        errand: Some(errand_to(&home(ABROAD))),
        clearing: true,
        ..Standing::native()
    };
    bench.two.stand(WEST, person, &gone).await;
    bench.drive(person).await;
    assert_eq!(bench.holder(digest).await, None);
    bench.end().await;
}

/// The planted omission: a home of this law that he was given to in vain heard of it after another had taken him in.
#[tokio::test]
async fn a_copy_that_is_given_up_late_lets_no_address_go_that_he_holds_elsewhere_by_then() {
    let bench = Bench::new().await;
    let person = bench.person(1).await;
    let digest = bench.claim(person).await;
    bench.take_along(person, digest, CENTRAL).await;
    let copy = Standing {
        place: Place::Incoming {
            operation: OperationId(1),
            complete: false,
        },
        came_from: Some(home(ABROAD)),
        ..Standing::native()
    };
    let (west, here) = (bench.two.shard(WEST), home(WEST));
    let parts = bench.parts();
    let let_go = parts.let_claims_go(&west, &here, person, Some(&copy)).await;
    let_go.expect("answered");
    let holder = bench.holder(digest).await.expect("he holds it");
    assert_eq!((holder.user, holder.home), (person, home(CENTRAL)));
    bench.end().await;
}

/// The planted omission: whom a shard cannot read is nobody there. Events for him were set aside, his addresses let go.
#[tokio::test]
async fn a_shard_that_cannot_say_where_he_is_has_not_said_that_he_is_nobody() {
    let bench = Bench::new().await;
    // Without a key, as one who has moved leaves it.
    let person = user(7);
    bench.unreadable_at(CENTRAL, person).await;
    let gone = gone(&bench.two.shard(CENTRAL), person).await;
    assert!(gone.is_err(), "{gone:?}");
    let receipt = bench.two.receive(&delivery(person, 1)).await;
    assert!(matches!(receipt, Receipt::Later(_)), "{receipt:?}");
    bench.end().await;
}
