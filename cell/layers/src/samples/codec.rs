//! From values to the bytes of chunks and back. Lossless for every bit pattern, NaN too.

use pco::ChunkConfig;
use pco::data_types::Number;
use pco::standalone::{simple_compress, simple_decompress_into};
use prost::Message;

use super::CHUNK_VALUES;
use crate::stored::SampleChunk;

/// Largest chunk, in bytes, so that it fits a row; values that do not compress lie in smaller chunks.
const CHUNK_BYTES_MAX: usize = 80_000;
/// Most values that a chunk can say it has.
const CHUNK_VALUES_MAX: usize = 2 * CHUNK_VALUES;
/// pco's default of 8 is slower and, on samples of sport devices, hardly smaller.
const COMPRESSION_LEVEL: usize = 6;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error("pco: {0}")]
    Pco(String),
    #[error("the chunk is damaged: {0}")]
    Damaged(&'static str),
}

/// Chunks in order: how many values each has, and its bytes.
///
/// # Errors
/// [`CodecError::Pco`], which no value is known to cause.
pub fn encode<T: Number>(values: &[Option<T>]) -> Result<Vec<(usize, Vec<u8>)>, CodecError> {
    let count = (values.len() / CHUNK_VALUES).max(1);
    let mut chunks = Vec::new();
    let mut rest = values;
    for left in (1..=count).rev() {
        let (chunk, behind) = rest.split_at(rest.len() / left);
        rest = behind;
        encode_into(chunk, &mut chunks)?;
    }
    Ok(chunks)
}

/// One chunk, or two halves of it where it is too large.
fn encode_into<T: Number>(
    values: &[Option<T>],
    chunks: &mut Vec<(usize, Vec<u8>)>,
) -> Result<(), CodecError> {
    if values.is_empty() {
        return Ok(());
    }
    let present: Vec<T> = values.iter().copied().flatten().collect();
    let config = ChunkConfig::default().with_compression_level(COMPRESSION_LEVEL);
    let coded = simple_compress(&present, &config).map_err(|error| CodecError::Pco(error.to_string()))?;
    let chunk = SampleChunk {
        values: values.len() as u64,
        runs: runs(values),
        present: coded,
    };
    let bytes = chunk.encode_to_vec();
    if bytes.len() <= CHUNK_BYTES_MAX {
        chunks.push((values.len(), bytes));
        return Ok(());
    }
    let (left, right) = values.split_at(values.len() / 2);
    encode_into(left, chunks)?;
    encode_into(right, chunks)
}

/// Lengths of runs, in turn present and missing.
fn runs<T>(values: &[Option<T>]) -> Vec<u64> {
    let mut runs = vec![0];
    let mut present = true;
    for value in values {
        if value.is_some() != present {
            present = !present;
            runs.push(0);
        }
        *runs.last_mut().expect("there is a first run") += 1;
    }
    runs
}

/// The values of one chunk.
///
/// # Errors
/// [`CodecError::Damaged`] for bytes that are not a chunk, or that contradict themselves. Bounded in memory whatever
/// the bytes say.
pub fn decode<T: Number + Default>(bytes: &[u8]) -> Result<Vec<Option<T>>, CodecError> {
    let chunk = SampleChunk::decode(bytes).map_err(|_| CodecError::Damaged("it is no chunk"))?;
    let total = chunk.runs.iter().try_fold(0u64, |sum, run| sum.checked_add(*run));
    if total != Some(chunk.values) || chunk.values > CHUNK_VALUES_MAX as u64 {
        return Err(CodecError::Damaged("its runs do not sum to its length"));
    }
    let present_count: u64 = chunk.runs.iter().step_by(2).sum();
    let mut present = vec![T::default(); usize::try_from(present_count).expect("bounded above")];
    let progress = simple_decompress_into(&chunk.present, &mut present)
        .map_err(|error| CodecError::Pco(error.to_string()))?;
    if progress.n_processed != present.len() || !progress.finished {
        return Err(CodecError::Damaged(
            "it has more or fewer values than its runs say",
        ));
    }
    Ok(with_missing(&chunk.runs, present))
}

fn with_missing<T>(runs: &[u64], present: Vec<T>) -> Vec<Option<T>> {
    let mut values = Vec::new();
    let mut present = present.into_iter();
    for (at, run) in runs.iter().enumerate() {
        let is_present = at % 2 == 0;
        values.extend((0..*run).map(|_| if is_present { present.next() } else { None }));
    }
    values
}
