//! Names as numbers: what the table and the overrides are keyed by, so that a look-up compares no text.
//!
//! Not for secrets, and nothing here is stored: xxh3 only has to spread.

use platform_model::{HomeId, NodeId};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Longest host name that DNS knows, in bytes (RFC 1035).
const HOST_BYTES_MAX: usize = 253;
/// `jurisdiction/region` at its longest.
const HOME_BYTES_MAX: usize = 2 * platform_model::place::NAME_BYTES_MAX + 1;

/// A node's name as a number.
pub(crate) fn node_key(node: &NodeId) -> u64 {
    xxh3_64(node.to_string().as_bytes())
}

/// 128 bits of `jurisdiction/region`: no two homes of a world meet. Never 0: that marks an empty slot.
pub(crate) fn home_hash(home: &HomeId) -> u128 {
    let (jurisdiction, region) = (
        home.jurisdiction.as_str().as_bytes(),
        home.region.as_str().as_bytes(),
    );
    let mut name = [0u8; HOME_BYTES_MAX];
    let length = jurisdiction.len() + 1 + region.len();
    name[..jurisdiction.len()].copy_from_slice(jurisdiction);
    name[jurisdiction.len()] = b'/';
    name[jurisdiction.len() + 1..length].copy_from_slice(region);
    xxh3_128(&name[..length]).max(1)
}

/// Hash of a host name without its port and case; `None` for an empty or overlong one.
pub(crate) fn host_hash(host: &str) -> Option<u64> {
    let name = without_port(host).as_bytes();
    if name.is_empty() || name.len() > HOST_BYTES_MAX {
        return None;
    }
    let mut lower = [0u8; HOST_BYTES_MAX];
    let lower = &mut lower[..name.len()];
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    Some(xxh3_64(lower).max(1))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

pub(crate) fn low_bits(hash: u128) -> usize {
    hash as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_the_same_in_any_case_and_at_any_port() {
        assert_eq!(host_hash("Meridian.test:8443"), host_hash("meridian.TEST"));
        assert_ne!(host_hash("meridian.test"), host_hash("meridian.test."));
        assert_eq!(host_hash(""), None);
        assert_eq!(host_hash(&"a".repeat(254)), None);
    }
}
