//! How the ledger grows: entry by entry, and sealed in segments at fixed sizes.
//!
//! The state holds a [`Chain`], so every controller has the same head and the same digests of sealed segments. Whoever
//! writes segments counts with the same [`OpenSegment`] and so seals at the same entry.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::encoding;
use crate::entry::{Entry, Record};

/// Entries after which a segment is sealed. Fixed for ever: controllers that seal elsewhere do not agree.
pub const SEGMENT_ENTRIES_MAX: u32 = 2_048;
/// Bytes of canonical entries after which a segment is sealed. Fixed for ever, too.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 20;
/// Sealed segments whose digests the state keeps; the newest stay. Older ones are still held by the chain.
pub const SEALED_KEPT_MAX: usize = 4_096;

/// Where a chain ends, or begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Head {
    pub sequence: u64,
    pub hash: Digest,
}

/// The end of the ledger, as the state holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// What the first entry on record follows.
    begins: Head,
    head: Head,
    open: OpenSegment,
    /// Oldest first, without gaps, up to the open one; bounded by [`SEALED_KEPT_MAX`].
    sealed: Vec<Sealed>,
}

/// The segment that grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSegment {
    /// Sequence of its first entry.
    pub first: u64,
    /// What its first entry follows.
    pub previous: Digest,
    pub entries: u32,
    /// Of canonical entries.
    pub bytes: u64,
}

/// A segment that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Sequences of its first and its last entry.
    pub first: u64,
    pub last: u64,
    /// What its first entry follows.
    pub previous: Digest,
    /// Of its last entry.
    pub hash: Digest,
    /// Of canonical entries.
    pub bytes: u64,
    /// Of all the above, and through `hash` of every entry.
    pub digest: Digest,
}

impl Head {
    /// What the first entry of a world follows.
    pub fn genesis(world: &str) -> Self {
        Self {
            sequence: 0,
            hash: Digest::of("meridian ledger genesis", world.as_bytes()),
        }
    }
}

impl Chain {
    /// The ledger that begins behind `begins`, without entries.
    pub fn after(begins: Head) -> Self {
        Self {
            begins,
            head: begins,
            open: OpenSegment::after(begins),
            sealed: Vec::new(),
        }
    }

    /// Puts a record at the end. Texts past their bounds are cut.
    pub fn append(&mut self, record: Record) -> Entry {
        let entry = Entry {
            sequence: self.head.sequence + 1,
            previous: self.head.hash,
            record: record.bounded(),
        };
        let canonical = encoding::encode(&entry);
        self.head = Head {
            sequence: entry.sequence,
            hash: encoding::hash(&canonical),
        };
        if let Some(sealed) = self.open.push(canonical.len(), self.head) {
            self.sealed.push(sealed);
            let surplus = self.sealed.len().saturating_sub(SEALED_KEPT_MAX);
            self.sealed.drain(..surplus);
            self.open = OpenSegment::after(self.head);
        }
        entry
    }

    pub fn begins(&self) -> Head {
        self.begins
    }

    pub fn head(&self) -> Head {
        self.head
    }

    pub fn open(&self) -> OpenSegment {
        self.open
    }

    /// Oldest first.
    pub fn sealed(&self) -> &[Sealed] {
        &self.sealed
    }
}

impl OpenSegment {
    /// An empty segment behind `head`.
    pub fn after(head: Head) -> Self {
        Self {
            first: head.sequence + 1,
            previous: head.hash,
            entries: 0,
            bytes: 0,
        }
    }

    /// Counts an entry whose canonical form has `bytes` bytes and after which the chain stands at `head`. Answers
    /// with the sealed segment if this was its last entry; the next one begins [`Self::after`] the head.
    pub fn push(&mut self, bytes: usize, head: Head) -> Option<Sealed> {
        self.entries += 1;
        self.bytes += bytes as u64;
        self.sealed(head)
    }

    /// The sealed segment, if it is full with the entry after which the chain stands at `head`.
    pub fn sealed(&self, head: Head) -> Option<Sealed> {
        let full = self.entries >= SEGMENT_ENTRIES_MAX || self.bytes >= SEGMENT_BYTES_MAX;
        full.then(|| Sealed::new(self, head))
    }
}

impl Sealed {
    fn new(open: &OpenSegment, head: Head) -> Self {
        let mut sealed = Self {
            first: open.first,
            last: head.sequence,
            previous: open.previous,
            hash: head.hash,
            bytes: open.bytes,
            digest: Digest::default(),
        };
        sealed.digest = sealed.expected_digest();
        sealed
    }

    /// The digest that these fields have.
    pub fn expected_digest(&self) -> Digest {
        let mut bytes = Vec::with_capacity(3 * 8 + 2 * 32);
        bytes.extend_from_slice(&self.first.to_be_bytes());
        bytes.extend_from_slice(&self.last.to_be_bytes());
        bytes.extend_from_slice(&self.bytes.to_be_bytes());
        bytes.extend_from_slice(self.previous.as_bytes());
        bytes.extend_from_slice(self.hash.as_bytes());
        Digest::of("meridian ledger segment", &bytes)
    }

    /// Where the chain stands before it.
    pub fn begins(&self) -> Head {
        Head {
            sequence: self.first - 1,
            hash: self.previous,
        }
    }

    /// Where the chain stands after it.
    pub fn ends(&self) -> Head {
        Head {
            sequence: self.last,
            hash: self.hash,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{chain_of, record};

    #[test]
    fn entries_name_the_one_before_and_segments_follow_each_other() {
        let (chain, entries) = chain_of(2 * u64::from(SEGMENT_ENTRIES_MAX) + 3);
        let mut head = Head::genesis("w");
        for entry in &entries {
            assert_eq!((entry.sequence, entry.previous), (head.sequence + 1, head.hash));
            head = Head {
                sequence: entry.sequence,
                hash: entry.hash(),
            };
        }
        assert_eq!(chain.head(), head);
        let [first, second] = chain.sealed() else {
            panic!("two sealed: {:?}", chain.sealed())
        };
        assert_eq!(first.begins(), Head::genesis("w"));
        assert_eq!(second.begins(), first.ends());
        assert_eq!((chain.open().first, chain.open().entries), (second.last + 1, 3));
        assert_eq!(first.digest, first.expected_digest());
    }

    #[test]
    fn long_entries_seal_a_segment_sooner() {
        let mut chain = Chain::after(Head::genesis("w"));
        let mut count = 0;
        while chain.sealed().is_empty() {
            count += 1;
            let detail = "x".repeat(4_000);
            let verdict = crate::Verdict::Refused {
                code: "c".into(),
                detail,
            };
            chain.append(Record {
                verdict,
                ..record(count)
            });
        }
        assert!(count < 300, "{count} entries of 4 KB");
        assert!(chain.sealed()[0].bytes >= SEGMENT_BYTES_MAX);
    }
}
