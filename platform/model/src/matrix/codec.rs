//! The bytes of a matrix: what travels in a command and with the routing table, and what approvers' digests cover.
//!
//! Canonical: one matrix has one form, and any other is refused. Numbers are little-endian; the end is an xxh3-64
//! checksum against damage (a digest against malice is the business of whoever signs). Blocks and places are runs of
//! equal values. The lengths of the three closed lists stand at the front, so that a matrix over other lists is told; one from
//! before there was the last purpose is read, denies it, and keeps its form.

mod read;
mod write;

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::{Matrix, MatrixFault};
use crate::id::InvalidId;

const MAGIC: [u8; 4] = *b"MLAW";
const FORMAT: u16 = 1;
const CHECKSUM_BYTES: usize = 8;
/// Of laws that were compiled before people changed home.
const PURPOSES_BEFORE: usize = 6;
/// Most bytes of one matrix.
pub const MATRIX_BYTES_MAX: usize = 8 << 20;

/// Bytes that are no matrix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMatrix {
    #[error("these bytes are no matrix")]
    NotAMatrix,
    #[error("a matrix of format {0}; this program reads format {FORMAT}")]
    Format(u16),
    #[error("a matrix over other lists of actions, classes or purposes than this program's")]
    Lists,
    #[error("a matrix of {bytes} bytes; at most {max} are read")]
    TooLarge { bytes: usize, max: usize },
    #[error("the matrix ends in the middle of {0}")]
    Truncated(&'static str),
    #[error("the matrix is damaged: its checksum does not match")]
    Checksum,
    #[error("{0} of the matrix is not text")]
    NotText(&'static str),
    #[error("{0} of the matrix is out of range")]
    OutOfRange(&'static str),
    #[error("not in the one form that a matrix is written in")]
    NotCanonical,
    #[error(transparent)]
    Name(#[from] InvalidId),
    #[error(transparent)]
    Parts(#[from] MatrixFault),
}

impl Matrix {
    /// The one form in which this matrix is written.
    pub fn to_bytes(&self) -> Vec<u8> {
        write::matrix(self)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote. Time and memory are bounded by the limits of a matrix.
    ///
    /// # Errors
    /// [`InvalidMatrix`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidMatrix> {
        let matrix = read::matrix(bytes)?;
        if matrix.to_bytes() == bytes {
            Ok(matrix)
        } else {
            Err(InvalidMatrix::NotCanonical)
        }
    }
}

/// As bytes, or as hex digits where people read.
impl Serialize for Matrix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = self.to_bytes();
        if !serializer.is_human_readable() {
            return serializer.serialize_bytes(&bytes);
        }
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).expect("four bits");
        let hex: String = bytes
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
            .collect();
        serializer.serialize_str(&hex)
    }
}

impl<'de> Deserialize<'de> for Matrix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(MatrixVisitor)
        } else {
            deserializer.deserialize_bytes(MatrixVisitor)
        }
    }
}

struct MatrixVisitor;

impl Visitor<'_> for MatrixVisitor {
    type Value = Matrix;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a matrix, or their hex digits")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Matrix, E> {
        Matrix::from_bytes(bytes).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Matrix, E> {
        let digit = |byte: u8| {
            char::from(byte)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        let pair = |pair: &[u8]| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
        self.visit_bytes(&bytes.ok_or_else(|| E::custom("not hex digits"))?)
    }
}
