//! How a primary judges a message by the state that its own log made: what it writes, and what it says once that is
//! committed. Nothing here knows which node it is on, or what the others have.

use cell_relay::{Answer, EventKey, Received, outgoing};

use super::messages::{CrossMessage, To};
use super::plant::CrossPlant;
use super::values::{
    CrossEvent, Seat, Shard, Sources, Stamp, USERS, Value, Values, outbox_row, seat_row, sources_row,
};
use crate::sim::content::KEYS;

/// Events that may wait for one root in one shard.
const OUTBOX_MAX: usize = 64;

/// What a transaction did, for whoever checks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum What {
    Emitted {
        to: u8,
        event: CrossEvent,
    },
    Took {
        user: u8,
        source: Shard,
        event: CrossEvent,
    },
    Unparked {
        user: u8,
        event: CrossEvent,
    },
    Moved {
        user: u8,
    },
    /// He is served after a relocation.
    Activated {
        user: u8,
    },
    Arrived {
        user: u8,
    },
    ClaimActive,
    Other,
}

/// What comes of a message.
#[derive(Debug)]
pub(crate) struct Decision {
    pub what: What,
    /// Two rows at most.
    pub writes: Vec<(u8, Value)>,
    pub sync: bool,
    /// Rows that it stands on, as a mask.
    pub reads: u32,
    /// Said once all of that is committed.
    pub then: Vec<(To, CrossMessage)>,
    /// Planted: said at once.
    pub now: Vec<(To, CrossMessage)>,
}

impl Decision {
    pub fn write(what: What, writes: Vec<(u8, Value)>) -> Self {
        Self {
            what,
            writes,
            sync: true,
            reads: 0,
            then: Vec::new(),
            now: Vec::new(),
        }
    }

    /// Says something that stands on these rows.
    pub fn say(rows: &[u8], to: To, message: CrossMessage) -> Self {
        Self {
            reads: rows.iter().fold(0, |mask, row| mask | 1 << row),
            ..Self::write(What::Other, Vec::new()).and(to, message)
        }
    }

    pub fn and(mut self, to: To, message: CrossMessage) -> Self {
        self.then.push((to, message));
        self
    }
}

/// A shard's state as its primary has it.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub shard: Shard,
    pub rows: &'a [u64; KEYS],
    pub values: &'a Values,
    /// Where the next entry will stand.
    pub next: EventKey,
    pub stamp: Stamp,
    pub plant: Option<CrossPlant>,
    /// By person: in which shards the law permits him, as a mask.
    pub lawful: &'a [u8; USERS as usize],
}

impl View<'_> {
    pub fn seat(&self, user: u8) -> Seat {
        let row = self.rows[usize::from(seat_row(user))];
        self.values.seat(self.shard, user, row)
    }

    pub fn sources(&self) -> Sources {
        self.values.sources(self.rows[usize::from(sources_row())])
    }

    pub fn outbox(&self, to: u8) -> &[(EventKey, CrossEvent)] {
        self.values.outbox(self.rows[usize::from(outbox_row(to))])
    }

    pub fn has(&self, plant: CrossPlant) -> bool {
        self.plant == Some(plant)
    }

    pub fn write_seat(&self, user: u8, seat: Seat, what: What) -> Decision {
        Decision::write(what, vec![(seat_row(user), Value::Seat(Box::new(seat)))])
    }

    /// What comes of a message. None: nothing.
    pub fn judge(&self, message: CrossMessage) -> Option<Decision> {
        match message {
            CrossMessage::Emit { by, to, poison, sync } => self.emit(by, to, poison, sync),
            CrossMessage::Deliver {
                source,
                user,
                key,
                low,
                event,
            } => self.deliver(source, user, key, low, event),
            CrossMessage::Unpark { user, source, key } => self.unpark(user, source, key),
            CrossMessage::AskPassed {
                from,
                user,
                user_epoch,
            } => self.ask_passed(from, user, user_epoch),
            CrossMessage::Passed { user, user_epoch } => {
                let mut seat = self.seat(user);
                seat.outgoing
                    .passed(user_epoch)
                    .then(|| self.write_seat(user, seat, What::Other))
            }
            other => self.judge_place(other),
        }
    }

    fn emit(&self, by: u8, to: u8, poison: bool, sync: bool) -> Option<Decision> {
        let mut seat = self.seat(by);
        let user_epoch = seat.served()?;
        let mut outbox = self.outbox(to).to_vec();
        if outbox.len() >= OUTBOX_MAX {
            return None;
        }
        let emitted = &mut seat.range.emitted[usize::from(to)];
        *emitted += 1;
        let event = CrossEvent {
            by,
            user_epoch,
            number: *emitted,
            poison,
        };
        outbox.push((self.next, event));
        let mut decision = self.write_seat(by, seat, What::Emitted { to, event });
        decision.writes.push((outbox_row(to), Value::Outbox(outbox)));
        decision.sync = sync;
        Some(decision)
    }

    /// The events up to the key were delivered.
    pub fn move_cursor(&self, to: u8, key: EventKey) -> Option<Decision> {
        let before = self.outbox(to);
        let rest: Vec<_> = before.iter().copied().filter(|(other, _)| *other > key).collect();
        let moved = rest.len() < before.len();
        moved.then(|| Decision::write(What::Other, vec![(outbox_row(to), Value::Outbox(rest))]))
    }

    fn deliver(
        &self,
        source: Shard,
        user: u8,
        key: EventKey,
        low: EventKey,
        event: CrossEvent,
    ) -> Option<Decision> {
        let rows = [seat_row(user), sources_row()];
        let to = To::Shard(source);
        let answer = |answer| CrossMessage::Delivered { user, key, answer };
        let seat = self.seat(user);
        if !seat.serves() {
            let moved = Decision::say(&rows, to, answer(Answer::Moved));
            return Some(self.maybe_forward(moved, &seat, (source, user, key, low, event)));
        }
        let mut sources = self.sources();
        let judged = if self.has(CrossPlant::MarkPerShardWithAReRoutedEvent) {
            sources.marks.judge(&Default::default(), &source, key)
        } else if self.has(CrossPlant::MarkGoneWithoutAFloor) {
            seat.range.marks.judge(&Default::default(), &source, key)
        } else {
            seat.range.marks.judge(&sources.floors, &source, key)
        };
        if judged == Received::Again {
            return Some(Decision::say(&rows, to, answer(Answer::Delivered)));
        }
        sources.floors.raise(source, low);
        sources.marks.note(source, key);
        let mut decision = self.take(seat, &sources, user, source, key, event)?;
        decision.writes.push((sources_row(), Value::Sources(sources)));
        if self.has(CrossPlant::AsyncAckOfADelivery) {
            decision.now.push((to, answer(Answer::Delivered)));
        }
        Some(decision.and(to, answer(Answer::Delivered)))
    }

    /// Effect and mark, or parked event and mark, in one transaction.
    fn take(
        &self,
        mut seat: Seat,
        sources: &Sources,
        user: u8,
        source: Shard,
        key: EventKey,
        event: CrossEvent,
    ) -> Option<Decision> {
        let range = &mut seat.range;
        if event.poison {
            if self.has(CrossPlant::PoisonBlocks) {
                return None;
            }
            // Where too many are parked it stays at its source.
            range.parked.park(source, key, event).ok()?;
        } else {
            range.effects.push((event.by, event.number));
        }
        if !(event.poison && self.has(CrossPlant::ParkWithoutTheMark)) {
            range.marks.note(source, key);
        }
        range.marks.prune(&sources.floors);
        Some(self.write_seat(user, seat, What::Took { user, source, event }))
    }

    /// Planted: who was asked for a root that is gone passes the event on, and says that it has it.
    fn maybe_forward(
        &self,
        moved: Decision,
        seat: &Seat,
        (source, user, key, low, event): (Shard, u8, EventKey, EventKey, CrossEvent),
    ) -> Decision {
        let (true, Some(cell_relay::Place::Gone { to, .. })) =
            (self.has(CrossPlant::ReceiverForwards), seat.place)
        else {
            return moved;
        };
        let onward = CrossMessage::Deliver {
            source,
            user,
            key,
            low,
            event,
        };
        let answer = Answer::Delivered;
        let told = CrossMessage::Delivered { user, key, answer };
        Decision::say(&[seat_row(user)], To::Shard(to), onward).and(To::Shard(source), told)
    }

    fn unpark(&self, user: u8, source: Shard, key: EventKey) -> Option<Decision> {
        let mut seat = self.seat(user);
        if !seat.serves() {
            return None;
        }
        let event = seat.range.parked.take(source, key).ok()?;
        seat.range.decided.push((event.by, event.number));
        Some(self.write_seat(user, seat, What::Unparked { user, event }))
    }

    fn ask_passed(&self, from: Shard, user: u8, user_epoch: u64) -> Option<Decision> {
        let undelivered = (0..USERS)
            .flat_map(|to| self.outbox(to))
            .filter(|(_, event)| event.by == user)
            .map(|(_, event)| event.user_epoch);
        if !outgoing::has_passed(user_epoch, self.seat(user).served(), undelivered) {
            return None;
        }
        let rows: Vec<u8> = (0..USERS).map(outbox_row).chain([seat_row(user)]).collect();
        let passed = CrossMessage::Passed { user, user_epoch };
        Some(Decision::say(&rows, To::Shard(from), passed))
    }
}
