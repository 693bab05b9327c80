//! A failover loses of the answered async writes no more than the bound.

use cell_replica::Log;
use platform_model::replica_set::ASYNC_LAG_ENTRIES;

use crate::sim::content::SimContent;
use crate::sim::oracle::Oracle;

pub const NAME: &str = "async-loss-within-its-bound";

/// A primary begins to serve: what it lacks of the answered writes is lost.
pub fn on_serving(oracle: &mut Oracle, log: &Log<SimContent>) -> Result<(), String> {
    let answered = std::mem::take(&mut oracle.acked_async);
    let mut lost = 0;
    for write in answered {
        if Oracle::is_in(log, write.position, write.chain) {
            oracle.acked_async.push(write);
        } else {
            oracle.lost_async.push(write.op);
            lost += 1;
        }
    }
    if lost > ASYNC_LAG_ENTRIES {
        return Err(format!(
            "{lost} answered async writes are lost, {ASYNC_LAG_ENTRIES} may be"
        ));
    }
    Ok(())
}
