//! Backups that people remove.

use std::fs;
use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::task::Poll;

use cell_backup::BackupName;
use platform_wire::{Refusal, RefusalCode};

use super::scheduled::{DAY, Keeper};
use crate::custody::jobs::Failed;
use crate::custody::removing::{Order, Removed};
use crate::events::tests::bench::{FOLLOWERS, shard_of, until};

const OPERATOR: &str = "spiffe://x/operator/sre/kim";

fn order(name: &BackupName) -> Order {
    Order {
        name: name.clone(),
        by: OPERATOR.to_owned(),
        reason: "request 4711".to_owned(),
        even_the_last: false,
        dry_run: false,
    }
}

fn ended() -> Failed {
    Failed {
        code: "x",
        why: "y".to_owned(),
    }
}

fn refused(removed: Result<Removed, Refusal>, code: RefusalCode, says: &str) {
    let refusal = removed.expect_err(says);
    assert_eq!(refusal.code, code, "{refusal:?}");
    assert!(refusal.message.contains(says), "{refusal:?}");
}

#[tokio::test]
async fn the_last_backup_of_a_shard_goes_only_if_that_is_asked_for() {
    let (mut keeper, shard) = (Keeper::new().await, shard_of(FOLLOWERS));
    keeper.keep().await;
    let name = keeper.of(&shard).await.remove(0);
    let custody = keeper.custody.clone();
    let refusal = custody.removed(&order(&name)).await.expect_err("the last");
    assert_eq!(refusal.code, RefusalCode::Placement);
    assert!(refusal.hint.contains("--even-the-last"), "{refusal:?}");
    let dry = Order {
        even_the_last: true,
        dry_run: true,
        ..order(&name)
    };
    assert_eq!(custody.removed(&dry).await, Ok(Removed { sequence: 0, left: 0 }));
    assert_eq!(keeper.noted(&shard).len(), 1, "that it was made");
    assert_eq!(
        keeper.of(&shard).await,
        std::slice::from_ref(&name),
        "nothing was removed"
    );
    let even_so = Order {
        dry_run: false,
        ..dry
    };
    let removed = custody.removed(&even_so).await.expect("removed");
    assert!(removed.sequence > 0 && removed.left == 0, "{removed:?}");
    assert_eq!(keeper.of(&shard).await, []);
    let again = custody.removed(&even_so).await;
    refused(again, RefusalCode::Unknown, "has no backup");
    keeper.bench.end().await;
}

#[tokio::test]
async fn what_is_removed_is_on_record_under_who_asked_and_why_or_stays() {
    let (mut keeper, shard) = (Keeper::new().await, shard_of(FOLLOWERS));
    keeper.keep().await;
    keeper.bench.person(FOLLOWERS, 7).await;
    keeper.hand.advance(DAY);
    keeper.keep().await;
    let custody = keeper.custody.clone();
    let both = keeper.of(&shard).await;
    assert_eq!(both.len(), 2);
    let unsaid = Order {
        reason: "  ".to_owned(),
        ..order(&both[0])
    };
    refused(custody.removed(&unsaid).await, RefusalCode::Invalid, "a reason");
    keeper.controllers.notes_nothing.store(true, Ordering::Relaxed);
    let unheard = custody.removed(&order(&both[0])).await;
    refused(unheard, RefusalCode::Unavailable, "no controller");
    keeper.controllers.notes_nothing.store(false, Ordering::Relaxed);
    let job = custody.jobs.begin(None, both[0].to_string()).expect("room");
    let read = custody.removed(&order(&both[0])).await;
    refused(read, RefusalCode::Placement, "is read");
    custody.jobs.end(job.id, Err(ended()));
    assert_eq!(keeper.of(&shard).await, both, "nothing was removed");
    let removed = custody.removed(&order(&both[0])).await.expect("removed");
    assert_eq!(removed.left, 1);
    assert_eq!(keeper.of(&shard).await, [both[1].clone()]);
    let noted = keeper.noted(&shard).pop().expect("noted");
    let why = format!("{OPERATOR}: {}: request 4711", both[0]);
    assert_eq!(noted, ("remove-backup", why));
    keeper.bench.end().await;
}

/// The planted omission: what is being written is taken for what was given up.
#[tokio::test]
async fn what_may_still_be_written_is_not_removed_and_what_was_given_up_is() {
    let (mut keeper, shard) = (Keeper::new().await, shard_of(FOLLOWERS));
    keeper.keep().await;
    let name = keeper.of(&shard).await.remove(0);
    let folder = keeper.folder.path().join(name.as_str());
    fs::remove_file(folder.join("manifest")).expect("there");
    let custody = keeper.custody.clone();
    let young = custody.removed(&order(&name)).await;
    refused(young, RefusalCode::Placement, "may be being written");
    keeper.hand.advance(DAY);
    let job = custody
        .jobs
        .begin(Some(shard.clone()), String::new())
        .expect("room");
    let busy = custody.removed(&order(&name)).await;
    refused(busy, RefusalCode::Placement, "may be being written");
    custody.jobs.end(job.id, Err(ended()));
    custody.removed(&order(&name)).await.expect("it is no backup");
    assert_eq!(fs::read_dir(&folder).map_or(0, Iterator::count), 0);
    keeper.bench.end().await;
}

/// The planted omission: whoever asked goes - his call has lasted too long - and half of a backup stays, whose log is
/// written on.
#[tokio::test]
async fn a_removal_goes_on_to_its_end_without_whoever_asked_and_nobody_reads_what_goes() {
    let (mut keeper, shard) = (Keeper::new().await, shard_of(FOLLOWERS));
    keeper.keep().await;
    let name = keeper.of(&shard).await.remove(0);
    let folder = keeper.folder.path().join(name.as_str());
    let left = || fs::read_dir(&folder).map_or(0, Iterator::count);
    let custody = keeper.custody.clone();
    let even_so = Order {
        even_the_last: true,
        ..order(&name)
    };
    {
        let mut removal = Box::pin(custody.removed(&even_so));
        let noted = poll_fn(|cx| {
            // Polled again at once: what was spawned has its turns in between.
            cx.waker().wake_by_ref();
            let ended = removal.as_mut().poll(cx).is_ready();
            let noted = keeper
                .noted(&shard)
                .iter()
                .any(|(work, _)| *work == "remove-backup");
            if ended || noted {
                return Poll::Ready(noted);
            }
            Poll::Pending
        });
        assert!(noted.await, "it was refused");
    }
    assert!(
        custody.jobs.is_removing(name.as_str()) || left() == 0,
        "it may be read"
    );
    until("it has gone on to its end", async || {
        left() == 0 && !custody.jobs.is_removing(name.as_str())
    })
    .await;
    custody
        .jobs
        .begin(None, name.to_string())
        .expect("nobody removes it");
    keeper.bench.end().await;
}
