//! The source's relay: sends what the shard has *committed*, strictly in order per destination root, one event of a root
//! at a time, until it is acknowledged; then the cursor moves, by a transaction of the source.
//!
//! It never sends what is only durable: a failover could lose it, and the receiver would have an effect without a cause.

use std::collections::{BTreeMap, VecDeque};

use platform_model::{EpochPosition, RootRef};

/// Names one event for ever: where its entry stands, which transaction of it, which event of that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventKey {
    pub at: EpochPosition,
    pub index: u32,
    pub event: u32,
}

/// What came of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Effect and mark are committed at the receiver, now or before.
    Delivered,
    /// The root lives elsewhere: the gate is asked again. A receiver never forwards.
    Moved,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RelayAction<P> {
    /// To whichever shard the gate names for the root. Marks below `low` may go.
    Deliver {
        to: RootRef,
        key: EventKey,
        low: EventKey,
        payload: P,
    },
    /// Commit that everything up to the key was delivered to the root.
    MoveCursor { to: RootRef, key: EventKey },
    /// Forget where the root was believed to be.
    AskGate { to: RootRef },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Lane<P> {
    events: VecDeque<(EventKey, P)>,
    sent_micros: Option<u64>,
}

/// The relay of one shard, for one term: a new term makes it anew from the committed log and cursors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay<P> {
    lanes: BTreeMap<RootRef, Lane<P>>,
    retry_micros: u64,
    low: EventKey,
}

impl<P: Copy> Relay<P> {
    pub fn new(retry_micros: u64) -> Self {
        Self {
            lanes: BTreeMap::new(),
            retry_micros,
            low: EventKey::default(),
        }
    }

    /// An event was committed. Keys come in order; one at or below the root's cursor must not be fed.
    pub fn committed(&mut self, to: RootRef, key: EventKey, payload: P) {
        let lane = self.lanes.entry(to).or_insert_with(|| Lane {
            events: VecDeque::new(),
            sent_micros: None,
        });
        if lane.events.back().is_none_or(|(last, _)| *last < key) {
            lane.events.push_back((key, payload));
        }
    }

    /// Sends what is due: the first event of each root.
    pub fn tick(&mut self, now_micros: u64) -> Vec<RelayAction<P>> {
        let first = self
            .lanes
            .values()
            .filter_map(|lane| lane.events.front())
            .map(|(key, _)| *key);
        self.low = first.min().unwrap_or(self.low);
        let (low, retry) = (self.low, self.retry_micros);
        let due = |lane: &Lane<P>| lane.sent_micros.is_none_or(|sent| now_micros - sent >= retry);
        let mut actions = Vec::new();
        for (to, lane) in &mut self.lanes {
            if !due(lane) {
                continue;
            }
            if let Some((key, payload)) = lane.events.front() {
                lane.sent_micros = Some(now_micros);
                actions.push(RelayAction::Deliver {
                    to: *to,
                    key: *key,
                    low,
                    payload: *payload,
                });
            }
        }
        actions
    }

    /// An answer for the event that is under way; any other is late and says nothing.
    pub fn answered(&mut self, to: RootRef, key: EventKey, answer: Answer) -> Vec<RelayAction<P>> {
        let Some(lane) = self.lanes.get_mut(&to) else {
            return Vec::new();
        };
        if lane.events.front().is_none_or(|(first, _)| *first != key) {
            return Vec::new();
        }
        lane.sent_micros = None;
        match answer {
            Answer::Delivered => {
                lane.events.pop_front();
                vec![RelayAction::MoveCursor { to, key }]
            }
            Answer::Moved => vec![RelayAction::AskGate { to }],
        }
    }

    /// Events that nobody has acknowledged yet.
    pub fn waiting(&self) -> usize {
        self.lanes.values().map(|lane| lane.events.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform_model::{Epoch, Position, RootId, RootKind};

    fn root(n: u128) -> RootRef {
        RootRef {
            kind: RootKind::User,
            id: RootId(uuid::Uuid::from_u128(n)),
        }
    }

    fn key(position: u64) -> EventKey {
        EventKey {
            at: EpochPosition {
                epoch: Epoch(1),
                position: Position(position),
            },
            ..EventKey::default()
        }
    }

    #[test]
    fn a_root_has_one_event_under_way_and_a_slow_root_delays_no_other() {
        let mut relay = Relay::new(100);
        for position in 1..4 {
            relay.committed(root(u128::from(position % 2)), key(position), position);
        }
        let sent = relay.tick(0);
        assert_eq!(sent.len(), 2);
        assert_eq!(relay.tick(50), vec![], "they are under way");
        let moved = relay.answered(root(1), key(1), Answer::Delivered);
        assert_eq!(
            moved,
            vec![RelayAction::MoveCursor {
                to: root(1),
                key: key(1)
            }]
        );
        assert_eq!(
            relay.answered(root(1), key(1), Answer::Delivered),
            vec![],
            "a repeat"
        );
        let next = relay.tick(60);
        assert!(
            matches!(next[..], [RelayAction::Deliver { payload: 3, .. }]),
            "{next:?}"
        );
        assert_eq!(relay.waiting(), 2);
    }

    #[test]
    fn a_root_that_moved_is_sought_again_with_the_same_event() {
        let mut relay = Relay::new(100);
        relay.committed(root(1), key(1), 7);
        relay.tick(0);
        let asked = relay.answered(root(1), key(1), Answer::Moved);
        assert_eq!(asked, vec![RelayAction::AskGate { to: root(1) }]);
        assert!(matches!(
            relay.tick(1)[..],
            [RelayAction::Deliver { payload: 7, .. }]
        ));
    }
}
