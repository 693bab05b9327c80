//! A window in which one operator may read the data of one person: opened with a reason, ended by a time, on record in
//! the ledger. It travels in the routing table, so that the node that is asked can tell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::UserId;
use crate::place::HomeId;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakGlass {
    /// The operator's SPIFFE id.
    pub by: String,
    pub home: HomeId,
    /// Whose data.
    pub subject: UserId,
    /// What it is read for.
    pub purpose: String,
    /// Milliseconds since 1970.
    pub until_ms: u64,
}

impl BreakGlass {
    /// Whether `by` may read this person's data for this purpose through this window at `now_ms`.
    pub fn lets(&self, by: &str, home: &HomeId, subject: UserId, purpose: &str, now_ms: u64) -> bool {
        self.by == by
            && self.home == *home
            && self.subject == subject
            && self.purpose == purpose
            && now_ms < self.until_ms
    }
}

/// The number of an open window through which `by` may read this person's data for this purpose. `None`: he may not.
pub fn operator_may_read(
    windows: &BTreeMap<u64, BreakGlass>,
    by: &str,
    (home, subject): (&HomeId, UserId),
    purpose: &str,
    now_ms: u64,
) -> Option<u64> {
    let open = |window: &BreakGlass| window.lets(by, home, subject, purpose, now_ms);
    windows
        .iter()
        .find(|(_, window)| open(window))
        .map(|(number, _)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_for_one_reader_one_person_one_purpose_and_until_its_end() {
        let home: HomeId = "eu/eu-central".parse().expect("a home");
        let other: HomeId = "eu/eu-west".parse().expect("a home");
        let user = |n: u8| format!("018f3f2e-0000-7000-8000-00000000000{n}").parse::<UserId>();
        let (one, two) = (user(1).expect("an id"), user(2).expect("an id"));
        let window = BreakGlass {
            by: "kim".into(),
            home: home.clone(),
            subject: one,
            purpose: "support".into(),
            until_ms: 100,
        };
        let windows = BTreeMap::from([(7, window)]);
        let ask = |by, home, user, purpose, now| operator_may_read(&windows, by, (home, user), purpose, now);
        assert_eq!(ask("kim", &home, one, "support", 99), Some(7));
        assert_eq!(ask("ada", &home, one, "support", 99), None);
        assert_eq!(ask("kim", &other, one, "support", 99), None);
        assert_eq!(ask("kim", &home, two, "support", 99), None);
        assert_eq!(ask("kim", &home, one, "billing", 99), None);
        assert_eq!(ask("kim", &home, one, "support", 100), None);
    }
}
