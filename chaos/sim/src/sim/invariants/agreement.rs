//! There is one committed log: what any primary calls committed continues it, entry by entry.

use cell_replica::{Body, Log};
use platform_model::Position;

use crate::sim::content::SimContent;
use crate::sim::oracle::{Committed, Erase, Oracle};

pub const NAME: &str = "logs-agree-up-to-committed";

/// A primary says that its log is committed up to `upto`.
pub fn check(oracle: &mut Oracle, log: &Log<SimContent>, upto: Position) -> Result<(), String> {
    let known = oracle.end().min(upto.0);
    if let Some(head) = log.head(Position(known))
        && known > 0
        && !oracle.is_committed(known, head.chain)
    {
        return Err(format!(
            "position {known} was committed as {:x?} and is now {:x}",
            oracle.at(known).map(|entry| entry.chain),
            head.chain
        ));
    }
    for position in known + 1..=upto.0 {
        let Some(head) = log.head(Position(position)) else {
            return Err(format!("position {position} is called committed and is not kept"));
        };
        let op = oracle.sealed(head.chain).map_or(0, |sealed| sealed.op);
        let chain = head.chain;
        let tx = log.entry(Position(position)).and_then(|entry| match &entry.body {
            Body::Data(tx) => Some(tx),
            _ => None,
        });
        let (time, mask) = tx.map_or((0, 0), |tx| (tx.time, tx.erased()));
        oracle.committed.push(Committed { chain, op, time });
        if mask != 0 {
            oracle.erases.push(Erase {
                position,
                chain,
                mask,
            });
        }
    }
    Ok(())
}
