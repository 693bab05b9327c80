//! What is told in the tests, and how it arrives.

use domains_training::stored::WorkoutShared;
use platform_model::{DataClass, Epoch, EpochPosition, Position, UserId};
use platform_wire::events::{Delivery, EventAt};
use uuid::Uuid;

use super::user;

pub(crate) fn workout(number: u128) -> WorkoutShared {
    WorkoutShared {
        workout: Uuid::from_u128(number).as_bytes().to_vec(),
        title: Some(number.to_string()),
        ..WorkoutShared::default()
    }
}

pub(crate) fn titles(numbers: impl IntoIterator<Item = u128>) -> Vec<String> {
    numbers.into_iter().map(|number| number.to_string()).collect()
}

pub(crate) fn delivery(to: UserId, position: u64) -> Delivery {
    let at = EpochPosition {
        epoch: Epoch(1),
        position: Position(position),
    };
    Delivery {
        to,
        key: EventAt {
            at,
            index: 0,
            event: 0,
        },
        low: at,
        domain: "training".into(),
        name: "workout_shared".into(),
        event_version: 1,
        from: user(1),
        message: prost::Message::encode_to_vec(&workout(u128::from(position))).into(),
        classes: vec![(1, DataClass::Operational), (2, DataClass::Social)],
        known_at: None,
    }
}
