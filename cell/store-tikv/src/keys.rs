//! How rows lie in the cluster: under a prefix of the cell, each value behind a byte that says its encoding.
//!
//! The prefix begins with none of the bytes that TiDB's tables begin with, so that no server takes a row for one of
//! a table. The tag also keeps an empty value apart from an absent one.

use cell_store::{Key, KeyRange, Value};
use platform_model::CellId;
use tikv_client::BoundRange;

/// All rows of Meridian begin so.
pub(crate) const ROOT: &[u8] = b"MRD";
/// The mark of the cluster's world, behind [`ROOT`].
const MARKER: &[u8] = b"\x00world";
/// Rows of cells, behind [`ROOT`].
const ROWS: u8 = 1;
/// Keys from here on are the engine's own, in every engine.
const SYSTEM: u8 = 0xff;
/// The value follows as it is.
const PLAIN: u8 = 1;

/// The rows of one cell.
#[derive(Clone, Debug)]
pub(crate) struct KeySpace {
    prefix: Vec<u8>,
}

impl KeySpace {
    pub fn of(cell: &CellId) -> Self {
        let prefix = [ROOT, &[ROWS], cell.to_string().as_bytes(), &[0]].concat();
        Self { prefix }
    }

    pub fn key(&self, key: &[u8]) -> Vec<u8> {
        [&self.prefix, key].concat()
    }

    /// The key of a row, without the prefix.
    pub fn strip(&self, key: Vec<u8>) -> Option<Key> {
        key.starts_with(&self.prefix)
            .then(|| Key::from(key).slice(self.prefix.len()..))
    }

    /// Bounds in the cluster, cut off before the engine's own keys; none for a range that has no key.
    pub fn bounds(&self, range: &KeyRange) -> Option<(Vec<u8>, Vec<u8>)> {
        let end = (&*range.end).min(&[SYSTEM]);
        (*range.start < *end).then(|| (self.key(&range.start), self.key(end)))
    }

    /// All rows of the cell.
    pub fn all(&self) -> BoundRange {
        self.all_bounds().into()
    }

    /// The same, as its two ends.
    pub fn all_bounds(&self) -> (Vec<u8>, Vec<u8>) {
        (self.prefix.clone(), self.key(&[SYSTEM]))
    }
}

/// Where the cluster says whose it is.
pub(crate) fn marker() -> Vec<u8> {
    [ROOT, MARKER].concat()
}

pub(crate) fn encode(value: &[u8]) -> Vec<u8> {
    [&[PLAIN], value].concat()
}

/// None: not written by any release that is known.
pub(crate) fn decode(stored: Vec<u8>) -> Option<Value> {
    (stored.first() == Some(&PLAIN)).then(|| Value::from(stored).slice(1..))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> KeySpace {
        KeySpace::of(&"eu-central-1".parse().expect("a cell"))
    }

    #[test]
    fn keys_come_back_and_keep_their_order() {
        let space = space();
        assert_eq!(space.strip(space.key(b"a\0b")), Some(Key::from("a\0b")));
        assert_eq!(space.strip(b"elsewhere".to_vec()), None);
        assert!(space.key(b"a") < space.key(b"a\0") && space.key(b"a\xff") < space.key(b"b"));
        let longer = KeySpace::of(&"eu-central-10".parse().expect("a cell"));
        assert_eq!(space.strip(longer.key(b"a")), None, "another cell's row");
    }

    #[test]
    fn ranges_end_before_the_engines_own_keys() {
        let space = space();
        let all = space.bounds(&KeyRange::new("", vec![0xff; 300]));
        assert_eq!(all, Some((space.key(b""), space.key(b"\xff"))));
        assert_eq!(space.bounds(&KeyRange::new("b", "b")), None);
        assert_eq!(space.bounds(&KeyRange::new(vec![0xff], vec![0xff, 1])), None);
    }

    #[test]
    fn an_empty_value_is_not_an_absent_one() {
        assert_eq!(decode(encode(b"")), Some(Value::new()));
        assert_eq!(decode(Vec::new()), None);
        assert_eq!(decode(vec![9, 1]), None, "a later encoding");
    }

    /// Unistore and TiDB take keys with `t` in front for rows of tables.
    #[test]
    fn no_row_looks_like_a_row_of_a_table() {
        assert!(!b"tmz".contains(&space().key(b"x")[0]));
        assert!(marker() < space().key(b""), "the mark is no row");
    }
}
