//! What a person tells where he lives now is heard behind what he told where he lived before, and never looks older.

use cell_layers::place::{Errand, Holds, LeftHome, Settling, Standing};
use cell_layers::{Query, ended};
use cell_relay::Place;
use cell_sdk::{Address, tell};
use cell_shard::Tx;
use domains_training::stored::SharedWorkout;
use platform_model::UserId;
use platform_wire::relocation::{Step, Take, Taken};

use super::bench::{Bench, home};
use super::*;
use crate::events::tests::bench::{ABROAD, BEYOND, shard_of, until};
use crate::relocation::driven::LEAVE_AT_ONCE;
use crate::relocation::forgetting::errand_to;
use crate::relocation::source::next_operation;
use crate::relocation::standing::{StepError, request};

const SHARED: Table<SharedWorkout> = Table::new();

/// Of which nobody has said yet for whom something waits there.
fn left(at: &str, user_epoch: u64) -> LeftHome {
    LeftHome {
        home: home(at),
        user_epoch,
        waiting: None,
    }
}

impl Bench {
    /// Tells him of a workout, as a request of the person does it.
    async fn shows(&self, from: (&str, UserId), to: (&str, UserId), number: u128) {
        let address = &Address {
            home: home(to.0),
            user: to.1,
        };
        let show = |tx: RootTx| async move { tell(&tx, address, &workout(number)) };
        self.serve(from.0, from.1, "training", show).await;
    }

    /// He takes nothing, as one who moves, until he is let go.
    async fn take_nothing(&self, at: &str, user: UserId, so: bool) {
        let operation = next_operation(1, None);
        let place = match so {
            true => Place::Fenced {
                user_epoch: 1,
                operation,
            },
            false => Place::Home { user_epoch: 1 },
        };
        let standing = Standing {
            place,
            ..Standing::native()
        };
        self.two.stand(at, user, &standing).await;
    }

    async fn move_to(&self, person: UserId, from: &str, to: &str) {
        let asked = Asked {
            home: home(from),
            user: person,
            to: home(to),
            reason: "a test".to_owned(),
            dry_run: false,
        };
        self.begin(&asked).await;
        let serves = |standing: &Standing| matches!(standing.place, Place::Home { .. });
        self.until_at(to, person, serves).await;
    }

    async fn seen_at(&self, at: &str, user: UserId) -> Vec<String> {
        let read = |tx: RootTx| async move { Ok(SHARED.scan(&tx, Query::first(100)).await?.rows) };
        let rows = self.two.write(at, user, "training", read).await;
        rows.into_iter().filter_map(|row| row.title).collect()
    }

    async fn passed(&self, person: UserId, since: u64) -> Taken {
        let question = Take {
            source: shard_of(CENTRAL),
            user: person,
            operation: 0,
            served_epoch: since,
            law_revision: 0,
            consent: false,
            step: Step::Passed,
        };
        let west = self.two.shard(WEST);
        self.parts().take(&west, &question).await
    }
}

/// The planted omission: he is heard in the order in which his homes happen to deliver.
#[tokio::test]
async fn what_he_tells_in_the_new_home_comes_behind_what_he_told_in_the_old_one() {
    let bench = Bench::new().await;
    let (person, follower) = (bench.person(1).await, bench.person_in(BEYOND, 2).await);
    bench.take_nothing(BEYOND, follower, true).await;
    bench.shows((WEST, person), (BEYOND, follower), 1).await;
    bench.move_to(person, WEST, CENTRAL).await;
    // He waits for the home that he left, which waits for his follower.
    bench.shows((CENTRAL, person), (BEYOND, follower), 2).await;
    assert_eq!(bench.passed(person, 2).await, Taken::Waits(vec![follower]));
    let held = Holds::For([follower].into());
    bench
        .until_at(CENTRAL, person, |now| now.settling.holds == held)
        .await;
    let told = bench
        .parts()
        .state_of(&home(CENTRAL), person)
        .await
        .expect("told");
    assert!(told.outcome.contains(WEST), "{told:?}");
    bench.take_nothing(BEYOND, follower, false).await;
    bench.shows((CENTRAL, person), (BEYOND, follower), 3).await;
    bench
        .two
        .until_seen_in(BEYOND, follower, &titles([1, 2, 3]))
        .await;
    bench.until_settled(CENTRAL, person).await;
    assert_eq!(bench.passed(person, 2).await, Taken::Done { user_epoch: 0 });
    bench.end().await;
}

/// The planted omission: one whose home is away keeps him from telling anybody anything, and from letting somebody go.
#[tokio::test]
async fn nobody_elses_events_wait_and_nothing_for_others_behind_what_is_held_for_one() {
    let bench = Bench::new().await;
    let (person, other) = (bench.person(1).await, bench.person_in(CENTRAL, 3).await);
    let (follower, away) = (bench.person_in(BEYOND, 2).await, bench.person_in(BEYOND, 4).await);
    bench.take_nothing(BEYOND, away, true).await;
    bench.shows((WEST, person), (BEYOND, away), 1).await;
    bench.move_to(person, WEST, CENTRAL).await;
    bench.shows((CENTRAL, person), (BEYOND, away), 2).await;
    bench.shows((CENTRAL, other), (BEYOND, away), 3).await;
    bench.shows((CENTRAL, person), (BEYOND, follower), 4).await;
    bench.two.until_seen_in(BEYOND, follower, &titles([4])).await;
    // Those who know him are told meanwhile.
    let told = |now: &Standing| !now.settling.edges_due;
    bench.until_at(CENTRAL, person, told).await;
    bench.shows((CENTRAL, person), (BEYOND, away), 5).await;
    bench.take_nothing(BEYOND, away, false).await;
    bench.until_settled(CENTRAL, person).await;
    until("all have come", async || {
        bench.seen_at(BEYOND, away).await.len() == 4
    })
    .await;
    let mut seen = bench.seen_at(BEYOND, away).await;
    seen.retain(|title| title != "3");
    assert_eq!(seen, titles([1, 2, 5]));
    bench.end().await;
}

#[tokio::test]
async fn what_is_held_goes_with_him_and_waits_for_both_homes_that_he_has_left() {
    let bench = Bench::new().await;
    let (person, follower) = (bench.person(1).await, bench.person_in(CENTRAL, 2).await);
    bench.take_nothing(CENTRAL, follower, true).await;
    bench.shows((WEST, person), (CENTRAL, follower), 1).await;
    bench.move_to(person, WEST, CENTRAL).await;
    bench.shows((CENTRAL, person), (CENTRAL, follower), 2).await;
    bench.move_to(person, CENTRAL, BEYOND).await;
    bench.shows((BEYOND, person), (CENTRAL, follower), 3).await;
    let now = bench.standing_at(BEYOND, person).await;
    assert!(
        now.settling.waits_for.iter().any(|left| left.home == home(WEST)),
        "{now:?}"
    );
    bench.take_nothing(CENTRAL, follower, false).await;
    bench.two.until_seen(follower, &titles([1, 2, 3])).await;
    bench.until_settled(BEYOND, person).await;
    bench.end().await;
}

#[tokio::test]
async fn his_own_time_does_not_go_back_when_he_comes_under_a_clock_that_is_behind() {
    let bench = Bench::new().await;
    let person = bench.person(1).await;
    let ahead = Standing {
        settling: Settling {
            ahead_ms: 60_000,
            ..Settling::default()
        },
        ..Standing::native()
    };
    bench.two.stand(WEST, person, &ahead).await;
    let time = |tx: RootTx| async move { Ok((tx.told_ms(), tx.log_time_ms())) };
    let (told, log) = bench.serve(WEST, person, "training", time).await;
    assert_eq!(told, log + 60_000);
    bench.move_to(person, WEST, CENTRAL).await;
    let (after, log) = bench.serve(CENTRAL, person, "training", time).await;
    assert!(after > told, "{after} is not behind {told}");
    assert!(after < log + 61_000, "and no further ahead than before");
    bench.until_settled(CENTRAL, person).await;
    assert_ne!(
        bench.there_now(person).await.settling.ahead_ms,
        0,
        "for as long as he lives there"
    );
    bench.end().await;
}

/// A home that is lost for good never says that it has nothing more.
#[tokio::test]
async fn a_home_that_does_not_answer_for_a_day_is_waited_for_no_longer() {
    let bench = Bench::new().await;
    let (person, follower) = (
        bench.person_in(CENTRAL, 1).await,
        bench.person_in(BEYOND, 2).await,
    );
    let waits = |since_ms| Standing {
        place: Place::Home { user_epoch: 2 },
        came_from: Some(home(ABROAD)),
        settling: Settling {
            waits_for: vec![left(ABROAD, 2)],
            holds: Holds::Everything,
            since_ms,
            edges_due: true,
            ahead_ms: 0,
        },
        ..Standing::native()
    };
    let log_time = |tx: RootTx| async move { Ok(tx.log_time_ms()) };
    let now = bench.serve(CENTRAL, person, "training", log_time).await;
    bench.two.stand(CENTRAL, person, &waits(now)).await;
    bench.shows((CENTRAL, person), (BEYOND, follower), 1).await;
    let central = bench.two.shard(CENTRAL);
    let step = bench.parts().settle_in(&central, person, &waits(now)).await;
    assert!(step.is_err(), "it is waited for");
    assert!(bench.seen_at(BEYOND, follower).await.is_empty());
    bench.two.stand(CENTRAL, person, &waits(1)).await;
    bench.parts().set_off(&central, person);
    bench.two.until_seen_in(BEYOND, follower, &titles([1])).await;
    bench.until_settled(CENTRAL, person).await;
    bench.end().await;
}

/// What broke: once it had passed the first time it was waited for no longer.
#[tokio::test]
async fn a_home_that_he_left_twice_is_waited_for_until_it_has_passed_both_times() {
    let bench = Bench::new().await;
    let person = bench.person_in(CENTRAL, 1).await;
    let leaves_again = Standing {
        place: Place::Fenced {
            user_epoch: 3,
            operation: next_operation(3, None),
        },
        ..Standing::native()
    };
    bench.two.stand(WEST, person, &leaves_again).await;
    let waits = Standing {
        place: Place::Home { user_epoch: 4 },
        settling: Settling {
            waits_for: vec![left(WEST, 2), left(WEST, 4)],
            holds: Holds::Everything,
            ..Settling::default()
        },
        ..Standing::native()
    };
    bench.two.stand(CENTRAL, person, &waits).await;
    let central = bench.two.shard(CENTRAL);
    let step = bench.parts().settle_in(&central, person, &waits).await;
    assert_eq!(step, Ok(()));
    let now = bench.there_now(person).await;
    assert_eq!(now.settling.waits_for, [left(WEST, 4)]);
    bench.end().await;
}

/// What broke: what he told was held for as long as others were leaving, whatever the home before had delivered.
#[tokio::test]
async fn one_who_waits_for_room_to_leave_settles_in_meanwhile() {
    let bench = Bench::new().await;
    let person = bench.person_in(CENTRAL, 1).await;
    let count = u32::try_from(LEAVE_AT_ONCE).expect("a few");
    let room = bench.parts().driven.room.acquire_many(count).await;
    let room = room.expect("nobody closes it");
    let on = Errand {
        operation: next_operation(2, None),
        under_way: true,
        ..errand_to(&home(BEYOND))
    };
    let waits = Standing {
        place: Place::Home { user_epoch: 2 },
        errand: Some(on),
        came_from: Some(home(WEST)),
        settling: Settling {
            waits_for: vec![left(WEST, 2)],
            holds: Holds::Everything,
            since_ms: u64::MAX,
            edges_due: true,
            ahead_ms: 0,
        },
        ..Standing::native()
    };
    bench.two.stand(CENTRAL, person, &waits).await;
    bench.take_nothing(WEST, person, true).await;
    bench.parts().set_off(&bench.two.shard(CENTRAL), person);
    // By then it was asked, and said that he has not left.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let gone = Standing {
        place: Place::Gone {
            to: home(CENTRAL),
            user_epoch: 2,
        },
        ..Standing::native()
    };
    bench.two.stand(WEST, person, &gone).await;
    bench.until_settled(CENTRAL, person).await;
    drop(room);
    bench.end().await;
}

/// What broke: what was held was told behind the end of his root, and without his key he was driven for ever.
#[tokio::test]
async fn nothing_is_told_or_waited_for_of_one_who_is_erased() {
    let bench = Bench::new().await;
    let (person, follower) = (
        bench.person_in(CENTRAL, 1).await,
        bench.person_in(BEYOND, 2).await,
    );
    let due = |waits_for| Standing {
        place: Place::Home { user_epoch: 2 },
        came_from: Some(home(ABROAD)),
        settling: Settling {
            waits_for,
            holds: Holds::Everything,
            since_ms: u64::MAX,
            edges_due: true,
            ahead_ms: 0,
        },
        ..Standing::native()
    };
    let central = bench.two.shard(CENTRAL);
    bench
        .two
        .stand(CENTRAL, person, &due(vec![left(ABROAD, 2)]))
        .await;
    bench.shows((CENTRAL, person), (BEYOND, follower), 1).await;
    let end = |tx: Tx| async move { Ok::<_, StepError>(ended::end(&tx)?) };
    central.write(&request(person), end).await.expect("ended");
    bench.two.stand(CENTRAL, person, &due(Vec::new())).await;
    bench.parts().set_off(&central, person);
    bench.until_settled(CENTRAL, person).await;
    let is_held = |key: &bytes::Bytes| key.windows(5).any(|part| part == b"#held");
    let keys = bench.keys_of(CENTRAL, person).await;
    assert_eq!(keys.iter().filter(|key| is_held(key)).count(), 1, "not told");
    // And one whom only a backup of then knows.
    let (parts, left_out) = (bench.parts(), bench.person_in(CENTRAL, 3).await);
    let destroyed = parts
        .keys
        .destroy(&parts.followed, &home(CENTRAL), left_out)
        .await;
    destroyed.expect("destroyed");
    bench.two.stand(CENTRAL, left_out, &due(Vec::new())).await;
    parts.set_off(&central, left_out);
    bench.until_settled(CENTRAL, left_out).await;
    assert!(bench.seen_at(BEYOND, follower).await.is_empty());
    bench.end().await;
}

#[tokio::test]
async fn one_who_has_not_left_may_still_tell_something_there() {
    let bench = Bench::new().await;
    let person = bench.person(1).await;
    for standing in [
        None,
        Some(Place::Home { user_epoch: 1 }),
        Some(Place::Incoming {
            operation: next_operation(2, None),
            complete: true,
        }),
        Some(Place::Gone {
            to: home(BEYOND),
            user_epoch: 1,
        }),
    ] {
        if let Some(place) = standing.clone() {
            let standing = Standing {
                place,
                ..Standing::native()
            };
            bench.two.stand(WEST, person, &standing).await;
        }
        let asked = bench.passed(person, 2).await;
        assert!(matches!(asked, Taken::Later(_)), "{standing:?}: {asked:?}");
    }
    bench.end().await;
}
