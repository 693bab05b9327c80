//! The source's relay: sends what the shard has *committed*, strictly in order per destination root, one event of a root
//! at a time, until it is acknowledged; then the cursor moves, by a transaction of the source.
//!
//! It never sends what is only durable: a failover could lose it, and the receiver would have an effect without a cause.
//! An event that is held (see [`crate::outgoing`]) holds its lane: there is one mark per root and source, so one that is
//! overtaken would be taken for a repeat.

use std::collections::{BTreeMap, VecDeque};

use platform_model::{EpochPosition, RootRef};
use thiserror::Error;

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

/// Why an answer changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum AnswerRefusal {
    #[error("nothing was ever sent to that root")]
    UnknownRoot,
    #[error("that event is not under way")]
    NotUnderWay,
    #[error("the gate was asked")]
    GateWasAsked,
}

/// What came of an event that was fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fed {
    Queued,
    /// It, or a later one of the same root, was fed before.
    Repeat,
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
    /// The newest event that was ever fed: what the cursor has not passed yet is read again and again.
    last: EventKey,
    sent_micros: Option<u64>,
    /// The gate was asked since.
    asked: bool,
}

impl<P> Default for Lane<P> {
    fn default() -> Self {
        Self {
            events: VecDeque::new(),
            last: EventKey::default(),
            sent_micros: None,
            asked: false,
        }
    }
}

/// The relay of one shard, for one term: a new term makes it anew from the committed log and cursors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay<P> {
    lanes: BTreeMap<RootRef, Lane<P>>,
    retry_micros: u64,
    low: EventKey,
    waiting: usize,
}

impl<P: Copy> Relay<P> {
    pub fn new(retry_micros: u64) -> Self {
        Self {
            lanes: BTreeMap::new(),
            retry_micros,
            low: EventKey::default(),
            waiting: 0,
        }
    }

    /// Whether it was fed before.
    pub fn has_seen(&self, to: RootRef, key: EventKey) -> bool {
        self.lanes.get(&to).is_some_and(|lane| lane.last >= key)
    }

    /// An event was committed. Keys come in order. All that the cursors have not passed must be fed before the first
    /// [`Relay::tick`], or `low` would pass one that is under way.
    pub fn committed(&mut self, to: RootRef, key: EventKey, payload: P) -> Fed {
        let lane = self.lanes.entry(to).or_default();
        if lane.last >= key {
            return Fed::Repeat;
        }
        lane.last = key;
        lane.events.push_back((key, payload));
        self.waiting += 1;
        Fed::Queued
    }

    /// Sends what is due: the first event of each root, unless `holds` says that it must wait.
    pub fn tick(&mut self, now_micros: u64, holds: impl Fn(&P) -> bool) -> Vec<RelayAction<P>> {
        let first = self.lanes.values().filter_map(|lane| lane.events.front());
        // One that is held counts: a receiver takes whatever is below `low` for a repeat.
        self.low = first.map(|(key, _)| *key).min().unwrap_or(self.low);
        let (low, retry) = (self.low, self.retry_micros);
        let due = |lane: &Lane<P>| lane.sent_micros.is_none_or(|sent| now_micros - sent >= retry);
        let mut actions = Vec::new();
        for (to, lane) in &mut self.lanes {
            let front = lane.events.front().copied();
            if let Some((key, payload)) = front.filter(|(_, payload)| due(lane) && !holds(payload)) {
                lane.sent_micros = Some(now_micros);
                lane.asked = false;
                let to = *to;
                actions.push(RelayAction::Deliver {
                    to,
                    key,
                    low,
                    payload,
                });
            }
        }
        actions
    }

    /// An answer for the event that is under way.
    ///
    /// # Errors
    /// It is for another: it comes late or twice, or from somebody who was never asked.
    pub fn answered(
        &mut self,
        to: RootRef,
        key: EventKey,
        answer: Answer,
    ) -> Result<RelayAction<P>, AnswerRefusal> {
        let lane = self.lanes.get_mut(&to).ok_or(AnswerRefusal::UnknownRoot)?;
        let first = lane.events.front().map(|(first, _)| *first);
        if first != Some(key) || lane.sent_micros.is_none() {
            return Err(AnswerRefusal::NotUnderWay);
        }
        match answer {
            Answer::Delivered => {
                lane.sent_micros = None;
                lane.events.pop_front();
                self.waiting -= 1;
                Ok(RelayAction::MoveCursor { to, key })
            }
            Answer::Moved if lane.asked => Err(AnswerRefusal::GateWasAsked),
            Answer::Moved => {
                // The event goes out again at its pace. At once, each copy of this answer would send it once more, and
                // each of those be answered: a storm, for as long as nobody serves the root.
                lane.asked = true;
                Ok(RelayAction::AskGate { to })
            }
        }
    }

    /// What the first event of a root that nobody has acknowledged was fed with.
    pub fn first(&self, to: RootRef) -> Option<(EventKey, P)> {
        self.lanes.get(&to)?.events.front().copied()
    }

    /// What was sent did not reach anybody who answers: it is due again, as soon as nothing holds it. No error for an event
    /// that is not under way: an answer may have come all the same.
    pub fn failed(&mut self, to: RootRef, key: EventKey) {
        if let Some(lane) = self.lanes.get_mut(&to)
            && lane.events.front().is_some_and(|(first, _)| *first == key)
        {
            lane.sent_micros = None;
        }
    }

    /// Forgets the roots to which nothing is to be sent. Only once the cursors up to here are committed: what is read
    /// again from before them would be sent again (and be taken for a repeat there).
    pub fn forget_idle(&mut self) {
        self.lanes.retain(|_, lane| !lane.events.is_empty());
    }

    /// Roots to which something is to be sent.
    pub fn roots(&self) -> usize {
        self.lanes.len()
    }

    /// Events that nobody has acknowledged yet.
    pub fn waiting(&self) -> usize {
        self.waiting
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
        assert_eq!(relay.tick(0, |_| false).len(), 2);
        assert_eq!(relay.tick(50, |_| false), vec![], "they are under way");
        let moved = RelayAction::MoveCursor {
            to: root(1),
            key: key(1),
        };
        assert_eq!(relay.answered(root(1), key(1), Answer::Delivered), Ok(moved));
        let again = relay.answered(root(1), key(1), Answer::Delivered);
        assert_eq!(again, Err(AnswerRefusal::NotUnderWay), "a repeat");
        assert_eq!(
            relay.committed(root(1), key(1), 1),
            Fed::Repeat,
            "the cursor is not committed yet"
        );
        let next = relay.tick(60, |_| false);
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
        relay.tick(0, |_| false);
        let asked = relay.answered(root(1), key(1), Answer::Moved);
        assert_eq!(asked, Ok(RelayAction::AskGate { to: root(1) }));
        let again = relay.answered(root(1), key(1), Answer::Moved);
        assert_eq!(again, Err(AnswerRefusal::GateWasAsked), "no storm");
        assert_eq!(relay.tick(99, |_| false), vec![]);
        assert!(matches!(
            relay.tick(100, |_| false)[..],
            [RelayAction::Deliver { payload: 7, .. }]
        ));
    }

    #[test]
    fn what_reached_nobody_is_due_again_at_once_unless_it_is_held() {
        let mut relay = Relay::new(100);
        relay.committed(root(1), key(1), 7);
        relay.committed(root(1), key(2), 8);
        assert_eq!(relay.tick(0, |_| false).len(), 1);
        relay.failed(root(1), key(2));
        assert_eq!(relay.tick(1, |_| false), vec![], "that one is not under way");
        relay.failed(root(1), key(1));
        assert_eq!(relay.tick(2, |_| true), vec![]);
        let again = relay.tick(3, |_| false);
        assert!(
            matches!(again[..], [RelayAction::Deliver { payload: 7, .. }]),
            "{again:?}"
        );
    }

    #[test]
    fn roots_to_which_nothing_is_to_be_sent_are_forgotten() {
        let mut relay = Relay::new(100);
        relay.committed(root(1), key(1), 7);
        relay.committed(root(2), key(2), 8);
        relay.tick(0, |_| false);
        assert!(relay.answered(root(1), key(1), Answer::Delivered).is_ok());
        relay.forget_idle();
        assert_eq!((relay.roots(), relay.waiting()), (1, 1));
    }

    #[test]
    fn low_stays_below_an_event_that_is_held() {
        let mut relay = Relay::new(100);
        relay.committed(root(1), key(1), 1);
        relay.committed(root(2), key(2), 2);
        let sent = relay.tick(0, |payload| *payload == 1);
        let wanted = RelayAction::Deliver {
            to: root(2),
            key: key(2),
            low: key(1),
            payload: 2,
        };
        assert_eq!(sent, vec![wanted]);
    }
}
