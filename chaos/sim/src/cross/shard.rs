//! One shard, by what replication promises: a log whose committed part survives a failover, and a state that is what
//! the log makes of it.

use std::collections::BTreeMap;

use cell_relay::{
    Authority, ClaimId, ClaimState, Entry, EventKey, Marks, Place, Received, Taken, relocate::RelocatePlants,
};
use platform_model::{Epoch, EpochPosition, Position};

use super::messages::{Message, Shard};

/// A person's range in a shard: standing, effects of events, marks, claims.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Person {
    pub place: Place<Shard>,
    /// Where in the log the place was set: an entry that was asked for earlier says nothing about it.
    pub since: EventKey,
    /// Effects in order: from which shard, which event.
    pub effects: Vec<(Shard, u32)>,
    pub marks: Marks<Shard>,
    pub claims: BTreeMap<ClaimId, (u64, ClaimState)>,
}

/// One transaction: each is judged when it is appended, and does the same when it is replayed.
#[derive(Debug, Clone)]
pub(crate) enum Tx {
    Emit {
        to: u8,
        payload: u32,
    },
    Cursor {
        to: u8,
        key: EventKey,
    },
    Effect {
        source: Shard,
        user: u8,
        key: EventKey,
        payload: u32,
    },
    Place {
        user: u8,
        place: Place<Shard>,
    },
    /// The whole range of a person comes in.
    Arrive {
        user: u8,
        person: Box<Person>,
    },
    Forget {
        user: u8,
        place: Place<Shard>,
    },
    Entry {
        user: u8,
        entry: Entry<Shard>,
    },
    Take {
        user: u8,
        digest: u64,
        claim: ClaimId,
    },
    Release {
        digest: u64,
        claim: ClaimId,
    },
    Claim {
        user: u8,
        digest: u64,
        claim: ClaimId,
        state: ClaimState,
    },
}

/// What the log makes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct State {
    pub people: BTreeMap<u8, Person>,
    /// Planted: one mark per source for the whole shard.
    pub shard_marks: Marks<Shard>,
    /// Events that were emitted and not yet known to be delivered.
    pub outbox: Vec<(EventKey, u8, u32)>,
    pub cursors: BTreeMap<u8, EventKey>,
    pub entries: BTreeMap<u8, Entry<Shard>>,
    pub authority: Authority<u8>,
}

#[derive(Debug, Clone)]
pub(crate) struct Logged {
    pub key: EventKey,
    pub tx: Tx,
    /// Said once it is committed.
    pub then: Option<(Shard, Message)>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct ShardModel {
    pub epoch: u64,
    pub committed: State,
    /// With what is not committed yet.
    pub head: State,
    pub tail: Vec<Logged>,
    pub position: u64,
}

impl ShardModel {
    /// The last entry: what is asked after it is asked later than everything up to it.
    pub fn last_key(&self) -> EventKey {
        EventKey {
            at: EpochPosition {
                epoch: Epoch(self.epoch),
                position: Position(self.position),
            },
            index: u32::MAX,
            event: 0,
        }
    }

    /// Appends durably; it is committed later.
    pub fn append(&mut self, tx: Tx, then: Option<(Shard, Message)>) {
        self.position += 1;
        let key = EventKey {
            at: EpochPosition {
                epoch: Epoch(self.epoch),
                position: Position(self.position),
            },
            index: 0,
            event: 0,
        };
        self.head.apply(key, &tx);
        self.tail.push(Logged { key, tx, then });
    }

    /// The oldest entry is committed.
    pub fn commit_one(&mut self) -> Option<Logged> {
        if self.tail.is_empty() {
            return None;
        }
        let logged = self.tail.remove(0);
        self.committed.apply(logged.key, &logged.tx);
        Some(logged)
    }

    /// Another primary: it has what was committed, and `kept` of the rest, which it then commits.
    pub fn fail_over(&mut self, kept: usize) {
        self.epoch += 1;
        self.tail.truncate(kept);
        self.head = self.committed.clone();
        self.position = self
            .tail
            .last()
            .map_or(self.position, |last| last.key.at.position.0);
        for logged in &mut self.tail {
            // Whoever waited for an answer is not known to the new primary.
            logged.then = None;
            self.head.apply(logged.key, &logged.tx);
        }
    }
}

impl State {
    pub fn apply(&mut self, key: EventKey, tx: &Tx) {
        match tx {
            Tx::Emit { to, payload } => self.outbox.push((key, *to, *payload)),
            Tx::Cursor { to, key } => {
                self.cursors.insert(*to, *key);
                let done = |event: &(EventKey, u8, u32)| event.1 == *to && event.0 <= *key;
                self.outbox.retain(|event| !done(event));
            }
            Tx::Effect {
                source,
                user,
                key,
                payload,
            } => {
                self.shard_marks.note(*source, *key);
                if let Some(person) = self.people.get_mut(user) {
                    person.effects.push((*source, *payload));
                    person.marks.note(*source, *key);
                }
            }
            Tx::Place { user, place } => {
                if let Some(person) = self.people.get_mut(user) {
                    person.place = *place;
                    person.since = key;
                }
            }
            Tx::Arrive { user, person } => {
                let person = Person {
                    since: key,
                    ..(**person).clone()
                };
                self.people.insert(*user, person);
            }
            Tx::Forget { user, place } => {
                let person = Person {
                    since: key,
                    ..Person::nobody(*place)
                };
                self.people.insert(*user, person);
            }
            Tx::Entry { user, entry } => {
                self.entries.insert(*user, *entry);
            }
            Tx::Take { user, digest, claim } => {
                let _: Taken = self.authority.take(*digest, *user, *claim);
            }
            Tx::Release { digest, claim } => {
                self.authority.release(*digest, *claim);
            }
            Tx::Claim {
                user,
                digest,
                claim,
                state,
            } => {
                if let Some(person) = self.people.get_mut(user) {
                    person.claims.insert(*claim, (*digest, *state));
                }
            }
        }
    }

    /// Whether a delivery is new here. None: the person is not served here.
    pub fn judge(&self, source: Shard, user: u8, key: EventKey, by_shard: bool) -> Option<Received> {
        let person = self.people.get(&user)?;
        if !person.place.serves() {
            return None;
        }
        Some(if by_shard {
            self.shard_marks.judge(&source, key)
        } else {
            person.marks.judge(&source, key)
        })
    }

    /// What a shard does once it has read a person's entry.
    pub fn follow(
        &self,
        here: Shard,
        user: u8,
        entry: &Entry<Shard>,
        plants: RelocatePlants,
    ) -> Option<Place<Shard>> {
        let place = self.people.get(&user)?.place;
        place
            .resume(here, entry, plants)
            .or_else(|_| place.activate(here, entry, plants))
            .ok()
    }
}

impl Person {
    pub fn nobody(place: Place<Shard>) -> Self {
        Self {
            place,
            since: EventKey::default(),
            effects: Vec::new(),
            marks: Marks::default(),
            claims: BTreeMap::new(),
        }
    }
}
