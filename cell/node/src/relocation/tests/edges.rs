//! Who knows a person by the home where he lived is told where he lives: his followers, and those whom he follows.

use cell_layers::place::{Holds, LeftHome, Settling, Standing};
use cell_relay::Place;
use cell_sdk::{Address, tell};
use domains_identity::stored::{Followed, Follower, FollowerMoved, Profile, ProfileShown};
use domains_training::stored::{SharedWorkout, ShownTo};
use platform_model::UserId;

use super::bench::{Bench, home};
use super::*;
use crate::events::tests::bench::{BEYOND, until};

const PROFILES: Table<Profile> = Table::new();
const FOLLOWERS: Table<Follower> = Table::new();
const FOLLOWED: Table<Followed> = Table::new();
const SHOWN_TO: Table<ShownTo> = Table::new();
const SHARED: Table<SharedWorkout> = Table::new();

fn id(user: UserId) -> Vec<u8> {
    user.as_bytes().to_vec()
}

impl Bench {
    /// As if one had let the other in, and both knew of it; and had shown him a workout.
    async fn follows(&self, author: (&str, UserId), follower: (&str, UserId)) {
        let (let_in, shown_to) = (
            &Follower {
                user: id(follower.1),
                home: follower.0.to_owned(),
                ..Follower::default()
            },
            &ShownTo {
                user: id(follower.1),
                home: follower.0.to_owned(),
            },
        );
        let profile = &Profile {
            user: id(author.1),
            display_name: Some("a name".to_owned()),
            version: 7,
            ..Profile::default()
        };
        let admit = |tx: RootTx| async move {
            PROFILES.put(&tx, profile).await?;
            FOLLOWERS.put(&tx, let_in).await?;
            Ok(SHOWN_TO.put(&tx.of_domain("training"), shown_to).await?)
        };
        self.two.write(author.0, author.1, "identity", admit).await;
        let (followed, shared) = (
            &Followed {
                user: id(author.1),
                home: author.0.to_owned(),
                ..Followed::default()
            },
            &SharedWorkout {
                number: 1,
                author: id(author.1),
                author_home: author.0.to_owned(),
                title: Some("1".to_owned()),
                ..SharedWorkout::default()
            },
        );
        let learn = |tx: RootTx| async move {
            FOLLOWED.put(&tx, followed).await?;
            Ok(SHARED.put(&tx.of_domain("training"), shared).await?)
        };
        self.two.write(follower.0, follower.1, "identity", learn).await;
    }

    /// Where the author believes his follower to live: identity, and training.
    async fn follower_home(&self, author: (&str, UserId), follower: UserId) -> [Option<String>; 2] {
        let read = |tx: RootTx| async move {
            let let_in = FOLLOWERS.get(&tx, id(follower)).await?;
            let shown_to = SHOWN_TO.get(&tx.of_domain("training"), id(follower)).await?;
            Ok([let_in.map(|row| row.home), shown_to.map(|row| row.home)])
        };
        self.two.write(author.0, author.1, "identity", read).await
    }

    /// Where the follower believes his author to live: identity, and training.
    async fn author_home(&self, follower: (&str, UserId), author: UserId) -> [Option<String>; 2] {
        let read = |tx: RootTx| async move {
            let followed = FOLLOWED.get(&tx, id(author)).await?;
            let shared = SHARED.get(&tx.of_domain("training"), 1).await?;
            Ok([followed.map(|row| row.home), shared.map(|row| row.author_home)])
        };
        self.two.write(follower.0, follower.1, "identity", read).await
    }

    async fn until_all_know(&self, people: [(&str, UserId); 2], at: &str, person: UserId) {
        let all = [Some(at.to_owned()), Some(at.to_owned())];
        let [author, follower] = people;
        until("both know where he lives", async || {
            self.follower_home(author, person).await == all && self.author_home(follower, person).await == all
        })
        .await;
    }
}

#[tokio::test]
async fn followers_and_those_whom_he_follows_learn_where_he_lives_and_again_when_he_moves_on() {
    let bench = Bench::new().await;
    let person = bench.person(1).await;
    let author = (BEYOND, bench.person_in(BEYOND, 2).await);
    let follower = (CENTRAL, bench.person_in(CENTRAL, 3).await);
    bench.follows(author, (WEST, person)).await;
    bench.follows((WEST, person), follower).await;
    bench.begin(&asked(person, CENTRAL)).await;
    bench.until_all_know([author, follower], CENTRAL, person).await;
    bench.until_settled(CENTRAL, person).await;
    bench.until_cleared(person).await;
    let on = Asked {
        home: home(CENTRAL),
        ..asked(person, BEYOND)
    };
    bench.begin(&on).await;
    bench.until_all_know([author, follower], BEYOND, person).await;
    bench.end().await;
}

#[tokio::test]
async fn two_who_follow_each_other_and_move_at_once_find_each_other() {
    let bench = Bench::new().await;
    let (one, other) = (bench.person(1).await, bench.person_in(CENTRAL, 2).await);
    bench.follows((WEST, one), (CENTRAL, other)).await;
    bench.follows((CENTRAL, other), (WEST, one)).await;
    let away = Asked {
        home: home(CENTRAL),
        ..asked(other, BEYOND)
    };
    let (first, second) = (asked(one, BEYOND), away);
    tokio::join!(bench.begin(&first), bench.begin(&second));
    let (one, other) = ((BEYOND, one), (BEYOND, other));
    bench.until_settled(BEYOND, one.1).await;
    bench.until_settled(BEYOND, other.1).await;
    bench.until_all_know([other, other], BEYOND, one.1).await;
    bench.until_all_know([one, one], BEYOND, other.1).await;
    bench.end().await;
}

/// He is let in by his old home while he moves: his own list does not have his author yet when those are told whom he follows.
#[tokio::test]
async fn whoever_shows_himself_to_where_he_lived_is_told_where_he_lives() {
    let bench = Bench::new().await;
    let person = bench.person(1).await;
    let author = (BEYOND, bench.person_in(BEYOND, 2).await);
    bench.begin(&asked(person, CENTRAL)).await;
    bench.until_cleared(person).await;
    bench.until_settled(CENTRAL, person).await;
    let let_in = &Follower {
        user: id(person),
        home: WEST.to_owned(),
        ..Follower::default()
    };
    let to = &Address {
        home: home(WEST),
        user: person,
    };
    let shown = &ProfileShown {
        profile: 1,
        display_name: None,
        told_ms: 1,
    };
    let admit = |tx: RootTx| async move {
        FOLLOWERS.put(&tx, let_in).await?;
        tell(&tx, to, shown)
    };
    bench.serve(author.0, author.1, "identity", admit).await;
    let here = [Some(CENTRAL.to_owned()), Some(CENTRAL.to_owned())];
    until("his author knows where he lives", async || {
        bench.follower_home(author, person).await == here
    })
    .await;
    bench.end().await;
}

#[tokio::test]
async fn one_who_follows_no_more_is_not_taken_back_and_what_is_older_changes_nothing() {
    let bench = Bench::new().await;
    let person = bench.person(1).await;
    let author = (BEYOND, bench.person_in(BEYOND, 2).await);
    let told = |at: &'static str, told_ms| {
        let bench = &bench;
        async move {
            let to = &Address {
                home: home(BEYOND),
                user: author.1,
            };
            let moved = &FollowerMoved { told_ms };
            let tell = |tx: RootTx| async move { tell(&tx, to, moved) };
            bench.two.write(at, person, "identity", tell).await;
            let shard = bench.two.shard(at);
            until("it is delivered", async || {
                shard
                    .outbox()
                    .page()
                    .await
                    .expect("read")
                    .is_none_or(|page| page.is_empty())
            })
            .await;
        }
    };
    told(WEST, 5).await;
    assert_eq!(
        bench.follower_home(author, person).await,
        [None, None],
        "he does not follow"
    );
    let row = &Follower {
        user: id(person),
        home: CENTRAL.to_owned(),
        since_ms: 1,
        moved_ms: 9,
    };
    let put = |tx: RootTx| async move { Ok(FOLLOWERS.put(&tx, row).await?) };
    bench.two.write(author.0, author.1, "identity", put).await;
    told(WEST, 8).await;
    let [known, _] = bench.follower_home(author, person).await;
    assert_eq!(known.as_deref(), Some(CENTRAL), "older than what is known");
    told(WEST, 9).await;
    let [known, _] = bench.follower_home(author, person).await;
    assert_eq!(known.as_deref(), Some(WEST));
    bench.end().await;
}

/// Whoever leads next finds in the row what is still to be told.
#[tokio::test]
async fn what_was_not_told_before_a_failover_is_told_by_whoever_leads_next() {
    let bench = Bench::new().await;
    let person = bench.person_in(CENTRAL, 1).await;
    let author = (BEYOND, bench.person_in(BEYOND, 2).await);
    let follower = (WEST, bench.person_in(WEST, 3).await);
    bench.follows(author, (CENTRAL, person)).await;
    bench.follows((CENTRAL, person), follower).await;
    for (at, who) in [author, follower] {
        let forget = |tx: RootTx| async move {
            FOLLOWERS.delete(&tx, id(person)).await?;
            FOLLOWED.delete(&tx, id(person)).await?;
            Ok(())
        };
        bench.two.write(at, who, "identity", forget).await;
    }
    let known_before = &Follower {
        user: id(person),
        home: WEST.to_owned(),
        ..Follower::default()
    };
    let put = |tx: RootTx| async move { Ok(FOLLOWERS.put(&tx, known_before).await?) };
    bench.two.write(author.0, author.1, "identity", put).await;
    let due = Standing {
        place: Place::Home { user_epoch: 2 },
        came_from: Some(home(WEST)),
        settling: Settling {
            edges_due: true,
            ..Settling::default()
        },
        ..Standing::native()
    };
    bench.two.stand(CENTRAL, person, &due).await;
    bench.take_up(CENTRAL).await;
    bench.until_settled(CENTRAL, person).await;
    until("both were told", async || {
        let [known, _] = bench.follower_home(author, person).await;
        let [followed, _] = bench.author_home(follower, person).await;
        known.as_deref() == Some(CENTRAL) && followed.as_deref() == Some(CENTRAL)
    })
    .await;
    bench.end().await;
}

/// What broke: as much was held for a follower as may be, so that there was no room to tell him where he lives; and for as long as
/// that was to be done the home before was not asked, so that it was held for ever.
#[tokio::test]
async fn what_is_held_goes_out_though_those_who_know_him_cannot_be_told() {
    let bench = Bench::new().await;
    let person = bench.person_in(CENTRAL, 1).await;
    let follower = bench.person_in(BEYOND, 2).await;
    let profile = &Profile {
        user: id(person),
        ..Profile::default()
    };
    let nowhere = &Follower {
        user: id(follower),
        home: "nowhere".to_owned(),
        ..Follower::default()
    };
    let admit = |tx: RootTx| async move {
        PROFILES.put(&tx, profile).await?;
        Ok(FOLLOWERS.put(&tx, nowhere).await?)
    };
    bench.two.write(CENTRAL, person, "identity", admit).await;
    let gone = Standing {
        place: Place::Gone {
            to: home(CENTRAL),
            user_epoch: 2,
        },
        ..Standing::native()
    };
    bench.two.stand(WEST, person, &gone).await;
    let waited_for = LeftHome {
        home: home(WEST),
        user_epoch: 2,
        waiting: Some([follower].into()),
    };
    let come = Standing {
        place: Place::Home { user_epoch: 2 },
        settling: Settling {
            waits_for: vec![waited_for],
            holds: Holds::For([follower].into()),
            since_ms: u64::MAX,
            edges_due: true,
            ahead_ms: 0,
        },
        ..Standing::native()
    };
    bench.two.stand(CENTRAL, person, &come).await;
    let to = &Address {
        home: home(BEYOND),
        user: follower,
    };
    let show = |tx: RootTx| async move { tell(&tx, to, &workout(1)) };
    bench.serve(CENTRAL, person, "training", show).await;
    bench.parts().set_off(&bench.two.shard(CENTRAL), person);
    bench.two.until_seen_in(BEYOND, follower, &titles([1])).await;
    let now = bench.there_now(person).await.settling;
    assert!(now.edges_due, "they cannot be told");
    assert_eq!((now.holds, now.waits_for), (Holds::Nothing, Vec::new()));
    bench.end().await;
}
