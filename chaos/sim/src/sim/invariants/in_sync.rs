//! In-sync means in sync: every copy that the control plane could promote without loss has, durably, everything that
//! was ever committed.

use platform_model::Position;

use crate::sim::disk::Image;
use crate::sim::oracle::Oracle;

pub const NAME: &str = "in-sync-means-in-sync";

/// `image` is the disk of a candidate.
pub fn check(oracle: &Oracle, image: &Image) -> Result<(), String> {
    let end = oracle.end();
    let Some(last) = oracle.committed.last() else {
        return Ok(());
    };
    let log = &image.log;
    if log.base().position.0 > end {
        return Ok(());
    }
    let has = log
        .head(Position(end))
        .is_some_and(|head| head.chain == last.chain);
    if !has {
        return Err(format!(
            "committed up to {end}; a candidate's log ends at {} and lacks it",
            log.end()
        ));
    }
    if !image.is_whole() {
        return Err(format!("a candidate is {:?}", image.meta.upkeep));
    }
    Ok(())
}
