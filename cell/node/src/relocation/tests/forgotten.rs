//! Erased where he lives, nothing of him stays where he was: not in a home that waits to be cleared, nor of a copy that was given
//! up.

use cell_layers::place::Standing;
use cell_relay::Place;
use platform_model::{Code, UserId};
use platform_wire::relocation::{EntryStep, Step, Taken};

use super::bench::{Bench, home};
use super::{CENTRAL, WEST};
use crate::relocation::Elsewheres;
use crate::relocation::source::ended;
use crate::relocation::standing::change;

impl Bench {
    pub(super) async fn has_key(&self, at: &str, person: UserId) -> bool {
        let parts = self.parts();
        match parts.keys.open(&parts.followed, &home(at), person).await {
            Ok(_) => true,
            Err(problem) if problem.code == Code::NotFound => false,
            Err(problem) => panic!("{problem:?}"),
        }
    }

    /// He has moved, and what he had before waits to be cleared, with his key: nobody drives it.
    async fn moved_and_not_cleared(&self, person: UserId) {
        let errand = self.whole_copy_and_fence(person, CENTRAL).await;
        let (operation, to) = (errand.operation.0, home(CENTRAL));
        let commit = EntryStep::Commit { operation, to };
        let told = self
            .parts()
            .entry(&home(WEST).jurisdiction, person, &commit)
            .await;
        assert_eq!(told.expect("answered").refused, None);
        self.comes_in(person).await;
        let gone = |before: Option<Standing>| {
            Ok(Standing {
                place: Place::Gone {
                    to: home(CENTRAL),
                    user_epoch: 2,
                },
                clearing: true,
                ..ended(before, "he has moved")
            })
        };
        let noted = change(&self.two.shard(WEST), person, gone).await;
        noted.expect("noted");
    }
}

#[tokio::test]
async fn what_a_home_still_holds_of_one_who_has_left_it_goes_with_him() {
    let (bench, person) = Bench::of_one(10).await;
    bench.moved_and_not_cleared(person).await;
    assert!(bench.has_key(WEST, person).await && bench.rows(WEST, person).await > 0);
    let central = bench.two.shard(CENTRAL);
    let forgotten = bench.relocations().forget(&central, person).await;
    assert_eq!(forgotten, Ok(()));
    assert!(!bench.has_key(WEST, person).await);
    assert_eq!(bench.rows(WEST, person).await, 0);
    assert!(!bench.here(person).await.clearing);
    assert_eq!(bench.departed(), [(home(WEST), person, home(CENTRAL))]);
    // And once more: nothing is left to do.
    let again = bench.relocations().forget(&central, person).await;
    assert_eq!(again, Ok(()));
    bench.end().await;
}

#[tokio::test]
async fn the_key_of_a_copy_that_was_given_up_goes_with_him() {
    let (bench, person) = Bench::of_one(10).await;
    bench.copy_all(person, CENTRAL).await;
    let cancelled = bench.parts().cancel_of(&home(WEST), person, "ann").await;
    cancelled.expect("to be cancelled");
    let over = |standing: &Standing| {
        let errand = standing.errand.as_ref();
        errand.is_some_and(|errand| !errand.under_way)
    };
    bench.until(person, over).await;
    bench.until_nothing_at(CENTRAL, person).await;
    assert_eq!(bench.here(person).await.tried, [home(CENTRAL)]);
    assert!(bench.has_key(CENTRAL, person).await);
    let west = bench.two.shard(WEST);
    let forgotten = bench.relocations().forget(&west, person).await;
    assert_eq!(forgotten, Ok(()));
    assert!(!bench.has_key(CENTRAL, person).await);
    // On record: an older copy of the keys there does not keep it.
    assert_eq!(bench.departed(), [(home(CENTRAL), person, home(WEST))]);
    assert_eq!(
        bench.count(WEST, person).await,
        10,
        "that is for the erasure here"
    );
    bench.end().await;
}

#[tokio::test]
async fn nobody_is_forgotten_where_he_lives_or_moves() {
    let (bench, person) = Bench::of_one(10).await;
    let errand = bench.copy_all(person, CENTRAL).await;
    let west = bench.two.shard(WEST);
    let asked = bench
        .parts()
        .ask_there(&west, person, &errand, 1, Step::Forget)
        .await;
    assert!(matches!(asked, Ok(Taken::Later(_))), "{asked:?}");
    assert!(bench.has_key(CENTRAL, person).await && bench.rows(CENTRAL, person).await > 0);
    bench.end().await;
}

/// As a forced promotion to an older copy leaves him: he was erased, his key is gone, and his relocation is under way.
#[tokio::test]
async fn a_relocation_of_one_whose_key_is_gone_comes_to_its_end() {
    let (bench, person) = Bench::of_one(10).await;
    bench.begun(person, CENTRAL).await;
    let unwanted = |before: Option<Standing>| {
        let mut after = before.ok_or("he does not stand here")?;
        let errand = after.errand.as_mut().ok_or("nothing is under way")?;
        errand.unwanted = true;
        Ok(after)
    };
    let west = bench.two.shard(WEST);
    change(&west, person, unwanted).await.expect("noted");
    let parts = bench.parts();
    let destroyed = parts.keys.destroy(&parts.followed, &home(WEST), person).await;
    destroyed.expect("destroyed");
    let driven = std::sync::Arc::clone(parts).drive(west, person);
    let ended = tokio::time::timeout(std::time::Duration::from_secs(20), driven).await;
    ended.expect("it has an end");
    assert!(!bench.here(person).await.errand.expect("his").under_way);
    bench.end().await;
}
