//! For how long nobody could write, as the clients see it.

use std::time::Duration;

use platform_model::Epoch;

use super::{Traffic, Write};

/// The time without an acknowledgement at a change of primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    pub from: Epoch,
    pub to: Epoch,
    /// From the last acknowledgement of the old primary to the first of the new one.
    pub lasted: Duration,
}

impl Traffic {
    /// At each change of primary of a person's shard, in order.
    pub fn pauses(&self, who: usize) -> Vec<Pause> {
        pauses(&own(&self.writes(), who))
    }

    /// From `since` to the first acknowledgement of a write that was sent after it: of each person.
    pub fn first_after(&self, since: Duration) -> Vec<Option<Duration>> {
        let writes = self.writes();
        let first = |who| {
            let mut later = writes
                .iter()
                .filter(|write| write.who == who && write.sent >= since);
            let first = later.find(|write| write.outcome.is_ok())?;
            Some(first.ended.saturating_sub(since))
        };
        (0..self.people.len()).map(first).collect()
    }

    /// The usual time between two acknowledgements of a person's writes: what a pause is to be compared with.
    pub fn step_ms_p50(&self, who: usize) -> f64 {
        step_ms_p50(&own(&self.writes(), who))
    }
}

fn own(writes: &[Write], who: usize) -> Vec<(Epoch, Duration)> {
    let own = writes.iter().filter(|write| write.who == who);
    own.filter_map(|write| Some((write.outcome.as_ref().ok()?.at?.epoch, write.ended)))
        .collect()
}

/// Of acknowledgements in the order of their time.
fn pauses(acknowledged: &[(Epoch, Duration)]) -> Vec<Pause> {
    let mut epochs: Vec<Epoch> = acknowledged.iter().map(|(epoch, _)| *epoch).collect();
    epochs.sort();
    epochs.dedup();
    let of = |epoch: Epoch| acknowledged.iter().filter(move |(other, _)| *other == epoch);
    let between = |pair: &[Epoch]| {
        let (from, to) = (pair[0], pair[1]);
        let (_, last) = of(from).next_back()?;
        let (_, first) = of(to).next()?;
        Some(Pause {
            from,
            to,
            lasted: first.saturating_sub(*last),
        })
    };
    epochs.windows(2).filter_map(between).collect()
}

/// The median time from one acknowledgement to the next; 0 with less than two.
fn step_ms_p50(acknowledged: &[(Epoch, Duration)]) -> f64 {
    let steps = acknowledged
        .windows(2)
        .map(|pair| pair[1].1.saturating_sub(pair[0].1));
    p50(&steps.collect::<Vec<_>>()).as_secs_f64() * 1e3
}

/// The median, by nearest rank; nothing of nothing.
pub fn p50(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    let middle = sorted.len().saturating_sub(1) / 2;
    sorted.get(middle).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(epoch: u64, ms: u64) -> (Epoch, Duration) {
        (Epoch(epoch), Duration::from_millis(ms))
    }

    #[test]
    fn a_pause_is_from_the_last_of_one_epoch_to_the_first_of_the_next() {
        let acknowledged = [at(1, 10), at(1, 20), at(3, 65), at(3, 70), at(4, 72)];
        let found: Vec<_> = pauses(&acknowledged)
            .iter()
            .map(|pause| (pause.from.0, pause.to.0, pause.lasted.as_millis()))
            .collect();
        assert_eq!(found, [(1, 3, 45), (3, 4, 2)]);
    }

    #[test]
    fn answers_that_overtake_each_other_make_no_negative_pause() {
        let acknowledged = [at(1, 10), at(2, 15), at(1, 17)];
        assert_eq!(pauses(&acknowledged)[0].lasted, Duration::ZERO);
        assert!(pauses(&acknowledged[..1]).is_empty());
    }

    #[test]
    fn the_median_is_by_nearest_rank() {
        let ms = |list: &[u64]| {
            p50(&list
                .iter()
                .map(|ms| Duration::from_millis(*ms))
                .collect::<Vec<_>>())
        };
        assert_eq!(ms(&[9, 1, 5]), Duration::from_millis(5));
        assert_eq!(ms(&[9, 1]), Duration::from_millis(1));
        assert_eq!(ms(&[]), Duration::ZERO);
        assert_eq!(step_ms_p50(&[at(1, 10), at(1, 14), at(2, 20)]), 4.0);
    }
}
