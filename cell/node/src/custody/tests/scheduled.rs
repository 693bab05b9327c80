//! Backups that keep themselves, by a clock that is moved by hand.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cell_backup::read::Reading;
use cell_backup::retention::Rules;
use cell_backup::{BackupName, BackupStore, Progress};
use cell_layers::keys::rows::{is_destroyed, key_of};
use cell_store::memory::Memory as Disk;
use platform_model::{ShardId, UserId};
use platform_runtime::{Clock, ManualClock};

use super::{Controllers, asked, home, parts};
use crate::custody::scheduled::Memory;
use crate::custody::{Custody, Parts, Sink, views};
use crate::events::tests::bench::{Bench, FOLLOWERS, shard_of};

pub(super) const RULES: Rules = Rules {
    every: Duration::from_secs(24 * 3_600),
    keep: 2,
    rewrite: Duration::from_secs(7 * 24 * 3_600),
};
pub(super) const DAY: Duration = Duration::from_secs(25 * 3_600);

/// A node with a backup store, and a clock that is moved by hand.
pub(super) struct Keeper {
    pub bench: Bench,
    pub controllers: Arc<Controllers>,
    pub custody: Custody,
    pub hand: ManualClock,
    pub folder: tempfile::TempDir,
    pub memory: Memory,
}

impl Keeper {
    pub async fn new() -> Self {
        let bench = Bench::new().await;
        let controllers = Controllers::answering();
        let folder = tempfile::tempdir().expect("a folder");
        let sink = Sink {
            name: "backup-eu".into(),
            region: None,
            store: BackupStore::folder(folder.path()).expect("a store"),
            log_every: None,
            bytes_per_second: 0,
            rules: Some(RULES),
        };
        let (clock, hand) = Clock::manual(Clock::system().unix_ms());
        let custody = Custody::new(Parts {
            sink: Some(sink),
            ..parts(&bench, &controllers, (Disk::new(), clock))
        });
        Self {
            bench,
            controllers,
            custody,
            hand,
            folder,
            memory: Memory::default(),
        }
    }

    /// A look that goes well.
    pub async fn keep(&mut self) {
        assert!(self.custody.keep(&RULES, &mut self.memory).await);
    }

    pub async fn of(&self, shard: &ShardId) -> Vec<BackupName> {
        let store = &self.custody.shared.sink.as_ref().expect("one").store;
        let whole = store.list().await.expect("listed").whole;
        let of = |name: &BackupName| name.shard().is_ok_and(|of| of == *shard);
        whole.into_iter().filter(of).collect()
    }

    /// What was done with a shard's backups by now.
    pub fn noted(&self, shard: &ShardId) -> Vec<(&'static str, String)> {
        let noted = self.controllers.noted.lock();
        let of = noted.iter().filter(|(of, _, _)| of == shard);
        of.map(|(_, work, why)| (*work, why.clone())).collect()
    }

    fn works(&self, shard: &ShardId) -> Vec<&'static str> {
        self.noted(shard).into_iter().map(|(work, _)| work).collect()
    }
}

fn keys() -> ShardId {
    ShardId::Keys { home: home() }
}

#[tokio::test]
async fn what_is_served_is_backed_up_in_time_and_no_more_than_are_kept_stay() {
    let (mut keeper, shard) = (Keeper::new().await, shard_of(FOLLOWERS));
    keeper.keep().await;
    let first = keeper.of(&shard).await;
    assert_eq!((first.len(), keeper.of(&keys()).await.len()), (1, 1));
    {
        let noted = keeper.controllers.noted.lock();
        assert_eq!(noted.len(), 7, "one of each that is served: {noted:?}");
        let of_keys = |shard: &ShardId| matches!(shard, ShardId::Keys { .. });
        assert!(
            noted.iter().skip(4).all(|(shard, _, _)| of_keys(shard)),
            "keys last"
        );
        let own = noted
            .iter()
            .all(|(_, _, why)| why == "node eu-central-1/0: on schedule: every 24 h");
        assert!(own, "{noted:?}");
    }
    keeper.keep().await;
    assert_eq!(keeper.of(&shard).await, first, "it has everything");
    for (number, expected) in [(7, 2), (8, 2)] {
        keeper.bench.person(FOLLOWERS, number).await;
        keeper.keep().await;
        keeper.hand.advance(DAY);
        keeper.keep().await;
        keeper.keep().await;
        assert_eq!(keeper.of(&shard).await.len(), expected);
    }
    assert!(!keeper.of(&shard).await.contains(&first[0]), "the oldest is gone");
    assert_eq!(
        keeper.works(&shard),
        ["back-up", "back-up", "back-up", "remove-backup"]
    );
    let (_, why) = keeper.noted(&shard).pop().expect("noted");
    assert!(
        why.ends_with(&format!("takes the place of {}", first[0])),
        "{why}"
    );
    keeper.bench.end().await;
}

/// The planted omission: what no controller knows of is done all the same.
#[tokio::test]
async fn without_a_controller_nothing_is_made_or_removed_and_it_is_done_later() {
    let (mut keeper, shard) = (Keeper::new().await, shard_of(FOLLOWERS));
    keeper.controllers.notes_nothing.store(true, Ordering::Relaxed);
    assert!(!keeper.custody.keep(&RULES, &mut keeper.memory).await);
    assert_eq!(keeper.of(&shard).await, []);
    keeper.controllers.notes_nothing.store(false, Ordering::Relaxed);
    keeper.keep().await;
    let first = keeper.of(&shard).await;
    assert_eq!(first.len(), 1);
    let one = Rules { keep: 1, ..RULES };
    keeper.bench.person(FOLLOWERS, 7).await;
    keeper.hand.advance(DAY);
    keeper.keep().await;
    keeper.controllers.notes_nothing.store(true, Ordering::Relaxed);
    assert!(!keeper.custody.keep(&one, &mut keeper.memory).await);
    assert_eq!(keeper.of(&shard).await.len(), 2, "nothing is removed");
    keeper.bench.end().await;
}

/// Whether a backup of the key shard has a key of somebody that can be opened still.
async fn holds_key(keeper: &Keeper, name: &BackupName, user: UserId) -> bool {
    let store = &keeper.custody.shared.sink.as_ref().expect("one").store;
    let kek = keeper.custody.kek(&keys()).expect("a key");
    let progress = Progress::default();
    let begun = Reading::begin(store, name, &kek, &progress).await;
    let mut reading = begun.expect("it opens");
    let mut held = false;
    while let Some(rows) = reading.part().await.expect("whole") {
        let own = key_of(user);
        held |= rows.iter().any(|(key, row)| *key == own && !is_destroyed(row));
    }
    held
}

#[tokio::test]
async fn a_destroyed_key_is_gone_from_every_backup_in_time() {
    let mut keeper = Keeper::new().await;
    let person = keeper.bench.person(FOLLOWERS, 7).await;
    keeper.keep().await;
    let before = keeper.of(&keys()).await;
    assert!(holds_key(&keeper, &before[0], person).await);
    let erased = keeper.custody.erase_now(&asked(person)).await;
    erased.expect("erased");
    keeper.hand.advance(RULES.rewrite + DAY);
    keeper.keep().await;
    let after = keeper.of(&keys()).await;
    assert!(!after.is_empty() && !after.contains(&before[0]), "{after:?}");
    for name in &after {
        assert!(!holds_key(&keeper, name, person).await, "{name}");
    }
    keeper.bench.end().await;
}

/// The planted omission: a newer one that was never read takes the place of one that is whole.
#[tokio::test]
async fn a_damaged_one_takes_nobodys_place() {
    let (mut keeper, shard) = (Keeper::new().await, shard_of(FOLLOWERS));
    let mut made: Vec<BackupName> = Vec::new();
    for number in [7, 8, 9] {
        keeper.bench.person(FOLLOWERS, number).await;
        keeper.hand.advance(DAY);
        let many = Rules { keep: 9, ..RULES };
        assert!(keeper.custody.keep(&many, &mut keeper.memory).await);
        let all = keeper.of(&shard).await;
        let newest = all.into_iter().find(|name| !made.contains(name));
        made.extend(newest);
    }
    assert_eq!(made.len(), 3);
    let part = keeper.folder.path().join(made[2].as_str()).join("part-00000000");
    let mut bytes = fs::read(&part).expect("there");
    bytes[40] ^= 1;
    fs::write(&part, bytes).expect("written");
    // As after a restart.
    let mut memory = Memory::default();
    let one = Rules {
        keep: 1,
        every: DAY * 1_000,
        ..RULES
    };
    assert!(!keeper.custody.keep(&one, &mut memory).await, "it is told");
    assert!(keeper.custody.keep(&one, &mut memory).await);
    let mut left = keeper.of(&shard).await;
    left.sort();
    let mut expected = made[1..].to_vec();
    expected.sort();
    assert_eq!(left, expected, "the newest that is whole, and the damaged one");
    keeper.bench.end().await;
}

#[tokio::test]
async fn what_was_never_finished_is_removed_a_day_later() {
    let (mut keeper, shard) = (Keeper::new().await, shard_of(FOLLOWERS));
    keeper.keep().await;
    let name = keeper.of(&shard).await.remove(0);
    let folder = keeper.folder.path().join(name.as_str());
    fs::remove_file(folder.join("manifest")).expect("there");
    let parts = || fs::read_dir(&folder).map_or(0, Iterator::count);
    keeper.keep().await;
    assert!(parts() > 0, "it may be being written");
    keeper.hand.advance(DAY);
    keeper.keep().await;
    assert_eq!(parts(), 0);
    assert!(keeper.works(&shard).contains(&"remove-backup"));
    keeper.bench.end().await;
}

#[tokio::test]
async fn what_is_too_old_or_missing_is_told() {
    let (mut keeper, shard) = (Keeper::new().await, shard_of(FOLLOWERS));
    assert_eq!(keeper.custody.overdue(&RULES, &[]).len(), 7);
    keeper.keep().await;
    let name = keeper.of(&shard).await.remove(0);
    let sink = keeper.custody.shared.sink.clone().expect("one");
    let opened = keeper.custody.opened(&sink, &name, &shard).await;
    let manifest = opened.expect("read").expect("it opens");
    let told = [views::backup(&manifest)];
    let late = || keeper.custody.overdue(&RULES, &told);
    assert!(!late().contains(&shard));
    keeper.bench.person(FOLLOWERS, 7).await;
    assert!(!late().contains(&shard), "not for so long yet");
    keeper.hand.advance(2 * DAY);
    assert!(late().contains(&shard));
    keeper.bench.end().await;
}

/// The planted omission: a backup that another node began comes late, is the newest, and has the one removed whose log
/// reaches to this day.
#[tokio::test]
async fn a_backup_stays_as_long_as_its_log_is_the_one_that_is_written_on() {
    let (mut keeper, shard) = (Keeper::new().await, shard_of(FOLLOWERS));
    let one = Rules { keep: 1, ..RULES };
    keeper.keep().await;
    let sink = Sink {
        log_every: Some(Duration::from_secs(10)),
        ..keeper.custody.shared.sink.clone().expect("one")
    };
    keeper.custody.keep_logs(&sink).await;
    keeper.bench.person(FOLLOWERS, 7).await;
    keeper.hand.advance(DAY);
    for _ in 0..2 {
        assert!(keeper.custody.keep(&one, &mut keeper.memory).await);
        assert_eq!(keeper.of(&shard).await.len(), 2, "the older one reaches further");
    }
    // The log of the newer one begins.
    for name in keeper.of(&shard).await {
        let opened = keeper.custody.opened(&sink, &name, &shard).await;
        let manifest = opened.expect("read").expect("ours");
        let served = keeper.bench.shard(FOLLOWERS);
        keeper.custody.logs.written(&served, Some(&manifest));
        keeper.custody.keep_logs(&sink).await;
    }
    assert!(keeper.custody.keep(&one, &mut keeper.memory).await);
    assert_eq!(keeper.of(&shard).await.len(), 1);
    keeper.bench.end().await;
}
