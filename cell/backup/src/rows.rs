//! Rows in a part: each its key's length, its value's, both as four bytes with the big end first, then both.

use bytes::{Buf, BufMut, Bytes};
use cell_store::Limits;

const LONGEST: usize = Limits::PORTABLE.key_bytes_max + Limits::PORTABLE.value_bytes_max;

/// Writes a row behind the others. False if it is longer than any that a store takes.
pub(crate) fn push(part: &mut Vec<u8>, key: &[u8], value: &[u8]) -> bool {
    let lengths = (u32::try_from(key.len()), u32::try_from(value.len()));
    let (Ok(of_key), Ok(of_value)) = lengths else {
        return false;
    };
    if key.len() + value.len() > LONGEST {
        return false;
    }
    part.put_u32(of_key);
    part.put_u32(of_value);
    part.put_slice(key);
    part.put_slice(value);
    true
}

/// Every row of a part; none if it does not end with one.
pub(crate) fn read(mut part: Bytes) -> Option<Vec<(Bytes, Bytes)>> {
    let mut rows = Vec::new();
    while part.has_remaining() {
        if part.remaining() < 8 {
            return None;
        }
        let (key, value) = (part.get_u32() as usize, part.get_u32() as usize);
        if key + value > LONGEST || part.remaining() < key + value {
            return None;
        }
        rows.push((part.split_to(key), part.split_to(value)));
    }
    Some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_read_back_and_half_a_row_is_none() {
        let mut part = Vec::new();
        assert!(push(&mut part, b"key", b"value") && push(&mut part, b"k", b""));
        assert!(
            !push(&mut part, b"key", &vec![0; LONGEST]),
            "too long for a store"
        );
        let rows = read(Bytes::from(part.clone())).expect("whole");
        assert_eq!(
            rows[0],
            (Bytes::from_static(b"key"), Bytes::from_static(b"value"))
        );
        assert_eq!(rows.len(), 2);
        for cut in [1, 7, 9, part.len() - 1] {
            assert_eq!(read(Bytes::copy_from_slice(&part[..cut])), None, "{cut}");
        }
        let mut huge = part;
        huge[0] = 0xff;
        assert_eq!(read(Bytes::from(huge)), None);
    }
}
