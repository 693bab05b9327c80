//! Packing of tuples.

use bytes::Bytes;
use uuid::Uuid;

use super::{Element, code};
use crate::KeyRange;

/// A tuple being packed: `Tuple::new().str("d").uuid(id).pack()`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tuple {
    packed: Vec<u8>,
}

impl Tuple {
    /// The empty tuple: packs to no bytes, so it is a prefix and no key.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on behind an already packed prefix.
    pub fn after(prefix: &[u8]) -> Self {
        let mut packed = Vec::with_capacity(prefix.len() + 48);
        packed.extend_from_slice(prefix);
        Self { packed }
    }

    /// Adds raw bytes.
    #[must_use]
    pub fn bytes(self, bytes: impl AsRef<[u8]>) -> Self {
        self.terminated(code::BYTES, bytes.as_ref())
    }

    /// Adds text.
    #[must_use]
    pub fn str(self, text: impl AsRef<str>) -> Self {
        self.terminated(code::STR, text.as_ref().as_bytes())
    }

    /// Adds a number; the same as [`Tuple::i64`] of the same value.
    #[must_use]
    pub fn u64(mut self, number: u64) -> Self {
        self.magnitude(number, false);
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn i64(mut self, number: i64) -> Self {
        self.magnitude(number.unsigned_abs(), number < 0);
        self
    }

    /// Adds a UUID.
    #[must_use]
    pub fn uuid(mut self, uuid: Uuid) -> Self {
        self.packed.push(code::UUID);
        self.packed.extend_from_slice(uuid.as_bytes());
        self
    }

    /// Adds a version.
    #[must_use]
    pub fn version(mut self, version: [u8; 12]) -> Self {
        self.packed.push(code::VERSION);
        self.packed.extend_from_slice(&version);
        self
    }

    /// Adds an element. Integers outside of `-(2^64 - 1)..=2^64 - 1` are clamped to the nearest.
    #[must_use]
    pub fn element(mut self, element: &Element) -> Self {
        match element {
            Element::Bytes(bytes) => self.bytes(bytes),
            Element::Str(text) => self.str(text),
            Element::Int(number) => {
                let magnitude = u64::try_from(number.unsigned_abs()).unwrap_or(u64::MAX);
                self.magnitude(magnitude, *number < 0);
                self
            }
            Element::Uuid(uuid) => self.uuid(*uuid),
            Element::Version(version) => self.version(*version),
        }
    }

    /// The key.
    pub fn pack(self) -> Bytes {
        Bytes::from(self.packed)
    }

    /// All keys whose tuple begins with this one and goes on: `(prefix 0x00, prefix 0xff)`.
    pub fn range(self) -> KeyRange {
        let end = [&self.packed[..], &[0xff]].concat();
        let mut start = self.packed;
        start.push(0x00);
        KeyRange::new(start, end)
    }

    fn terminated(mut self, type_code: u8, bytes: &[u8]) -> Self {
        self.packed.reserve(bytes.len() + 2);
        self.packed.push(type_code);
        let mut rest = bytes;
        while let Some(zero) = rest.iter().position(|byte| *byte == code::ZERO_BYTE) {
            self.packed.extend_from_slice(&rest[..=zero]);
            self.packed.push(code::ESCAPE);
            rest = &rest[zero + 1..];
        }
        self.packed.extend_from_slice(rest);
        self.packed.push(code::ZERO_BYTE);
        self
    }

    fn magnitude(&mut self, magnitude: u64, negative: bool) {
        let zeros = magnitude.leading_zeros() / 8;
        let length = code::INT_BYTES_MAX - u8::try_from(zeros).expect("at most eight");
        let significant = zeros as usize;
        if negative {
            self.packed.push(code::INT_ZERO - length);
            self.packed
                .extend_from_slice(&(!magnitude).to_be_bytes()[significant..]);
        } else {
            self.packed.push(code::INT_ZERO + length);
            self.packed
                .extend_from_slice(&magnitude.to_be_bytes()[significant..]);
        }
    }
}

/// The first key that does not begin with `prefix`, or none when there is no such key.
pub fn strinc(prefix: &[u8]) -> Option<Bytes> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(Bytes::from(end))
}
