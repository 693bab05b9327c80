//! A person moves between two homes of one node, at each step struck.

use cell_layers::place::Standing;
use cell_layers::{RootTx, Table};
use cell_relay::Place;
use cell_sdk::tell;
use domains_identity::stored::{Account, Claim, ClaimState};
use platform_model::{HomeId, UserId};
use platform_wire::RefusalCode;
use platform_wire::relocation::{Asked, EntryStep, Step, Taken};

use super::standing;
use crate::events::tests::bench::{AUTHORS as WEST, FOLLOWERS as CENTRAL, titles, user, workout};

mod bench;
mod checked;
mod edges;
mod erased;
mod forgotten;
mod late;
mod settled;
mod steps;
mod turning;
mod twice;

use bench::{Bench, home};

const ACCOUNTS: Table<Account> = Table::new();
const CLAIMS: Table<Claim> = Table::new();

fn asked(user: UserId, to: &str) -> Asked {
    Asked {
        home: home(WEST),
        user,
        to: home(to),
        reason: "a test".to_owned(),
        dry_run: false,
    }
}

#[tokio::test]
async fn a_person_moves_with_all_that_is_his_and_nothing_stays() {
    let (bench, person) = Bench::of_one(3_000).await;
    let digest = bench.claim(person).await;
    let old_key = bench.two.key(WEST, person).await;
    let told = bench.parts().begin(&asked(person, CENTRAL), "ann", false).await;
    assert_eq!(told.expect("begins").phase, "copying");
    bench.until_gone(person).await;
    assert_eq!(bench.there(person).await, Place::Home { user_epoch: 2 });
    assert_eq!(bench.count(CENTRAL, person).await, 3_000);
    let new_key = bench.two.key(CENTRAL, person).await;
    assert_eq!(
        old_key.digest("a", b"b"),
        new_key.digest("a", b"b"),
        "his tokens keep their worth"
    );
    // What served him before redirects, and has neither a row nor a key of his.
    bench.until_cleared(person).await;
    assert_eq!(bench.rows(WEST, person).await, 0);
    let key = bench
        .parts()
        .keys
        .open(&bench.parts().followed, &home(WEST), person)
        .await;
    assert_eq!(key.expect_err("destroyed").code, platform_model::Code::NotFound);
    assert_eq!(bench.departed(), [(home(WEST), person, home(CENTRAL))]);
    let refused = bench.two.shard(WEST);
    let gone = super::gone(&refused, person).await.expect("answered");
    assert_eq!(gone, Some((home(CENTRAL), 2)));
    let holder = bench.holder(digest).await.expect("he holds it");
    assert_eq!((holder.user, holder.home), (person, home(CENTRAL)));
    bench.end().await;
}

#[tokio::test]
async fn what_is_written_while_he_moves_is_there_when_he_has_moved() {
    let (bench, person) = Bench::of_one(2_000).await;
    bench.begin(&asked(person, CENTRAL)).await;
    let mut acknowledged = 2_000;
    // Until the shard says that he is on the way, or has gone.
    while bench.add(WEST, person, acknowledged).await {
        acknowledged += 1;
    }
    bench.until_gone(person).await;
    assert_eq!(bench.count(CENTRAL, person).await, acknowledged);
    assert!(bench.add(CENTRAL, person, acknowledged).await, "he goes on there");
    bench.end().await;
}

#[tokio::test]
async fn cancelled_before_the_fence_he_stays_and_nothing_is_left_there() {
    let (bench, person) = Bench::of_one(100).await;
    let digest = bench.claim(person).await;
    bench.stop_at_parts(true);
    bench.begin(&asked(person, CENTRAL)).await;
    let again = bench.parts().begin(&asked(person, CENTRAL), "ann", false).await;
    let refusal = again.expect_err("he moves already");
    assert_eq!(refusal.code, RefusalCode::Placement, "{refusal:?}");
    let told = bench.parts().cancel_of(&home(WEST), person, "ann").await;
    assert_eq!(told.expect("to be cancelled").phase, "copying");
    bench.stop_at_parts(false);
    bench
        .until(person, |standing| {
            let errand = standing.errand.as_ref();
            errand.is_some_and(|errand| !errand.under_way && errand.outcome.contains("cancelled"))
        })
        .await;
    assert_eq!(bench.count(WEST, person).await, 100);
    assert!(bench.add(WEST, person, 100).await);
    bench.until_nothing_at(CENTRAL, person).await;
    assert_eq!(bench.holder(digest).await.expect("his").home, home(WEST));
    let cancel = bench.parts().cancel_of(&home(WEST), person, "ann").await;
    assert_eq!(cancel.expect_err("none").code, RefusalCode::Placement);
    // And once more, to the end.
    bench.begin(&asked(person, CENTRAL)).await;
    bench.until_gone(person).await;
    assert_eq!(bench.count(CENTRAL, person).await, 101);
    bench.end().await;
}

#[tokio::test]
async fn whoever_takes_over_behind_the_fence_asks_the_entry_and_turns_back() {
    let (bench, person) = Bench::of_one(10).await;
    // As a primary leaves it that was killed just behind its fence.
    let errand = bench.fenced(person, CENTRAL).await;
    assert!(!bench.add(WEST, person, 10).await, "nobody serves him");
    bench.drive(person).await;
    let standing = bench.here(person).await;
    assert_eq!(standing.place, Place::Home { user_epoch: 1 });
    assert!(bench.add(WEST, person, 10).await);
    let step = EntryStep::Commit {
        operation: errand.operation.0,
        to: home(CENTRAL),
    };
    let late = bench.parts().entry(&home(WEST).jurisdiction, person, &step).await;
    assert!(late.expect("answered").refused.is_some(), "the commit comes late");
    bench.end().await;
}

#[tokio::test]
async fn whoever_takes_over_behind_the_commit_goes_on_to_the_end() {
    let (bench, person) = Bench::of_one(10).await;
    let errand = bench.whole_copy_and_fence(person, CENTRAL).await;
    let there = bench.two.shard(CENTRAL);
    let early = bench.parts().activate(&there, &home(CENTRAL), person).await;
    assert!(early.is_err(), "not before the entry names that home");
    assert!(!bench.add(CENTRAL, person, 10).await, "nobody serves the copy");
    bench.commit(person, errand.operation.0).await;
    bench.drive(person).await;
    bench.until_gone(person).await;
    assert_eq!(bench.count(CENTRAL, person).await, 10);
    bench.end().await;
}

#[tokio::test]
async fn a_copy_whose_source_is_silent_waits_for_the_entry_and_goes_with_it() {
    let (bench, person) = Bench::of_one(10).await;
    let errand = bench.whole_copy_and_fence(person, CENTRAL).await;
    let there = bench.two.shard(CENTRAL);
    let kept = bench.parts().abandon(&there, &home(CENTRAL), person).await;
    assert!(kept.is_err(), "the entry says that it is under way");
    bench.cancel(person, errand.operation.0).await;
    bench
        .parts()
        .abandon(&there, &home(CENTRAL), person)
        .await
        .expect("over");
    assert_eq!(bench.rows(CENTRAL, person).await, 0);
    // Late steps of it bring nothing back.
    for step in [
        Step::Complete {
            rows: 10,
            sum: [0; 32],
            told_ms: 0,
            left: Vec::new(),
        },
        Step::Activate,
    ] {
        let late = bench
            .parts()
            .ask_there(&bench.two.shard(WEST), person, &errand, 1, step)
            .await;
        let late = late.expect("answered");
        assert!(matches!(late, Taken::Refused(_)), "{late:?}");
    }
    assert_eq!(bench.rows(CENTRAL, person).await, 0);
    bench.end().await;
}

#[tokio::test]
async fn two_that_do_not_count_the_same_do_not_commit() {
    let (bench, person) = Bench::of_one(10).await;
    let errand = bench.copy_all(person, CENTRAL).await;
    let west = bench.two.shard(WEST);
    let wrong = Step::Complete {
        rows: 10,
        sum: [1; 32],
        told_ms: 0,
        left: Vec::new(),
    };
    let refused = bench.parts().ask_there(&west, person, &errand, 1, wrong).await;
    assert!(matches!(refused, Ok(Taken::Refused(_))), "{refused:?}");
    bench.end().await;
}

#[tokio::test]
async fn an_illegal_home_an_unknown_one_and_nobody_are_refused_before_anything_is_done() {
    let bench = Bench::new().await;
    let (person, half) = (bench.person(1).await, bench.half_registered(3).await);
    for (to, who, code) in [
        ("us/us-east", person, RefusalCode::LawForbids),
        ("eu/eu-north", person, RefusalCode::Unknown),
        (CENTRAL, user(99), RefusalCode::Unknown),
        (CENTRAL, half, RefusalCode::Unknown),
        (WEST, person, RefusalCode::Placement),
    ] {
        for dry_run in [true, false] {
            let asked = Asked {
                dry_run,
                ..asked(who, to)
            };
            let refusal = bench.parts().begin(&asked, "ann", false).await.expect_err(to);
            assert_eq!(refusal.code, code, "{to} {who}: {refusal:?}");
            assert!(code != RefusalCode::LawForbids || !refusal.hint.is_empty());
        }
    }
    let dry = Asked {
        dry_run: true,
        ..asked(person, CENTRAL)
    };
    bench
        .parts()
        .begin(&dry, "ann", false)
        .await
        .expect("would begin");
    let west = bench.two.shard(WEST);
    assert_eq!(
        standing::read(&west, person).await.expect("read"),
        None,
        "nothing was done"
    );
    bench.end().await;
}

#[tokio::test]
async fn an_event_follows_its_receiver_to_where_he_lives_now() {
    let bench = Bench::new().await;
    let author = bench.person_in(CENTRAL, 2).await;
    let person = bench.person(1).await;
    bench.begin(&asked(person, CENTRAL)).await;
    bench.until_cleared(person).await;
    // The author knows him where he lived.
    let address = &cell_sdk::Address {
        home: home(WEST),
        user: person,
    };
    for number in 1..=3 {
        let tell = |tx: RootTx| async move { tell(&tx, address, &workout(number)) };
        bench.two.write(CENTRAL, author, "training", tell).await;
    }
    bench.two.until_seen(person, &titles([1, 2, 3])).await;
    bench.end().await;
}

#[tokio::test]
async fn an_event_of_one_who_has_moved_is_delivered_before_his_key_goes() {
    let bench = Bench::new().await;
    let follower = bench.person_in(CENTRAL, 2).await;
    let person = bench.person(1).await;
    for number in 1..=3 {
        bench.two.tell(person, follower, number).await;
    }
    bench.begin(&asked(person, CENTRAL)).await;
    bench.until_cleared(person).await;
    bench.two.until_seen(follower, &titles([1, 2, 3])).await;
    bench.end().await;
}

#[tokio::test]
async fn he_cannot_come_back_to_where_his_key_was_destroyed_and_is_told_so() {
    let bench = Bench::new().await;
    let person = bench.person(1).await;
    bench.begin(&asked(person, CENTRAL)).await;
    bench.until_cleared(person).await;
    let back = Asked {
        home: home(CENTRAL),
        to: home(WEST),
        ..asked(person, WEST)
    };
    bench.begin(&back).await;
    let ended = |standing: &Standing| {
        let errand = standing.errand.as_ref();
        errand.is_some_and(|errand| !errand.under_way && errand.outcome.contains("destroyed for ever"))
    };
    bench.until_at(CENTRAL, person, ended).await;
    assert_eq!(bench.there(person).await, Place::Home { user_epoch: 2 });
    let _: HomeId = home(WEST);
    bench.end().await;
}

#[tokio::test]
async fn an_address_that_is_anothers_is_not_taken_along() {
    let bench = Bench::new().await;
    let person = bench.person(1).await;
    let stolen = Claim {
        state: ClaimState::Active as u32,
        ..bench.claim_row(9)
    };
    let row = &stolen;
    let put = |tx: RootTx| async move { Ok(CLAIMS.put(&tx, row).await?) };
    bench.two.write(WEST, person, "identity", put).await;
    bench.hold_for(user(77), 9).await;
    bench.begin(&asked(person, CENTRAL)).await;
    bench
        .until(person, |standing| {
            let errand = standing.errand.as_ref();
            errand.is_some_and(|errand| !errand.under_way && errand.outcome.contains("another's"))
        })
        .await;
    let account = |tx: RootTx| async move { Ok(ACCOUNTS.get(&tx, person.as_bytes().to_vec()).await?) };
    assert!(bench.two.write(WEST, person, "identity", account).await.is_some());
    bench.end().await;
}
