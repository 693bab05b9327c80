//! No erased data back: after a range was cleared no read and no whole copy that has the entry shows a row that was written
//! before it; once everything has healed no copy at all does.

use crate::sim::clients::Op;
use crate::sim::content::KEYS;
use crate::sim::disk::Image;
use crate::sim::oracle::{Erase, Oracle};

pub const NAME: &str = "no-erased-data-back";

/// A copy that calls itself whole: of the erases that its log has none may be undone in its rows.
pub fn in_copy(oracle: &Oracle, ops: &[Op], image: &Image) -> Result<(), String> {
    if !image.is_whole() || oracle.erases.is_empty() {
        return Ok(());
    }
    let (log, base) = (&image.log, image.log.base());
    let has = |erase: &&Erase| {
        let kept = log.head(platform_model::Position(erase.position));
        let trimmed = base.position.0 > erase.position && oracle.is_committed(base.position.0, base.chain);
        trimmed || kept.is_some_and(|head| head.chain == erase.chain)
    };
    rows(ops, oracle, &image.rows, oracle.erases.iter().filter(has))
}

/// Any disk, at the end.
pub fn at_the_end(oracle: &Oracle, ops: &[Op], image: &Image) -> Result<(), String> {
    rows(ops, oracle, &image.rows, oracle.erases.iter())
}

/// An answer to a read that was asked after the erases of its rows were acknowledged.
pub fn in_answer(oracle: &Oracle, ops: &[Op], op: &Op) -> Result<(), String> {
    for ((row, value), erased) in op.reads().iter().zip(op.erased) {
        let written = written(oracle, ops, usize::from(*row), *value);
        if written.is_some_and(|written| written < erased) {
            return Err(format!("a read shows row {row} of before its erase at {erased}"));
        }
    }
    Ok(())
}

fn rows<'a>(
    ops: &[Op],
    oracle: &Oracle,
    rows: &[u64; KEYS],
    erases: impl Iterator<Item = &'a Erase>,
) -> Result<(), String> {
    let mut newest = [0u64; KEYS];
    for erase in erases {
        for (row, newest) in newest.iter_mut().enumerate() {
            if erase.mask & (1 << row) != 0 {
                *newest = (*newest).max(erase.position);
            }
        }
    }
    for (row, (value, erased)) in rows.iter().zip(newest).enumerate() {
        let written = written(oracle, ops, row, *value);
        if written.is_some_and(|written| written < erased) {
            return Err(format!("row {row} is of before its erase at {erased}"));
        }
    }
    Ok(())
}

/// Where the row's value was written, if a client's operation wrote it.
fn written(oracle: &Oracle, ops: &[Op], row: usize, value: u64) -> Option<u64> {
    if value == 0 {
        return None;
    }
    let id = u32::try_from(value / 2).ok()?;
    let op = ops.get((id as usize).checked_sub(1)?)?;
    let wrote = op
        .effects()
        .any(|(place, put)| usize::from(place) == row && put == value);
    wrote.then(|| oracle.placed(id))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::clients::State;
    use crate::sim::content::{ERASES, SimEntry, Tx, root_mask, seal};
    use cell_replica::{Body, Head};
    use platform_model::{Epoch, Incarnation, ReplicaId, Term};

    fn tx(id: u32, place: u8, value: u64) -> Tx {
        Tx {
            id,
            sync: true,
            count: 1,
            writes: [(place, value), (0, 0)],
            time: 0,
        }
    }

    fn op(tx: Tx) -> Op {
        Op {
            id: tx.id,
            client: 0,
            invoked: 0,
            completed: 0,
            state: State::Answered,
            tx: Some(tx),
            read_count: 1,
            reads: [(2, 0), (0, 0)],
            erased: [0, 0],
        }
    }

    /// Operation 1 writes row 2, operation 2 erases its root.
    fn world() -> (Oracle, Vec<Op>, [SimEntry; 2]) {
        let term = Term {
            epoch: Epoch(1),
            incarnation: Incarnation(1),
        };
        let (write, erase) = (tx(1, 2, 2), tx(2, ERASES, 0));
        let first = seal(Head::default(), term, Body::Data(write));
        let second = seal(first.head, term, Body::Data(erase));
        let mut oracle = Oracle::default();
        oracle.note(&first, &[0; KEYS]);
        oracle.note(&second, &[0; KEYS]);
        oracle.erases.push(Erase {
            position: 2,
            chain: second.head.chain,
            mask: root_mask(0),
        });
        (oracle, vec![op(write), op(erase)], [first, second])
    }

    #[test]
    fn a_row_of_before_its_erase_is_seen_in_copies_that_have_the_erase() {
        let (oracle, ops, [first, second]) = world();
        let mut image = Image::default();
        image.meta.replica = Some(ReplicaId(1));
        image.rows[2] = 2;
        image.log.push(first);
        assert_eq!(in_copy(&oracle, &ops, &image), Ok(()), "it has yet to come");
        assert!(at_the_end(&oracle, &ops, &image).is_err());
        image.log.push(second);
        assert!(in_copy(&oracle, &ops, &image).is_err());
        image.rows[2] = 0;
        assert_eq!(in_copy(&oracle, &ops, &image), Ok(()));
    }

    #[test]
    fn a_read_that_was_asked_after_the_erase_may_not_show_what_was_before() {
        let (oracle, ops, _) = world();
        let mut read = ops[0];
        read.reads[0] = (2, 2);
        assert_eq!(in_answer(&oracle, &ops, &read), Ok(()), "asked before");
        read.erased[0] = 2;
        assert!(in_answer(&oracle, &ops, &read).is_err());
    }
}
