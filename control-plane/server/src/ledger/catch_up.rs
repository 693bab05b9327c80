//! Fills a gap from a peer, a segment at a time. Nothing is written that was not verified: a piece must end at a hash
//! that the state holds, or that stands in what was recorded behind the gap.

use std::collections::BTreeMap;

use control_plane_ledger::{Broken, Chain, Digest, Head, Recorded, Verifier};
use platform_runtime::Clock;
use platform_runtime::tls::Identity;
use platform_wire::CallError;
use platform_wire::channel::InvalidAddress;
use platform_wire::ledger::{LedgerClient, PAGE_ENTRIES_MAX};

use super::{Gap, LedgerStore};

/// Why a peer did not help. The next one is asked.
#[derive(Debug, thiserror::Error)]
pub enum CatchUpError {
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the peer lacks entry {sequence}, too")]
    Lacks { sequence: u64 },
    #[error("what the peer sent is not what was decided")]
    Broken(#[from] Broken),
    #[error("the ledger cannot be written")]
    Write(#[source] std::io::Error),
}

/// Fetches what lacks up to the end of the segment in which the gap begins.
pub async fn piece(
    store: &LedgerStore,
    chain: &Chain,
    gap: Gap,
    peer: String,
    identity: Identity,
    clock: Clock,
) -> Result<u64, CatchUpError> {
    let to = end_of_piece(chain, gap);
    let client = LedgerClient::of_one(peer, identity, clock)?;
    let mut verifier = Verifier::new(gap.from, &[], &[]);
    let mut entries: Vec<Recorded> = Vec::new();
    while verifier.head().sequence < to.sequence {
        let next = verifier.head().sequence + 1;
        let left = u32::try_from(to.sequence - next + 1).unwrap_or(PAGE_ENTRIES_MAX);
        let page = client.read(next, left.min(PAGE_ENTRIES_MAX)).await?;
        if page.entries.is_empty() {
            return Err(CatchUpError::Lacks { sequence: next });
        }
        for entry in page.entries {
            let hash = Digest::from_bytes(entry.hash);
            verifier.take(&entry.canonical, hash)?;
            entries.push(Recorded {
                canonical: entry.canonical,
                hash,
            });
        }
    }
    verifier.finish(to)?;
    let (store, count) = (store.clone(), entries.len() as u64);
    let written = tokio::task::spawn_blocking(move || store.fill(&entries)).await;
    written
        .map_err(std::io::Error::other)
        .and_then(|written| written)
        .map_err(CatchUpError::Write)?;
    Ok(count)
}

/// The end of the sealed segment in which the gap begins, or of the gap.
fn end_of_piece(chain: &Chain, gap: Gap) -> Head {
    let at = chain
        .sealed()
        .partition_point(|sealed| sealed.last <= gap.from.sequence);
    match chain.sealed().get(at) {
        Some(sealed) if sealed.last < gap.to.sequence => sealed.ends(),
        _ => gap.to,
    }
}

/// The peer to ask at the `attempt`-th time.
pub fn peer(members: &BTreeMap<u64, String>, me: u64, attempt: usize) -> Option<String> {
    let others: Vec<&String> = members
        .iter()
        .filter(|(id, _)| **id != me)
        .map(|(_, at)| at)
        .collect();
    let at = attempt.checked_rem(others.len())?;
    Some(others[at].clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_asked_in_turn_and_never_oneself() {
        let members: BTreeMap<u64, String> = (1..=3).map(|id| (id, format!("h:{id}"))).collect();
        let asked: Vec<_> = (0..3).map(|attempt| peer(&members, 2, attempt)).collect();
        assert_eq!(
            asked,
            [Some("h:1".into()), Some("h:3".into()), Some("h:1".into())]
        );
        assert_eq!(peer(&members.into_iter().take(1).collect(), 1, 0), None);
    }
}
