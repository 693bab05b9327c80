//! What was answered as sync stays: it is committed when it is answered, and every later primary has it.

use cell_replica::Log;

use crate::sim::content::SimContent;
use crate::sim::oracle::Oracle;

pub const NAME: &str = "no-acknowledged-write-lost";

/// An answer leaves that stands on the sync write at `position`.
pub fn on_answer(oracle: &Oracle, position: u64, chain: u64) -> Result<(), String> {
    if oracle.is_committed(position, chain) {
        return Ok(());
    }
    Err(format!(
        "an answer stands on the write at {position}, which is not committed"
    ))
}

/// A primary begins to serve.
pub fn on_serving(oracle: &Oracle, log: &Log<SimContent>) -> Result<(), String> {
    let end = oracle.end();
    if end == 0 {
        return Ok(());
    }
    let last = oracle.committed[oracle.committed.len() - 1];
    if Oracle::is_in(log, end, last.chain) {
        return Ok(());
    }
    Err(format!(
        "committed up to {end}; the new primary's log ends at {} and lacks it",
        log.end()
    ))
}
