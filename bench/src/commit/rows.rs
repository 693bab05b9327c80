//! The bytes that both sides write. Random, so that no compression makes a run cheaper than it looks.

use bytes::Bytes;
use platform_runtime::random;

/// The row of a transaction.
pub const ROW_BYTES: usize = 200;
/// An idempotency row as `cell-layers` stores it: digest, outcome and time, sealed.
pub const IDEMPOTENCY_BYTES: usize = 96;

/// Bytes kept to cut rows from.
const POOL_BYTES: usize = 1 << 20;

/// Cuts rows from one pool; cheap to clone.
#[derive(Debug, Clone)]
pub struct Rows {
    pool: Bytes,
}

impl Rows {
    pub fn new() -> Self {
        let chunks = (0..POOL_BYTES / 4_096).flat_map(|_| random::bytes::<4_096>());
        Self {
            pool: chunks.collect(),
        }
    }

    /// `length` bytes that differ from one number to the next.
    pub fn row(&self, number: u64, length: usize) -> Bytes {
        let room = (POOL_BYTES - length) as u64;
        let start =
            usize::try_from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % room).expect("within the pool");
        self.pool.slice(start..start + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_their_length_and_differ() {
        let rows = Rows::new();
        let row = rows.row(7, ROW_BYTES);
        assert_eq!(
            (row.len(), rows.row(8, IDEMPOTENCY_BYTES).len()),
            (ROW_BYTES, IDEMPOTENCY_BYTES)
        );
        assert_ne!(row, rows.row(8, ROW_BYTES));
        assert_eq!(row, rows.row(7, ROW_BYTES));
    }
}
