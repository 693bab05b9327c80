//! What the rows of a shard hold when people live in it: standing and range of each person, events that wait to be
//! delivered, entries and claims of a directory. A row of the simulated disks is a number; here it names a value that
//! never changes, so pages, rewinds and digests carry it as they carry any row.

use std::collections::BTreeMap;

use cell_relay::{Authority, ClaimId, ClaimState, Entry, EventKey, Floors, Marks, Outgoing, Parked, Place};
use platform_model::{Position, RootId, RootKind, RootRef, Term};

/// Names one shard: below [`PEOPLE_SHARDS`] they hold people, the others are directories.
pub(crate) type Shard = usize;

pub(crate) const PEOPLE_SHARDS: Shard = 3;
pub(crate) const SHARDS: Shard = 5;
pub(crate) const USERS: u8 = 4;
/// Values that can be claimed.
pub(crate) const DIGESTS: u8 = 4;
/// Rows from here on are the clients'.
pub(crate) const CLIENT_ROWS_FROM: u8 = 9;
/// The one root whose whole range is clients'.
pub(crate) const CLIENT_ROOT: u8 = 2;
const FLOORS_ROW: u8 = 8;

/// Where in a shard's log something stands or was asked for. A position alone does not do: a primary that starts again
/// gives those of entries that were not durable to others.
pub(crate) type Stamp = (Term, Position);

/// An event as its source keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CrossEvent {
    /// Who emitted it, under which user epoch, as the how-manieth for its destination.
    pub by: u8,
    pub user_epoch: u64,
    pub number: u32,
    /// The destination's handler fails on it.
    pub poison: bool,
}

/// A person's range.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Range {
    /// Effects in order: by whom, which number.
    pub effects: Vec<(u8, u32)>,
    pub marks: Marks<Shard>,
    pub parked: Parked<Shard, CrossEvent>,
    /// Parked ones that were tried again or dropped.
    pub decided: Vec<(u8, u32)>,
    pub claims: BTreeMap<ClaimId, (u8, ClaimState)>,
    /// Events emitted, by destination.
    pub emitted: [u32; USERS as usize],
}

impl Default for Range {
    fn default() -> Self {
        Self {
            effects: Vec::new(),
            marks: Marks::default(),
            parked: Parked::default(),
            decided: Vec::new(),
            claims: BTreeMap::new(),
            emitted: [0; USERS as usize],
        }
    }
}

/// What a shard has of a person.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Seat {
    pub place: Option<Place<Shard>>,
    /// Where the place was set: an entry that was asked for earlier says nothing about it.
    pub since: Stamp,
    /// Where an incoming range came from.
    pub from: Shard,
    pub range: Range,
    /// The shard's own: stays when the person goes.
    pub outgoing: Outgoing<Shard>,
}

impl Seat {
    pub fn serves(&self) -> bool {
        self.place.is_some_and(|place| place.serves())
    }

    /// The user epoch under which he is served here.
    pub fn served(&self) -> Option<u64> {
        match self.place {
            Some(Place::Home { user_epoch }) => Some(user_epoch),
            _ => None,
        }
    }
}

/// What a shard knows of its sources.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sources {
    pub floors: Floors<Shard>,
    /// Planted: one mark per source for the whole shard.
    pub marks: Marks<Shard>,
}

pub(crate) type Outbox = Vec<(EventKey, CrossEvent)>;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Seat(Box<Seat>),
    Outbox(Outbox),
    Sources(Sources),
    Entry(Entry<Shard>),
    Claim(Authority<u8>),
}

/// Every value that was ever written. A row holds its number, from 1; 0 is what is there from the start.
#[derive(Debug, Default)]
pub(crate) struct Values(Vec<Value>);

impl Values {
    pub fn put(&mut self, value: Value) -> u64 {
        self.0.push(value);
        self.0.len() as u64
    }

    fn get(&self, row: u64) -> Option<&Value> {
        let index = usize::try_from(row.checked_sub(1)?).ok()?;
        self.0.get(index)
    }

    pub fn seat(&self, shard: Shard, user: u8, row: u64) -> Seat {
        match self.get(row) {
            Some(Value::Seat(seat)) => (**seat).clone(),
            _ => Seat {
                place: (first_home(user) == shard).then_some(Place::Home { user_epoch: 1 }),
                ..Seat::default()
            },
        }
    }

    /// Only where he stands.
    pub fn place(&self, shard: Shard, user: u8, row: u64) -> Option<Place<Shard>> {
        match self.get(row) {
            Some(Value::Seat(seat)) => seat.place,
            _ => (first_home(user) == shard).then_some(Place::Home { user_epoch: 1 }),
        }
    }

    /// The active claims of a seat, with their values.
    pub fn active_claims(&self, row: u64) -> Vec<(ClaimId, u8)> {
        let Some(Value::Seat(seat)) = self.get(row) else {
            return Vec::new();
        };
        let claims = seat.range.claims.iter();
        let active = claims.filter(|(_, (_, state))| *state == ClaimState::Active);
        active.map(|(claim, (digest, _))| (*claim, *digest)).collect()
    }

    pub fn outbox(&self, row: u64) -> &[(EventKey, CrossEvent)] {
        match self.get(row) {
            Some(Value::Outbox(outbox)) => outbox,
            _ => &[],
        }
    }

    pub fn sources(&self, row: u64) -> Sources {
        match self.get(row) {
            Some(Value::Sources(sources)) => sources.clone(),
            _ => Sources::default(),
        }
    }

    pub fn entry(&self, user: u8, row: u64) -> Entry<Shard> {
        match self.get(row) {
            Some(Value::Entry(entry)) => *entry,
            _ => Entry::new(first_home(user)),
        }
    }

    pub fn claim(&self, row: u64) -> Authority<u8> {
        match self.get(row) {
            Some(Value::Claim(authority)) => authority.clone(),
            _ => Authority::default(),
        }
    }
}

pub(crate) fn seat_row(user: u8) -> u8 {
    user
}

pub(crate) fn outbox_row(to: u8) -> u8 {
    USERS + to
}

pub(crate) fn sources_row() -> u8 {
    FLOORS_ROW
}

pub(crate) fn entry_row(user: u8) -> u8 {
    user
}

pub(crate) fn claim_row(digest: u8) -> u8 {
    USERS + digest
}

pub(crate) fn first_home(user: u8) -> Shard {
    usize::from(user) % PEOPLE_SHARDS
}

/// The directory that holds a person's entry.
pub(crate) fn directory_of(user: u8) -> Shard {
    PEOPLE_SHARDS + usize::from(user) % (SHARDS - PEOPLE_SHARDS)
}

/// The directory that holds a value's claim.
pub(crate) fn authority_of(digest: u8) -> Shard {
    PEOPLE_SHARDS + usize::from(digest) % (SHARDS - PEOPLE_SHARDS)
}

pub(crate) fn root(user: u8) -> RootRef {
    RootRef {
        kind: RootKind::User,
        id: RootId(uuid::Uuid::from_u128(u128::from(user))),
    }
}

pub(crate) fn user_of(root: RootRef) -> u8 {
    root.id.0.as_bytes()[15]
}
