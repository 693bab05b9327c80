//! What a person emits after a relocation waits until his old home's relay has passed the `moved` marker: until all that
//! he emitted there was delivered. So his events reach each root in the order in which he caused them, whatever shards
//! they came from.
//!
//! This is the shard's own, not part of his range: when he goes on, what he emitted here still waits here, and the next
//! home waits for this one. Nobody waits for ever: each event waits for events that were emitted before it.

use std::collections::BTreeMap;

/// Of one person in one shard: for which user epochs his events still wait, and for which shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing<S>(BTreeMap<u64, S>);

impl<S> Default for Outgoing<S> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<S: Copy> Outgoing<S> {
    /// He is served here under this user epoch, and came from there: in the transaction that activates.
    pub fn came(&mut self, user_epoch: u64, from: S) {
        self.0.insert(user_epoch, from);
    }

    /// The home before this epoch has passed its marker. False: nothing waited for it.
    pub fn passed(&mut self, user_epoch: u64) -> bool {
        self.0.remove(&user_epoch).is_some()
    }

    /// Whether what he emits under this epoch waits.
    pub fn holds(&self, user_epoch: u64) -> bool {
        self.0.contains_key(&user_epoch)
    }

    /// Whom to ask, for which epochs.
    pub fn waits(&self) -> impl Iterator<Item = (u64, S)> + '_ {
        self.0.iter().map(|(user_epoch, from)| (*user_epoch, *from))
    }
}

/// Whether a shard has passed the marker of the home before `user_epoch`: he is not served here under a lower epoch, and
/// of his undelivered events, given by the epochs under which they were emitted, none is lower.
pub fn has_passed(user_epoch: u64, served: Option<u64>, undelivered: impl IntoIterator<Item = u64>) -> bool {
    let left = served.is_none_or(|served| served >= user_epoch);
    left && undelivered.into_iter().all(|epoch| epoch >= user_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_wait_for_the_home_before() {
        let mut outgoing = Outgoing::default();
        outgoing.came(2, 'a');
        assert!(outgoing.holds(2) && !outgoing.holds(1));
        assert!(!has_passed(2, Some(1), []), "he is still served there");
        assert!(!has_passed(2, None, [1, 2]), "one is not delivered");
        assert!(has_passed(2, Some(3), [3]), "he has come back since");
        assert!(outgoing.passed(2) && !outgoing.passed(2));
        assert!(!outgoing.holds(2));
    }
}
