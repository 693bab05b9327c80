//! Relocations that turn back, and what comes late or twice.

use cell_backup::Resident;
use cell_layers::place::{self, Errand, Standing, Tally};
use cell_relay::Place;
use platform_model::Code;
use platform_wire::RefusalCode;
use platform_wire::relocation::{EntryStep, Step, Taken};

use super::bench::{Bench, home};
use super::{CENTRAL, WEST, asked};
use crate::directory::{complete_by_hand, note_by_hand};
use crate::events::tests::bench::{BEYOND, DIRECTORY};
use crate::relocation::Elsewheres;
use crate::relocation::forgetting::errand_to;
use crate::relocation::source::next_operation;
use crate::relocation::standing::change;

#[tokio::test]
async fn a_start_that_came_after_its_cancel_keeps_nobody_from_moving() {
    let (bench, person) = Bench::of_one(10).await;
    bench.a_late_start(person, CENTRAL).await;
    bench.begin(&asked(person, CENTRAL)).await;
    bench.until_gone(person).await;
    assert_eq!(bench.count(CENTRAL, person).await, 10);
    bench.end().await;
}

#[tokio::test]
async fn one_who_asks_again_for_where_he_lives_by_now_is_told_so() {
    let bench = Bench::new().await;
    let person = bench.person(1).await;
    let relocations = bench.relocations();
    let begun = relocations.ask(&home(WEST), person, &home(CENTRAL)).await;
    assert_eq!(begun.expect("begins").phase, "copying");
    bench.until_gone(person).await;
    // The answer to the first was lost; the second follows him.
    let there = relocations.ask(&home(CENTRAL), person, &home(CENTRAL)).await;
    assert_eq!(there.expect("he lives there").phase, "at-home");
    let other = relocations.ask(&home(CENTRAL), person, &home("us/us-east")).await;
    assert_eq!(other.expect_err("the law").code, Code::LawForbids);
    bench.end().await;
}

#[tokio::test]
async fn addresses_that_were_claimed_for_the_new_home_are_taken_back_behind_the_fence_too() {
    let bench = Bench::new().await;
    let person = bench.person(1).await;
    let digest = bench.claim(person).await;
    let errand = bench.copy_all(person, CENTRAL).await;
    let west = bench.two.shard(WEST);
    let claims = Step::Claims(vec![(digest.0, uuid::Uuid::from_u128(5))]);
    let claimed = bench
        .parts()
        .ask_there(&west, person, &errand, 1, claims.clone())
        .await;
    assert!(matches!(claimed, Ok(Taken::Done { .. })), "{claimed:?}");
    assert_eq!(bench.holder(digest).await.expect("his").home, home(CENTRAL));
    bench.fence(person, &errand).await;
    bench.drive(person).await;
    assert_eq!(bench.here(person).await.place, Place::Home { user_epoch: 1 });
    assert_eq!(bench.holder(digest).await.expect("his").home, home(WEST));
    // One that lay somewhere changes nothing any more.
    let late = bench.parts().ask_there(&west, person, &errand, 1, claims).await;
    assert!(matches!(late, Ok(Taken::Refused(_))), "{late:?}");
    assert_eq!(bench.holder(digest).await.expect("his").home, home(WEST));
    bench.end().await;
}

#[tokio::test]
async fn a_copy_that_was_given_up_by_one_who_was_killed_then_leaves_a_key_with_which_he_may_come() {
    let (bench, person) = Bench::of_one(10).await;
    let errand = bench.whole_copy_and_fence(person, CENTRAL).await;
    bench.cancel(person, errand.operation.0).await;
    // As whoever gives it up leaves it before the first row is removed.
    let given_up = |before: Option<Standing>| {
        Ok(Standing {
            place: Place::Gone {
                to: home(WEST),
                user_epoch: 1,
            },
            errand: None,
            clearing: true,
            tally: Tally::default(),
            ..before.ok_or("a copy came in")?
        })
    };
    let central = bench.two.shard(CENTRAL);
    change(&central, person, given_up).await.expect("noted");
    bench.drive_at(CENTRAL, person).await;
    assert_eq!(bench.rows(CENTRAL, person).await, 0);
    assert_eq!(bench.departed(), [], "he has never lived there");
    bench.drive(person).await;
    bench.begin(&asked(person, CENTRAL)).await;
    bench.until_gone(person).await;
    assert_eq!(bench.count(CENTRAL, person).await, 10);
    bench.end().await;
}

#[tokio::test]
async fn cancelled_at_each_step_he_stays_or_is_told_that_it_is_too_late() {
    let bench = Bench::new().await;
    let (begun, copied, fenced, committed) = (
        bench.person(1).await,
        bench.person(2).await,
        bench.person(3).await,
        bench.person(4).await,
    );
    for person in [begun, copied, fenced, committed] {
        bench.fill(person, 10).await;
    }
    bench.begun(begun, CENTRAL).await;
    bench.copy_all(copied, CENTRAL).await;
    bench.whole_copy_and_fence(fenced, CENTRAL).await;
    let errand = bench.whole_copy_and_fence(committed, CENTRAL).await;
    bench.commit(committed, errand.operation.0).await;
    for (person, in_time) in [(begun, true), (copied, true), (fenced, false), (committed, false)] {
        let cancel = bench.parts().cancel_of(&home(WEST), person, "ann").await;
        match cancel {
            Ok(told) => assert!(in_time, "{told:?}"),
            Err(refusal) => assert!(!in_time && refusal.code == RefusalCode::Placement, "{refusal:?}"),
        }
        bench.drive(person).await;
    }
    // Behind the fence nobody but the entry decides.
    for person in [begun, copied, fenced] {
        assert_eq!(bench.here(person).await.place, Place::Home { user_epoch: 1 });
        assert_eq!(bench.count(WEST, person).await, 10);
        bench.until_nothing_at(CENTRAL, person).await;
    }
    bench.until_gone(committed).await;
    assert_eq!(bench.count(CENTRAL, committed).await, 10);
    let late = bench.parts().cancel_of(&home(WEST), committed, "ann").await;
    assert_eq!(late.expect_err("he has moved").code, RefusalCode::Placement);
    bench.end().await;
}

/// As a backup of before he left leaves it. The planted omission: he has two homes, and his address leads to the old one.
#[tokio::test]
async fn a_home_that_was_restored_to_before_he_left_serves_him_no_more() {
    let (bench, person) = Bench::of_one(10).await;
    let errand = bench.whole_copy_and_fence(person, CENTRAL).await;
    bench.commit(person, errand.operation.0).await;
    bench.comes_in(person).await;
    assert_eq!(bench.there(person).await, Place::Home { user_epoch: 2 });
    let digest = bench.hold_for(person, 6).await;
    let of_then = |now: Option<Standing>| {
        let now = now.ok_or("he was here")?;
        Ok(Standing {
            place: Place::Home { user_epoch: 1 },
            errand: Some(errand.clone()),
            ..now
        })
    };
    change(&bench.two.shard(WEST), person, of_then)
        .await
        .expect("restored");
    bench.drive(person).await;
    let place = bench.here(person).await.place;
    assert!(
        matches!(&place, Place::Gone { to, .. } if *to == home(CENTRAL)),
        "{place:?}"
    );
    assert_eq!(bench.there(person).await, Place::Home { user_epoch: 2 });
    assert_eq!(bench.count(CENTRAL, person).await, 10);
    assert!(bench.holder(digest).await.is_some());
    bench.end().await;
}

/// The planted omission: it asks the home of a relocation that was cancelled since, which does not know him, for ever.
#[tokio::test]
async fn a_home_that_was_restored_to_an_earlier_relocation_hands_over_to_whom_the_entry_names() {
    let bench = Bench::new().await;
    let person = bench.person(1).await;
    bench.fill(person, 10).await;
    let errand = bench.fenced(person, CENTRAL).await;
    // What the backup does not know: that one was cancelled, and he went to a third home.
    let (first, next) = (errand.operation.0, errand.operation.0 + 1);
    let to = home(BEYOND);
    let steps = [
        EntryStep::Cancel { operation: first },
        EntryStep::Start {
            operation: next,
            home: home(WEST),
            user_epoch: 1,
            to: to.clone(),
        },
        EntryStep::Commit {
            operation: next,
            to: to.clone(),
        },
    ];
    for step in &steps {
        let told = bench.parts().entry(&to.jurisdiction, person, step).await;
        assert_eq!(told.expect("answered").refused, None);
    }
    bench.person_in(BEYOND, 1).await;
    let lives = Standing {
        place: Place::Home { user_epoch: 2 },
        came_from: Some(home(WEST)),
        ..Standing::native()
    };
    bench.two.stand(BEYOND, person, &lives).await;
    bench.drive(person).await;
    let here = bench.here(person).await;
    let gone = Place::Gone { to, user_epoch: 2 };
    assert_eq!((&here.place, here.clearing), (&gone, false));
    assert_eq!(
        here.tried,
        [home(CENTRAL)],
        "whose key of him goes when he is erased"
    );
    bench.end().await;
}

/// The planted omission: what the directory says of then is taken for where he lives by now, and he is on his way for ever.
#[tokio::test]
async fn one_who_came_back_by_way_of_another_law_may_think_better_of_it_before_he_sets_out() {
    let bench = Bench::new().await;
    let person = bench.person(1).await;
    let to = home(BEYOND);
    let errand = bench.begun(person, BEYOND).await;
    let step = EntryStep::Commit {
        operation: errand.operation.0,
        to: to.clone(),
    };
    let told = bench.parts().entry(&to.jurisdiction, person, &step).await;
    assert_eq!(told.expect("answered").refused, None);
    // He went on from there to a home of another law, and came here from that one.
    let asked = Standing {
        place: Place::Home { user_epoch: 4 },
        errand: Some(Errand {
            operation: next_operation(4, None),
            other: home(CENTRAL),
            unwanted: true,
            ..errand
        }),
        ..Standing::native()
    };
    bench.two.stand(WEST, person, &asked).await;
    bench.drive(person).await;
    let here = bench.here(person).await;
    assert_eq!(here.place, Place::Home { user_epoch: 4 });
    assert!(here.errand.is_some_and(|errand| !errand.under_way));
    bench.end().await;
}

/// The planted omission: a restore that believes its backup.
#[tokio::test]
async fn a_restore_is_told_who_of_its_people_lives_elsewhere_by_now() {
    let bench = Bench::new().await;
    let (moved, stayed) = (bench.person(1).await, bench.person(2).await);
    bench.begin(&asked(moved, CENTRAL)).await;
    bench.until_cleared(moved).await;
    let of_then = |user| Resident {
        user,
        standing: None,
        left_out: false,
    };
    let people = vec![of_then(moved), of_then(stayed)];
    let told = bench.relocations().gone_from(&home(WEST), people).await;
    let told = told.expect("the directory answers");
    let gone = Place::Gone {
        to: home(CENTRAL),
        user_epoch: 2,
    };
    let places: Vec<_> = told
        .iter()
        .map(|(user, standing)| (*user, &standing.place))
        .collect();
    assert_eq!(places, [(moved, &gone)]);
    bench.end().await;
}

/// Its key and its certificate are still to come: a copy that comes in would be struck by them, or have them forgotten.
#[tokio::test]
async fn a_home_that_is_still_being_cleared_takes_nobody_back() {
    let (bench, person) = Bench::of_one(10).await;
    let clearing = |_: Option<Standing>| {
        Ok(Standing {
            place: Place::Gone {
                to: home(WEST),
                user_epoch: 1,
            },
            errand: None,
            came_from: None,
            clearing: true,
            tally: Tally::default(),
            tried: Vec::new(),
            settling: place::Settling::default(),
        })
    };
    let central = bench.two.shard(CENTRAL);
    change(&central, person, clearing).await.expect("noted");
    let errand = bench.begun(person, CENTRAL).await;
    let begin = Step::Begin {
        digest_key: vec![3; 32].into(),
    };
    let west = bench.two.shard(WEST);
    let refused = bench.parts().ask_there(&west, person, &errand, 1, begin).await;
    assert!(
        matches!(&refused, Ok(Taken::Refused(why)) if why.contains("still being removed")),
        "{refused:?}"
    );
    let there = bench.there(person).await;
    assert!(matches!(there, Place::Gone { .. }), "{there:?}");
    bench.end().await;
}

/// The planted omission: a promotion by force lost that his key there was destroyed. He comes back, and in the next epoch it
/// is destroyed once more, with all that he has.
#[tokio::test]
async fn a_home_that_he_has_left_takes_him_back_no_more_whatever_became_of_his_key() {
    let (bench, person) = Bench::of_one(10).await;
    let left = Standing {
        place: Place::Gone {
            to: home(WEST),
            user_epoch: 1,
        },
        errand: Some(errand_to(&home(WEST))),
        ..Standing::native()
    };
    bench.two.stand(CENTRAL, person, &left).await;
    let errand = bench.begun(person, CENTRAL).await;
    let begin = Step::Begin {
        digest_key: vec![3; 32].into(),
    };
    let west = bench.two.shard(WEST);
    let refused = bench.parts().ask_there(&west, person, &errand, 1, begin).await;
    assert!(
        matches!(&refused, Ok(Taken::Refused(why)) if why.contains("lived there before")),
        "{refused:?}"
    );
    bench.end().await;
}

/// The planted omission: an entry is begun anew for one of whom the directory has yet to hear where he lives.
#[tokio::test]
async fn a_directory_that_was_restored_lets_nobody_set_out_before_it_is_complete() {
    let (bench, person) = Bench::of_one(10).await;
    let directory = bench.two.hosted.get(&DIRECTORY.parse().expect("a shard"));
    let directory = directory.expect("it serves");
    note_by_hand(&directory).await;
    let step = EntryStep::Start {
        operation: 7,
        home: home(WEST),
        user_epoch: 1,
        to: home(CENTRAL),
    };
    let early = bench.parts().entry(&home(WEST).jurisdiction, person, &step).await;
    let why = early.expect_err("it is not complete");
    assert!(why.contains("takes no relocation yet"), "{why}");
    let begun = bench.parts().begin(&asked(person, CENTRAL), "ann", false).await;
    assert_eq!(begun.expect("begins").phase, "copying");
    assert!(bench.add(WEST, person, 10).await, "he is served");
    complete_by_hand(&directory).await;
    bench.until_gone(person).await;
    assert_eq!(bench.count(CENTRAL, person).await, 11);
    bench.end().await;
}
