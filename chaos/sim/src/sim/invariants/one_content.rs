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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::content::{Tx, seal};
    use cell_replica::{Body, Head};
    use platform_model::{Epoch, Incarnation, Term};

    #[test]
    fn two_disks_with_other_entries_at_one_place_are_seen() {
        let term = Term {
            epoch: Epoch(1),
            incarnation: Incarnation(1),
        };
        let holding = |id: u32| {
            let tx = Tx {
                id,
                sync: true,
                count: 0,
                writes: [(0, 0); 2],
                time: 0,
            };
            let mut log = Log::<SimContent>::default();
            log.push(seal(Head::default(), term, Body::Data(tx)));
            log
        };
        let mut oracle = Oracle::default();
        assert_eq!(check(&mut oracle, &holding(1), 0), Ok(()));
        assert_eq!(check(&mut oracle, &holding(1), 0), Ok(()), "the same again");
        assert_eq!(
            check(&mut oracle, &holding(2), 1),
            Ok(()),
            "nothing new is durable"
        );
        assert!(check(&mut oracle, &holding(2), 0).is_err());
    }
}
