//! Unpacking of tuples: total, for a key may come from anywhere.

use thiserror::Error;
use uuid::Uuid;

use super::{Element, code};

/// The bytes are no tuple of ours.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The key ends within an element.
    #[error("the key ends within an element")]
    Truncated,
    /// An element of a type that we do not use, or damage.
    #[error("unknown type code {code:#04x} at byte {at}")]
    UnknownType {
        /// The code.
        code: u8,
        /// Where it stands.
        at: usize,
    },
    /// A text element is not UTF-8.
    #[error("a text element is not UTF-8")]
    NotText,
    /// An integer with needless bytes: two keys would stand for one tuple.
    #[error("an integer is not in its shortest form")]
    NotShortest,
}

/// The elements of a packed key.
///
/// # Errors
/// See [`KeyError`].
pub fn unpack(key: &[u8]) -> Result<Vec<Element>, KeyError> {
    let mut elements = Vec::new();
    let mut at = 0;
    while at < key.len() {
        let (element, length) = element(key[at], &key[at + 1..], at)?;
        elements.push(element);
        at += 1 + length;
    }
    Ok(elements)
}

fn element(type_code: u8, rest: &[u8], at: usize) -> Result<(Element, usize), KeyError> {
    const INT_LOWEST: u8 = code::INT_ZERO - code::INT_BYTES_MAX;
    const INT_HIGHEST: u8 = code::INT_ZERO + code::INT_BYTES_MAX;
    match type_code {
        code::BYTES => terminated(rest).map(|(bytes, length)| (Element::Bytes(bytes), length)),
        code::STR => {
            let (bytes, length) = terminated(rest)?;
            Ok((
                Element::Str(String::from_utf8(bytes).map_err(|_| KeyError::NotText)?),
                length,
            ))
        }
        INT_LOWEST..=INT_HIGHEST => integer(type_code, rest),
        code::UUID => Ok((Element::Uuid(Uuid::from_bytes(fixed(rest)?)), 16)),
        code::VERSION => Ok((Element::Version(fixed(rest)?), 12)),
        code => Err(KeyError::UnknownType { code, at }),
    }
}

fn terminated(rest: &[u8]) -> Result<(Vec<u8>, usize), KeyError> {
    let mut bytes = Vec::new();
    let mut at = 0;
    loop {
        match (rest.get(at), rest.get(at + 1)) {
            (None, _) => return Err(KeyError::Truncated),
            (Some(&code::ZERO_BYTE), Some(&code::ESCAPE)) => {
                bytes.push(code::ZERO_BYTE);
                at += 2;
            }
            (Some(&code::ZERO_BYTE), _) => return Ok((bytes, at + 1)),
            (Some(&byte), _) => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
}

fn integer(type_code: u8, rest: &[u8]) -> Result<(Element, usize), KeyError> {
    let negative = type_code < code::INT_ZERO;
    let length = usize::from(type_code.abs_diff(code::INT_ZERO));
    let significant = rest.get(..length).ok_or(KeyError::Truncated)?;
    let mut wide = [if negative { 0xff } else { 0x00 }; 8];
    wide[8 - length..].copy_from_slice(significant);
    let number = u64::from_be_bytes(wide);
    let magnitude = if negative { !number } else { number };
    if length > 0 && usize::try_from(magnitude.leading_zeros() / 8).expect("at most eight") != 8 - length {
        return Err(KeyError::NotShortest);
    }
    let value = i128::from(magnitude);
    Ok((Element::Int(if negative { -value } else { value }), length))
}

fn fixed<const N: usize>(rest: &[u8]) -> Result<[u8; N], KeyError> {
    rest.first_chunk().copied().ok_or(KeyError::Truncated)
}
