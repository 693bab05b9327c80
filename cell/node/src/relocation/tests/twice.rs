//! Who moves more than once, what is late, and what nobody drives.

use cell_layers::RootTx;
use cell_layers::place::{Errand, Holds, LeftHome, Settling, Standing};
use cell_relay::Place;
use cell_sdk::tell;
use platform_model::UserId;
use platform_wire::relocation::{Asked, EntryStep};

use super::bench::{Bench, home};
use super::{CENTRAL, WEST, asked, titles, workout};
use crate::events::tests::bench::BEYOND;
use crate::relocation::driven::LEAVE_AT_ONCE;
use crate::relocation::ending::remove_rows;
use crate::relocation::forgetting::errand_to;
use crate::relocation::source::next_operation;

fn on_to_beyond(person: UserId) -> Asked {
    Asked {
        home: home(CENTRAL),
        to: home(BEYOND),
        ..asked(person, BEYOND)
    }
}

/// The planted omission - one home is followed, and no more - leaves what is told to him in the outbox for ever.
#[tokio::test]
async fn an_event_follows_its_receiver_through_every_home_that_he_has_left() {
    let bench = Bench::new().await;
    let author = bench.person(2).await;
    let person = bench.person(1).await;
    bench.begin(&asked(person, CENTRAL)).await;
    bench.until_cleared(person).await;
    bench.begin(&on_to_beyond(person)).await;
    let left = |standing: &Standing| {
        matches!(&standing.place, Place::Gone { to, .. } if *to == home(BEYOND)) && !standing.clearing
    };
    bench.until_at(CENTRAL, person, left).await;
    // The author knows him where he lived first.
    let address = &cell_sdk::Address {
        home: home(WEST),
        user: person,
    };
    for number in 1..=3 {
        let tell = |tx: RootTx| async move { tell(&tx, address, &workout(number)) };
        bench.two.write(WEST, author, "training", tell).await;
    }
    bench.two.until_seen_in(BEYOND, person, &titles([1, 2, 3])).await;
    bench.end().await;
}

/// His errand names a home that he has left by now: to ask only there, and to be told nothing, would leave the first home
/// fenced for ever.
#[tokio::test]
async fn a_home_hears_that_he_was_served_elsewhere_though_he_has_moved_on_by_then() {
    let (bench, person) = Bench::of_one(10).await;
    // Whoever drove him ends just behind the commit; the copy finds out by itself, and he moves on.
    let errand = bench.whole_copy_and_fence(person, CENTRAL).await;
    bench.commit(person, errand.operation.0).await;
    bench.comes_in(person).await;
    assert_eq!(bench.there(person).await, Place::Home { user_epoch: 2 });
    bench.begin(&on_to_beyond(person)).await;
    let gone = |standing: &Standing| matches!(standing.place, Place::Gone { .. });
    bench.until_at(CENTRAL, person, gone).await;
    bench.drive(person).await;
    let here = bench.here(person).await;
    let redirects = Place::Gone {
        to: home(BEYOND),
        user_epoch: 3,
    };
    assert_eq!((&here.place, here.clearing), (&redirects, false));
    assert_eq!(bench.rows(WEST, person).await, 0);
    assert_eq!(bench.count(BEYOND, person).await, 10);
    bench.end().await;
}

/// What broke: a home that found out by itself that he lives there looked after him no more: what he told was held for
/// minutes.
#[tokio::test]
async fn a_home_that_reads_by_itself_that_he_lives_there_has_him_settle_in() {
    let (bench, person) = Bench::of_one(10).await;
    let errand = bench.whole_copy_and_fence(person, CENTRAL).await;
    bench.commit(person, errand.operation.0).await;
    let lives = |standing: &Standing| matches!(standing.place, Place::Home { .. });
    bench.until_at(CENTRAL, person, lives).await;
    bench.drive(person).await;
    bench.until_settled(CENTRAL, person).await;
    bench.end().await;
}

/// What broke: a copy that was promoted by force, and lacked that he had left, told what he holds; so did the next home.
#[tokio::test]
async fn a_home_that_lacks_that_he_has_left_tells_nothing_of_what_he_took_along() {
    let bench = Bench::new().await;
    let (person, follower) = (bench.person_in(CENTRAL, 1).await, bench.person(2).await);
    let (operation, here, there) = (next_operation(2, None), home(CENTRAL), home(BEYOND));
    for step in [
        EntryStep::Start {
            operation: operation.0,
            home: here.clone(),
            user_epoch: 2,
            to: there.clone(),
        },
        EntryStep::Commit {
            operation: operation.0,
            to: there.clone(),
        },
    ] {
        let told = bench.parts().entry(&here.jurisdiction, person, &step).await;
        assert_eq!(told.expect("answered").refused, None);
    }
    let holds = Standing {
        place: Place::Home { user_epoch: 2 },
        errand: Some(Errand {
            operation,
            under_way: true,
            ..errand_to(&there)
        }),
        settling: Settling {
            holds: Holds::Everything,
            ..Settling::default()
        },
        ..Standing::native()
    };
    bench.two.stand(CENTRAL, person, &holds).await;
    let address = &cell_sdk::Address {
        home: home(WEST),
        user: follower,
    };
    let tell = |tx: RootTx| async move { tell(&tx, address, &workout(1)) };
    bench.serve(CENTRAL, person, "training", tell).await;
    let central = bench.two.shard(CENTRAL);
    let step = bench.parts().settle_in(&central, person, &holds).await;
    assert!(step.is_err(), "he lives elsewhere");
    assert_eq!(bench.there_now(person).await.settling.holds, Holds::Everything);
    bench.end().await;
}

/// The planted omission: he is served nowhere, and whoever looks sees that he is on his way, as on any day.
#[tokio::test]
async fn whoever_looks_is_told_of_one_whom_his_new_home_does_not_know_any_more() {
    let (bench, person) = Bench::of_one(10).await;
    let errand = bench.whole_copy_and_fence(person, CENTRAL).await;
    bench.commit(person, errand.operation.0).await;
    // As a backup of before he came leaves it: of an earlier try that came to nothing.
    let of_then = Standing {
        place: Place::Gone {
            to: home(WEST),
            user_epoch: 1,
        },
        ..Standing::native()
    };
    bench.two.stand(CENTRAL, person, &of_then).await;
    let west = bench.two.shard(WEST);
    let driven = std::sync::Arc::clone(bench.parts()).drive(west, person);
    let told = |standing: &Standing| {
        let errand = standing.errand.as_ref();
        errand.is_some_and(|errand| errand.outcome.contains("does not know him"))
    };
    tokio::select! {
        () = driven => panic!("it has no end"),
        () = bench.until(person, told) => {}
    }
    let here = bench.here(person).await;
    assert!(matches!(here.place, Place::Fenced { .. }), "{here:?}");
    assert!(bench.rows(WEST, person).await > 0, "the only copy stays");
    bench.end().await;
}

/// The planted omission: rows of the copy that has come in since go, and are counted all the same.
#[tokio::test]
async fn whoever_is_late_with_removing_a_copy_touches_nothing_of_the_next() {
    let (bench, person) = Bench::of_one(10).await;
    bench.copy_all(person, CENTRAL).await;
    let rows = bench.rows(CENTRAL, person).await;
    let given_up = Place::Gone {
        to: home(WEST),
        user_epoch: 1,
    };
    let central = bench.two.shard(CENTRAL);
    let late = remove_rows(&central, person, &given_up).await;
    assert!(late.is_err(), "{late:?}");
    assert!(rows > 0);
    assert_eq!(bench.rows(CENTRAL, person).await, rows);
    bench.end().await;
}

/// Whose first request was broken off between its commit and the one who was to drive him.
#[tokio::test]
async fn asking_again_sets_off_who_is_driven_by_nobody_and_so_does_a_cancel() {
    let bench = Bench::new().await;
    let (again, cancelled) = (bench.person(1).await, bench.person(2).await);
    for person in [again, cancelled] {
        bench.fill(person, 10).await;
        bench.begun(person, CENTRAL).await;
    }
    let relocations = bench.relocations();
    let asked = relocations.ask(&home(WEST), again, &home(CENTRAL)).await;
    assert_eq!(asked.expect("as before").phase, "copying");
    bench.until_gone(again).await;
    let withdrawn = relocations.withdraw(&home(WEST), cancelled).await;
    withdrawn.expect("to be cancelled");
    let over = |standing: &Standing| {
        let errand = standing.errand.as_ref();
        errand.is_some_and(|errand| !errand.under_way && errand.outcome.contains("cancelled"))
    };
    bench.until(cancelled, over).await;
    bench.end().await;
}

#[tokio::test]
async fn so_many_leave_at_once_and_the_others_wait_and_are_served() {
    let (bench, person) = Bench::of_one(10).await;
    let count = u32::try_from(LEAVE_AT_ONCE).expect("a few");
    let room = bench.parts().driven.room.acquire_many(count).await;
    let room = room.expect("nobody closes it");
    bench.begin(&asked(person, CENTRAL)).await;
    assert!(bench.parts().driven.room.try_acquire().is_err());
    assert!(bench.add(WEST, person, 10).await, "he is served");
    let west = home(WEST);
    let read = bench.parts().entry(&west.jurisdiction, person, &EntryStep::Read);
    let entry = read.await.expect("answered").entry;
    assert_eq!(entry, None, "he has not set out");
    drop(room);
    bench.until_gone(person).await;
    assert_eq!(bench.count(CENTRAL, person).await, 11);
    bench.end().await;
}

/// What broke: nobody drove him any more once it was cancelled, and what he told was held for minutes.
#[tokio::test]
async fn one_who_does_not_move_on_after_all_goes_on_to_settle_in() {
    let bench = Bench::new().await;
    let person = bench.person_in(CENTRAL, 1).await;
    let withdrawn = Errand {
        operation: next_operation(2, None),
        under_way: true,
        unwanted: true,
        ..errand_to(&home(BEYOND))
    };
    let left = LeftHome {
        home: home(WEST),
        user_epoch: 2,
        waiting: None,
    };
    let waits = Standing {
        place: Place::Home { user_epoch: 2 },
        errand: Some(withdrawn),
        settling: Settling {
            waits_for: vec![left],
            holds: Holds::Everything,
            since_ms: u64::MAX,
            ..Settling::default()
        },
        ..Standing::native()
    };
    bench.two.stand(CENTRAL, person, &waits).await;
    bench.parts().set_off(&bench.two.shard(CENTRAL), person);
    let cancelled = |now: &Standing| now.errand.as_ref().is_some_and(|errand| !errand.under_way);
    bench.until_at(CENTRAL, person, cancelled).await;
    let gone = Standing {
        place: Place::Gone {
            to: home(CENTRAL),
            user_epoch: 2,
        },
        ..Standing::native()
    };
    bench.two.stand(WEST, person, &gone).await;
    bench.until_settled(CENTRAL, person).await;
    bench.end().await;
}
