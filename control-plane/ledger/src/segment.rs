//! The form of a segment's file, and what is left of one after a crash or damage. Bytes in, bytes out: no I/O.
//!
//! `[magic][version][first u64][previous][8 bytes of the digest of all before]`, then a frame for each entry:
//! `[length u32][canonical entry][hash]`, and, once sealed, `[0xffffffff][digest]`. Numbers big-endian. Nothing in it
//! is of one controller: the file of a segment is the same everywhere.

use crate::chain::{Head, OpenSegment, Sealed};
use crate::digest::{DIGEST_BYTES, Digest};
use crate::encoding;
use crate::entry::ENTRY_BYTES_MAX;

const MAGIC: &[u8; 8] = b"MRDNLEDG";
const VERSION: u8 = 1;
/// Stands where the next frame's length would.
const SEAL: u32 = u32::MAX;
const CHECK_BYTES: usize = 8;
/// Length of a file without entries.
pub const HEAD_BYTES: usize = 8 + 1 + 8 + DIGEST_BYTES + CHECK_BYTES;
/// Longest file: the entry that fills a segment may be as long as an entry can be.
pub const FILE_BYTES_MAX: u64 = crate::chain::SEGMENT_BYTES_MAX
    + ENTRY_BYTES_MAX as u64
    + crate::chain::SEGMENT_ENTRIES_MAX as u64 * 36
    + HEAD_BYTES as u64
    + 36;

/// One entry in a file: where it lies and what the file says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    pub canonical: &'a [u8],
    /// As stored beside it; whether it fits is for the reader to find out.
    pub hash: Digest,
}

/// How a file ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// After a whole entry; more may follow.
    Open,
    Sealed(Sealed),
    /// Inside an entry, as a crash leaves it: nothing readable stands behind.
    Torn,
    /// At bytes that are not what was written, though more stands behind them.
    Damaged,
}

/// What a file holds, as far as it can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// After the last good entry.
    pub head: Head,
    /// The segment as counted up to there.
    pub open: OpenSegment,
    /// Hashes of the good entries.
    pub hashes: Vec<Digest>,
    /// Length of the good part, in bytes.
    pub good: usize,
    pub end: End,
}

/// A file that is no segment, or whose head is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no segment of a ledger, or its head is damaged")]
pub struct InvalidHead;

/// The beginning of a file.
pub fn head(begins: Head) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES);
    bytes.extend_from_slice(MAGIC);
    bytes.push(VERSION);
    bytes.extend_from_slice(&(begins.sequence + 1).to_be_bytes());
    bytes.extend_from_slice(begins.hash.as_bytes());
    let check = Digest::of("meridian ledger file", &bytes);
    bytes.extend_from_slice(&check.as_bytes()[..CHECK_BYTES]);
    bytes
}

/// One entry, as it stands in a file.
pub fn frame(canonical: &[u8], hash: Digest) -> Vec<u8> {
    let length = u32::try_from(canonical.len()).expect("entries are bounded");
    let mut bytes = Vec::with_capacity(4 + canonical.len() + DIGEST_BYTES);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(canonical);
    bytes.extend_from_slice(hash.as_bytes());
    bytes
}

/// The end of a sealed file.
pub fn seal(sealed: &Sealed) -> Vec<u8> {
    let mut bytes = SEAL.to_be_bytes().to_vec();
    bytes.extend_from_slice(sealed.digest.as_bytes());
    bytes
}

/// Where the chain stands before a file's first entry.
///
/// # Errors
/// When the file is no segment.
pub fn begins(file: &[u8]) -> Result<Head, InvalidHead> {
    let (bytes, check) = file
        .get(..HEAD_BYTES)
        .and_then(|head| head.split_at_checked(HEAD_BYTES - CHECK_BYTES))
        .ok_or(InvalidHead)?;
    let fits = Digest::of("meridian ledger file", bytes).as_bytes()[..CHECK_BYTES] == *check;
    let (rest, previous) = bytes.split_at(bytes.len() - DIGEST_BYTES);
    let (start, first) = rest.split_at(rest.len() - 8);
    if !fits || !start.starts_with(MAGIC) || start[MAGIC.len()] != VERSION {
        return Err(InvalidHead);
    }
    let first = u64::from_be_bytes(first.try_into().map_err(|_| InvalidHead)?);
    Ok(Head {
        sequence: first.checked_sub(1).ok_or(InvalidHead)?,
        hash: Digest::try_from(previous).map_err(|_| InvalidHead)?,
    })
}

/// The frames of a file, one after the other, unverified; ends before the first that is not whole.
pub fn frames(file: &[u8]) -> impl Iterator<Item = Frame<'_>> {
    let mut at = HEAD_BYTES;
    std::iter::from_fn(move || {
        let (frame, next) = frame_at(file, at)?;
        at = next;
        Some(frame)
    })
}

/// Verifies a file from its head to its end.
///
/// # Errors
/// When not even the head can be trusted.
pub fn scan(file: &[u8]) -> Result<Scan, InvalidHead> {
    let begins = begins(file)?;
    let mut scan = Scan {
        head: begins,
        open: OpenSegment::after(begins),
        hashes: Vec::new(),
        good: HEAD_BYTES,
        end: End::Open,
    };
    let mut full = None;
    while let Some((frame, next)) = frame_at(file, scan.good) {
        let Some(head) = follow(scan.head, frame).filter(|_| full.is_none()) else {
            break;
        };
        full = scan.open.push(frame.canonical.len(), head);
        scan.head = head;
        scan.hashes.push(frame.hash);
        scan.good = next;
    }
    scan.end = end(file, &mut scan.good, full);
    Ok(scan)
}

fn end(file: &[u8], good: &mut usize, full: Option<Sealed>) -> End {
    let rest = &file[*good..];
    match full {
        Some(sealed) if rest == seal(&sealed) => {
            *good = file.len();
            End::Sealed(sealed)
        }
        // The crash came between the last entry and the seal, or inside the seal.
        Some(sealed) if seal(&sealed).starts_with(rest) => End::Torn,
        Some(sealed) if rest.len() >= seal(&sealed).len() => End::Damaged,
        None if rest.is_empty() => End::Open,
        _ if anything_whole_in(rest) => End::Damaged,
        _ => End::Torn,
    }
}

/// The chain behind a frame; `None` if it is not the entry that follows `head`.
fn follow(head: Head, frame: Frame<'_>) -> Option<Head> {
    let entry = encoding::decode(frame.canonical).ok()?;
    let fits = encoding::hash(frame.canonical) == frame.hash;
    let follows = (entry.sequence, entry.previous) == (head.sequence + 1, head.hash);
    (fits && follows).then_some(Head {
        sequence: entry.sequence,
        hash: frame.hash,
    })
}

fn frame_at(file: &[u8], at: usize) -> Option<(Frame<'_>, usize)> {
    let (length, rest) = file.get(at..)?.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    if length > ENTRY_BYTES_MAX {
        return None;
    }
    let (canonical, rest) = rest.split_at_checked(length)?;
    let (hash, _) = rest.split_first_chunk::<DIGEST_BYTES>()?;
    let frame = Frame {
        canonical,
        hash: Digest::from_bytes(*hash),
    };
    Some((frame, at + 4 + length + DIGEST_BYTES))
}

/// Whether a whole entry stands anywhere in `bytes`: what a crash leaves behind a torn one holds none.
fn anything_whole_in(bytes: &[u8]) -> bool {
    let whole = |at: usize| {
        let Some((frame, _)) = frame_at(bytes, at) else {
            return false;
        };
        // Cheap first: a hash is taken only where a version byte stands.
        frame.canonical.first() == Some(&encoding::VERSION) && encoding::hash(frame.canonical) == frame.hash
    };
    (0..bytes.len()).any(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::SEGMENT_ENTRIES_MAX;
    use crate::tests::{chain_of, file_of};

    #[test]
    fn a_file_reads_back_open_and_sealed() {
        let (chain, entries) = chain_of(7);
        let file = file_of(&entries);
        let read = scan(&file).expect("a segment");
        assert_eq!(
            (read.head, read.open, read.end),
            (chain.head(), chain.open(), End::Open)
        );
        assert_eq!((read.hashes.len(), read.good), (7, file.len()));
        let (chain, entries) = chain_of(u64::from(SEGMENT_ENTRIES_MAX));
        let mut file = file_of(&entries);
        assert_eq!(
            scan(&file).expect("a segment").end,
            End::Torn,
            "full and not sealed"
        );
        let sealed = chain.sealed()[0];
        file.extend(seal(&sealed));
        let read = scan(&file).expect("a segment");
        assert_eq!((read.end, read.good), (End::Sealed(sealed), file.len()));
        assert!(file.len() as u64 <= FILE_BYTES_MAX);
    }

    #[test]
    fn a_torn_end_keeps_what_is_before_it() {
        let (_, entries) = chain_of(3);
        let file = file_of(&entries);
        let two = file_of(&entries[..2]).len();
        for cut in two + 1..file.len() {
            let read = scan(&file[..cut]).expect("a segment");
            assert_eq!(
                (read.end, read.good, read.head.sequence),
                (End::Torn, two, 2),
                "{cut}"
            );
            let mut zeros = file[..cut].to_vec();
            zeros.resize(file.len() + 100, 0);
            assert_eq!(scan(&zeros).expect("a segment").good, two, "{cut}");
        }
    }

    #[test]
    fn one_flipped_byte_anywhere_is_noticed_and_told_from_a_torn_end() {
        let (_, entries) = chain_of(4);
        let file = file_of(&entries);
        for at in 0..file.len() {
            let mut flipped = file.clone();
            flipped[at] ^= 0x04;
            let Ok(read) = scan(&flipped) else {
                assert!(at < HEAD_BYTES, "byte {at}");
                continue;
            };
            assert!(at >= HEAD_BYTES && read.good <= at, "byte {at}");
            let last = file_of(&entries[..3]).len();
            let expected = if at < last { End::Damaged } else { End::Torn };
            assert_eq!(read.end, expected, "byte {at}");
        }
    }

    #[test]
    fn bytes_of_anything_else_are_refused() {
        for bytes in [&b""[..], b"MRDNLEDG", &[0xff; 4_096]] {
            assert!(scan(bytes).is_err());
        }
        assert_eq!(frames(b"").count(), 0);
    }
}
