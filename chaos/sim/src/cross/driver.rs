//! People who emit, claim and give up; operators who decide parked events; and the driver of relocations, which knows
//! only what it was told and says the next step again and again.

use std::collections::BTreeMap;

use cell_relay::{ClaimId, Entry, OperationId};

use super::messages::{CrossMessage, To};
use super::parts::{Cross, CrossHappening};
use super::values::{DIGESTS, PEOPLE_SHARDS, Shard, USERS, directory_of, entry_row, seat_row};
use crate::sim::World;
use crate::sim::parts::Happening;
use crate::sim::world::HEAL_AT;

/// One attempt to relocate one person.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Relocation {
    pub user: u8,
    pub to: Shard,
    /// The target has a first copy, and the whole.
    pub copied: bool,
    pub arrived: bool,
    /// The law permits no copy there: it is cancelled.
    pub unlawful: bool,
}

/// Those that are not over.
#[derive(Debug, Default)]
pub(crate) struct Relocations(pub BTreeMap<OperationId, Relocation>);

impl World {
    /// Where a person lives by his entry, as routers know it.
    pub(crate) fn home_by_entry(&self, cross: &Cross, user: u8) -> Shard {
        self.entry_of(cross, user).home
    }

    /// The committed entry.
    pub(crate) fn entry_of(&self, cross: &Cross, user: u8) -> Entry<Shard> {
        let row = cross.committed(directory_of(user), entry_row(user));
        cross.values.entry(user, row)
    }

    pub(crate) fn people_act(&mut self) {
        let Some(mut cross) = self.cross.take() else {
            return;
        };
        let pause = cross.random.between(3_000, 16_000);
        self.queue
            .push(self.now + pause, Happening::Cross(CrossHappening::Act));
        let person = u8::try_from(cross.random.below(u64::from(USERS))).expect("few people");
        if self.now < HEAL_AT {
            self.person_acts(&mut cross, person);
        }
        if self.now > HEAL_AT || cross.random.chance(20) {
            self.decide_parked(&mut cross, person);
        }
        if self.now >= self.control.down_until {
            self.drive_relocation(&mut cross, person);
        }
        self.cross = Some(cross);
    }

    /// A person's request reaches the node that routers believe to serve him.
    fn person_asks(&mut self, cross: &mut Cross, user: u8, message: CrossMessage) {
        let shard = self.home_by_entry(cross, user);
        let node = self.primary_of(shard);
        let at = self.now + cross.random.between(100, 1_500);
        let message = Box::new(message);
        let arrive = CrossHappening::Arrive { node, shard, message };
        cross.under_way += 1;
        self.queue.push(at, Happening::Cross(arrive));
    }

    fn person_acts(&mut self, cross: &mut Cross, user: u8) {
        let to = u8::try_from(cross.random.below(u64::from(USERS))).expect("few people");
        let shard = self.home_by_entry(cross, user);
        let sync = !cross.random.chance(self.shards[shard].async_per_mille);
        let emit = CrossMessage::Emit {
            by: user,
            to,
            poison: cross.random.chance(40),
            sync,
        };
        self.person_asks(cross, user, emit);
        if cross.random.chance(150) {
            let digest = u8::try_from(cross.random.below(u64::from(DIGESTS))).expect("few values");
            let claim = ClaimId(cross.number());
            let message = if cross.random.chance(600) {
                CrossMessage::Claim { user, digest, claim }
            } else {
                CrossMessage::Unclaim { user }
            };
            self.person_asks(cross, user, message);
        }
    }

    /// An operator tries what is parked again, or drops it.
    fn decide_parked(&mut self, cross: &mut Cross, user: u8) {
        let home = self.home_by_entry(cross, user);
        let seat = cross
            .values
            .seat(home, user, cross.committed(home, seat_row(user)));
        let parked = seat.range.parked.iter().next();
        if let Some((source, key)) = parked.map(|(source, key, _)| (*source, key)) {
            let unpark = CrossMessage::Unpark { user, source, key };
            self.person_asks(cross, user, unpark);
        }
    }

    /// Asks for the entry of a person who is to move; sometimes wants him to.
    fn drive_relocation(&mut self, cross: &mut Cross, user: u8) {
        let control = self.nodes.len();
        let moves = cross
            .relocations
            .0
            .values()
            .any(|relocation| relocation.user == user);
        if !moves {
            if self.now < HEAL_AT && cross.random.chance(70) {
                let to = cross.random.pick(PEOPLE_SHARDS);
                // Mostly the planner knows the law.
                let elsewhere = self.home_by_entry(cross, user) != to;
                if elsewhere && (cross.is_lawful(user, to) || cross.random.chance(150)) {
                    let operation = OperationId(cross.number());
                    let relocation = Relocation {
                        user,
                        to,
                        copied: false,
                        arrived: false,
                        unlawful: false,
                    };
                    cross.relocations.0.insert(operation, relocation);
                }
            }
            return;
        }
        let ask = CrossMessage::AskEntry {
            from: To::Driver,
            user,
            asked: Default::default(),
        };
        self.cross_send(cross, control, To::Shard(directory_of(user)), ask);
    }

    pub(crate) fn driver_hears(&mut self, message: CrossMessage) {
        if self.now < self.control.down_until {
            return;
        }
        let Some(mut cross) = self.cross.take() else {
            return;
        };
        let of = |cross: &mut Cross, operation, change: fn(&mut Relocation)| {
            if let Some(relocation) = cross.relocations.0.get_mut(&operation) {
                change(relocation);
            }
        };
        match message {
            CrossMessage::EntryIs { user, entry, .. } => self.next_step(&mut cross, user, entry),
            CrossMessage::Arrived { operation, complete } if complete => {
                of(&mut cross, operation, |relocation| relocation.arrived = true);
            }
            CrossMessage::Arrived { operation, .. } => {
                of(&mut cross, operation, |relocation| relocation.copied = true);
            }
            CrossMessage::Unlawful { operation } => {
                of(&mut cross, operation, |relocation| relocation.unlawful = true);
                self.see("relocation-refused-by-the-law");
            }
            _ => {}
        }
        self.cross = Some(cross);
    }

    /// The entry says how far an operation is; a late answer repeats a step that is done.
    fn next_step(&mut self, cross: &mut Cross, user: u8, entry: Entry<Shard>) {
        let mine = cross.relocations.0.iter().find(|(_, other)| other.user == user);
        let Some((operation, relocation)) = mine.map(|(operation, other)| (*operation, *other)) else {
            return;
        };
        let to = relocation.to;
        if entry.newest >= operation && entry.operation != Some(operation) {
            cross.relocations.0.remove(&operation);
            return;
        }
        let gives_up = self.now < HEAL_AT && cross.random.chance(40);
        let directory = To::Shard(directory_of(user));
        let (recipient, message) = if entry.operation != Some(operation) {
            if entry.home == to {
                // From before an earlier relocation: only what never changes again ends an operation here.
                return;
            }
            (directory, CrossMessage::Start { user, operation, to })
        } else if relocation.unlawful || gives_up {
            self.see("relocation-cancelled");
            (directory, CrossMessage::Cancel { user, operation })
        } else if relocation.arrived {
            (directory, CrossMessage::Commit { user, operation, to })
        } else {
            let complete = relocation.copied;
            let copy = CrossMessage::Copy {
                user,
                operation,
                to,
                complete,
            };
            (To::Shard(entry.home), copy)
        };
        let control = self.nodes.len();
        self.cross_send(cross, control, recipient, message);
    }
}
