//! The transition tables: what every state answers to every event, bad ones included, pinned by snapshots that a person
//! can read. A new state or event shows up there as new lines.

mod deliveries;
mod people;

use platform_model::{Epoch, EpochPosition, Position, RootId, RootKind, RootRef};

use crate::relay::EventKey;

pub(crate) fn root(number: u128) -> RootRef {
    RootRef {
        kind: RootKind::User,
        id: RootId(uuid::Uuid::from_u128(number)),
    }
}

pub(crate) fn key(epoch: u64, position: u64) -> EventKey {
    EventKey {
        at: EpochPosition {
            epoch: Epoch(epoch),
            position: Position(position),
        },
        ..EventKey::default()
    }
}

/// How a key is written in the tables.
pub(crate) fn name(key: EventKey) -> String {
    key.at.to_string()
}
