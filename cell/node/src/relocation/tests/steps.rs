//! Relocations taken as far as a test wants them, by hand: what a primary leaves that is killed there.

use std::sync::Arc;

use cell_layers::place::{Errand, Standing};
use platform_model::UserId;
use platform_wire::relocation::{Asked, EntryStep, MovedRow, Step, Taken};
use zeroize::Zeroizing;

use super::bench::{Bench, home};
use crate::events::tests::bench::{AUTHORS as WEST, FOLLOWERS as CENTRAL, WITHIN};
use crate::relocation::copier::Copier;
use crate::relocation::source::next_operation;
use crate::relocation::standing::change;

impl Bench {
    /// Whoever serves the shard moves him.
    pub(super) async fn begin(&self, asked: &Asked) {
        let begun = self.parts().begin(asked, "ann", false).await;
        begun.expect("begins");
    }

    /// The directory takes a step.
    async fn enter(&self, person: UserId, step: &EntryStep) {
        let told = self.parts().entry(&home(WEST).jurisdiction, person, step).await;
        assert_eq!(told.expect("answered").refused, None);
    }

    pub(super) async fn commit(&self, person: UserId, operation: u64) {
        let to = home(CENTRAL);
        self.enter(person, &EntryStep::Commit { operation, to }).await;
    }

    pub(super) async fn cancel(&self, person: UserId, operation: u64) {
        self.enter(person, &EntryStep::Cancel { operation }).await;
    }

    /// A relocation that nobody drives has begun, at the directory too.
    pub(super) async fn begun(&self, person: UserId, to: &str) -> Errand {
        let errand = Errand {
            operation: next_operation(1, None),
            other: home(to),
            under_way: true,
            unwanted: false,
            by: "ann".to_owned(),
            consent: false,
            since_ms: 1,
            outcome: String::new(),
        };
        let begin = |_| {
            Ok(Standing {
                errand: Some(errand.clone()),
                ..Standing::native()
            })
        };
        change(&self.two.shard(WEST), person, begin).await.expect("noted");
        let step = EntryStep::Start {
            operation: errand.operation.0,
            home: home(WEST),
            user_epoch: 1,
            to: home(to),
        };
        self.enter(person, &step).await;
        errand
    }

    /// A start of an operation that nobody drives any more came late.
    pub(super) async fn a_late_start(&self, person: UserId, to: &str) {
        let step = EntryStep::Start {
            operation: next_operation(0, None).0,
            home: home(WEST),
            user_epoch: 1,
            to: home(to),
        };
        self.enter(person, &step).await;
    }

    pub(super) async fn fence(&self, person: UserId, errand: &Errand) {
        let fence = |before: Option<Standing>| {
            let before = before.ok_or("he stands here")?;
            let place = before.place.clone().fence(errand.operation);
            Ok(Standing {
                place: place.map_err(|why| why.to_string())?,
                ..before
            })
        };
        change(&self.two.shard(WEST), person, fence)
            .await
            .expect("fenced");
    }

    pub(super) async fn fenced(&self, person: UserId, to: &str) -> Errand {
        let errand = self.begun(person, to).await;
        self.fence(person, &errand).await;
        errand
    }

    async fn ask(&self, person: UserId, errand: &Errand, step: Step) {
        let west = self.two.shard(WEST);
        let taken = self.parts().ask_there(&west, person, errand, 1, step).await;
        let taken = taken.expect("answered");
        assert!(matches!(taken, Taken::Done { .. }), "{taken:?}");
    }

    /// Every row came in; nobody has said that it is all.
    pub(super) async fn copy_all(&self, person: UserId, to: &str) -> Errand {
        let errand = self.begun(person, to).await;
        self.copied(person, &errand).await;
        errand
    }

    pub(super) async fn copied(&self, person: UserId, errand: &Errand) -> Copier {
        let key = self.two.key(WEST, person).await;
        let digest_key = Zeroizing::new(key.digests().bytes().to_vec());
        self.ask(person, errand, Step::Begin { digest_key }).await;
        let mut copier = Copier::begin(self.two.shard(WEST), person, key);
        while let Some(parts) = copier.page().await.expect("read") {
            for part in parts {
                let row = |row: cell_layers::place::Row| MovedRow {
                    key: row.key,
                    value: row.value,
                };
                let part = Step::Part(part.into_iter().map(row).collect());
                self.ask(person, errand, part).await;
            }
        }
        copier
    }

    /// As a source leaves it that ends just before its commit.
    pub(super) async fn whole_copy_and_fence(&self, person: UserId, to: &str) -> Errand {
        let errand = self.begun(person, to).await;
        let copier = self.copied(person, &errand).await;
        self.fence(person, &errand).await;
        let (rows, sum) = (copier.tally.rows, copier.tally.sum);
        self.ask(
            person,
            &errand,
            Step::Complete {
                rows,
                sum,
                told_ms: 0,
                left: Vec::new(),
            },
        )
        .await;
        errand
    }

    /// The home where he will live reads in the entry that it is his.
    pub(super) async fn comes_in(&self, person: UserId) {
        let (central, there) = (self.two.shard(CENTRAL), home(CENTRAL));
        let activated = self.parts().activate(&central, &there, person).await;
        activated.expect("the entry names it");
    }

    /// Whoever serves the shard takes up what was under way, until nothing is.
    pub(super) async fn drive(&self, person: UserId) {
        self.drive_at(WEST, person).await;
    }

    pub(super) async fn drive_at(&self, home: &str, person: UserId) {
        let drive = Arc::clone(self.parts()).drive(self.two.shard(home), person);
        tokio::time::timeout(WITHIN, drive).await.expect("it ends");
    }
}
