//! At one position of one term there is one content: no two disks ever hold different entries under the same name.

use cell_replica::Log;
use platform_model::Position;

use crate::sim::content::SimContent;
use crate::sim::oracle::Oracle;

pub const NAME: &str = "one-content-at-one-position";

/// What a disk holds past `before` has just become durable there.
pub fn check(oracle: &mut Oracle, log: &Log<SimContent>, before: u64) -> Result<(), String> {
    for entry in log.after(Position(before)) {
        let (position, term, chain) = (entry.head.position, entry.head.term, entry.head.chain);
        let known = *oracle.contents.entry((position.0, term)).or_insert(chain);
        if known != chain {
            return Err(format!(
                "{position} of {term} is {chain:x} here and {known:x} elsewhere"
            ));
        }
    }
    Ok(())
}
