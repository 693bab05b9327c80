//! The last heads of the ledger that a process was told, kept on disk: whoever rewrites the ledger afterwards is
//! contradicted by every router and node that has seen it.
//!
//! Kept in `ring`, a file of a fixed size; served as JSON to operators; read by them with [`fetch`]. A head that
//! contradicts one that was seen before is kept beside it and reported, never dropped.

mod fetch;
mod ring;

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use platform_model::{Role, WorldId};
use platform_runtime::PeerIdentity;
use platform_runtime::clock::Clock;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::ledger::LedgerHead;
use ring::Ring;

pub use fetch::{FetchError, fetch, get};
pub use ring::HEADS_KEPT_MAX;

/// Where a process serves what it has seen, on its own mTLS listener.
pub const PATH: &str = "/ledger/heads";

/// A head and when it was first seen, in milliseconds since 1970 by the clock of whoever saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenHead {
    pub head: LedgerHead,
    pub seen_ms: u64,
}

/// What a head is beside those seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    New,
    Known,
    /// Of a controller that lags behind what was seen; nothing to keep.
    Older,
    /// Another hash was seen for this very sequence: the ledger has two histories.
    Contradiction,
}

/// Clone: a shared handle.
#[derive(Clone)]
pub struct Heads {
    world: WorldId,
    ring: Arc<Mutex<Ring>>,
}

/// As it is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadsView {
    pub world: String,
    /// Oldest first.
    pub heads: Vec<HeadView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadView {
    pub sequence: u64,
    /// 64 hex digits.
    pub hash: String,
    pub seen_ms: u64,
}

impl Heads {
    /// Reads what was seen before. A file that cannot be used is set aside and said so: a witness that has lost its
    /// memory goes on with a new one. Blocks.
    pub fn open(file: &Path, world: &WorldId) -> Self {
        let ring = Ring::open(file, world).unwrap_or_else(|error| {
            tracing::error!(%error, file = %file.display(), "heads of the ledger are kept in memory only");
            Ring::in_memory()
        });
        Self::of(world, ring)
    }

    /// Nothing seen, nothing kept.
    pub fn in_memory(world: &WorldId) -> Self {
        Self::of(world, Ring::in_memory())
    }

    fn of(world: &WorldId, ring: Ring) -> Self {
        Self {
            world: world.clone(),
            ring: Arc::new(Mutex::new(ring)),
        }
    }

    /// Takes note of a head, durably if it is new. Blocks.
    pub fn take(&self, head: LedgerHead, now_ms: u64) -> Seen {
        let mut ring = self.ring.lock();
        let seen = judge(&ring, head);
        if matches!(seen, Seen::New | Seen::Contradiction)
            && let Err(error) = ring.push(SeenHead {
                head,
                seen_ms: now_ms,
            })
        {
            metrics::counter!("ledger_heads_not_kept_total").increment(1);
            tracing::warn!(%error, "a head of the ledger is remembered only until the restart");
        }
        if seen == Seen::Contradiction {
            metrics::counter!("ledger_contradictions_total").increment(1);
            tracing::error!(
                sequence = head.sequence,
                "the ledger has two histories: run `cellctl audit verify`"
            );
        }
        seen
    }

    /// Oldest first.
    pub fn all(&self) -> Vec<SeenHead> {
        self.ring.lock().heads().collect()
    }

    /// As it is served: a JSON document.
    pub fn json(&self) -> String {
        let view = |seen: SeenHead| HeadView {
            sequence: seen.head.sequence,
            hash: hex(&seen.head.hash),
            seen_ms: seen.seen_ms,
        };
        let view = HeadsView {
            world: self.world.to_string(),
            heads: self.all().into_iter().map(view).collect(),
        };
        serde_json::to_string(&view).expect("numbers and texts always write")
    }

    /// Keeps each head that comes until the sender is gone; of those that come while one is written, the newest.
    pub(crate) async fn keep(self, mut told: watch::Receiver<Option<LedgerHead>>, clock: Clock) {
        while told.changed().await.is_ok() {
            let Some(head) = *told.borrow_and_update() else {
                continue;
            };
            let (heads, now_ms) = (self.clone(), clock.unix_ms());
            if let Err(error) = tokio::task::spawn_blocking(move || heads.take(head, now_ms)).await {
                tracing::error!(%error, "keeping a head of the ledger panicked");
            }
        }
    }
}

/// Whether a caller may read what was seen: every operator may, and nobody else needs to.
pub fn may_read(caller: Option<&PeerIdentity>) -> bool {
    let operator = |role| matches!(role, Role::Viewer | Role::Sre | Role::Compliance);
    caller.is_some_and(|PeerIdentity(id)| operator(id.role()))
}

fn judge(ring: &Ring, head: LedgerHead) -> Seen {
    let mut same = ring
        .heads()
        .filter(|seen| seen.head.sequence == head.sequence)
        .peekable();
    let newest = ring.heads().map(|seen| seen.head.sequence).max();
    if same.peek().is_some() {
        return match same.any(|seen| seen.head.hash == head.hash) {
            true => Seen::Known,
            false => Seen::Contradiction,
        };
    }
    if newest.is_some_and(|newest| head.sequence < newest) {
        Seen::Older
    } else {
        Seen::New
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl TryFrom<&HeadView> for SeenHead {
    type Error = &'static str;

    fn try_from(view: &HeadView) -> Result<Self, &'static str> {
        let mut hash = [0; crate::ledger::HASH_BYTES];
        if view.hash.len() != 2 * hash.len() || !view.hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err("a hash is 64 hex digits");
        }
        for (byte, at) in hash.iter_mut().zip((0..view.hash.len()).step_by(2)) {
            let pair = &view.hash[at..at + 2];
            *byte = u8::from_str_radix(pair, 16).map_err(|_| "a hash is 64 hex digits")?;
        }
        Ok(Self {
            head: LedgerHead {
                sequence: view.sequence,
                hash,
            },
            seen_ms: view.seen_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> WorldId {
        WorldId::new(&"a".repeat(64)).expect("an id")
    }

    pub(super) fn head(sequence: u64, byte: u8) -> LedgerHead {
        LedgerHead {
            sequence,
            hash: [byte; 32],
        }
    }

    #[test]
    fn heads_lead_forward_and_a_contradiction_is_kept() {
        let heads = Heads::in_memory(&world());
        for (given, expected) in [
            (head(5, 1), Seen::New),
            (head(5, 1), Seen::Known),
            (head(3, 9), Seen::Older),
            (head(9, 2), Seen::New),
            (head(5, 7), Seen::Contradiction),
            (head(5, 7), Seen::Known),
            (head(5, 1), Seen::Known),
        ] {
            assert_eq!(heads.take(given, 1), expected, "{given:?}");
        }
        let kept: Vec<LedgerHead> = heads.all().iter().map(|seen| seen.head).collect();
        assert_eq!(kept, [head(5, 1), head(9, 2), head(5, 7)]);
    }

    #[test]
    fn what_is_served_reads_back() {
        let heads = Heads::in_memory(&world());
        heads.take(head(5, 0xab), 77);
        let json = heads.json();
        let expected = format!(
            r#"{{"world":"{}","heads":[{{"sequence":5,"hash":"{}","seen_ms":77}}]}}"#,
            "a".repeat(64),
            "ab".repeat(32)
        );
        assert_eq!(json, expected);
        let view: HeadsView = serde_json::from_str(&json).expect("our own");
        assert_eq!(SeenHead::try_from(&view.heads[0]), Ok(heads.all()[0]));
        for hash in ["", &"xy".repeat(32), &"é".repeat(32)] {
            let broken = HeadView {
                hash: hash.to_owned(),
                ..view.heads[0].clone()
            };
            assert!(SeenHead::try_from(&broken).is_err(), "{hash}");
        }
    }

    /// `u8::from_str_radix` takes a sign: `+a` was the same byte as `0a`.
    #[test]
    fn a_hash_with_plus_signs_is_no_hash() {
        let view = HeadView {
            sequence: 1,
            hash: "+a".repeat(32),
            seen_ms: 5,
        };
        assert!(SeenHead::try_from(&view).is_err());
    }

    #[test]
    fn operators_may_read_and_nobody_else() {
        let peer = |kind: &str| {
            let id = format!("spiffe://{}/region/eu-central/{kind}", "a".repeat(16));
            PeerIdentity(id.parse().expect("an id"))
        };
        for kind in ["operator/viewer/o", "operator/sre/o", "operator/compliance/o"] {
            assert!(may_read(Some(&peer(kind))), "{kind}");
        }
        for kind in ["cell/eu-central-1/node/0", "router/r1", "controller/c1"] {
            assert!(!may_read(Some(&peer(kind))), "{kind}");
        }
        assert!(!may_read(None));
    }
}
