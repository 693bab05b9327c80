//! Reads fjall's journals before fjall does, without changing them. fjall takes any damage for a torn tail and cuts
//! off what follows; here only a tail that a crash can leave is one.
//!
//! A journal is a sequence of batches (`Start count seqno`, items, `End checksum magic`), then preallocated zeros.
//! Every batch of ours has a row with its position, one higher than that of the batch before, so that a hole is
//! seen even where both its edges are whole.
//!
//! A journal before the last may be torn too: on a full disk fjall can fail within a batch, still begin the next journal,
//! and only then stop. Its torn batch is then nobody's: the next one has the position that follows the last whole one.
//! Where none follows, the caller compares with what was durable. Never writes: see `tail` for that.

use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::{OpenError, POSITION_KEY};

const TAG_START: u8 = 1;
const TAG_ITEM: u8 = 2;
const TAG_END: u8 = 3;
const TAG_CLEAR: u8 = 4;
const MAGIC: [u8; 4] = *b"FJL\x03";

/// One journal file, up to where it is whole.
#[derive(Debug)]
pub(super) struct Journal {
    pub path: PathBuf,
    /// Bytes of whole batches.
    pub whole: usize,
    /// Bytes behind them that are not preallocated zeros: what a crash tore.
    pub torn: usize,
    /// Position of the last whole batch.
    pub last: Option<u64>,
    /// The first whole batch.
    pub first: Option<First>,
}

/// The batch with which a journal begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct First {
    pub position: u64,
    pub seqno: u64,
}

/// All journals of a directory, oldest first. No journal at all is an empty list.
pub(super) fn scan(dir: &Path) -> Result<Vec<Journal>, OpenError> {
    let mut seen = Seen::default();
    let paths = journal_paths(dir)?;
    let mut journals = Vec::with_capacity(paths.len());
    for path in &paths {
        let bytes = std::fs::read(path).map_err(OpenError::io("read", path))?;
        let journal = scan_one(path, &bytes, &mut seen)?;
        if journal.torn > 0 {
            seen.torn = Some((path.clone(), journal.whole));
        }
        journals.push(journal);
    }
    Ok(journals)
}

fn journal_paths(dir: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let listing = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.map_err(OpenError::io("list", dir))?,
    };
    let mut numbered = Vec::new();
    for entry in listing {
        let path = entry.map_err(OpenError::io("list", dir))?.path();
        let number = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .and_then(|stem| stem.parse::<u64>().ok());
        if let (Some(number), Some("jnl")) = (number, path.extension().and_then(|ext| ext.to_str())) {
            numbered.push((number, path));
        }
    }
    numbered.sort();
    Ok(numbered.into_iter().map(|(_, path)| path).collect())
}

/// What the batches before had, over all files.
#[derive(Default)]
struct Seen {
    seqno: Option<u64>,
    position: Option<u64>,
    /// The last file that ends torn, and where.
    torn: Option<(PathBuf, usize)>,
}

impl Seen {
    /// Whether a batch may follow what was torn: only as if that had never been.
    fn refuse_if_torn_before(&mut self, position: Option<u64>) -> Result<(), OpenError> {
        let Some((path, offset)) = self.torn.take() else {
            return Ok(());
        };
        let follows = self.position.is_some_and(|before| position == Some(before + 1));
        if follows {
            Ok(())
        } else {
            let reason = "a journal that was complete has a broken batch";
            Err(damaged(&path, offset, reason))
        }
    }
}

fn scan_one(path: &Path, bytes: &[u8], seen: &mut Seen) -> Result<Journal, OpenError> {
    let mut at = 0;
    let (mut last, mut first) = (None, None);
    while let Some(batch) = batch_at(bytes, at) {
        seen.refuse_if_torn_before(batch.position)?;
        if let (Some(before), Some(now)) = (seen.position, batch.position)
            && now != before + 1
        {
            return Err(damaged(path, at, "a batch is missing before this one"));
        }
        // fjall's checksum does not cover the sequence number, which decides what is newer.
        if seen.seqno.is_some_and(|before| batch.seqno <= before) {
            return Err(damaged(path, at, "a batch is older than the one before it"));
        }
        seen.position = batch.position.or(seen.position);
        seen.seqno = Some(batch.seqno);
        last = batch.position.or(last);
        first = first.or(batch.position.map(|position| First {
            position,
            seqno: batch.seqno,
        }));
        at = batch.end;
    }
    let torn = bytes.len() - at - trailing_zeros(&bytes[at..]);
    if torn > 0 {
        refuse_if_whole_batch_follows(path, &bytes[..at + torn], at, seen)?;
    }
    Ok(Journal {
        path: path.to_owned(),
        whole: at,
        torn,
        last,
        first,
    })
}

/// A crash tears only the end of what was being written; a whole batch behind a broken one means that something
/// durable was damaged. Batches have rising sequence numbers, so an older one within a torn value is no proof.
fn refuse_if_whole_batch_follows(
    path: &Path,
    bytes: &[u8],
    broken: usize,
    seen: &Seen,
) -> Result<(), OpenError> {
    for at in broken + 1..bytes.len() {
        if bytes[at] != TAG_START {
            continue;
        }
        if batch_at(bytes, at).is_some_and(|batch| seen.seqno.is_none_or(|seqno| batch.seqno > seqno)) {
            return Err(damaged(path, broken, "a whole batch follows a broken one"));
        }
    }
    Ok(())
}

fn damaged(path: &Path, offset: usize, reason: &'static str) -> OpenError {
    OpenError::Damaged {
        file: path.to_owned(),
        offset: offset as u64,
        reason,
    }
}

/// By blocks, for a new journal has 64 MiB of them.
fn trailing_zeros(bytes: &[u8]) -> usize {
    const ZEROS: [u8; 4_096] = [0; 4_096];
    let blocks = bytes
        .rchunks(ZEROS.len())
        .take_while(|block| **block == ZEROS[..block.len()]);
    let whole: usize = blocks.map(<[u8]>::len).sum();
    whole
        + bytes[..bytes.len() - whole]
            .iter()
            .rev()
            .take_while(|byte| **byte == 0)
            .count()
}

struct Batch {
    end: usize,
    seqno: u64,
    position: Option<u64>,
}

/// The whole batch that begins at `at`, if one does.
fn batch_at(bytes: &[u8], at: usize) -> Option<Batch> {
    let mut reader = Reader { bytes, at };
    if reader.u8()? != TAG_START {
        return None;
    }
    let items = u32::from_le_bytes(reader.array()?);
    let seqno = u64::from_le_bytes(reader.array()?);
    let content = reader.at;
    let mut position = None;
    for _ in 0..items {
        match reader.u8()? {
            TAG_ITEM => position = item(&mut reader)?.or(position),
            TAG_CLEAR => {
                reader.slice(8)?;
            }
            _ => return None,
        }
    }
    let checksum = xxh3_64(&bytes[content..reader.at]);
    let whole = reader.u8()? == TAG_END
        && u64::from_le_bytes(reader.array()?) == checksum
        && reader.array::<4>()? == MAGIC;
    whole.then_some(Batch {
        end: reader.at,
        seqno,
        position,
    })
}

/// Steps over an item; answers the position if it is the row that holds it.
fn item(reader: &mut Reader<'_>) -> Option<Option<u64>> {
    let _value_type = reader.u8()?;
    let _compression = reader.u8()?;
    let _keyspace: [u8; 8] = reader.array()?;
    let key_length = u16::from_le_bytes(reader.array()?);
    let _value_length: [u8; 4] = reader.array()?;
    let stored_length = u32::from_le_bytes(reader.array()?);
    let key = reader.slice(key_length.into())?;
    let value = reader.slice(usize::try_from(stored_length).ok()?)?;
    Some(if key == POSITION_KEY {
        value.try_into().ok().map(u64::from_be_bytes)
    } else {
        None
    })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let slice = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(slice)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.slice(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }
}
