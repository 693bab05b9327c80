//! Planted: the home that somebody leaves delivers nothing of what he tells from the moment in which he is about to
//! move, until a while after he has gone; then in the order in which he told it. Where he lives by then nothing waits
//! for it.

use std::collections::BTreeMap;
use std::time::Duration;

use cell_relay::Place;
use cell_shard::Shard;
use parking_lot::Mutex;
use platform_model::{RootRef, UserId};

use crate::relocation::standing;

/// So long after he is known to have gone.
const LATE: Duration = Duration::from_secs(2);
/// Past so many who have gone, nothing of others comes late.
const PEOPLE_MAX: usize = 10_000;

/// Since when each is known to have gone, by the node's clock.
static GONE: Mutex<BTreeMap<UserId, Duration>> = Mutex::new(BTreeMap::new());

/// Whether what this author told in this shard does not go out yet.
pub(crate) async fn comes_late(shard: &Shard, author: RootRef, now: Duration) -> bool {
    let Some(user) = author.as_user().filter(|_| super::tells_at_once()) else {
        return false;
    };
    let Ok(Some(standing)) = standing::read(shard, user).await else {
        return false;
    };
    match standing.place {
        Place::Home { .. } => standing.errand.is_some_and(|errand| errand.under_way),
        Place::Fenced { .. } => true,
        Place::Gone { .. } => is_late(&mut GONE.lock(), user, now),
        Place::Incoming { .. } => false,
    }
}

fn is_late(gone: &mut BTreeMap<UserId, Duration>, user: UserId, now: Duration) -> bool {
    if gone.len() >= PEOPLE_MAX && !gone.contains_key(&user) {
        return false;
    }
    let since = *gone.entry(user).or_insert(now);
    now.saturating_sub(since) < LATE
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_he_told_waits_from_when_he_is_first_seen_to_have_gone() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (one, other) = (UserId::from_uuid(one), UserId::from_uuid(other));
        let mut gone = BTreeMap::new();
        let mut is_late = |user, ms| is_late(&mut gone, user, Duration::from_millis(ms));
        assert!(is_late(one, 5_000) && is_late(one, 6_999));
        assert!(!is_late(one, 7_000), "for ever after");
        assert!(is_late(other, 7_000) && !is_late(one, 7_001));
    }
}
