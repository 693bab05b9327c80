//! What whoever drives a person does next, and after which pause.

use std::time::Duration;

/// First and longest pause before what is asked for soon is asked for again.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What comes next for a person.
pub(super) enum Next {
    /// Nothing, until somebody asks for something.
    Rest,
    Again,
    /// The same once more, after a pause; why.
    Later(Duration, String),
    /// As [`Next::Later`], soon and then after longer pauses each time.
    Soon(String),
}

impl Next {
    /// Before the next look, and why; none: at once. Counts the tries since something else was waited for.
    pub(super) fn pause(self, tries: &mut u32) -> Option<(Duration, String)> {
        let tried = std::mem::take(tries);
        match self {
            Self::Rest | Self::Again => None,
            Self::Later(pause, why) => Some((pause, why)),
            Self::Soon(why) => {
                *tries = tried.saturating_add(1);
                Some((pause_after(tried), why))
            }
        }
    }
}

/// Longer each time.
fn pause_after(tries: u32) -> Duration {
    PAUSE_FIRST.saturating_mul(1 << tries.min(16)).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITS: Duration = Duration::from_secs(2);

    /// What broke: who had come in for a minute was held for seconds more, as if his old home had been asked for so long.
    #[test]
    fn whatever_was_waited_for_before_the_first_try_to_settle_comes_soon() {
        let mut tries = 0;
        let later = || Next::Later(WAITS, String::new());
        for _ in 0..30 {
            let waits = later().pause(&mut tries).map(|(pause, _)| pause);
            assert_eq!(waits, Some(WAITS));
        }
        for tried in 0..3 {
            let soon = Next::Soon(String::new()).pause(&mut tries);
            assert_eq!(soon.map(|(pause, _)| pause), Some(pause_after(tried)));
        }
        assert!(Next::Again.pause(&mut tries).is_none());
        let soon = Next::Soon(String::new()).pause(&mut tries);
        assert_eq!(soon.map(|(pause, _)| pause), Some(pause_after(0)));
    }
}
