//! Which backups a shard needs: when the next is made, which of them go. Pure; who makes, reads and removes is the
//! node.
//!
//! Invariants, each a test:
//! - of two backups the newer is the one that stands further in the log, (epoch, position), whatever clocks say; how many
//!   are kept is counted, so that no jump of a clock removes more than the count does, but for what a key shard's newer
//!   backup replaces;
//! - nothing is removed unless a newer one was read back whole; so the newest whole one never goes;
//! - a shard that has not changed since its newest backup gets no other;
//! - what a key shard's backup holds is gone at most [`Rules::rewrite`] after its key was destroyed.
//!
//! The last needs no list of who was erased. A key shard only takes in keys, destroys them for ever, and lets go of
//! token keys; a person who leaves for another home has his key destroyed, one who comes gets a new one, and no id gets
//! a second. So a newer backup has every key of an older one that may still be used, and the older has nothing to give
//! but what must go. A backup is of a time: whatever it still holds was destroyed later than that. So one that is
//! followed by a newer goes once it is as old as that, whether or when somebody was erased; and the next is made in
//! half the time. A copy that was restored from an older backup is the one exception: it lacks keys that a newer backup
//! of the epoch before has. Restoring said that they are lost; they stay in that backup as long as any key does that
//! was destroyed.

use std::time::Duration;

use platform_model::EpochPosition;

use crate::name::BackupName;

/// A time that is further ahead than this says nothing: a clock was wrong, now or then.
const AHEAD: Duration = Duration::from_secs(3_600);

/// Damaged backups of a key shard at which no more are made. Without another the keys in an older one that were
/// destroyed do not go: there it is worse to stop than to fill a store.
const KEYS_DAMAGED_MAX: usize = 64;

/// What the settings ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// What was written is in a backup by then.
    pub every: Duration,
    /// Backups of one shard; at least 1.
    pub keep: usize,
    /// So long a destroyed key may lie in a backup.
    pub rewrite: Duration,
}

/// A backup whose manifest opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub name: BackupName,
    pub at: EpochPosition,
    /// Of the last entry that is in it, in milliseconds since 1970.
    pub time_ms: u64,
    pub proof: Proof,
}

/// Whether it was read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    Unread,
    Good,
    Damaged,
}

/// How a shard stands.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// Whether it is a key shard.
    pub keys: bool,
    /// Everything up to here is committed.
    pub at: EpochPosition,
    pub now_ms: u64,
    /// Since one was written here, by a clock that does not jump; none: not by this process.
    pub made_ago: Option<Duration>,
    /// In any order.
    pub backups: &'a [Kept],
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Nothing,
    Make,
    /// Read it back: others wait for that to be removed.
    Read(BackupName),
    /// Remove one that `instead` takes the place of: the oldest that must go.
    Remove {
        name: BackupName,
        instead: BackupName,
    },
}

impl Rules {
    /// The next step. Doing what it says, over and over, comes to [`Step::Nothing`].
    pub fn next(&self, shard: &Standing<'_>) -> Step {
        let backups = newest_first(shard.backups);
        let good = backups.iter().position(|kept| kept.proof == Proof::Good);
        if let Some(base) = good
            && let Some(step) = self.removal(shard, &backups[base..])
        {
            return step;
        }
        let unread = backups.iter().position(|kept| kept.proof == Proof::Unread);
        let unread = unread.filter(|unread| good.is_none_or(|good| *unread < good));
        // First, so that no more than twice as many as are kept are ever there, whatever a store does to them.
        if let Some(base) = unread
            && self.removal(shard, &backups[base..]).is_some()
        {
            return Step::Read(backups[base].name.clone());
        }
        if self.is_due(shard) {
            Step::Make
        } else {
            Step::Nothing
        }
    }

    /// How old the newest backup that may be whole is, in time that something was written in which it has not; none:
    /// there is no backup. What has everything is of now.
    pub fn age(&self, shard: &Standing<'_>) -> Option<Duration> {
        let newest = newest(shard)?;
        let behind = newest.at < shard.at;
        let passed = shard.now_ms.saturating_sub(newest.time_ms);
        Some(Duration::from_millis(if behind { passed } else { 0 }))
    }

    /// Whether the newest is older than twice what is asked for, or missing.
    pub fn is_overdue(&self, shard: &Standing<'_>) -> bool {
        self.age(shard).is_none_or(|age| age > self.interval(shard) * 2)
    }

    /// A key shard's is followed by another before it must go.
    fn interval(&self, shard: &Standing<'_>) -> Duration {
        if shard.keys {
            self.every.min(self.rewrite / 2)
        } else {
            self.every
        }
    }

    fn is_due(&self, shard: &Standing<'_>) -> bool {
        let interval = self.interval(shard);
        // By the clock that does not jump: where the other is wrong, this alone bounds how many are made.
        let rested = shard.made_ago.is_none_or(|ago| ago >= interval);
        let damaged = shard.backups.iter().filter(|kept| kept.proof == Proof::Damaged);
        let damaged_max = if shard.keys {
            self.keep.max(KEYS_DAMAGED_MAX)
        } else {
            self.keep
        };
        // A store that damages what it is given is not filled: what is damaged there stays for people to look at.
        if damaged.count() >= damaged_max {
            return false;
        }
        match newest(shard) {
            None => shard.backups.is_empty() || rested,
            Some(newest) => {
                newest.at < shard.at && rested && has_passed(shard.now_ms, newest.time_ms, interval)
            }
        }
    }

    /// `backups`: one that was read back, or would have to be, and the older ones behind it.
    fn removal(&self, shard: &Standing<'_>, backups: &[&Kept]) -> Option<Step> {
        let (instead, older) = backups.split_first()?;
        let must_go = |(rank, kept): &(usize, &&Kept)| {
            let is_surplus = rank + 1 >= self.keep;
            let is_replaced = shard.keys && kept.at < instead.at;
            is_surplus || (is_replaced && has_passed(shard.now_ms, kept.time_ms, self.rewrite))
        };
        let (_, oldest) = older.iter().enumerate().rev().find(must_go)?;
        Some(Step::Remove {
            name: oldest.name.clone(),
            instead: instead.name.clone(),
        })
    }
}

/// The furthest in the log; of two that stand at one place either.
fn newest_first(backups: &[Kept]) -> Vec<&Kept> {
    let mut sorted: Vec<&Kept> = backups.iter().collect();
    sorted.sort_by(|one, other| (other.at, &other.name).cmp(&(one.at, &one.name)));
    sorted
}

/// Of those that may be whole.
fn newest<'a>(shard: &Standing<'a>) -> Option<&'a Kept> {
    let whole = shard.backups.iter().filter(|kept| kept.proof != Proof::Damaged);
    whole.max_by_key(|kept| kept.at)
}

fn has_passed(now_ms: u64, since_ms: u64, time: Duration) -> bool {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    since_ms > now_ms.saturating_add(ms(AHEAD)) || now_ms.saturating_sub(since_ms) >= ms(time)
}

#[cfg(test)]
mod tests;
