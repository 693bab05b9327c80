//! Claims. The row `digest -> (user, claim id)`, inserted if absent at the authority, *is* the claim; time never frees it.
//! The user's shard holds the claim `pending -> active | dropped`, one way. Only a committed `dropped` lets the row go.

use std::collections::BTreeMap;

/// One attempt to hold one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClaimId(pub u64);

/// The user's own record of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClaimState {
    Pending,
    Active,
    Dropped,
}

impl ClaimState {
    /// The authority has given it. One that was dropped stays dropped.
    #[must_use]
    pub fn activated(self) -> Self {
        match self {
            Self::Pending => Self::Active,
            other => other,
        }
    }

    /// Given up, by the user or because somebody asked for a decision while it was pending.
    #[must_use]
    pub fn dropped(self) -> Self {
        Self::Dropped
    }

    /// A reconciler asks: what is not active by now never will be.
    #[must_use]
    pub fn decided(self) -> Self {
        match self {
            Self::Pending => Self::Dropped,
            other => other,
        }
    }
}

/// A row of the authority's directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Row<U> {
    pub user: U,
    pub claim: ClaimId,
}

/// What came of an attempt to take a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Taken {
    /// It is yours, now or since before.
    Yours,
    Held,
}

/// The rows of one authority. Digests are keyed, so nothing here is personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority<U> {
    rows: BTreeMap<u64, Row<U>>,
}

impl<U> Default for Authority<U> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
        }
    }
}

impl<U: Copy + PartialEq> Authority<U> {
    pub fn take(&mut self, digest: u64, user: U, claim: ClaimId) -> Taken {
        let row = self.rows.entry(digest).or_insert(Row { user, claim });
        if row.claim == claim && row.user == user {
            Taken::Yours
        } else {
            Taken::Held
        }
    }

    /// The user's shard has committed that this very claim is dropped. False: the row is another's, or gone.
    pub fn release(&mut self, digest: u64, claim: ClaimId) -> bool {
        let held = self.rows.get(&digest).is_some_and(|row| row.claim == claim);
        if held {
            self.rows.remove(&digest);
        }
        held
    }

    pub fn row(&self, digest: u64) -> Option<Row<U>> {
        self.rows.get(&digest).copied()
    }

    pub fn rows(&self) -> impl Iterator<Item = (u64, Row<U>)> + '_ {
        self.rows.iter().map(|(digest, row)| (*digest, *row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_holder_and_a_late_release_frees_nobody_elses_row() {
        let mut authority = Authority::default();
        let (first, second) = (ClaimId(1), ClaimId(2));
        assert_eq!(authority.take(9, 'x', first), Taken::Yours);
        assert_eq!(authority.take(9, 'x', first), Taken::Yours, "a retry");
        assert_eq!(authority.take(9, 'y', second), Taken::Held);
        assert!(authority.release(9, first));
        assert_eq!(authority.take(9, 'y', second), Taken::Yours);
        assert!(!authority.release(9, first), "late");
        assert_eq!(authority.row(9).map(|row| row.user), Some('y'));
    }

    #[test]
    fn a_claim_goes_one_way() {
        assert_eq!(ClaimState::Pending.activated(), ClaimState::Active);
        assert_eq!(ClaimState::Dropped.activated(), ClaimState::Dropped);
        assert_eq!(ClaimState::Pending.decided(), ClaimState::Dropped);
        assert_eq!(ClaimState::Active.decided(), ClaimState::Active);
        assert_eq!(ClaimState::Active.dropped(), ClaimState::Dropped);
    }
}
