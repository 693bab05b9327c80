//! How rows lie in the cluster: under a prefix of the cell, values as they are.

use bytes::Bytes;
use cell_store::{Key, KeyRange};
use platform_model::CellId;

/// All rows of Meridian begin so.
const ROOT: &[u8] = b"MRD";
/// Rows of cells, behind [`ROOT`]; the mark of the world lies before them.
const ROWS: u8 = 1;
/// Keys from here on are the engine's own, in every engine.
const SYSTEM: u8 = 0xff;

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
    pub fn strip(&self, key: &[u8]) -> Key {
        Bytes::copy_from_slice(key.strip_prefix(&self.prefix[..]).unwrap_or(key))
    }

    /// Bounds in the cluster, cut off before the engine's own keys; none for a range that has no key.
    pub fn bounds(&self, range: &KeyRange) -> Option<(Vec<u8>, Vec<u8>)> {
        let end = (&*range.end).min(&[SYSTEM]);
        (*range.start < *end).then(|| (self.key(&range.start), self.key(end)))
    }
}

/// All keys of all programs.
pub(crate) fn all() -> (Vec<u8>, Vec<u8>) {
    (Vec::new(), vec![SYSTEM])
}

/// Where the cluster says whose it is.
pub(crate) fn marker() -> Vec<u8> {
    [ROOT, b"\0world"].concat()
}
