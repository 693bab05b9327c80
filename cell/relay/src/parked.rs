//! Events that a root cannot take: parked by the receiver, with their error, in the transaction that moves the mark, so
//! that they block nobody. A person sees them, tries them again or drops them.
//!
//! They lie in the root's own range: parked in the shard's, they would stay behind when the root relocates, and a retry
//! would find nobody.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::relay::EventKey;

/// Parked events that one root may have. The next one is not acknowledged, so it waits at its source.
pub const PARKED_PER_ROOT_MAX: usize = 1_000;

/// Why nothing is parked, or taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum ParkedRefusal {
    #[error("as many events are parked as may be")]
    Full,
    #[error("that event is not parked")]
    NotParked,
}

/// The parked events of one root, by source and key, with what a person needs to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked<S: Ord, P>(BTreeMap<(S, EventKey), P>);

impl<S: Ord, P> Default for Parked<S, P> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<S: Ord + Clone, P> Parked<S, P> {
    /// # Errors
    /// There are too many.
    pub fn park(&mut self, source: S, key: EventKey, event: P) -> Result<(), ParkedRefusal> {
        if self.0.len() >= PARKED_PER_ROOT_MAX {
            return Err(ParkedRefusal::Full);
        }
        self.0.insert((source, key), event);
        Ok(())
    }

    /// Takes one out, to try it again or to drop it: in the transaction that does so, so that it is done once.
    ///
    /// # Errors
    /// Somebody was faster.
    pub fn take(&mut self, source: S, key: EventKey) -> Result<P, ParkedRefusal> {
        self.0.remove(&(source, key)).ok_or(ParkedRefusal::NotParked)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&S, EventKey, &P)> {
        self.0.iter().map(|((source, key), event)| (source, *key, event))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parked_event_is_taken_out_once_and_their_number_is_bounded() {
        let key = |index| EventKey {
            index,
            ..EventKey::default()
        };
        let mut parked = Parked::default();
        for index in 0..u32::try_from(PARKED_PER_ROOT_MAX).expect("few") {
            assert_eq!(parked.park('a', key(index), index), Ok(()));
        }
        assert_eq!(parked.park('b', key(0), 0), Err(ParkedRefusal::Full));
        assert_eq!(parked.take('a', key(3)), Ok(3));
        assert_eq!(parked.take('a', key(3)), Err(ParkedRefusal::NotParked));
        assert_eq!(parked.take('b', key(0)), Err(ParkedRefusal::NotParked));
    }
}
