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
