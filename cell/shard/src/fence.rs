//! The fence of a shard: who may write. Every batch is committed only while it stands as its writer set it.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use platform_model::{Epoch, Generation, Incarnation, NodeId};

const VERSION: u8 = 1;
/// Of a store that nodes share: with the generation of the configuration, and whether the shard was given up.
const VERSION_SHARED: u8 = 2;

/// `(epoch, node, attempt)`. The attempt grows with every opening and after every unknown outcome, so that a batch
/// sent before can no longer land. Its upper half is the incarnation, so that two openings never share one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FenceValue {
    pub epoch: Epoch,
    pub node: NodeId,
    pub attempt: u64,
    /// Of the configuration by which a node of a shared store took it; 0 where the store is one node's.
    pub generation: Generation,
    /// In a shared store: whoever set it has given the shard up, and reads no more.
    pub released: bool,
}

impl FenceValue {
    pub(crate) fn encode(&self) -> Bytes {
        let node = self.node.to_string();
        let shared = self.released || self.generation != Generation(0);
        let mut bytes = BytesMut::with_capacity(26 + node.len());
        bytes.put_u8(if shared { VERSION_SHARED } else { VERSION });
        bytes.put_u64(self.epoch.0);
        bytes.put_u64(self.attempt);
        if shared {
            bytes.put_u64(self.generation.0);
            bytes.put_u8(u8::from(self.released));
        }
        bytes.put_slice(node.as_bytes());
        bytes.freeze()
    }

    /// None when the bytes are no fence of a version that is known.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        if bytes.len() < 17 {
            return None;
        }
        let version = bytes.get_u8();
        let (epoch, attempt) = (Epoch(bytes.get_u64()), bytes.get_u64());
        let (generation, released) = match version {
            VERSION => (Generation(0), false),
            VERSION_SHARED if bytes.len() >= 9 => (Generation(bytes.get_u64()), bytes.get_u8() == 1),
            _ => return None,
        };
        let node = std::str::from_utf8(bytes).ok()?.parse().ok()?;
        Some(Self {
            epoch,
            node,
            attempt,
            generation,
            released,
        })
    }

    /// The first attempt of an incarnation.
    pub(crate) fn first(epoch: Epoch, node: NodeId, incarnation: Incarnation) -> Self {
        Self {
            epoch,
            node,
            attempt: incarnation.0 << 32,
            generation: Generation(0),
            released: false,
        }
    }

    /// Whether this is a later attempt of the same term.
    pub(crate) fn is_attempt_after(&self, earlier: &Self) -> bool {
        self.same_owner(earlier)
            && self.attempt >> 32 == earlier.attempt >> 32
            && self.attempt > earlier.attempt
    }

    #[must_use]
    pub(crate) fn next_attempt(&self) -> Self {
        Self {
            attempt: self.attempt + 1,
            ..self.clone()
        }
    }

    /// Whether both were set by one opening of a copy, in whatever epoch.
    pub(crate) fn same_opening(&self, other: &Self) -> bool {
        self.node == other.node && self.attempt >> 32 == other.attempt >> 32
    }

    /// The first fence of the next opening of a copy: whatever an earlier one still has under way is fenced out.
    #[must_use]
    pub(crate) fn next_opening(&self) -> Self {
        Self {
            attempt: ((self.attempt >> 32) + 1) << 32,
            released: false,
            ..self.clone()
        }
    }

    /// What stands beside the fence: for how long this opening reads after a proof. A key of its own, which a release that
    /// does not know it leaves as it is; so it names the opening that it is of.
    pub(crate) fn lease(&self, micros: u64) -> Bytes {
        let mut bytes = BytesMut::with_capacity(16);
        bytes.put_u64(self.attempt >> 32);
        bytes.put_u64(micros);
        bytes.freeze()
    }

    /// The lease of the opening that set this fence; none if it did not say.
    pub(crate) fn lease_of(&self, mut said: &[u8]) -> Option<u64> {
        let of_this = said.len() == 16 && said.get_u64() == self.attempt >> 32;
        of_this.then(|| said.get_u64())
    }

    /// Whether both speak of the same ownership.
    pub(crate) fn same_owner(&self, other: &Self) -> bool {
        self.epoch == other.epoch && self.node == other.node
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_of_another_incarnation_is_no_later_attempt_of_this_one() {
        let node: NodeId = "eu-central-1/0".parse().expect("a node");
        let first = FenceValue::first(Epoch(3), node.clone(), Incarnation(4));
        assert!(first.next_attempt().is_attempt_after(&first));
        assert!(!first.is_attempt_after(&first));
        assert!(!FenceValue::first(Epoch(3), node, Incarnation(5)).is_attempt_after(&first));
    }

    #[test]
    fn a_fence_reads_back() {
        let node: NodeId = "eu-central-1/0".parse().expect("a node");
        let fence = FenceValue {
            attempt: 9,
            ..FenceValue::first(Epoch(3), node, Incarnation(0))
        };
        assert_eq!(FenceValue::decode(&fence.encode()), Some(fence.clone()));
        assert_eq!(
            fence.encode()[0],
            VERSION,
            "as it always was where one node has the store"
        );
        let shared = FenceValue {
            generation: Generation(7),
            released: true,
            ..fence
        };
        assert_eq!(FenceValue::decode(&shared.encode()), Some(shared.clone()));
        assert!(!shared.next_opening().released);
        let said = shared.lease(500_000);
        assert_eq!(shared.next_attempt().lease_of(&said), Some(500_000));
        assert_eq!(
            shared.next_opening().lease_of(&said),
            None,
            "of the one before it, which said so"
        );
        assert_eq!(shared.lease_of(b""), None);
        assert_eq!(FenceValue::decode(&shared.encode()[..20]), None);
        assert_eq!(FenceValue::decode(b"\x02junk that is long enough"), None);
    }
}
