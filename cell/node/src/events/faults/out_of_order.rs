//! Planted: of two events that a source tells a root, the second takes effect before the first. The first is held back in memory
//! and answered as if it had taken effect; it does once the second has, under a key behind that one's, so that no mark stands
//! in its way.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use platform_model::{ShardId, UserId};
use platform_wire::events::{Delivery, EventAt};

const PLANT: &str = "event-out-of-order";
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

/// Whether it is held back: it is the first of two, now or when it came before.
pub(in super::super) fn holds_back(source: &ShardId, delivery: &Delivery) -> bool {
    if !super::planted(PLANT) {
        return false;
    }
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
pub(in super::super) fn comes_after(source: &ShardId, delivery: &Delivery) -> Option<Delivery> {
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
