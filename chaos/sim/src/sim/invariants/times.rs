//! The times of entries never go back along the committed log, whatever wall clocks do: idempotency keys and retention
//! count in log time.

use crate::sim::oracle::Oracle;

pub const NAME: &str = "entry-times-never-go-back";

/// What is committed past `known` has just become so.
pub fn check(oracle: &Oracle, known: u64) -> Result<(), String> {
    let from = usize::try_from(known)
        .unwrap_or(usize::MAX)
        .min(oracle.committed.len());
    let (before, new) = oracle.committed.split_at(from);
    let mut newest = before
        .iter()
        .rev()
        .find(|entry| entry.time > 0)
        .map_or(0, |entry| entry.time);
    for (position, entry) in (known + 1..).zip(new).filter(|(_, entry)| entry.time > 0) {
        if entry.time < newest {
            return Err(format!(
                "the entry at {position} is of {} us and follows one of {newest} us",
                entry.time
            ));
        }
        newest = entry.time;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::oracle::Committed;

    #[test]
    fn entries_without_a_time_stand_between() {
        let entry = |time| Committed {
            chain: 1,
            op: 0,
            time,
        };
        let mut oracle = Oracle::default();
        oracle.committed.extend([entry(5), entry(0), entry(5)]);
        assert!(check(&oracle, 0).is_ok() && check(&oracle, 2).is_ok());
        oracle.committed.push(entry(4));
        assert!(check(&oracle, 3).is_err());
    }
}
