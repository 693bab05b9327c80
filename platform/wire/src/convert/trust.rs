//! The part of the table that is about trust: revoked identities and open windows of break-glass.

use std::collections::BTreeMap;

use platform_model::{BreakGlass, InvalidId, RevokedIdentity};

use super::{InvalidTable, Read, map};
use crate::pb;

pub(super) fn revocation((identity, until_ms): (&RevokedIdentity, &u64)) -> pb::Revocation {
    pb::Revocation {
        identity: identity.to_string(),
        until_ms: *until_ms,
    }
}

pub(super) fn read_revocation(wire: pb::Revocation) -> Read<RevokedIdentity, u64> {
    Ok((wire.identity.parse()?, wire.until_ms))
}

pub(super) fn window((number, window): (&u64, &BreakGlass)) -> pb::BreakGlass {
    pb::BreakGlass {
        number: *number,
        by: window.by.clone(),
        home: window.home.to_string(),
        subject: window.subject.to_string(),
        purpose: window.purpose.clone(),
        until_ms: window.until_ms,
    }
}

pub(super) fn read_window(wire: pb::BreakGlass) -> Read<u64, BreakGlass> {
    Ok(read_number_and_window(wire)?)
}

/// A window with its number.
pub(crate) fn read_number_and_window(wire: pb::BreakGlass) -> Result<(u64, BreakGlass), InvalidId> {
    let window = BreakGlass {
        by: wire.by,
        home: wire.home.parse()?,
        subject: wire.subject.parse()?,
        purpose: wire.purpose,
        until_ms: wire.until_ms,
    };
    Ok((wire.number, window))
}

/// Windows that were opened, and the numbers of those that were closed.
pub(super) fn read_windows(
    opened: Vec<pb::BreakGlass>,
    closed: &[u64],
) -> Result<BTreeMap<u64, Option<BreakGlass>>, InvalidTable> {
    let mut all = map(opened, |wire| {
        read_window(wire).map(|(n, window)| (n, Some(window)))
    })?;
    for number in closed {
        if all.insert(*number, None).is_some() {
            let key = number.to_string();
            return Err(InvalidTable::Twice { key });
        }
    }
    Ok(all)
}

/// Numbers of windows that are closed.
pub(super) fn closed(windows: &BTreeMap<u64, Option<BreakGlass>>) -> Vec<u64> {
    let gone = windows.iter().filter(|(_, window)| window.is_none());
    gone.map(|(number, _)| *number).collect()
}
