//! The copy of the table on disk: `magic, version, unix ms, length, xxh3 of all before and after, table`.
//!
//! Written whole to a file beside it, synced, then renamed: a reader sees the old copy or the new one. A copy that
//! is damaged, of another version or of another world is refused by name and never used.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use platform_model::{Generation, RoutingTable, WorldId};
use platform_runtime::clock::Clock;
use platform_runtime::files;
use prost::Message;
use tokio::sync::watch;
use xxhash_rust::xxh3::xxh3_64;

use crate::convert::InvalidTable;
use crate::frame::MESSAGE_BYTES_MAX;
use crate::pb;

const MAGIC: &[u8; 8] = b"MERTABLE";
const VERSION: u32 = 1;
/// Magic, version, time, length, checksum.
const HEAD_BYTES: usize = 8 + 4 + 8 + 4 + 8;

/// A table and when it was last known to be current, in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableCopy {
    pub unix_ms: u64,
    pub table: RoutingTable,
}

/// Why a copy is not used.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("cannot read the copy")]
    Io(#[from] io::Error),
    #[error("the copy is damaged: {what}")]
    Damaged { what: &'static str },
    #[error("the copy has version {found}, this build reads {VERSION}")]
    Version { found: u32 },
    #[error("the copy is of world {found}")]
    WrongWorld { found: WorldId },
    #[error("the copy does not hold a table")]
    Table(#[from] InvalidTable),
}

/// Reads the copy; `None` if there is none.
///
/// # Errors
/// When there is one that must not be used.
pub fn read(file: &Path, world: &WorldId) -> Result<Option<TableCopy>, CopyError> {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let copy = decode(&bytes)?;
    if copy.table.world == *world {
        Ok(Some(copy))
    } else {
        Err(CopyError::WrongWorld {
            found: copy.table.world,
        })
    }
}

/// Writes the copy durably, in one step for every reader.
///
/// # Errors
/// What the file system says; the former copy then stands.
pub fn write(file: &Path, copy: &TableCopy) -> io::Result<()> {
    let folder = file
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    files::write_atomic(file, &encode(copy), files::PUBLIC)
}

/// Writes each newer table to `file` until the sender is gone. Tables that come while one is written are skipped
/// but for the newest. A failed write is logged and tried again with the next table.
pub(super) async fn keep(file: PathBuf, mut tables: watch::Receiver<Arc<RoutingTable>>, clock: Clock) {
    let mut kept = tables.borrow_and_update().generation;
    while tables.changed().await.is_ok() {
        let table = Arc::clone(&tables.borrow_and_update());
        if table.generation <= kept.max(Generation(0)) {
            continue;
        }
        let generation = table.generation;
        let (file, copy) = (
            file.clone(),
            TableCopy {
                unix_ms: clock.unix_ms(),
                table: table.as_ref().clone(),
            },
        );
        match tokio::task::spawn_blocking(move || write(&file, &copy)).await {
            Ok(Ok(())) => kept = generation,
            Ok(Err(error)) => tracing::warn!(%error, %generation, "the copy of the table was not written"),
            Err(error) => tracing::error!(%error, "writing the copy of the table panicked"),
        }
    }
}

fn encode(copy: &TableCopy) -> Vec<u8> {
    let body = pb::Table::from(&copy.table).encode_to_vec();
    let length = u32::try_from(body.len()).expect("a table is far below 4 GiB");
    let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&copy.unix_ms.to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    let sum = checksum(&bytes, &body);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

fn decode(bytes: &[u8]) -> Result<TableCopy, CopyError> {
    let damaged = |what| CopyError::Damaged { what };
    if bytes.len() < HEAD_BYTES || bytes.len() > HEAD_BYTES + MESSAGE_BYTES_MAX {
        return Err(damaged("its length is impossible"));
    }
    let (head, body) = bytes.split_at(HEAD_BYTES);
    if !head.starts_with(MAGIC) {
        return Err(damaged("it is no copy of a table"));
    }
    let number = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
    let short = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
    if short(8) != VERSION {
        return Err(CopyError::Version { found: short(8) });
    }
    if u64::from(short(20)) != body.len() as u64 {
        return Err(damaged("it is cut off"));
    }
    if number(24) != checksum(&head[..24], body) {
        return Err(damaged("its checksum does not fit"));
    }
    let table = pb::Table::decode(body).map_err(|_| damaged("its message does not decode"))?;
    Ok(TableCopy {
        unix_ms: number(12),
        table: table.try_into()?,
    })
}

fn checksum(head: &[u8], body: &[u8]) -> u64 {
    xxh3_64(body).rotate_left(1) ^ xxh3_64(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy() -> TableCopy {
        let world = WorldId::new(&"a".repeat(64)).expect("an id");
        let mut table = RoutingTable {
            generation: Generation(7),
            ..RoutingTable::empty(world)
        };
        table.countries.insert(
            "DE".parse().expect("a country"),
            "eu".parse().expect("a jurisdiction"),
        );
        TableCopy {
            unix_ms: 1_000,
            table,
        }
    }

    #[test]
    fn a_copy_reads_back_and_is_replaced_in_one_step() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("deep/table.copy");
        let world = copy().table.world;
        assert!(read(&file, &world).expect("no file").is_none());
        write(&file, &copy()).expect("written");
        let newer = TableCopy {
            unix_ms: 2_000,
            ..copy()
        };
        write(&file, &newer).expect("written again");
        assert_eq!(read(&file, &world).expect("read"), Some(newer));
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_noticed() {
        let bytes = encode(&copy());
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            assert!(decode(&flipped).is_err(), "byte {at}");
            assert!(decode(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn the_copy_of_another_world_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("table.copy");
        write(&file, &copy()).expect("written");
        let other = WorldId::new(&"b".repeat(64)).expect("an id");
        assert!(matches!(read(&file, &other), Err(CopyError::WrongWorld { .. })));
    }
}
