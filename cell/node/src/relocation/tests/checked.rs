//! What lies in the new home is counted there before anybody is fenced.

use bytes::Bytes;
use cell_layers::place::{Standing, Tally};
use cell_relay::Place;
use cell_shard::Tx;
use platform_model::UserId;
use platform_wire::relocation::{Step, Taken};

use super::bench::Bench;
use super::{CENTRAL, WEST, asked};
use crate::relocation::copier::Stretch;
use crate::relocation::standing::request;

/// Times that somebody is given to lose a row in time.
const TRIES: u128 = 10;

impl Bench {
    /// As a disk loses it: the first row of what has come to the new home.
    async fn lose_one(&self, person: UserId) -> bool {
        let Some(key) = self.keys_of(CENTRAL, person).await.into_iter().next() else {
            return false;
        };
        let lose = |tx: Tx| {
            let key = key.clone();
            async move { tx.clear(key) }
        };
        let lost = self.two.shard(CENTRAL).write(&request(person), lose).await;
        lost.expect("written");
        true
    }

    /// How he stands once he moves no more.
    async fn ended(&self, person: UserId) -> Standing {
        let over = |standing: &Standing| {
            let gone = matches!(standing.place, Place::Gone { .. });
            gone || standing.errand.as_ref().is_some_and(|errand| !errand.under_way)
        };
        self.until(person, over).await;
        self.here(person).await
    }
}

#[tokio::test]
async fn a_stretch_of_which_a_row_is_lost_is_refused_and_the_others_are_not() {
    let bench = Bench::new().await;
    let person = bench.person(1).await;
    bench.fill(person, 2_500).await;
    let errand = bench.begun(person, CENTRAL).await;
    let copier = bench.copied(person, &errand).await;
    let stretches = copier.stretches();
    assert_eq!(stretches.len(), 3, "{stretches:?}");
    assert!(stretches[0].after.is_empty() && stretches[2].upto.is_empty());
    let west = bench.two.shard(WEST);
    let ask = async |stretch: &Stretch| {
        let Stretch { after, upto, tally } = stretch.clone();
        let (rows, sum) = (tally.rows, tally.sum);
        let step = Step::Check {
            after,
            upto,
            rows,
            sum,
        };
        let taken = bench.parts().ask_there(&west, person, &errand, 1, step).await;
        taken.expect("answered")
    };
    for stretch in &stretches {
        let taken = ask(stretch).await;
        assert!(matches!(taken, Taken::Done { .. }), "{taken:?}");
    }
    let nothing = Stretch {
        after: stretches[1].upto.clone(),
        upto: Bytes::new(),
        tally: Tally::default(),
    };
    let taken = ask(&nothing).await;
    assert!(matches!(taken, Taken::Refused(_)), "more lies there: {taken:?}");
    assert!(bench.lose_one(person).await);
    let taken = ask(&stretches[0]).await;
    assert!(
        matches!(&taken, Taken::Refused(why) if why.contains("lie there")),
        "{taken:?}"
    );
    for stretch in &stretches[1..] {
        let taken = ask(stretch).await;
        assert!(matches!(taken, Taken::Done { .. }), "{taken:?}");
    }
    bench.end().await;
}

/// The planted omission: what was taken is believed to lie there, and the old home erases the only whole copy.
#[tokio::test]
async fn nobody_leaves_a_home_whose_new_one_has_lost_a_row_of_his() {
    let bench = Bench::new().await;
    for number in 1..=TRIES {
        let person = bench.person(number).await;
        bench.fill(person, 3_000).await;
        let begun = bench.parts().begin(&asked(person, CENTRAL), "ann", false).await;
        begun.expect("begins");
        while !bench.lose_one(person).await {
            tokio::task::yield_now().await;
        }
        let standing = bench.ended(person).await;
        let outcome = standing.errand.map(|errand| errand.outcome).unwrap_or_default();
        // Else it was lost too late, behind the check: where he lives by now, nobody counts any more.
        if outcome.contains("lie there") {
            assert_eq!(standing.place, Place::Home { user_epoch: 1 });
            assert_eq!(bench.count(WEST, person).await, 3_000);
            bench.until_nothing_at(CENTRAL, person).await;
            bench.end().await;
            return;
        }
    }
    panic!("nobody was kept back in {TRIES} tries");
}
