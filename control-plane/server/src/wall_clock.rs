//! Whether this controller's wall clock may be believed: a leader stamps what is decided, and time in the state never
//! goes back, so one wrong clock would be wrong for ever.
//!
//! Each second every controller asks the others for theirs. One that is more than [`OFF_MAX_MS`] from the median of
//! all, or has not heard a majority, proposes nothing, and hands leadership on. One that jumps proposes nothing from then
//! on, whether or not the others have been asked since: it is held against the clock that counts what passes.
//! Where only one other answers, the next comparison believes it again, for two that differ cannot tell who is right; and what jumps
//! while the others are waited for is noticed by the comparison after that.

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

/// How far this controller's clock is from the others'. Clone: a shared handle.
#[derive(Debug, Clone, Default)]
pub struct WallClock {
    /// None while no majority was heard.
    compared: Arc<Mutex<Option<Compared>>>,
}

/// What the last question brought.
#[derive(Debug, Clone, Copy)]
struct Compared {
    /// Milliseconds that this clock was ahead of the median.
    ahead_ms: i64,
    /// What it was apart from the monotonic one then.
    apart_ms: i64,
}

impl Compared {
    fn at(ahead_ms: i64, clock: &Clock) -> Self {
        let apart_ms = apart(clock);
        Self { ahead_ms, apart_ms }
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
        let others = members.iter().filter(|(member, _)| **member != id);
        let asked = others.map(|(_, address)| async {
            let before = clock.unix_ms();
            let theirs = proposer.wall_clock_of(address).await?;
            Some(difference(theirs, before / 2 + clock.unix_ms() / 2))
        });
        let mut offsets: Vec<i64> = join_all(asked).await.into_iter().flatten().collect();
        offsets.push(0);
        let heard = offsets.len() > members.len() / 2;
        let ahead_ms = heard.then(|| median(&mut offsets).saturating_neg());
        *self.compared.lock() = ahead_ms.map(|ahead_ms| Compared::at(ahead_ms, clock));
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        metrics::gauge!("controld_clock_ahead_seconds").set(ahead_ms.unwrap_or(0) as f64 / 1_000.0);
    }
}

fn difference(theirs: u64, ours: u64) -> i64 {
    let apart = i64::try_from(theirs.abs_diff(ours)).unwrap_or(i64::MAX);
    if theirs >= ours { apart } else { -apart }
}

/// Of an even number the one nearer to our own clock: two that differ cannot tell who is right, and both go on.
fn median(offsets: &mut [i64]) -> i64 {
    offsets.sort_unstable();
    let middle = offsets.len() / 2;
    let upper = offsets[middle];
    if offsets.len() % 2 == 1 {
        return upper;
    }
    let lower = offsets[middle - 1];
    if lower.abs() < upper.abs() { lower } else { upper }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_jumps_is_wrong_before_the_others_are_asked_again() {
        let (right, off) = (Clock::system(), Duration::from_millis(5_000));
        let held = WallClock::default();
        assert_eq!(held.check(&right), Err(Wrong::Unknown));
        *held.compared.lock() = Some(Compared::at(0, &right));
        assert_eq!(held.check(&right), Ok(()));
        assert!(matches!(held.check(&Clock::ahead(off)), Err(Wrong::Off { ahead_ms }) if ahead_ms > 4_000));
        // It was ahead when it was asked, and is set right.
        *held.compared.lock() = Some(Compared::at(5_000, &Clock::ahead(off)));
        assert!(held.check(&Clock::ahead(off)).is_err());
        assert_eq!(held.check(&right), Ok(()));
    }

    #[test]
    fn the_median_is_of_all_and_of_two_our_own() {
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
