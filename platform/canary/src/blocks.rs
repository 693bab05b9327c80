//! Blocks of the embedded engine's tables (lsm-tree 3): unpacked, and with the keys that a block writes without what they
//! share with the key before.
//!
//! A block is `LSM 3`, its kind, a checksum of its data, the lengths of its data as it lies there and unpacked, and a
//! checksum of all that; then the data. The last checksum tells a block from bytes that happen to begin alike. A test
//! next to the engine shows that what the engine writes is read here.

use xxhash_rust::xxh3::xxh3_128;

const MAGIC: [u8; 4] = *b"LSM\x03";
/// Magic, kind, checksum, two lengths, checksum.
const HEADER_BYTES: usize = 4 + 1 + 16 + 4 + 4 + 4;
/// A block that says to be longer, packed or not, is none of ours: a row is 90 kB at most.
pub(crate) const BLOCK_BYTES_MAX: usize = 4 << 20;
const KIND_DATA: u8 = 0;
const TRAILER_BYTES: usize = 31;
/// Where the rows of a block end.
const ROWS_END: u8 = 255;
/// Kinds of rows without a value.
const TOMBSTONES: [u8; 2] = [1, 2];

/// What lies at a place that begins like a block.
pub(crate) enum At {
    /// No block.
    Nothing,
    /// A block that goes on behind the bytes that were given.
    Cut,
    /// A block whose data cannot be unpacked.
    Unreadable,
    /// The data of a block that is written as it is, and its keys.
    Plain { keys: Vec<u8> },
    /// The data of a packed block, and its keys.
    Packed { data: Vec<u8>, keys: Vec<u8> },
}

/// Offsets at which a block may begin.
pub(crate) fn candidates(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes
        .windows(MAGIC.len())
        .enumerate()
        .filter(|(_, window)| *window == MAGIC)
        .map(|(at, _)| at)
}

/// The block that begins at the front of `bytes`.
pub(crate) fn read(bytes: &[u8]) -> At {
    let Some(header) = bytes.get(..HEADER_BYTES) else {
        return At::Cut;
    };
    let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
    let (told, checked) = (word(29), &header[..29]);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the engine keeps the low half of the half"
    )]
    if xxh3_128(checked) as u32 != told {
        return At::Nothing;
    }
    let (stored, plain) = (word(21) as usize, word(25) as usize);
    if stored.max(plain) > BLOCK_BYTES_MAX {
        return At::Unreadable;
    }
    let Some(data) = bytes.get(HEADER_BYTES..HEADER_BYTES + stored) else {
        return At::Cut;
    };
    if xxh3_128(data).to_le_bytes() != header[5..21] {
        return At::Unreadable;
    }
    let is_data = header[4] == KIND_DATA;
    let keys_of = |data: &[u8]| {
        if is_data {
            keys(data).unwrap_or_default()
        } else {
            Vec::new()
        }
    };
    // Lengths alone do not tell: what is packed can be as long as before.
    if stored == plain && (!is_data || keys(data).is_some()) {
        return At::Plain { keys: keys_of(data) };
    }
    match lz4_flex::block::decompress(data, plain) {
        Ok(data) if data.len() == plain => At::Packed {
            keys: keys_of(&data),
            data,
        },
        _ => At::Unreadable,
    }
}

/// Every whole key of a block that is written in part, with a byte between them that parts none of them wrongly together:
/// two keys are never read as one longer run than they would be in the engine. None if these are no rows.
fn keys(data: &[u8]) -> Option<Vec<u8>> {
    let interval = usize::from(*data.get(data.len().checked_sub(TRAILER_BYTES)?)?);
    let (mut rows, mut keys, mut base) = (Rows(data), Vec::new(), Vec::new());
    for row in 0_usize.. {
        let kind = rows.byte()?;
        if kind == ROWS_END {
            break;
        }
        rows.number()?;
        if interval == 0 || row.is_multiple_of(interval) {
            let length = rows.length()?;
            base = rows.take(length)?.to_vec();
        } else {
            let (shared, rest) = (rows.length()?, rows.length()?);
            keys.extend(base.get(..shared)?);
            keys.extend(rows.take(rest)?);
            keys.push(0xfe);
        }
        if !TOMBSTONES.contains(&kind) {
            let length = rows.length()?;
            rows.take(length)?;
        }
    }
    Some(keys)
}

/// Reads rows from their front.
struct Rows<'a>(&'a [u8]);

impl<'a> Rows<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Seven bits a byte, the low ones first.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.0.get(..length)?;
        self.0 = &self.0[length..];
        Some(taken)
    }
}
