//! How much waits for the broker, of all and of each person: whoever tells ever more while it is away closes the bridge to
//! himself long before to the others of his shard. It is counted as it is committed, whether anything is published or not.

use std::collections::BTreeMap;
use std::time::Duration;

use cell_layers::event::Posted;
use cell_relay::EventKey;
use cell_shard::{Found, Shard};
use parking_lot::Mutex;
use platform_model::RootRef;
use platform_runtime::clock::Clock;

use super::{AT_ONCE, event_of};

/// How long after a failure it is counted on.
const PAUSE: Duration = Duration::from_millis(500);
/// One part in so many more finds room if it takes back.
const TAKEN_BACK_PART: u64 = 10;

/// Whether no more may be told, and whether nothing that takes back either.
type Fullness = (bool, bool);

pub(super) struct Waiting {
    shard: Shard,
    clock: Clock,
    most: u64,
    of_one_most: u64,
    counts: Mutex<Counts>,
    gauge: metrics::Gauge,
}

/// What was counted. Rows go in the order in which they come.
#[derive(Debug, Default)]
struct Counts {
    all: u64,
    of: BTreeMap<RootRef, u64>,
    /// Up to here they were counted, and up to here they went: it may be counted later than it goes.
    counted: Option<EventKey>,
    gone: Option<EventKey>,
}

impl Counts {
    /// Answers how many wait of its author now.
    fn came(&mut self, key: EventKey, author: Option<RootRef>) -> Option<u64> {
        if Some(key) <= self.counted {
            return None;
        }
        self.counted = Some(key);
        if Some(key) <= self.gone {
            return None;
        }
        self.all += 1;
        let of = self.of.entry(author?).or_default();
        *of += 1;
        Some(*of)
    }

    fn went(&mut self, key: EventKey, author: Option<RootRef>) -> Option<u64> {
        if Some(key) <= self.gone {
            return None;
        }
        self.gone = Some(key);
        if Some(key) > self.counted {
            return None;
        }
        self.all = self.all.saturating_sub(1);
        let author = author?;
        let of = self.of.get_mut(&author)?;
        *of = of.saturating_sub(1);
        let left = *of;
        if left == 0 {
            self.of.remove(&author);
        }
        Some(left)
    }
}

impl Waiting {
    pub(super) fn new(shard: Shard, clock: Clock, (most, of_one_most): (u64, u64)) -> Self {
        let gauge = metrics::gauge!("celld_bridge_events", "shard" => shard.id().to_string());
        Self {
            shard,
            clock,
            most,
            of_one_most,
            counts: Mutex::new(Counts::default()),
            gauge,
        }
    }

    /// Counts what waits and what comes, until the term is over.
    pub(super) async fn follow(&self) {
        let mut after = None;
        loop {
            match self.shard.bridge_page(after.as_ref(), AT_ONCE).await {
                Ok(page) => {
                    after = page.found.last().map(|last| *last.key()).or(after);
                    self.came(&page.found);
                    if page.more {
                        // A long backlog keeps nobody from the thread.
                        tokio::task::yield_now().await;
                    } else if !self.shard.bridge_grows(page.upto).await {
                        return;
                    }
                }
                Err(error) => {
                    tracing::debug!(shard = %self.shard.id(), %error, "what waits for the broker is counted later");
                    self.clock.sleep(PAUSE).await;
                }
            }
        }
    }

    fn came(&self, found: &[Found]) {
        let mut counts = self.counts.lock();
        for found in found {
            let author = author_of(found);
            let of = counts.came(event_of(found.key()), author);
            if let (Some(author), Some(of)) = (author, of) {
                self.note_author(author, of - 1, of);
            }
        }
        self.note_all(counts.all);
    }

    /// They are gone, and so is all before them.
    pub(super) fn went(&self, found: &[Found]) {
        let mut counts = self.counts.lock();
        for found in found {
            let author = author_of(found);
            let left = counts.went(event_of(found.key()), author);
            if let (Some(author), Some(left)) = (author, left) {
                self.note_author(author, left + 1, left);
            }
        }
        self.note_all(counts.all);
    }

    fn note_author(&self, author: RootRef, before: u64, now: u64) {
        let (full, over) = fullness(now, self.of_one_most);
        if fullness(before, self.of_one_most) != (full, over) {
            tracing::warn!(shard = %self.shard.id(), root = %author, full, "what one person tells waits for the broker");
            self.shard.set_bridge_full_of(author, full, over);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 events wait")]
    fn note_all(&self, all: u64) {
        let (full, over) = fullness(all, self.most);
        self.shard.set_bridge_full(full, over);
        self.gauge.set(all as f64);
    }
}

fn fullness(waiting: u64, most: u64) -> Fullness {
    (waiting >= most, waiting >= most + most / TAKEN_BACK_PART)
}

/// Nobody can read whose an unreadable one is.
fn author_of(found: &Found) -> Option<RootRef> {
    match found {
        Found::Row(row) => Posted::read(&row.payload).map(|posted| posted.from),
        Found::Unreadable(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use platform_model::{Epoch, EpochPosition, Position, UserId};
    use uuid::Uuid;

    use super::*;

    fn key(position: u64) -> EventKey {
        EventKey {
            at: EpochPosition {
                epoch: Epoch(1),
                position: Position(position),
            },
            index: 0,
            event: 0,
        }
    }

    #[test]
    fn each_is_counted_once_whether_it_goes_before_or_after_it_is_counted() {
        let [one, two] = [1, 2].map(|n| RootRef::user(UserId::from_uuid(Uuid::from_u128(n))));
        let mut counts = Counts::default();
        assert_eq!(counts.came(key(1), Some(one)), Some(1));
        assert_eq!(counts.came(key(1), Some(one)), None, "read twice");
        assert_eq!(counts.came(key(2), None), None, "nobody's");
        assert_eq!(counts.all, 2);
        assert_eq!(counts.went(key(1), Some(one)), Some(0));
        assert_eq!(counts.went(key(1), Some(one)), None, "noted twice");
        counts.went(key(2), None);
        // Published before it is counted.
        assert_eq!(counts.went(key(3), Some(two)), None);
        assert_eq!(counts.came(key(3), Some(two)), None);
        assert_eq!(counts.came(key(4), Some(two)), Some(1));
        assert_eq!(counts.all, 1);
        assert_eq!(counts.went(key(4), Some(two)), Some(0));
        assert!(counts.all == 0 && counts.of.is_empty());
    }

    #[test]
    fn what_takes_back_finds_a_tenth_more() {
        let levels = [49, 50, 54, 55].map(|waiting| fullness(waiting, 50));
        let expected = [(false, false), (true, false), (true, false), (true, true)];
        assert_eq!(levels, expected);
    }
}
