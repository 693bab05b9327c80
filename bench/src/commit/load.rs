//! One run of one side: a number of clients, each with one transaction under way at a time, for a length of time.

use std::time::Duration;

use crate::statistics::per;

/// What one run measured.
#[derive(Debug, Clone, Default)]
pub struct Phase {
    /// One per acknowledged transaction.
    pub latencies: Vec<Duration>,
    /// From the start until the last client was done.
    pub elapsed: Duration,
    /// Fsyncs that the engine made for them.
    pub fsyncs: u64,
    /// Time that those took together.
    pub fsync_time: Duration,
}

impl Phase {
    pub fn commits(&self) -> usize {
        self.latencies.len()
    }

    pub fn per_second(&self) -> f64 {
        per(self.commits() as f64, self.elapsed.as_secs_f64())
    }
}
