//! What must hold, one file each. A check answers with what is wrong, for people.

pub mod agreement;
pub mod async_loss;
pub mod erased;
pub mod in_sync;
pub mod late_orders;
pub mod law;
pub mod no_acked_write_lost;
pub mod one_content;
pub mod one_server;
pub mod progress;
pub mod serializable;
pub mod times;
pub mod whole_data;

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub invariant: &'static str,
    pub micros: u64,
    pub shard: usize,
    pub detail: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} broken at {} ms on shard {}: {}",
            self.invariant,
            self.micros / 1000,
            self.shard,
            self.detail
        )
    }
}
