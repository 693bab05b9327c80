//! Planted: of two events that a source tells a root, the second takes effect before the first. The first is held back in
//! memory and answered as if it had taken effect; it does once the second has, under a key behind that one's, so that no
//! mark stands in its way.

use std::collections::BTreeMap;

use cell_shard::Shard;
use parking_lot::Mutex;
use platform_model::{ShardId, UserId};
use platform_wire::events::{Delivery, EventAt, Receipt};

use crate::events::Parts;

/// Past so many, what a source tells a root is left as it is.
const LANES_MAX: usize = 10_000;

/// What one source tells one root.
#[derive(Default)]
struct Lane {
    held: Option<Delivery>,
    /// The last that overtook another.
    overtook: Option<EventAt>,
}

static LANES: Mutex<BTreeMap<(ShardId, UserId), Lane>> = Mutex::new(BTreeMap::new());

impl Parts {
    /// None: it is not planted.
    pub(in crate::events) async fn out_of_order(
        &self,
        source: &ShardId,
        shard: &Shard,
        delivery: &Delivery,
    ) -> Option<Receipt> {
        if !super::planted("event-out-of-order") {
            return None;
        }
        if holds_back(source, delivery) {
            return Some(Receipt::Delivered);
        }
        let receipt = self.admit_and_take(source, shard, delivery).await;
        if receipt == Receipt::Delivered
            && let Some(late) = comes_after(source, delivery)
        {
            self.admit_and_take(source, shard, &late).await;
        }
        Some(receipt)
    }
}

/// Whether it is the first of two, now or when it came before.
fn holds_back(source: &ShardId, delivery: &Delivery) -> bool {
    let (mut lanes, key) = (LANES.lock(), (source.clone(), delivery.to));
    if lanes.len() >= LANES_MAX && !lanes.contains_key(&key) {
        return false;
    }
    let lane = lanes.entry(key).or_default();
    // What took effect and comes again is a repeat, as ever.
    if lane.overtook.is_some_and(|last| last >= delivery.key) {
        return false;
    }
    let held = lane.held.get_or_insert_with(|| delivery.clone());
    held.key == delivery.key
}

/// What is to take effect after this one, which has: the one that was held back.
fn comes_after(source: &ShardId, delivery: &Delivery) -> Option<Delivery> {
    let mut lanes = LANES.lock();
    let lane = lanes.get_mut(&(source.clone(), delivery.to))?;
    let held = lane.held.take_if(|held| held.key < delivery.key)?;
    lane.overtook = Some(delivery.key);
    let EventAt { at, index, event } = delivery.key;
    let key = EventAt {
        at,
        index,
        event: event + 1,
    };
    Some(Delivery { key, ..held })
}

#[cfg(test)]
mod tests {
    use platform_model::{Epoch, EpochPosition, Position};
    use uuid::Uuid;

    use super::*;

    fn delivery(position: u64) -> Delivery {
        let at = EpochPosition {
            epoch: Epoch(1),
            position: Position(position),
        };
        Delivery {
            to: UserId::from_uuid(Uuid::from_u128(1)),
            key: EventAt {
                at,
                index: 0,
                event: 0,
            },
            low: at,
            domain: String::new(),
            name: position.to_string(),
            event_version: 1,
            from: UserId::from_uuid(Uuid::from_u128(2)),
            message: bytes::Bytes::new(),
            classes: Vec::new(),
            known_at: None,
        }
    }

    #[test]
    fn every_second_overtakes_the_one_before_it_and_what_comes_again_is_held_back_by_nothing() {
        let source = "eu/eu-central/000".parse().expect("a shard");
        for first in [1, 3] {
            let (before, after) = (delivery(first), delivery(first + 1));
            assert!(holds_back(&source, &before) && holds_back(&source, &before));
            assert!(!holds_back(&source, &after));
            let late = comes_after(&source, &after).expect("the one that was held back");
            assert_eq!(late.name, before.name);
            assert!(late.key > after.key && late.key < delivery(first + 2).key);
            assert!(!holds_back(&source, &after), "its answer was lost");
            assert_eq!(comes_after(&source, &after), None);
        }
    }
}
