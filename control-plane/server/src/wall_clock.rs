//! Whether this controller's wall clock may be believed: a leader stamps what is decided, and time in the state never
//! goes back, so one wrong clock would be wrong for ever.
//!
//! Each second every controller asks the others for theirs. One that is more than [`OFF_MAX_MS`] from the median of
//! all, or has not heard a majority, proposes nothing, and hands leadership on. One that jumps proposes nothing from then
//! on, whether or not the others have been asked since: it is held against the clock that counts what passes.
//! Where only one other answers, two that differ cannot tell who is right: what was known before stands, with what has
//! jumped since. At a start, where nothing was known, the one that is behind goes on: time in the state stands still at
//! worst, until somebody sets that clock right, while what a clock ahead has stamped stays. And while no majority
//! answers, what was known counts for five seconds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use control_plane_raft::RaftNode;
use futures::future::join_all;
use parking_lot::Mutex;
use platform_runtime::{Clock, TaskGroup};

use crate::proposer::Proposer;

/// How far from the median a leader's clock may be, in milliseconds.
pub const OFF_MAX_MS: i64 = 2_000;
const EVERY: Duration = Duration::from_secs(1);
/// So long after a majority was heard that is believed.
const KEPT: Duration = Duration::from_secs(5);

/// How far this controller's clock is from the others'. Clone: a shared handle.
#[derive(Debug, Clone, Default)]
pub struct WallClock {
    /// None while no majority was heard, or not for long.
    compared: Arc<Mutex<Option<Compared>>>,
}

/// When the others were asked. Taken before they are, so that what jumps while they are waited for has jumped since.
#[derive(Debug, Clone, Copy)]
struct Asked {
    /// By the clock that counts what passes.
    at: Duration,
    /// What the wall clock was apart from that one.
    apart_ms: i64,
}

impl Asked {
    fn now(clock: &Clock) -> Self {
        let (at, apart_ms) = (clock.monotonic(), apart(clock));
        Self { at, apart_ms }
    }
}

/// What is known of this clock.
#[derive(Debug, Clone, Copy)]
struct Compared {
    /// Milliseconds that it was ahead of the median.
    ahead_ms: i64,
    /// What it was apart from the monotonic one then.
    apart_ms: i64,
    /// When a majority was heard last.
    heard: Duration,
}

impl Compared {
    /// By how far the clocks that answered are ahead of ours, ours among them, of so many members.
    fn by(before: Option<Self>, offsets: &mut [i64], members: usize, asked: Asked) -> Option<Self> {
        if offsets.len() <= members / 2 {
            return before.filter(|before| asked.at.saturating_sub(before.heard) <= KEPT);
        }
        let differ = offsets.iter().any(|offset| offset.abs() > OFF_MAX_MS);
        match before.filter(|_| differ && offsets.len() == 2) {
            Some(before) => Some(Self {
                heard: asked.at,
                ..before
            }),
            None => Some(Self {
                ahead_ms: median(offsets).saturating_neg(),
                apart_ms: asked.apart_ms,
                heard: asked.at,
            }),
        }
    }

    /// Milliseconds that it is ahead now: it may have jumped since.
    fn ahead_ms(self, clock: &Clock) -> i64 {
        let jumped = apart(clock).saturating_sub(self.apart_ms);
        self.ahead_ms.saturating_add(jumped)
    }
}

/// How far the wall clock is from the monotonic one, in milliseconds.
fn apart(clock: &Clock) -> i64 {
    let passed = u64::try_from(clock.monotonic().as_millis()).unwrap_or(u64::MAX);
    difference(clock.unix_ms(), passed)
}

/// A clock that must not stamp decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("this controller has not compared its clock with a majority of the others yet")]
    Unknown,
    #[error(
        "this controller's clock is {ahead_ms} ms ahead of the median of all (at most {OFF_MAX_MS} either way)"
    )]
    Off { ahead_ms: i64 },
}

impl WallClock {
    /// # Errors
    /// [`Wrong`] while it may not be believed.
    pub fn check(&self, clock: &Clock) -> Result<(), Wrong> {
        let compared = (*self.compared.lock()).ok_or(Wrong::Unknown)?;
        let ahead_ms = compared.ahead_ms(clock);
        if ahead_ms.abs() > OFF_MAX_MS {
            return Err(Wrong::Off { ahead_ms });
        }
        Ok(())
    }

    /// Compares until the group ends. `first`: the first members, while Raft names none.
    pub fn keep(
        &self,
        raft: RaftNode,
        proposer: Proposer,
        (id, first): (u64, BTreeMap<u64, String>),
        clock: Clock,
        tasks: &TaskGroup,
    ) {
        let (held, ended) = (self.clone(), tasks.token());
        tasks.spawn("wall-clock", async move {
            loop {
                let members: BTreeMap<u64, String> = raft.members().into_iter().collect();
                let members = if members.is_empty() {
                    first.clone()
                } else {
                    members
                };
                held.compare(&proposer, id, &members, &clock).await;
                if let Err(wrong @ Wrong::Off { .. }) = held.check(&clock)
                    && raft.is_leader()
                {
                    tracing::error!(%wrong, "leadership is handed on; set the clock right");
                    raft.hand_over().await;
                }
                if ended
                    .run_until_cancelled(tokio::time::sleep(EVERY))
                    .await
                    .is_none()
                {
                    return;
                }
            }
        });
    }

    /// Asks the others; who does not answer is left out, and a majority must.
    async fn compare(&self, proposer: &Proposer, id: u64, members: &BTreeMap<u64, String>, clock: &Clock) {
        let asked_at = Asked::now(clock);
        let others = members.iter().filter(|(member, _)| **member != id);
        let asked = others.map(|(_, address)| async {
            let before = clock.unix_ms();
            let theirs = proposer.wall_clock_of(address).await?;
            Some(difference(theirs, before / 2 + clock.unix_ms() / 2))
        });
        let mut offsets: Vec<i64> = join_all(asked).await.into_iter().flatten().collect();
        offsets.push(0);
        let mut compared = self.compared.lock();
        *compared = Compared::by(*compared, &mut offsets, members.len(), asked_at);
        let ahead_ms = compared.map(|compared| compared.ahead_ms(clock));
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        metrics::gauge!("controld_clock_ahead_seconds").set(ahead_ms.unwrap_or(0) as f64 / 1_000.0);
    }
}

fn difference(theirs: u64, ours: u64) -> i64 {
    let apart = i64::try_from(theirs.abs_diff(ours)).unwrap_or(i64::MAX);
    if theirs >= ours { apart } else { -apart }
}

/// Of an even number the lower: of two that differ the one that is ahead is off.
fn median(offsets: &mut [i64]) -> i64 {
    offsets.sort_unstable();
    let middle = offsets.len() / 2;
    if offsets.len() % 2 == 1 {
        offsets[middle]
    } else {
        offsets[middle - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_jumps_is_wrong_before_the_others_are_asked_again() {
        let (right, off) = (Clock::system(), Duration::from_millis(5_000));
        let held = WallClock::default();
        assert_eq!(held.check(&right), Err(Wrong::Unknown));
        *held.compared.lock() = Compared::by(None, &mut [0, 0, 0], 3, Asked::now(&right));
        assert_eq!(held.check(&right), Ok(()));
        assert!(matches!(held.check(&Clock::ahead(off)), Err(Wrong::Off { ahead_ms }) if ahead_ms > 4_000));
        // It was ahead when it was asked, and is set right.
        let asked = Asked::now(&Clock::ahead(off));
        *held.compared.lock() = Compared::by(None, &mut [-5_000, -5_000, 0], 3, asked);
        assert!(held.check(&Clock::ahead(off)).is_err());
        assert_eq!(held.check(&right), Ok(()));
    }

    fn asked(seconds: u64, apart_ms: i64) -> Asked {
        let at = Duration::from_secs(seconds);
        Asked { at, apart_ms }
    }

    fn known(compared: Option<Compared>) -> Option<(i64, i64)> {
        compared.map(|compared| (compared.ahead_ms, compared.apart_ms))
    }

    /// The planted omission: with one of three down, one that has jumped is believed again a second later.
    #[test]
    fn of_two_that_differ_one_that_has_jumped_is_not_believed_again() {
        let hour = 3_600_000;
        let before = Compared::by(None, &mut [1, 0, -1], 3, asked(1, 0));
        let jumped = Compared::by(before, &mut [-hour, 0], 3, asked(2, hour));
        assert_eq!(known(jumped), Some((0, 0)), "it was right, and has jumped since");
        // The same at the other, which has not jumped.
        let other = Compared::by(before, &mut [hour, 0], 3, asked(2, 0));
        assert_eq!(known(other), Some((0, 0)));
        // The third is there again, and says who is right.
        let judged = Compared::by(jumped, &mut [-hour, -hour, 0], 3, asked(3, hour));
        assert_eq!(known(judged), Some((hour, hour)));
        let agreed = Compared::by(jumped, &mut [3, 0], 3, asked(3, 7));
        assert_eq!(known(agreed), Some((0, 7)), "two that agree are a majority");
    }

    /// The planted omission: the third is down, one of the others begins with a clock that is ahead, and what it stamps
    /// is never undone.
    #[test]
    fn of_two_that_differ_at_a_start_the_one_that_is_ahead_is_off() {
        let hour = 3_600_000;
        let ahead = Compared::by(None, &mut [-hour, 0], 3, asked(1, 0));
        assert_eq!(known(ahead), Some((hour, 0)));
        let behind = Compared::by(None, &mut [hour, 0], 3, asked(1, 0));
        assert_eq!(known(behind), Some((0, 0)), "somebody goes on");
        let agreed = Compared::by(None, &mut [-3, 0], 3, asked(1, 0));
        assert_eq!(known(agreed), Some((3, 0)));
        assert_eq!(median(&mut [-5_000, -5_000, 0, 1]), -5_000, "of four too");
    }

    #[test]
    fn what_was_known_counts_a_while_where_no_majority_answers() {
        let before = Compared::by(None, &mut [1, 0, -1], 3, asked(10, 4));
        let kept = Compared::by(before, &mut [0], 3, asked(15, 9));
        assert_eq!(known(kept), Some((0, 4)), "a jump since is still held against it");
        assert_eq!(known(Compared::by(kept, &mut [0], 3, asked(16, 9))), None);
        assert_eq!(known(Compared::by(None, &mut [0], 3, asked(10, 4))), None);
    }

    #[test]
    fn the_median_is_of_all_and_of_two_the_lower() {
        assert_eq!(median(&mut [0]), 0);
        assert_eq!(median(&mut [0, 31_536_000_000]), 0);
        assert_eq!(median(&mut [-5, 0, -31_536_000_000]), -5);
        assert_eq!(
            median(&mut [-31_536_000_000, -31_536_000_010, 0]),
            -31_536_000_000
        );
        assert_eq!(difference(5, 7), -2);
    }
}
