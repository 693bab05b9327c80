//! After healing everything works again within a bound: each shard answers sync writes, all its copies are
//! in-sync, and those that left are erased.

pub const NAME: &str = "progress-after-healing";

/// How one shard stands when the bound is reached.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// A sync write that was asked for after healing was answered.
    pub answered: bool,
    pub all_in_sync: bool,
    pub steady: bool,
    /// No disk holds a copy that stands in no configuration any more.
    pub no_left_over: bool,
}

impl Standing {
    pub fn healthy(self) -> bool {
        self.answered && self.all_in_sync && self.steady && self.no_left_over
    }
}

pub fn check(standing: Standing, bound_micros: u64) -> Result<(), String> {
    if standing.healthy() {
        return Ok(());
    }
    Err(format!(
        "{} s after healing: {standing:?}",
        bound_micros / 1_000_000
    ))
}
