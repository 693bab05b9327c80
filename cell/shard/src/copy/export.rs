//! Entries that a rewind cuts off are kept in a file: what was answered async and lost by a failover is at hand.
//!
//! A file holds a line that says what it is and then each entry as it was stored, with its length in front.

use std::path::{Path, PathBuf};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use platform_model::Position;
use tokio::io::AsyncWriteExt;

use super::writer::Writer;
use crate::entry::{self, LogEntry};
use crate::log::LogScan;

const FIRST_LINE: &[u8] = b"meridian cut-off entries 1\n";
const SUFFIX: &str = ".cut";

/// Files of cut-off entries in a folder, by name.
///
/// # Errors
/// The folder cannot be read; one that does not exist has none.
pub fn cut_off_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(files),
        other => other?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(SUFFIX) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The entries of such a file; `None` for bytes that are none.
pub fn read_cut_off(bytes: Bytes) -> Option<Vec<LogEntry>> {
    let mut rest = bytes;
    if !rest.starts_with(FIRST_LINE) {
        return None;
    }
    rest.advance(FIRST_LINE.len());
    let mut entries = Vec::new();
    while rest.remaining() >= 4 {
        let length = usize::try_from(rest.get_u32()).ok()?;
        if rest.remaining() < length {
            return None;
        }
        entries.push(entry::open(rest.split_to(length), None).ok()?);
    }
    rest.is_empty().then_some(entries)
}

/// Writes the entries in `(fork, end]`. A failure is told in the log and holds nothing up: they were never committed.
pub(crate) async fn export(writer: &Writer, fork: Position, end: Position) {
    let Some(folder) = &writer.export_folder else {
        return;
    };
    let shard = writer.shard.to_string().replace('/', "~");
    let name = format!("{shard}-{}-{}-{}{SUFFIX}", writer.fence.epoch, fork, end);
    if let Err(error) = write(writer, &folder.join(name), fork, end).await {
        tracing::error!(shard = %writer.shard, %fork, %end, %error, "cut-off entries could not be kept");
    }
}

async fn write(writer: &Writer, path: &Path, fork: Position, end: Position) -> std::io::Result<()> {
    let snapshot = writer.store.snapshot().await.map_err(std::io::Error::other)?;
    let mut scan = LogScan::new(snapshot, &writer.keys, fork, end, None);
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    let mut file = tokio::fs::File::create(path).await?;
    file.write_all(FIRST_LINE).await?;
    while let Some((stored, _)) = scan.next_with_bytes().await.map_err(std::io::Error::other)? {
        let mut framed = BytesMut::with_capacity(stored.len() + 4);
        framed.put_u32(u32::try_from(stored.len()).map_err(std::io::Error::other)?);
        framed.put_slice(&stored);
        file.write_all(&framed).await?;
    }
    file.sync_all().await
}
