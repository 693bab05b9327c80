//! The rows of a copy that calls itself whole are exactly what its log makes of an empty shard.

use crate::sim::content::digest;
use crate::sim::disk::Image;
use crate::sim::oracle::Oracle;

pub const NAME: &str = "a-whole-copy-is-a-consistent-prefix";

pub fn check(oracle: &Oracle, image: &Image) -> Result<(), String> {
    if !image.is_whole() {
        return Ok(());
    }
    let last = image.log.last();
    let expected = if last.position.0 == 0 {
        0
    } else {
        match oracle.sealed(last.chain) {
            Some(sealed) => sealed.digest,
            None => return Err(format!("nobody ever sealed what stands at {}", last.position)),
        }
    };
    if digest(&image.rows, u32::MAX) != expected {
        return Err(format!(
            "the rows are not the state after position {}",
            last.position
        ));
    }
    Ok(())
}
