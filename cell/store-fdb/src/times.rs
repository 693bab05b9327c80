//! How long things may take. Pure, so that it is tested where there is no client.

use std::time::Duration;

use cell_store::Limits;

/// How long the cluster keeps a read version (5 s), less a margin.
pub(crate) const SNAPSHOT_LIFE: Duration = Duration::from_millis(4_500);
/// For what a snapshot waits for: longer than it lives, so that it has expired before anything of it times out.
pub(crate) const SNAPSHOT_WITHIN: Duration = Duration::from_secs(5);
/// An attempt of a commit that has less left is not begun: most likely nobody would hear its outcome.
const ATTEMPT_MIN: Duration = Duration::from_millis(200);

/// For a commit, from its first read to its answer, all its attempts together.
pub(crate) const fn commit_within() -> Duration {
    Duration::from_millis(Limits::PORTABLE.commit_ms_max)
}

/// Whether a snapshot that was opened then has expired.
pub(crate) fn has_expired(opened: Duration, now: Duration) -> bool {
    now.saturating_sub(opened) >= SNAPSHOT_LIFE
}

/// For another attempt, of a commit that must be over by then; none if it is not to be begun.
pub(crate) fn attempt_within(until: Duration, now: Duration) -> Option<Duration> {
    let left = until.saturating_sub(now);
    (left >= ATTEMPT_MIN).then_some(left)
}

/// As the library takes it. To it 0 is for ever, so it is never that.
pub(crate) fn timeout_ms(within: Duration) -> i32 {
    i32::try_from(within.as_millis()).unwrap_or(i32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_snapshot_expires_before_the_cluster_forgets_its_version() {
        assert!(!has_expired(ms(1_000), ms(5_499)));
        assert!(has_expired(ms(1_000), ms(5_500)));
        assert!(has_expired(ms(1_000), ms(60_000)));
        const { assert!(SNAPSHOT_LIFE.as_millis() < 5_000) };
        const { assert!(SNAPSHOT_WITHIN.as_millis() > SNAPSHOT_LIFE.as_millis()) };
    }

    #[test]
    fn no_attempt_lasts_longer_than_its_commit_may() {
        let until = ms(7_000);
        assert_eq!(attempt_within(until, ms(3_000)), Some(ms(4_000)));
        assert_eq!(attempt_within(until, ms(6_800)), Some(ms(200)));
        for late in [6_801, 7_000, 9_000] {
            assert_eq!(attempt_within(until, ms(late)), None, "{late}");
        }
        assert_eq!(commit_within(), ms(4_000));
    }

    #[test]
    fn no_timeout_is_for_ever() {
        assert_eq!(timeout_ms(Duration::ZERO), 1);
        assert_eq!(timeout_ms(ms(4_000)), 4_000);
        assert_eq!(timeout_ms(Duration::MAX), i32::MAX);
    }
}
