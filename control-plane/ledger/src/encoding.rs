//! The canonical form of an entry: one entry has one form, and what is not that form does not decode.
//!
//! Version 1, numbers big-endian, texts UTF-8 behind a length of two bytes:
//! `[1][sequence u64][time u64][actor][command][subject][command digest][inputs digest]`
//! `[0][table u64]` or `[1][code][detail]`, then `[reason][count u32][repeats u64][previous]`.
//! Hashes are taken over it, so a version never changes: another form is another version.

use crate::digest::{DIGEST_BYTES, Digest};
use crate::entry::{
    DETAIL_BYTES_MAX, Entry, NAME_BYTES_MAX, REASON_BYTES_MAX, Record, Verdict, WORD_BYTES_MAX,
};

/// First byte of every entry that this build writes; the only one that it reads.
pub const VERSION: u8 = 1;
/// What hashes of entries are for.
const PURPOSE: &str = "meridian ledger entry";
const ACCEPTED: u8 = 0;
const REFUSED: u8 = 1;

/// Bytes that are no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEntry {
    #[error("the entry is cut off")]
    CutOff,
    #[error("the entry has version {found}, this build reads version {VERSION}")]
    Version { found: u8 },
    #[error("`{field}` is not what it should be")]
    Field { field: &'static str },
    #[error("{bytes} bytes stand behind the entry")]
    Behind { bytes: usize },
}

/// The canonical form. Texts must be within their bounds, see [`Record::bounded`].
pub fn encode(entry: &Entry) -> Vec<u8> {
    let record = &entry.record;
    let mut bytes = Vec::with_capacity(512);
    bytes.push(VERSION);
    bytes.extend_from_slice(&entry.sequence.to_be_bytes());
    bytes.extend_from_slice(&record.time_ms.to_be_bytes());
    text(&mut bytes, &record.actor);
    text(&mut bytes, &record.command);
    text(&mut bytes, &record.subject);
    bytes.extend_from_slice(record.command_digest.as_bytes());
    bytes.extend_from_slice(record.inputs_digest.as_bytes());
    match &record.verdict {
        Verdict::Accepted { table } => {
            bytes.push(ACCEPTED);
            bytes.extend_from_slice(&table.to_be_bytes());
        }
        Verdict::Refused { code, detail } => {
            bytes.push(REFUSED);
            text(&mut bytes, code);
            text(&mut bytes, detail);
        }
    }
    text(&mut bytes, &record.reason);
    bytes.extend_from_slice(&record.count.to_be_bytes());
    bytes.extend_from_slice(&record.repeats.to_be_bytes());
    bytes.extend_from_slice(entry.previous.as_bytes());
    bytes
}

/// The hash of an entry's canonical form.
pub fn hash(canonical: &[u8]) -> Digest {
    Digest::of(PURPOSE, canonical)
}

/// # Errors
/// For anything but the canonical form of an entry that can be.
pub fn decode(bytes: &[u8]) -> Result<Entry, InvalidEntry> {
    let mut reader = Reader(bytes);
    let version = reader.byte()?;
    if version != VERSION {
        return Err(InvalidEntry::Version { found: version });
    }
    let sequence = reader.u64()?;
    let mut record = Record {
        time_ms: reader.u64()?,
        actor: reader.text("actor", NAME_BYTES_MAX)?,
        command: reader.text("command", WORD_BYTES_MAX)?,
        subject: reader.text("subject", NAME_BYTES_MAX)?,
        command_digest: reader.digest()?,
        inputs_digest: reader.digest()?,
        verdict: reader.verdict()?,
        reason: reader.text("reason", REASON_BYTES_MAX)?,
        count: 0,
        repeats: 0,
    };
    record.count = u32::from_be_bytes(reader.take()?);
    record.repeats = reader.u64()?;
    let previous = reader.digest()?;
    if !reader.0.is_empty() {
        return Err(InvalidEntry::Behind {
            bytes: reader.0.len(),
        });
    }
    check(sequence, &record)?;
    Ok(Entry {
        sequence,
        previous,
        record,
    })
}

fn check(sequence: u64, record: &Record) -> Result<(), InvalidEntry> {
    let field = |field| Err(InvalidEntry::Field { field });
    match record {
        _ if sequence == 0 => field("sequence"),
        Record { count: 0, .. } => field("count"),
        Record { repeats, .. } if *repeats >= sequence => field("repeats"),
        _ => Ok(()),
    }
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).expect("texts are bounded far below 64 KiB");
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], InvalidEntry> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(InvalidEntry::CutOff)?;
        self.0 = rest;
        Ok(*head)
    }

    fn byte(&mut self) -> Result<u8, InvalidEntry> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u64(&mut self) -> Result<u64, InvalidEntry> {
        self.take().map(u64::from_be_bytes)
    }

    fn digest(&mut self) -> Result<Digest, InvalidEntry> {
        self.take::<DIGEST_BYTES>().map(Digest::from_bytes)
    }

    fn text(&mut self, field: &'static str, max: usize) -> Result<String, InvalidEntry> {
        let length = usize::from(u16::from_be_bytes(self.take()?));
        if length > max {
            return Err(InvalidEntry::Field { field });
        }
        let (text, rest) = self.0.split_at_checked(length).ok_or(InvalidEntry::CutOff)?;
        self.0 = rest;
        let text = std::str::from_utf8(text).map_err(|_| InvalidEntry::Field { field })?;
        Ok(text.to_owned())
    }

    fn verdict(&mut self) -> Result<Verdict, InvalidEntry> {
        match self.byte()? {
            ACCEPTED => Ok(Verdict::Accepted { table: self.u64()? }),
            REFUSED => Ok(Verdict::Refused {
                code: self.text("code", WORD_BYTES_MAX)?,
                detail: self.text("detail", DETAIL_BYTES_MAX)?,
            }),
            _ => Err(InvalidEntry::Field { field: "verdict" }),
        }
    }
}
