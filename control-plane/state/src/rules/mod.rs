//! What each command must obey and what it changes, one file per subject. Every function checks all first, then
//! changes: a refusal leaves the state as it was.

pub(crate) mod admitted;
pub(crate) mod author;
pub(crate) mod authority;
pub(crate) mod automation;
pub(crate) mod cell;
pub(crate) mod country;
pub(crate) mod home;
pub(crate) mod law;
pub(crate) mod member;
pub(crate) mod node;
pub(crate) mod placement;
pub(crate) mod shard;
pub(crate) mod survival;
pub(crate) mod token_key;
pub(crate) mod world;

use crate::refusal::{Counted, Refusal, Text};

/// A text within its bounds, in bytes.
pub(crate) fn text(what: Text, given: &str, min: usize, max: usize) -> Result<(), Refusal> {
    let bytes = given.len();
    if (min..=max).contains(&bytes) {
        Ok(())
    } else {
        Err(Refusal::Length { what, bytes, max })
    }
}

/// A number of records within its bound.
pub(crate) fn count(what: Counted, after: usize, max: usize) -> Result<(), Refusal> {
    if after <= max {
        Ok(())
    } else {
        Err(Refusal::Limit { what, max })
    }
}
