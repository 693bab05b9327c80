//! Randomness from the operating system, fit for keys and tokens.
//!
//! Never seeded, never a generator of our own. A test that needs a repeatable run keeps its own generator.

use uuid::{Builder, Uuid};

use crate::clock::Clock;

/// `N` random bytes.
///
/// # Panics
/// If the system has no randomness to give, which on Linux happens only before its pool is filled at boot.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

pub fn u64() -> u64 {
    u64::from_le_bytes(bytes())
}

/// A UUID of version 7 (RFC 9562) of this moment: sorted by time to the millisecond, random within it.
pub fn uuid_v7() -> Uuid {
    uuid_v7_at(Clock::system().unix_ms())
}

/// A UUID of version 7 of a given moment, in milliseconds since 1970.
pub fn uuid_v7_at(unix_ms: u64) -> Uuid {
    Builder::from_unix_timestamp_millis(unix_ms, &bytes()).into_uuid()
}

/// A number in `0..bound`; 0 when `bound` is 0. The bias is below 2^-32 for bounds below 2^32.
pub fn below(bound: u64) -> u64 {
    if bound == 0 { 0 } else { u64() % bound }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_version_7_and_differ() {
        let (a, b) = (uuid_v7_at(7), uuid_v7_at(7));
        assert_ne!(a, b);
        assert_eq!(a.get_version_num(), 7);
        assert_eq!(a.get_timestamp().map(|t| t.to_unix()), Some((0, 7_000_000)));
    }
}
