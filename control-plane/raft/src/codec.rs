//! The stored form of log records: version, checksum, JSON. Refuses what it does not know or what was damaged.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_64;

/// First byte of every record.
const VERSION: u8 = 1;
/// Version and checksum.
const HEAD: usize = 1 + 8;

/// `[version][xxh3 of the rest, little endian][JSON]`.
pub fn encode<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let mut record = vec![0; HEAD];
    serde_json::to_writer(&mut record, value).map_err(io::Error::other)?;
    record[0] = VERSION;
    let checksum = xxh3_64(&record[HEAD..]).to_le_bytes();
    record[1..HEAD].copy_from_slice(&checksum);
    Ok(record)
}

/// # Errors
/// `InvalidData` with what is wrong: too short, another version, damaged, or not what was expected.
pub fn decode<T: DeserializeOwned>(record: &[u8]) -> io::Result<T> {
    let Some((head, body)) = record.split_at_checked(HEAD) else {
        return Err(invalid(format!("a record of {} bytes", record.len())));
    };
    if head[0] != VERSION {
        return Err(invalid(format!(
            "a record of version {}, this build reads version {VERSION}",
            head[0]
        )));
    }
    if head[1..] != xxh3_64(body).to_le_bytes() {
        return Err(invalid("a record whose checksum does not fit".to_owned()));
    }
    serde_json::from_slice(body).map_err(|e| invalid(format!("a record that does not parse: {e}")))
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_anywhere_is_refused() {
        let record = encode(&"held").unwrap();
        assert_eq!(decode::<String>(&record).unwrap(), "held");
        for byte in 0..record.len() {
            let mut damaged = record.clone();
            damaged[byte] ^= 1;
            assert_eq!(
                decode::<String>(&damaged).unwrap_err().kind(),
                io::ErrorKind::InvalidData
            );
        }
        assert!(decode::<String>(&record[..HEAD - 1]).is_err());
    }
}
