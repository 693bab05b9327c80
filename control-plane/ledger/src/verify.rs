//! The proof that a ledger is whole: every entry follows the one before, every sealed segment has its digest, the end
//! is the one that the controllers hold, and no witness has seen another.
//!
//! What it cannot tell: which of two histories is true. It names the first entry that cannot be trusted.

use std::collections::BTreeMap;

use crate::chain::{Head, OpenSegment, Sealed};
use crate::digest::Digest;
use crate::encoding;
use crate::entry::Entry;

/// One entry as it was kept: its canonical form and the hash that stood beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub canonical: Vec<u8>,
    pub hash: Digest,
}

/// A head that someone else has kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Who, for people: `router r1`, `node eu-central-1/0`.
    pub name: String,
    pub head: Head,
}

/// A whole ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    pub begins: Head,
    pub head: Head,
    /// Sealed segments whose digests were compared.
    pub segments: usize,
    /// Heads of witnesses that lie on the chain.
    pub witnesses: usize,
}

/// Where a ledger is broken; [`Broken::sequence`] is the first entry that cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("entry {sequence} was changed: {why}")]
    Changed { sequence: u64, why: String },
    #[error("entry {found} stands where entry {sequence} should: entries were removed or reordered")]
    Order { sequence: u64, found: u64 },
    #[error("entry {sequence} does not follow the entry before it: one of the two was replaced")]
    Link { sequence: u64 },
    #[error("the segment of entries {sequence} to {last} is not the one that was sealed")]
    Segment { sequence: u64, last: u64 },
    #[error("the ledger ends before entry {sequence}, which {witness} has seen: its end was cut off")]
    CutOff { sequence: u64, witness: String },
    #[error("{witness} has seen another entry {seen}: what stands from entry {sequence} on was rewritten")]
    Witness {
        sequence: u64,
        seen: u64,
        witness: String,
    },
}

impl Broken {
    /// The first entry that cannot be trusted.
    pub fn sequence(&self) -> u64 {
        match self {
            Self::Changed { sequence, .. }
            | Self::Order { sequence, .. }
            | Self::Link { sequence }
            | Self::Segment { sequence, .. }
            | Self::CutOff { sequence, .. }
            | Self::Witness { sequence, .. } => *sequence,
        }
    }
}

/// Verifies entry by entry, so that a ledger of any length needs no memory.
#[derive(Debug)]
pub struct Verifier {
    begins: Head,
    at: Head,
    open: OpenSegment,
    /// By the sequence of their last entry.
    sealed: BTreeMap<u64, Sealed>,
    witnesses: BTreeMap<u64, Vec<Witness>>,
    /// The last entry up to which every witness agrees.
    agreed: u64,
    segments: usize,
    agreeing: usize,
}

/// Verifies a ledger that is at hand whole: entries behind `begins` in order, up to `head`.
///
/// # Errors
/// The first break.
pub fn verify<'a>(
    begins: Head,
    entries: impl IntoIterator<Item = &'a Recorded>,
    head: Head,
    sealed: &[Sealed],
    witnesses: &[Witness],
) -> Result<Verified, Broken> {
    let mut verifier = Verifier::new(begins, sealed, witnesses);
    for entry in entries {
        verifier.take(&entry.canonical, entry.hash)?;
    }
    verifier.finish(head)
}

impl Verifier {
    /// For a ledger that begins behind `begins`. `sealed` are the digests that the state holds.
    pub fn new(begins: Head, sealed: &[Sealed], witnesses: &[Witness]) -> Self {
        let mut by_sequence: BTreeMap<u64, Vec<Witness>> = BTreeMap::new();
        for witness in witnesses {
            let sequence = witness.head.sequence;
            // What lies before the beginning cannot be compared; the beginning itself can.
            if sequence >= begins.sequence && sequence > 0 {
                by_sequence.entry(sequence).or_default().push(witness.clone());
            }
        }
        Self {
            begins,
            at: begins,
            open: OpenSegment::after(begins),
            sealed: sealed.iter().map(|sealed| (sealed.last, *sealed)).collect(),
            witnesses: by_sequence,
            agreed: begins.sequence,
            segments: 0,
            agreeing: 0,
        }
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// When it is not the one that follows.
    pub fn take(&mut self, canonical: &[u8], hash: Digest) -> Result<Entry, Broken> {
        let sequence = self.at.sequence + 1;
        let changed = |why: String| Broken::Changed { sequence, why };
        if encoding::hash(canonical) != hash {
            return Err(changed("its hash does not fit".to_owned()));
        }
        let entry = encoding::decode(canonical).map_err(|e| changed(e.to_string()))?;
        if entry.sequence != sequence {
            let found = entry.sequence;
            return Err(Broken::Order { sequence, found });
        }
        if entry.previous != self.at.hash {
            return Err(Broken::Link { sequence });
        }
        self.at = Head { sequence, hash };
        self.check_segment(canonical.len())?;
        self.check_witnesses()?;
        Ok(entry)
    }

    /// Where it stands.
    pub fn head(&self) -> Head {
        self.at
    }

    /// After the last entry: nothing may be missing up to `head`, which the controllers' state holds.
    ///
    /// # Errors
    /// When the end was cut off or is another.
    pub fn finish(self, head: Head) -> Result<Verified, Broken> {
        let state = Witness {
            name: "the controllers' state".to_owned(),
            head,
        };
        if head.sequence == self.at.sequence {
            self.compare(&state)?;
        }
        let unseen = self.witnesses.into_values().flatten();
        let unseen = unseen.chain([state]).find(|w| w.head.sequence > self.at.sequence);
        if let Some(witness) = unseen {
            let sequence = self.at.sequence + 1;
            return Err(Broken::CutOff {
                sequence,
                witness: witness.name,
            });
        }
        Ok(Verified {
            begins: self.begins,
            head: self.at,
            segments: self.segments,
            witnesses: self.agreeing,
        })
    }

    fn check_segment(&mut self, bytes: usize) -> Result<(), Broken> {
        let counted = self.open.push(bytes, self.at);
        if counted.is_some() {
            self.open = OpenSegment::after(self.at);
        }
        let Some(known) = self.sealed.remove(&self.at.sequence) else {
            return Ok(());
        };
        if counted != Some(known) || known.digest != known.expected_digest() {
            return Err(Broken::Segment {
                sequence: known.first,
                last: known.last,
            });
        }
        self.segments += 1;
        Ok(())
    }

    fn check_witnesses(&mut self) -> Result<(), Broken> {
        let Some(witnesses) = self.witnesses.remove(&self.at.sequence) else {
            return Ok(());
        };
        for witness in &witnesses {
            self.compare(witness)?;
        }
        self.agreeing += witnesses.len();
        self.agreed = self.at.sequence;
        Ok(())
    }

    fn compare(&self, witness: &Witness) -> Result<(), Broken> {
        if witness.head.hash == self.at.hash {
            return Ok(());
        }
        Err(Broken::Witness {
            sequence: self.agreed + 1,
            seen: self.at.sequence,
            witness: witness.name.clone(),
        })
    }
}
