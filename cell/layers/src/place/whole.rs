//! All rows of a person as one: opened where they leave, sealed anew where they come in, and counted so that both sides know
//! that they have the same.
//!
//! Rows are opened in memory only. What seals them there is not what sealed them here.

use bytes::Bytes;
use cell_shard::{KeyRange, Tx};
use platform_model::{RootRef, UserId};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::envelope::{self, Envelope};
use crate::error::LayerError;
use crate::keys::UserKey;

const LAYER: &str = "#relocation";
/// A page ends behind the scan in which it comes to so many bytes: a transaction may read only so much.
pub const PAGE_BYTES: usize = 1 << 20;
/// Rows of one scan: of the largest rows about 6 MB.
const ROWS_AT_ONCE: usize = 64;

/// A row of a person, opened; without a value: there is none at that key any more.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// Within the root.
    pub key: Bytes,
    pub value: Option<(u16, Zeroizing<Vec<u8>>)>,
}

impl Row {
    /// About what it takes on its way, in bytes.
    pub fn bytes(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, |(_, value)| value.len()) + 16
    }
}

/// How many rows, and the sum of their digests: the same for the same rows, in whatever order they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub rows: u64,
    /// Modulo 2^256, the lowest byte first.
    pub sum: [u8; 32],
}

impl Tally {
    pub fn add(&mut self, digest: &[u8; 32]) {
        self.rows = self.rows.wrapping_add(1);
        let mut carry = 0;
        for (sum, byte) in self.sum.iter_mut().zip(digest) {
            let total = u16::from(*sum) + u16::from(*byte) + carry;
            (*sum, carry) = (total.to_le_bytes()[0], total >> 8);
        }
    }

    pub fn take(&mut self, digest: &[u8; 32]) {
        self.rows = self.rows.wrapping_sub(1);
        let mut borrow = 0;
        for (sum, byte) in self.sum.iter_mut().zip(digest) {
            let total = i16::from(*sum) - i16::from(*byte) - borrow;
            borrow = i16::from(total < 0);
            *sum = total.rem_euclid(256).to_le_bytes()[0];
        }
    }
}

/// A person's whole root, in a transaction of its scope. Whether he lives here is not asked.
pub struct Whole {
    tx: Tx,
    root: RootRef,
    envelope: Envelope,
}

impl Whole {
    pub fn new(tx: Tx, user: UserId, key: &UserKey) -> Self {
        Self {
            tx,
            root: RootRef::user(user),
            envelope: Envelope::sealed(key),
        }
    }

    /// Rows behind `after`, at most `limit` and about [`PAGE_BYTES`], at least one if there is any; and whether there are more.
    ///
    /// # Errors
    /// The transaction's; a row that does not open.
    pub async fn page(&self, after: Option<&Bytes>, limit: usize) -> Result<(Vec<Row>, bool), LayerError> {
        let behind = |after: &Bytes| Bytes::from([&after[..], &[0]].concat());
        let mut start = after.map_or_else(Bytes::new, behind);
        let (mut rows, mut bytes): (Vec<Row>, usize) = (Vec::new(), 0);
        loop {
            let range = KeyRange::new(start, Bytes::from_static(&[u8::MAX]));
            let some = ROWS_AT_ONCE.min(limit - rows.len());
            let page = self.tx.scan(range, some, false).await?;
            for (key, stored) in page.rows {
                let value = Some(self.open(&key, &stored)?);
                let row = Row { key, value };
                bytes += row.bytes();
                rows.push(row);
            }
            let is_full = rows.len() >= limit || bytes >= PAGE_BYTES;
            match rows.last().filter(|_| page.more && !is_full) {
                Some(last) => start = behind(&last.key),
                None => return Ok((rows, page.more)),
            }
        }
    }

    /// What stands at these keys now.
    ///
    /// # Errors
    /// As [`Whole::page`].
    pub async fn rows(&self, keys: &[Bytes]) -> Result<Vec<Row>, LayerError> {
        let values = self.tx.get_many(keys).await?;
        let row = |(key, stored): (&Bytes, Option<Bytes>)| {
            let value = stored.map(|stored| self.open(key, &stored)).transpose()?;
            Ok(Row {
                key: key.clone(),
                value,
            })
        };
        keys.iter().zip(values).map(row).collect()
    }

    /// Seals rows anew and puts them here, and counts them.
    ///
    /// # Errors
    /// As [`Whole::page`].
    pub async fn take_in(&self, rows: &[Row], tally: &mut Tally) -> Result<(), LayerError> {
        let keys: Vec<Bytes> = rows.iter().map(|row| row.key.clone()).collect();
        for (row, before) in rows.iter().zip(self.rows(&keys).await?) {
            if let Some(digest) = digest(&before) {
                tally.take(&digest);
            }
            match &row.value {
                None => self.tx.clear(&row.key)?,
                Some((version, value)) => {
                    let place = envelope::Place {
                        root: self.root,
                        key: &row.key,
                    };
                    let sealed = self.envelope.close(&place, *version, value);
                    self.tx.put(&row.key, Bytes::from(sealed))?;
                }
            }
            if let Some(digest) = digest(row) {
                tally.add(&digest);
            }
        }
        Ok(())
    }

    fn open(&self, key: &Bytes, stored: &[u8]) -> Result<(u16, Zeroizing<Vec<u8>>), LayerError> {
        let place = envelope::Place { root: self.root, key };
        let opened = self.envelope.open(&place, stored);
        let (version, value) = opened.map_err(|_| LayerError::DoesNotOpen {
            layer: LAYER.to_owned(),
        })?;
        Ok((version, Zeroizing::new(value)))
    }
}

/// Of a row that is there: its key, version and value.
pub fn digest(row: &Row) -> Option<[u8; 32]> {
    let (version, value) = row.value.as_ref()?;
    let mut hash = Sha256::new();
    hash.update((row.key.len() as u64).to_be_bytes());
    hash.update(&row.key);
    hash.update(version.to_be_bytes());
    hash.update(value);
    Some(hash.finalize().into())
}
