//! What lies in the new home is counted there before anybody is fenced.

use bytes::Bytes;
use cell_layers::place::{Errand, Tally};
use cell_layers::{RootTx, Table};
use cell_shard::Tx;
use domains_identity::stored::Follower;
use platform_model::UserId;
use platform_wire::relocation::{Step, Taken};

use super::bench::Bench;
use super::{CENTRAL, WEST};
use crate::relocation::copier::{CHANGED_AT_ONCE, Copier, Stretch};
use crate::relocation::leaving::{Leaving, Stopped};
use crate::relocation::standing::request;

const FOLLOWERS: Table<Follower> = Table::new();

impl Bench {
    /// Rows about as large as a row may be.
    async fn fill_with_large(&self, person: UserId, rows: u64) {
        for first in (0..rows).step_by(20) {
            let fill = |tx: RootTx| async move {
                for number in first..rows.min(first + 20) {
                    let row = Follower {
                        user: uuid::Uuid::from_u128(u128::from(number) + 1).as_bytes().to_vec(),
                        home: "x".repeat(80_000),
                        since_ms: number,
                        ..Follower::default()
                    };
                    FOLLOWERS.insert(&tx, &row).await?;
                }
                Ok(())
            };
            self.two.write(WEST, person, "identity", fill).await;
        }
    }

    /// Whether the new home has all of what was copied.
    async fn check(&self, person: UserId, errand: &Errand, copier: &Copier) -> Result<(), Stopped> {
        let leaving = Leaving {
            parts: self.parts(),
            shard: &self.two.shard(WEST),
            user: person,
            user_epoch: 1,
            errand,
        };
        leaving.check(copier).await
    }

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
}

#[tokio::test]
async fn a_stretch_of_which_a_row_is_lost_is_refused_and_the_others_are_not() {
    let (bench, person) = Bench::of_one(2_500).await;
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
    let (bench, person) = Bench::of_one(10).await;
    let errand = bench.begun(person, CENTRAL).await;
    let copier = bench.copied(person, &errand).await;
    let checked = bench.check(person, &errand, &copier).await;
    checked.expect("all of it lies there");
    assert!(bench.lose_one(person).await);
    let kept = bench.check(person, &errand, &copier).await;
    assert!(
        matches!(&kept, Err(Stopped::Never(why)) if why.contains("lie there")),
        "{kept:?}"
    );
    bench.end().await;
}

/// The planted omission: a stretch of large rows takes its receiver longer than anybody waits, and more memory than it has.
#[tokio::test]
async fn a_stretch_ends_by_its_bytes_too() {
    let bench = Bench::new().await;
    let person = bench.person(1).await;
    bench.fill_with_large(person, 150).await;
    let errand = bench.begun(person, CENTRAL).await;
    let copier = bench.copied(person, &errand).await;
    let stretches = copier.stretches();
    assert_eq!(stretches.len(), 2, "{stretches:?}");
    assert_eq!(stretches[0].upto, stretches[1].after);
    let rows: u64 = stretches.iter().map(|stretch| stretch.tally.rows).sum();
    assert_eq!(rows, copier.tally.rows);
    let checked = bench.check(person, &errand, &copier).await;
    checked.expect("all of it lies there");
    bench.end().await;
}

/// The planted omission: all that has changed since is read at once, and is more than one transaction may read.
#[tokio::test]
async fn what_has_changed_leaves_some_rows_at_a_time() {
    let bench = Bench::new().await;
    let person = bench.person(1).await;
    let key = bench.two.key(WEST, person).await;
    let mut copier = Copier::begin(bench.two.shard(WEST), person, key);
    while copier.page().await.expect("read").is_some() {}
    let (changed, before) = (600, copier.tally.rows);
    bench.fill(person, changed).await;
    copier.look(copier.committed()).await.expect("looked through");
    let mut reads = 0;
    while let Some(parts) = copier.changed().await.expect("read") {
        let rows: usize = parts.iter().map(Vec::len).sum();
        assert!(rows <= CHANGED_AT_ONCE, "{rows}");
        reads += 1;
    }
    assert!(reads > 1, "{reads}");
    assert_eq!(copier.tally.rows, before + changed, "all of it");
    bench.end().await;
}
