//! One start of a node's process: how often it has started, on which copy of its data, and which process it is.
//!
//! With the three a process is told apart from an earlier one on the same data, from one on a restored image of it,
//! and from one on an empty disk under the old name.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::version::Incarnation;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Start {
    /// Raised durably at each start.
    pub incarnation: Incarnation,
    /// Random name of the data, made with it and kept in it.
    pub copy: u64,
    /// Random name of the process.
    pub process: u64,
}

impl Start {
    /// Whether this start may serve what was given to `known`, the start that the controllers know: it is that very
    /// one, or a later one on the same data.
    pub fn may_follow(&self, known: &Self) -> bool {
        self == known || (self.copy == known.copy && self.incarnation > known.incarnation)
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of data {:016x}", self.incarnation, self.copy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_later_start_on_the_same_data_follows() {
        let start = |incarnation, copy, process| Start {
            incarnation: Incarnation(incarnation),
            copy,
            process,
        };
        let known = start(3, 7, 1);
        assert!(known.may_follow(&known));
        assert!(start(4, 7, 2).may_follow(&known));
        for (what, other) in [
            ("an earlier start", start(2, 7, 9)),
            ("a restored image that counted to the same number", start(3, 7, 2)),
            ("an empty disk under the old name", start(4, 8, 2)),
        ] {
            assert!(!other.may_follow(&known), "{what}");
        }
    }
}
