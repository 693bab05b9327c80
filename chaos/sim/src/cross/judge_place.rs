//! How relocations are judged: at the source, at the target, and at the directory whose entry decides.

use cell_relay::{Entry, EntryRefusal, Floors, OperationId, Place, PlaceRefusal};

use super::judge::{Decision, View, What};
use super::messages::{CrossMessage, To};
use super::plant::CrossPlant;
use super::values::{Range, Seat, Shard, Stamp, Value, entry_row, seat_row, sources_row};

impl View<'_> {
    pub(crate) fn judge_place(&self, message: CrossMessage) -> Option<Decision> {
        match message {
            CrossMessage::Copy {
                user,
                operation,
                to,
                complete,
            } => self.copy(user, operation, to, complete),
            CrossMessage::Incoming {
                user,
                operation,
                complete,
                from,
                served_epoch,
                range,
            } => self.incoming(user, operation, complete, (from, served_epoch), *range),
            CrossMessage::EntryIs { user, entry, asked } => self.follow(user, &entry, asked),
            CrossMessage::Erase { user, to, user_epoch } => {
                let seat = self.seat(user);
                let place = seat.place?.erase(to, user_epoch).ok()?;
                Some(self.forget(user, seat, place))
            }
            CrossMessage::AskEntry { from, user, asked } => {
                let entry = self.entry(user);
                let told = CrossMessage::EntryIs { user, entry, asked };
                Some(Decision::say(&[entry_row(user)], from, told))
            }
            CrossMessage::Start { user, operation, to } => {
                self.change_entry(user, |entry| entry.start(operation, to))
            }
            CrossMessage::Commit { user, operation, to } => {
                self.change_entry(user, |entry| entry.commit(operation, to))
            }
            CrossMessage::Cancel { user, operation } => {
                self.change_entry(user, |entry| entry.cancel(operation))
            }
            other => self.judge_claim(other),
        }
    }

    pub(crate) fn entry(&self, user: u8) -> Entry<Shard> {
        self.values.entry(user, self.rows[usize::from(entry_row(user))])
    }

    fn change_entry(
        &self,
        user: u8,
        change: impl FnOnce(&mut Entry<Shard>) -> Result<(), EntryRefusal>,
    ) -> Option<Decision> {
        let mut entry = self.entry(user);
        change(&mut entry).ok()?;
        Some(Decision::write(
            What::Other,
            vec![(entry_row(user), Value::Entry(entry))],
        ))
    }

    /// The source: a first copy while he is served; then the marker; then, once that is committed, the whole.
    fn copy(&self, user: u8, operation: OperationId, to: Shard, complete: bool) -> Option<Decision> {
        let mut seat = self.seat(user);
        let place = seat.place?;
        let lawful = self.lawful[usize::from(user)] & (1 << to) != 0;
        let plants = CrossPlant::relocation(self.plant);
        let served = place.serves();
        let leaves = place.leave(operation, complete && !served, lawful, plants);
        if leaves == Err(PlaceRefusal::Unlawful) {
            let refused = CrossMessage::Unlawful { operation };
            return Some(Decision::say(&[seat_row(user)], To::Driver, refused));
        }
        leaves.ok()?;
        if complete && served {
            seat.place = Some(place.fence(operation).ok()?);
            seat.since = self.stamp;
            return Some(self.write_seat(user, seat, What::Moved { user }));
        }
        let (Place::Home { user_epoch } | Place::Fenced { user_epoch, .. }) = place else {
            return None;
        };
        let mut floors = self.sources().floors;
        if self.has(CrossPlant::FloorsStayBehind) {
            floors = Floors::default();
        }
        let incoming = CrossMessage::Incoming {
            user,
            operation,
            complete,
            from: self.shard,
            served_epoch: user_epoch,
            range: Box::new((seat.range, floors)),
        };
        let rows = [seat_row(user), sources_row()];
        Some(Decision::say(&rows, To::Shard(to), incoming))
    }

    fn incoming(
        &self,
        user: u8,
        operation: OperationId,
        complete: bool,
        (from, served_epoch): (Shard, u64),
        (range, floors): (Range, Floors<Shard>),
    ) -> Option<Decision> {
        let mut seat = self.seat(user);
        let arrived = CrossMessage::Arrived { operation, complete };
        let plants = CrossPlant::relocation(self.plant);
        let place = Place::receive(seat.place, operation, complete, served_epoch, plants).ok()?;
        if seat.place == Some(place) {
            return Some(Decision::say(&[seat_row(user)], To::Driver, arrived));
        }
        seat = Seat {
            place: Some(place),
            since: self.stamp,
            from,
            range,
            outgoing: seat.outgoing,
        };
        let mut sources = self.sources();
        sources.floors.merge(&floors);
        let mut decision = self.write_seat(user, seat, What::Arrived { user });
        decision.writes.push((sources_row(), Value::Sources(sources)));
        Some(decision.and(To::Driver, arrived))
    }

    /// A shard has read the entry that it waits for.
    fn follow(&self, user: u8, entry: &Entry<Shard>, asked: Stamp) -> Option<Decision> {
        let mut seat = self.seat(user);
        let place = seat.place?;
        // An answer to a question from before the place was set says nothing about it.
        if seat.since > asked {
            return None;
        }
        let plants = CrossPlant::relocation(self.plant);
        if let Ok(gone) = place.abandon(self.shard, entry) {
            return Some(self.forget(user, seat, gone));
        }
        let mut what = What::Moved { user };
        if let Ok(home) = place.resume(self.shard, entry, plants) {
            seat.place = Some(home);
        } else {
            what = What::Activated { user };
            let home = place.activate(self.shard, entry, plants).ok()?;
            seat.place = Some(home);
            if let (Some(user_epoch), false) =
                (seat.served(), self.has(CrossPlant::SendBeforeTheMarkerIsPassed))
            {
                seat.outgoing.came(user_epoch, seat.from);
            }
        }
        seat.since = self.stamp;
        Some(self.write_seat(user, seat, what))
    }

    /// His range is erased; a tombstone stays, and what he emitted here.
    fn forget(&self, user: u8, seat: Seat, place: Place<Shard>) -> Decision {
        let seat = Seat {
            place: Some(place),
            since: self.stamp,
            outgoing: seat.outgoing,
            ..Seat::default()
        };
        self.write_seat(user, seat, What::Moved { user })
    }
}
