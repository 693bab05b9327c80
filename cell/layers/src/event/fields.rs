//! An encoded message, field by field. Only what a flat message can hold: numbers, and bytes behind their length.

use std::collections::BTreeSet;

use prost::encoding::{WireType, decode_key, decode_varint};

/// The bytes are no message of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event is not the message that it should be")]
pub struct Malformed;

/// The fields that `keep` lets pass, byte for byte in their order; the others are left out.
///
/// # Errors
/// [`Malformed`].
pub fn select(message: &[u8], keep: impl Fn(u32) -> bool) -> Result<Vec<u8>, Malformed> {
    let mut kept = Vec::with_capacity(message.len());
    walk(message, |tag, bytes| {
        if keep(tag) {
            kept.extend_from_slice(bytes);
        }
    })?;
    Ok(kept)
}

/// The numbers of the fields that are there.
///
/// # Errors
/// [`Malformed`].
pub fn tags(message: &[u8]) -> Result<BTreeSet<u32>, Malformed> {
    let mut tags = BTreeSet::new();
    walk(message, |tag, _| {
        tags.insert(tag);
    })?;
    Ok(tags)
}

fn walk(message: &[u8], mut field: impl FnMut(u32, &[u8])) -> Result<(), Malformed> {
    let mut rest = message;
    while !rest.is_empty() {
        let begun = rest;
        let (tag, wire) = decode_key(&mut rest).map_err(|_| Malformed)?;
        let length = match wire {
            WireType::Varint => {
                decode_varint(&mut rest).map_err(|_| Malformed)?;
                0
            }
            WireType::ThirtyTwoBit => 4,
            WireType::SixtyFourBit => 8,
            WireType::LengthDelimited => {
                let length = decode_varint(&mut rest).map_err(|_| Malformed)?;
                usize::try_from(length).map_err(|_| Malformed)?
            }
            WireType::StartGroup | WireType::EndGroup => return Err(Malformed),
        };
        rest = rest.get(length..).ok_or(Malformed)?;
        field(tag, &begun[..begun.len() - rest.len()]);
    }
    Ok(())
}
