//! Where events go: the shards of their receivers, what waits for each, and when one is left alone that did not answer.

use std::collections::{BTreeMap, VecDeque};

use cell_layers::event::Posted;
use cell_shard::OutboxKey;
use platform_model::{HomeId, RoutingTable, ShardId};
use platform_runtime::random;

use crate::events::send::{DELIVERIES_MAX, Waiting};

/// Calls to one shard that are under way at once.
const CALLS_MAX: usize = 4;
/// First and longest pause of a destination that does not answer, in microseconds.
const PAUSE_FIRST_MICROS: u64 = 50_000;
const PAUSE_MAX_MICROS: u64 = 5_000_000;

/// Which destination, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heading(u32);

impl Heading {
    pub(super) fn number(self) -> u32 {
        self.0
    }
}

/// Where a batch goes: nowhere, if the table knows no such home.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::events) struct Place {
    pub home: Option<HomeId>,
    pub shard: Option<ShardId>,
}

#[derive(Debug)]
struct Destination {
    place: Place,
    queue: VecDeque<Waiting>,
    calls: usize,
    /// It is left alone until then.
    until_micros: u64,
    pause_micros: u64,
}

impl Destination {
    fn may_be_called(&self, now_micros: u64) -> bool {
        let calls_max = if self.pause_micros > 0 { 1 } else { CALLS_MAX };
        self.until_micros <= now_micros && self.calls < calls_max
    }
}

/// One for each shard that anything was ever sent to in this term.
#[derive(Debug, Default)]
pub(super) struct Destinations {
    all: Vec<Destination>,
    by_place: BTreeMap<Place, u32>,
}

impl Destinations {
    /// The shard of the event's receiver, as his author knew his home.
    pub(super) fn of(&mut self, table: &RoutingTable, key: &OutboxKey, posted: Option<&Posted>) -> Heading {
        let home = posted.map(|posted| posted.to_home.clone());
        let user = key.to.as_user();
        let shard = home
            .as_ref()
            .zip(user)
            .and_then(|(home, user)| table.shard_of_user(home, user));
        let place = Place { home, shard };
        if let Some(known) = self.by_place.get(&place) {
            return Heading(*known);
        }
        let number = u32::try_from(self.all.len()).expect("a world has far fewer shards");
        self.by_place.insert(place.clone(), number);
        self.all.push(Destination {
            place,
            queue: VecDeque::new(),
            calls: 0,
            until_micros: 0,
            pause_micros: 0,
        });
        Heading(number)
    }

    /// Whether events for it wait.
    pub(super) fn holds(&self, heading: Heading, now_micros: u64) -> bool {
        self.all[heading.0 as usize].until_micros > now_micros
    }

    pub(super) fn queue(&mut self, heading: Heading, waiting: Waiting) {
        self.all[heading.0 as usize].queue.push_back(waiting);
    }

    /// Batches that may go out now: none to one that is left alone, and one at a time to one that did not answer last.
    pub(super) fn due(&mut self, now_micros: u64) -> Vec<(Heading, Place, Vec<Waiting>)> {
        let mut due = Vec::new();
        for (number, destination) in self.all.iter_mut().enumerate() {
            while destination.may_be_called(now_micros) && !destination.queue.is_empty() {
                let some = destination.queue.len().min(DELIVERIES_MAX);
                let heading = Heading(u32::try_from(number).expect("as many as numbers were given out"));
                destination.calls += 1;
                due.push((
                    heading,
                    destination.place.clone(),
                    destination.queue.drain(..some).collect(),
                ));
            }
        }
        due
    }

    /// A call has ended; `unreached`: nobody answered it.
    pub(super) fn came_back(&mut self, number: u32, now_micros: u64, unreached: bool) {
        let destination = &mut self.all[number as usize];
        destination.calls = destination.calls.saturating_sub(1);
        if !unreached {
            destination.pause_micros = 0;
            return;
        }
        // Calls that were under way together count once.
        if destination.until_micros <= now_micros {
            let pause = (destination.pause_micros * 2).clamp(PAUSE_FIRST_MICROS, PAUSE_MAX_MICROS);
            destination.pause_micros = pause;
            // From half of it on, so that those who were cut off together do not come back together.
            destination.until_micros = now_micros + pause / 2 + random::below(pause / 2);
        }
    }

    /// When the next one that is left alone may be tried again.
    pub(super) fn next_due(&self, now_micros: u64) -> Option<u64> {
        let paused = self.all.iter().map(|destination| destination.until_micros);
        paused.filter(|until| *until > now_micros).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform_model::{Epoch, EpochPosition, Position, RootRef, UserId, WorldId};
    use uuid::Uuid;

    fn key(number: u32) -> OutboxKey {
        let at = EpochPosition {
            epoch: Epoch(1),
            position: Position(1),
        };
        OutboxKey {
            to: RootRef::user(UserId::from_uuid(Uuid::from_u128(1))),
            at,
            index: 0,
            event: number,
        }
    }

    fn one() -> (Destinations, Heading) {
        let table = RoutingTable::empty(WorldId::new(&"a".repeat(64)).expect("an id"));
        let mut all = Destinations::default();
        let heading = all.of(&table, &key(0), None);
        assert_eq!(all.of(&table, &key(1), None), heading, "the same place");
        (all, heading)
    }

    #[test]
    fn a_destination_that_stays_away_is_left_alone_for_longer_each_time_up_to_a_bound() {
        let (mut all, heading) = one();
        let (mut now, mut longest) = (0, 0);
        for _ in 0..20 {
            all.came_back(heading.number(), now, true);
            assert!(all.holds(heading, now));
            let until = all.next_due(now).expect("a pause");
            longest = longest.max(until - now);
            all.came_back(heading.number(), now, true);
            assert_eq!(all.next_due(now), Some(until), "calls of one time count once");
            now = until;
            assert!(!all.holds(heading, now));
        }
        assert!(
            (PAUSE_MAX_MICROS / 2..=PAUSE_MAX_MICROS).contains(&longest),
            "{longest}"
        );
        all.came_back(heading.number(), now, false);
        all.came_back(heading.number(), now, true);
        let first = all.next_due(now).expect("a pause") - now;
        assert!(first <= PAUSE_FIRST_MICROS, "an answer forgives: {first}");
    }

    #[test]
    fn few_calls_go_to_one_place_at_once_each_with_a_bounded_batch() {
        let (mut all, heading) = one();
        for number in 0..(CALLS_MAX * DELIVERIES_MAX + 7) {
            let number = u32::try_from(number).expect("few");
            let key = key(number);
            all.queue(heading, Waiting { key, low: key.at });
        }
        let due = all.due(0);
        assert_eq!(due.len(), CALLS_MAX);
        assert!(due.iter().all(|(_, _, batch)| batch.len() == DELIVERIES_MAX));
        assert!(all.due(0).is_empty());
        all.came_back(heading.number(), 0, false);
        assert_eq!(all.due(0)[0].2.len(), 7);
    }

    #[test]
    fn what_is_queued_for_one_that_does_not_answer_waits_and_then_is_tried_one_call_at_a_time() {
        let (mut all, heading) = one();
        for number in 0..(10 * DELIVERIES_MAX) {
            let key = key(u32::try_from(number).expect("few"));
            all.queue(heading, Waiting { key, low: key.at });
        }
        assert_eq!(all.due(0).len(), CALLS_MAX);
        all.came_back(heading.number(), 0, true);
        assert!(all.due(0).is_empty(), "it is left alone");
        let until = all.next_due(0).expect("a pause");
        for _ in 1..CALLS_MAX {
            all.came_back(heading.number(), 0, true);
        }
        assert_eq!(all.due(until).len(), 1, "a probe");
        assert!(all.due(until).is_empty());
        all.came_back(heading.number(), until, false);
        assert_eq!(all.due(until).len(), CALLS_MAX, "it answers again");
    }
}
