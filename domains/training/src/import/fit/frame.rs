//! The frame of a FIT file as far as it must be known before a parser is trusted with it: header, checksum, sizes.

use crate::import::ImportError;
use crate::model::Quality;

const HEADER_BYTES_MIN: usize = 12;
/// The header that the parser is given: 14 bytes with no checksum of its own.
const NORMAL_HEADER_BYTES: usize = 14;
/// Definitions in a file; real ones have fewer than 100.
const DEFINITIONS_MAX: u32 = 50_000;
/// Messages in a file; a day at one record a second has some 100,000.
const MESSAGES_MAX: u32 = 2_000_000;
/// Fields whose size does not fit their type; a file with more is damaged.
const ODD_FIELDS_MAX: u32 = 64;

/// What the header says, cut to the bytes that are there.
#[derive(Debug, PartialEq, Eq)]
pub struct Header {
    pub size: usize,
    pub data_size: usize,
    /// The file ends before its data does, or the recorder never wrote how much there is.
    pub data_cut: bool,
    /// A header that says nothing the parser could stumble over.
    pub normal: [u8; NORMAL_HEADER_BYTES],
}

/// `None` if the bytes begin with no header.
pub fn header(bytes: &[u8]) -> Option<Header> {
    let size = usize::from(*bytes.first()?);
    if size < HEADER_BYTES_MIN || bytes.len() < size || bytes.get(8..12) != Some(b".FIT") {
        return None;
    }
    let told = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?) as usize;
    let there = bytes.len() - size;
    let data_cut = told > there || (told == 0 && there > 2);
    let data_size = if data_cut { there } else { told };
    let mut normal = [0; NORMAL_HEADER_BYTES];
    normal[..HEADER_BYTES_MIN].copy_from_slice(&bytes[..HEADER_BYTES_MIN]);
    normal[0] = NORMAL_HEADER_BYTES as u8;
    normal[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    Some(Header {
        size,
        data_size,
        data_cut,
        normal,
    })
}

/// Compares the checksum at the end of the data; gives what stands after it. A file without one breaks off.
pub fn check_crc<'a>(bytes: &[u8], header: &Header, after: &'a [u8], quality: &mut Quality) -> &'a [u8] {
    let Some((told, rest)) = after.split_at_checked(2) else {
        quality.truncated = true;
        return &[];
    };
    let told = u16::from_le_bytes([told[0], told[1]]);
    quality.checksum_failed |= told != crc(&bytes[..header.size + header.data_size]);
    rest
}

/// CRC-16/ARC, nibble by nibble as in the FIT protocol description.
fn crc(bytes: &[u8]) -> u16 {
    const NIBBLES: [u16; 16] = [
        0x0000, 0xcc01, 0xd801, 0x1400, 0xf001, 0x3c00, 0x2800, 0xe401, 0xa001, 0x6c00, 0x7800, 0xb401,
        0x5000, 0x9c01, 0x8801, 0x4400,
    ];
    bytes.iter().fold(0, |crc: u16, byte| {
        let low = (crc >> 4) ^ NIBBLES[usize::from(crc & 0xf)] ^ NIBBLES[usize::from(byte & 0xf)];
        (low >> 4) ^ NIBBLES[usize::from(low & 0xf)] ^ NIBBLES[usize::from(byte >> 4)]
    })
}

/// Looks at each message before the parser does.
#[derive(Debug, Default)]
pub struct Guard {
    messages: u32,
    definitions: u32,
    odd_fields: u32,
}

impl Guard {
    /// # Errors
    /// Where messages are too many, or definitions too many or too odd for a recorder to have written them.
    pub fn admit(&mut self, message: &[u8]) -> Result<(), ImportError> {
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            return Err(ImportError::TooManyMessages {
                messages_max: MESSAGES_MAX,
            });
        }
        let is_definition = message.first().is_some_and(|byte| byte & 0xc0 == 0x40);
        if !is_definition {
            return Ok(());
        }
        self.definitions += 1;
        let fields = message.get(5).map_or(0, |count| usize::from(*count));
        let fields = message.get(6..).unwrap_or_default().chunks_exact(3).take(fields);
        self.odd_fields += fields
            .filter(|field| field[1] % type_bytes(field[2]) != 0)
            .count() as u32;
        if self.definitions > DEFINITIONS_MAX || self.odd_fields > ODD_FIELDS_MAX {
            return Err(ImportError::Corrupt {
                reason: "the definitions in the FIT file are absurd",
            });
        }
        Ok(())
    }
}

/// Bytes of one value of a FIT base type.
fn type_bytes(base_type: u8) -> u8 {
    match base_type & 0x1f {
        3 | 4 | 11 => 2,
        5 | 6 | 8 | 12 => 4,
        9 | 14..=16 => 8,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc_16_arc() {
        assert_eq!(crc(b"123456789"), 0xbb3d);
    }

    #[test]
    fn a_header_is_cut_to_the_bytes_that_are_there() {
        let mut bytes = vec![14, 0x10, 0, 0, 0xff, 0xff, 0xff, 0x7f];
        bytes.extend_from_slice(b".FIT\0\0abc");
        let header = header(&bytes).expect("a header");
        assert_eq!((header.size, header.data_size, header.data_cut), (14, 3, true));
        assert_eq!(super::header(&bytes[..11]), None);
        bytes[0] = 0;
        assert_eq!(super::header(&bytes), None);
    }
}
