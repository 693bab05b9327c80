//! A window in which one operator may read the data of one person: opened with a reason, ended by a time, on record in
//! the ledger. It travels in the routing table, so that the node that is asked can tell.

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
