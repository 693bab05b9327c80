//! Every bound and time of the domain, by name. The node reads them from its configuration.

use std::time::Duration;

use argon2::Params;

/// Most memory of one hash, in KiB: 1 GiB.
const MEMORY_KIB_MAX: u32 = 1 << 20;
/// Most passes over it.
const PASSES_MAX: u32 = 64;

/// What one Argon2id hash costs (RFC 9106). Stored with each hash: one of another cost is made anew at the next log-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// A cost that Argon2 does not take, or that no node could pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{memory_kib} KiB, {passes} passes, {lanes} lanes is no cost: at least 8 KiB a lane and at most 1 GiB, 1 to 64 passes, \
     at least 1 lane"
)]
pub struct InvalidCost {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

impl PasswordCost {
    /// OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
    pub const OWASP: Self = Self {
        memory_kib: 19 * 1024,
        passes: 2,
        lanes: 1,
    };

    /// # Errors
    /// [`InvalidCost`].
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, InvalidCost> {
        let payable = memory_kib <= MEMORY_KIB_MAX && passes <= PASSES_MAX && lanes <= MEMORY_KIB_MAX / 8;
        if payable && Params::new(memory_kib, passes, lanes, None).is_ok() {
            Ok(Self {
                memory_kib,
                passes,
                lanes,
            })
        } else {
            Err(InvalidCost {
                memory_kib,
                passes,
                lanes,
            })
        }
    }

    pub(crate) fn params(self) -> Params {
        Params::new(self.memory_kib, self.passes, self.lanes, None).expect("checked when it was made")
    }
}

/// Of one node.
#[derive(Debug, Clone)]
pub struct Settings {
    pub password_cost: PasswordCost,
    /// Passwords that are hashed at the same time. Each takes a core and the memory of its cost.
    pub hashes_at_once: usize,
    /// Passwords that wait for it; past it `overloaded`.
    pub hashes_waiting_max: usize,
    /// Life of an access token.
    pub access_life: Duration,
    /// How long after a refresh the token before it still gets the same successor.
    pub refresh_window: Duration,
    /// A session that is not refreshed for so long has ended.
    pub session_idle: Duration,
    /// Living sessions of a person; past it the one that was refreshed longest ago ends.
    pub sessions_max: usize,
    /// Failed log-ins in a row before the first must wait.
    pub failures_free: u32,
    /// Longest wait after a failed log-in.
    pub backoff_max: Duration,
    /// `locate` answers no sooner, whatever it found.
    pub locate_delay: Duration,
    /// Longest that `locate` waits for one authority.
    pub locate_wait_max: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            password_cost: PasswordCost::OWASP,
            hashes_at_once: 2,
            hashes_waiting_max: 64,
            access_life: Duration::from_secs(15 * 60),
            refresh_window: Duration::from_secs(30),
            session_idle: Duration::from_secs(60 * 24 * 3_600),
            sessions_max: 50,
            failures_free: 5,
            backoff_max: Duration::from_secs(60),
            locate_delay: Duration::from_millis(100),
            locate_wait_max: Duration::from_secs(2),
        }
    }
}

/// Whole milliseconds, as log time counts.
pub(crate) fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_one_that_argon2_takes_and_a_node_can_pay() {
        assert_eq!(PasswordCost::new(19 * 1024, 2, 1), Ok(PasswordCost::OWASP));
        for (memory_kib, passes, lanes) in [
            (0, 1, 1),
            (15, 1, 2),
            (8, 0, 1),
            (8, 1, 0),
            (MEMORY_KIB_MAX + 1, 1, 1),
            (8, 65, 1),
            (8, 1, u32::MAX),
        ] {
            assert!(
                PasswordCost::new(memory_kib, passes, lanes).is_err(),
                "{memory_kib} {passes} {lanes}"
            );
        }
    }
}
