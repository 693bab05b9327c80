//! A person's erasure and his relocation cross: it ends by itself, and he is nowhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use cell_layers::ended;
use cell_layers::place::Standing;
use cell_relay::Place;
use cell_shard::{Tx, WriteError};
use cell_store::memory::Memory;
use platform_model::UserId;
use platform_runtime::Clock;
use platform_wire::backup::{ErasureRecord, ErasureStage};
use platform_wire::relocation::{Step, Taken};

use super::bench::{Bench, home};
use super::{CENTRAL, WEST, asked};
use crate::custody::tests::{Controllers, parts};
use crate::custody::{self, Custody, Register as _};
use crate::relocation::standing::{self, StepError, change_living, request};

/// Of one whose root has ended only the mark of that is left.
const ENDED: usize = 1;

/// Who erases people in the homes of this node.
fn custody(bench: &Bench, controllers: &Arc<Controllers>) -> Custody {
    let custody = Custody::new(custody::Parts {
        elsewhere: Arc::new(bench.relocations().clone()),
        ..parts(&bench.two, controllers, (Memory::new(), Clock::system()))
    });
    bench.relocations().erases_by(custody.lent());
    custody
}

/// One who lives in the west, with some rows, and who erases people there.
async fn erasing() -> (Bench, UserId, Arc<Controllers>, Custody) {
    let (bench, person) = Bench::of_one(10).await;
    let controllers = Controllers::answering();
    let custody = custody(&bench, &controllers);
    (bench, person, controllers, custody)
}

/// As whoever is killed just behind it leaves it.
async fn put_on_record(controllers: &Controllers, person: UserId) {
    record(controllers, person, ErasureStage::Begins).await;
}

async fn record(controllers: &Controllers, person: UserId, stage: ErasureStage) {
    let record = ErasureRecord {
        home: home(WEST),
        user: person,
        by: "ann".to_owned(),
        reason: "request 4711".to_owned(),
        stage,
    };
    controllers.record_erasure(&record).await.expect("on record");
}

impl Bench {
    /// Nobody's erasure is open any more.
    async fn none_is_open(&self, controllers: &Controllers) -> bool {
        for home in [WEST, CENTRAL] {
            let shard = self.two.shard(home);
            let open = controllers.read_open_erasures(shard.id()).await;
            if !open.expect("answered").is_empty() {
                return false;
            }
        }
        true
    }

    /// No erasure of his is open, and no home has a key of his.
    async fn is_erased(&self, person: UserId, controllers: &Controllers) {
        let stages = controllers.stages();
        assert!(self.none_is_open(controllers).await, "{stages:?}");
        for home in [WEST, CENTRAL] {
            assert!(!self.has_key(home, person).await, "{home}");
        }
    }
}

fn unwanted(standing: &Standing) -> bool {
    standing.errand.as_ref().is_some_and(|errand| errand.unwanted)
}

/// The planted omission: it is asked for again and again where he was, and he lives on.
#[tokio::test]
async fn an_erasure_follows_one_who_has_moved_since_it_was_put_on_record_and_ends() {
    let (bench, person, controllers, custody) = erasing().await;
    put_on_record(&controllers, person).await;
    bench.begin(&asked(person, CENTRAL)).await;
    bench.until_cleared(person).await;
    assert_eq!(bench.there(person).await, Place::Home { user_epoch: 2 });
    custody.resume().await;
    bench.is_erased(person, &controllers).await;
    assert_eq!(bench.rows(WEST, person).await, 0);
    assert_eq!(bench.rows(CENTRAL, person).await, ENDED);
    let stages = controllers.stages();
    custody.resume().await;
    assert_eq!(controllers.stages(), stages, "it is at its end");
    bench.end().await;
}

#[tokio::test]
async fn a_relocation_that_is_not_fenced_turns_back_for_an_erasure_that_is_on_record() {
    let (bench, person, controllers, custody) = erasing().await;
    bench.copy_all(person, CENTRAL).await;
    put_on_record(&controllers, person).await;
    custody.resume().await;
    assert!(
        unwanted(&bench.here(person).await),
        "{:?}",
        bench.here(person).await
    );
    assert!(
        bench.has_key(WEST, person).await,
        "nothing is destroyed while he moves"
    );
    bench.drive(person).await;
    bench.until_nothing_at(CENTRAL, person).await;
    custody.resume().await;
    bench.is_erased(person, &controllers).await;
    assert_eq!(bench.rows(WEST, person).await, ENDED);
    bench.end().await;
}

#[tokio::test]
async fn behind_the_fence_an_erasure_waits_for_where_he_will_live() {
    let (bench, person, controllers, custody) = erasing().await;
    bench.whole_copy_and_fence(person, CENTRAL).await;
    put_on_record(&controllers, person).await;
    custody.resume().await;
    assert!(
        !unwanted(&bench.here(person).await),
        "what is fenced is for the entry"
    );
    assert!(!bench.none_is_open(&controllers).await);
    bench.drive(person).await;
    bench.until_nothing_at(CENTRAL, person).await;
    custody.resume().await;
    assert!(
        bench.none_is_open(&controllers).await,
        "{:?}",
        controllers.stages()
    );
    assert!(!bench.has_key(WEST, person).await);
    bench.end().await;
}

/// The planted omission: the mark is looked for beside the transaction in which a relocation begins, and all of one who is being
/// erased leaves, to be read elsewhere for ever.
#[tokio::test]
async fn nobody_begins_to_move_whose_root_ended_after_it_was_looked_at() {
    let bench = Bench::new().await;
    let person = bench.person(1).await;
    let west = bench.two.shard(WEST);
    let end = |tx: Tx| async move { Ok::<_, StepError>(ended::end(&tx)?) };
    west.write(&request(person), end).await.expect("ended");
    let begin = |_| Ok(Standing::native());
    let begun = change_living(&west, person, begin).await;
    let refused = begun.map(|_| ()).expect_err("he is being erased");
    let said = matches!(&refused, WriteError::Rejected(StepError::Refused(why)) if why == standing::ENDED);
    assert!(said, "{refused:?}");
    let stands = standing::read(&west, person).await.expect("read");
    assert_eq!(stands, None, "nothing was noted");
    bench.end().await;
}

/// The planted omission: any home may have anybody erased.
#[tokio::test]
async fn a_home_has_nobody_erased_who_did_not_come_from_there() {
    let bench = Bench::new().await;
    let (controllers, person) = (Controllers::answering(), bench.person_in(CENTRAL, 2).await);
    let _custody = custody(&bench, &controllers);
    let errand = bench.begun(bench.person(1).await, CENTRAL).await;
    let west = bench.two.shard(WEST);
    let asked = bench
        .parts()
        .ask_there(&west, person, &errand, 1, Step::Erase)
        .await;
    assert!(matches!(asked, Ok(Taken::Refused(_))), "{asked:?}");
    assert!(bench.has_key(CENTRAL, person).await);
    assert_eq!(controllers.stages(), []);
    bench.end().await;
}

/// As a backup of before he came leaves a home: of an earlier try that came to nothing.
async fn is_restored_to_before_he_came(bench: &Bench, person: UserId) {
    let of_then = Standing {
        place: Place::Gone {
            to: home(WEST),
            user_epoch: 1,
        },
        ..Standing::native()
    };
    bench.two.stand(CENTRAL, person, &of_then).await;
}

/// The planted omission: each look finds that he moves, and all of him stays readable in the home that he left.
#[tokio::test]
async fn one_whom_his_new_home_does_not_know_any_more_is_erased_where_all_of_him_lies() {
    let (bench, person, controllers, custody) = erasing().await;
    let errand = bench.whole_copy_and_fence(person, CENTRAL).await;
    bench.commit(person, errand.operation.0).await;
    put_on_record(&controllers, person).await;
    is_restored_to_before_he_came(&bench, person).await;
    custody.resume().await;
    let stages = controllers.stages();
    bench.is_erased(person, &controllers).await;
    assert_eq!(bench.rows(WEST, person).await, ENDED);
    bench.drive(person).await;
    let here = bench.here(person).await;
    assert_eq!(here.place, Place::Home { user_epoch: 1 }, "nothing goes on");
    custody.resume().await;
    assert_eq!(controllers.stages(), stages, "it is at its end");
    bench.end().await;
}

#[tokio::test]
async fn one_who_has_moved_to_a_home_that_does_not_know_him_any_more_is_erased_too() {
    let (bench, person, controllers, custody) = erasing().await;
    put_on_record(&controllers, person).await;
    bench.begin(&asked(person, CENTRAL)).await;
    bench.until_cleared(person).await;
    is_restored_to_before_he_came(&bench, person).await;
    custody.resume().await;
    let stages = controllers.stages();
    assert!(bench.none_is_open(&controllers).await, "{stages:?}");
    assert!(
        !bench.has_key(CENTRAL, person).await,
        "a later backup of that home stays shut"
    );
    bench.end().await;
}

/// The planted omission: a copy is promoted by force that lacks that he left. His root ends there, which knows of no other
/// home any more: to whoever asks for him, or tells him something, he is nobody.
#[tokio::test]
async fn one_who_has_left_is_redirected_again_though_a_copy_leads_that_lacks_that() {
    let (bench, person, controllers, custody) = erasing().await;
    bench.begin(&asked(person, CENTRAL)).await;
    bench.until_cleared(person).await;
    // Whoever has left is on the same list as the erased.
    for stage in [ErasureStage::Begins, ErasureStage::Done { claims: 0, rows: 10 }] {
        record(&controllers, person, stage).await;
    }
    bench.two.stand(WEST, person, &Standing::native()).await;
    let west = bench.two.shard(WEST);
    let back = |tx: Tx| async move { tx.put("a row", "of then") };
    let written = west.write(&request(person), back).await;
    written.expect("written");
    custody.reapply(&mut BTreeMap::new()).await;
    let gone = crate::relocation::gone(&west, person).await;
    assert_eq!(gone.expect("answered"), Some((home(CENTRAL), 2)));
    bench.drive(person).await;
    bench.until_cleared(person).await;
    assert_eq!(bench.rows(WEST, person).await, 0);
    assert_eq!(bench.there(person).await, Place::Home { user_epoch: 2 });
    assert_eq!(bench.count(CENTRAL, person).await, 10);
    bench.end().await;
}
