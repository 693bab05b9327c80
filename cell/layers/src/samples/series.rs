//! Series in the store.

use std::ops::Range;

use bytes::Bytes;
use cell_store::key::Tuple;
use pco::data_types::Number;
use prost::Message as _;

use super::{CHANNELS_MAX, CHUNKS_MAX, Column, LAYER, VALUES_MAX, codec};
use crate::error::LayerError;
use crate::record::PrimaryKey;
use crate::root_tx::{RootTx, VALUE_BYTES_MAX};
use crate::stored::{self, ColumnKind, SampleChannel, SampleDirectory};

const DIRECTORY: u64 = 0;
const CHUNKS: u64 = 1;

/// A channel of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelInfo {
    pub name: String,
    /// Missing ones included.
    pub values: u64,
    /// Whole numbers, else floating point.
    pub whole: bool,
}

/// Writes a channel, replacing it if the series has it.
///
/// # Errors
/// [`LayerError::TooLarge`] past [`VALUES_MAX`], [`CHANNELS_MAX`] or [`CHUNKS_MAX`]; the transaction's.
pub async fn write(
    tx: &RootTx,
    series: impl Into<PrimaryKey>,
    channel: &str,
    column: &Column,
) -> Result<(), LayerError> {
    stored::at_most("the values of a column", column.len(), VALUES_MAX)?;
    let place = Place::of(&series.into());
    let mut directory = place.directory(tx).await?;
    let before = directory.channels.iter().position(|one| one.name == channel);
    let before = before.map(|at| directory.channels.remove(at));
    let (kind, chunks) = match column {
        Column::I64(values) => (ColumnKind::I64, codec::encode(values)),
        Column::F64(values) => (ColumnKind::F64, codec::encode(values)),
    };
    let chunks = chunks.map_err(damaged)?;
    let number = directory.next_channel;
    directory.next_channel += 1;
    directory.channels.push(SampleChannel {
        name: channel.to_owned(),
        number,
        kind: kind as i32,
        values: column.len() as u64,
        starts: starts(&chunks),
    });
    // All that can be refused comes first: a caller may go on after a refusal, and commit.
    check_bounds(&directory, &chunks)?;
    if let Some(before) = before {
        place.clear_chunks(tx, &before)?;
    }
    place.put_chunks(tx, number, &chunks)?;
    stored::put(tx, LAYER, place.directory_key(tx), &directory)
}

/// The values of `range`, cut at the column's end. None if the series has no such channel.
///
/// # Errors
/// A chunk that is missing, does not open or does not decode; the transaction's.
pub async fn read(
    tx: &RootTx,
    series: impl Into<PrimaryKey>,
    channel: &str,
    range: Range<u64>,
) -> Result<Option<Column>, LayerError> {
    let place = Place::of(&series.into());
    let directory = place.directory(tx).await?;
    let Some(channel) = directory.channels.iter().find(|one| one.name == channel) else {
        return Ok(None);
    };
    match channel.kind() {
        ColumnKind::I64 => Ok(Some(Column::I64(values(tx, &place, channel, range).await?))),
        ColumnKind::F64 => Ok(Some(Column::F64(values(tx, &place, channel, range).await?))),
        ColumnKind::Unspecified => Err(damaged("a column has no kind")),
    }
}

/// The channels of a series, in the order in which they were written. Empty if there is no such series.
///
/// # Errors
/// The transaction's.
pub async fn channels(tx: &RootTx, series: impl Into<PrimaryKey>) -> Result<Vec<ChannelInfo>, LayerError> {
    let directory = Place::of(&series.into()).directory(tx).await?;
    let info = |one: SampleChannel| ChannelInfo {
        whole: one.kind() == ColumnKind::I64,
        values: one.values,
        name: one.name,
    };
    Ok(directory.channels.into_iter().map(info).collect())
}

/// Removes a series (at most [`CHUNKS_MAX`] rows and one). Idempotent.
///
/// # Errors
/// The transaction's.
pub async fn delete(tx: &RootTx, series: impl Into<PrimaryKey>) -> Result<(), LayerError> {
    let place = Place::of(&series.into());
    for channel in place.directory(tx).await?.channels {
        place.clear_chunks(tx, &channel)?;
    }
    tx.clear(place.directory_key(tx))
}

async fn values<T: Number + Default>(
    tx: &RootTx,
    place: &Place,
    channel: &SampleChannel,
    range: Range<u64>,
) -> Result<Vec<Option<T>>, LayerError> {
    let end = range.end.min(channel.values);
    if range.start >= end {
        return Ok(Vec::new());
    }
    let first = channel
        .starts
        .partition_point(|start| *start <= range.start)
        .saturating_sub(1);
    let behind = channel.starts.partition_point(|start| *start < end);
    let keys: Vec<Bytes> = (first..behind)
        .map(|at| place.chunk_key(tx, channel.number, at))
        .collect();
    let mut values = Vec::new();
    for chunk in tx.get_many(LAYER, &keys).await? {
        let (_, bytes) = chunk.ok_or_else(|| damaged("a chunk is not there"))?;
        values.extend(codec::decode::<T>(&bytes).map_err(damaged)?);
    }
    let skipped = range.start - channel.starts.get(first).copied().unwrap_or(0);
    let (from, count) = (count(skipped)?, count(end - range.start)?);
    let cut = values
        .get(from..from + count)
        .ok_or_else(|| damaged("chunks are shorter than the column"))?;
    Ok(cut.to_vec())
}

/// The index of each chunk's first value.
fn starts(chunks: &[(usize, Vec<u8>)]) -> Vec<u64> {
    let before = chunks.iter().scan(0, |start, (values, _)| {
        let this = *start;
        *start += *values as u64;
        Some(this)
    });
    before.collect()
}

fn check_bounds(directory: &SampleDirectory, written: &[(usize, Vec<u8>)]) -> Result<(), LayerError> {
    for (_, bytes) in written {
        stored::at_most("a chunk of a column", bytes.len(), VALUE_BYTES_MAX)?;
    }
    stored::at_most(
        "the directory of a series",
        directory.encoded_len(),
        VALUE_BYTES_MAX,
    )?;
    stored::at_most("the channels of a series", directory.channels.len(), CHANNELS_MAX)?;
    let chunks = directory.channels.iter().map(|one| one.starts.len()).sum();
    stored::at_most("the chunks of a series", chunks, CHUNKS_MAX)
}

/// The keys of one series. Its name is one element, so that no series lies within another.
struct Place {
    series: Bytes,
}

impl Place {
    fn of(series: &PrimaryKey) -> Self {
        Self {
            series: series.append(Tuple::new()).pack(),
        }
    }

    fn directory_key(&self, tx: &RootTx) -> Bytes {
        tx.prefix(LAYER).u64(DIRECTORY).bytes(&self.series).pack()
    }

    fn chunk_key(&self, tx: &RootTx, channel: u64, at: usize) -> Bytes {
        tx.prefix(LAYER)
            .u64(CHUNKS)
            .bytes(&self.series)
            .u64(channel)
            .u64(at as u64)
            .pack()
    }

    /// Key by key: a range would be read first, to count it.
    fn clear_chunks(&self, tx: &RootTx, channel: &SampleChannel) -> Result<(), LayerError> {
        (0..channel.starts.len()).try_for_each(|at| tx.clear(self.chunk_key(tx, channel.number, at)))
    }

    async fn directory(&self, tx: &RootTx) -> Result<SampleDirectory, LayerError> {
        Ok(stored::get(tx, LAYER, &self.directory_key(tx))
            .await?
            .unwrap_or_default())
    }

    fn put_chunks(&self, tx: &RootTx, channel: u64, chunks: &[(usize, Vec<u8>)]) -> Result<(), LayerError> {
        chunks.iter().enumerate().try_for_each(|(at, (_, bytes))| {
            stored::put_bytes(tx, LAYER, self.chunk_key(tx, channel, at), bytes)
        })
    }
}

fn count(values: u64) -> Result<usize, LayerError> {
    usize::try_from(values).map_err(|_| damaged("it is longer than memory"))
}

fn damaged(what: impl DamageText) -> LayerError {
    LayerError::Damaged {
        layer: LAYER,
        what: what.text(),
    }
}

/// What can be said about damage without saying a value.
trait DamageText {
    fn text(&self) -> &'static str;
}

impl DamageText for &'static str {
    fn text(&self) -> &'static str {
        self
    }
}

impl DamageText for codec::CodecError {
    fn text(&self) -> &'static str {
        match self {
            Self::Damaged(what) => what,
            Self::Pco(_) => "pco cannot read a chunk",
        }
    }
}
