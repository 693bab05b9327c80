//! Pages by bytes. The cluster bounds a scan by rows alone, and an answer of more bytes than the client takes fails;
//! so each request asks for as few rows as can never be too many bytes.

use bytes::Bytes;
use cell_store::{Key, Limits, Page, Value};

use crate::failure::ReadFailure;

/// Rows or keys of one request. All of the largest are below what a store sends (`max-grpc-send-msg-len`, 10 MB).
pub(crate) const REQUEST_ROWS_MAX: usize = 96;
/// What the client takes in one answer.
pub(crate) const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Where the rest of a range lies, in the cluster's keys.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    pub start: Vec<u8>,
    pub end: Vec<u8>,
    pub reverse: bool,
}

impl Rest {
    /// What lies behind the last row of an answer.
    pub fn behind(&mut self, last: &[u8]) {
        if self.reverse {
            self.end = last.to_vec();
        } else {
            self.start = [last, &[0]].concat();
        }
    }
}

/// A page that is being filled.
pub(crate) struct Filling {
    page: Page,
    limit: usize,
    bytes: usize,
    bytes_max: usize,
}

impl Filling {
    pub fn new(limit: usize, limits: &Limits) -> Self {
        Self {
            page: Page::default(),
            limit: limit.min(limits.page_rows_max),
            bytes: 0,
            bytes_max: limits.page_bytes_max,
        }
    }

    /// Rows to ask for: one more than fit, to know whether any are left.
    pub fn wanted(&self) -> usize {
        (self.limit - self.page.rows.len() + 1).min(REQUEST_ROWS_MAX)
    }

    /// Takes a row; false: the page was full before it.
    pub fn take(&mut self, key: Key, value: Value) -> bool {
        if self.page.rows.len() >= self.limit || self.bytes >= self.bytes_max {
            self.page.more = true;
            return false;
        }
        self.bytes += key.len() + value.len();
        self.page.rows.push((key, value));
        true
    }

    pub fn finish(self) -> Page {
        self.page
    }
}

/// A row that no release of ours wrote.
pub(crate) fn foreign_row() -> ReadFailure {
    ReadFailure {
        reason: "a row is not of a known encoding: another program writes into this cluster".into(),
        retryable: false,
        unimplemented: false,
    }
}

/// Keys in requests of a bounded number.
pub(crate) fn requests(keys: &[Bytes]) -> impl Iterator<Item = &[Bytes]> {
    keys.chunks(REQUEST_ROWS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_request_can_be_answered_by_too_many_bytes() {
        let limits = Limits::PORTABLE;
        let row = limits.key_bytes_max + limits.value_bytes_max + 200;
        assert!(REQUEST_ROWS_MAX * row < 10 << 20, "more than a store sends");
        const { assert!(ANSWER_BYTES_MAX > 10 << 20) };
    }

    #[test]
    fn a_page_ends_at_the_row_that_finds_it_full() {
        let limits = Limits {
            page_bytes_max: 10,
            ..Limits::PORTABLE
        };
        let mut filling = Filling::new(100, &limits);
        assert_eq!(filling.wanted(), REQUEST_ROWS_MAX);
        assert!(filling.take("a".into(), "123456789".into()));
        assert!(!filling.take("b".into(), "1".into()));
        let page = filling.finish();
        assert!(page.more && page.rows.len() == 1);
        let mut none = Filling::new(0, &limits);
        assert_eq!(none.wanted(), 1);
        assert!(!none.take("a".into(), "".into()) && none.finish().more);
    }
}
