//! The keys of rows and index entries.

use bytes::Bytes;
use cell_store::key::Tuple;

use crate::error::LayerError;
use crate::record::{IndexInfo, KeyPart, PrimaryKey, Record, append_all};
use crate::root_tx::RootTx;

const ROW: u64 = 0;
const UNIQUE: u64 = 1;
const INDEX: u64 = 2;

/// What all rows' keys begin with.
pub(crate) fn rows<R: Record>(tx: &RootTx) -> Tuple {
    tx.prefix(R::TABLE).u64(ROW)
}

pub(crate) fn row<R: Record>(tx: &RootTx, key: &PrimaryKey) -> Bytes {
    key.append(rows::<R>(tx)).pack()
}

/// The primary key as an index entry holds it, and as a cursor over rows does.
pub(crate) fn packed_primary_key<R: Record>(row: &R) -> Bytes {
    append_all(Tuple::new(), &row.primary_key()).pack()
}

/// The entry of `row` in an index; none if the row is not in it.
pub(crate) fn entry<R: Record>(tx: &RootTx, row: &R, at: usize) -> Option<Bytes> {
    let values = row.index_parts(at)?;
    if R::INDEXES[at].unique {
        return Some(unique_entry::<R>(tx, at, &values));
    }
    Some(append_all(entries::<R>(tx, at, &values), &row.primary_key()).pack())
}

pub(crate) fn unique_entry<R: Record>(tx: &RootTx, at: usize, values: &[KeyPart]) -> Bytes {
    entries::<R>(tx, at, values).pack()
}

/// What the keys of all entries with these values begin with. In a `clear` index `values` may be the first few only.
pub(crate) fn entries<R: Record>(tx: &RootTx, at: usize, values: &[KeyPart]) -> Tuple {
    let info = &R::INDEXES[at];
    let base = tx
        .prefix(R::TABLE)
        .u64(if info.unique { UNIQUE } else { INDEX })
        .str(info.name);
    if info.clear {
        return append_all(base, values);
    }
    let value = append_all(Tuple::new(), values).pack();
    let digest = tx.digest_of(&base.clone().pack(), &value);
    base.bytes(digest)
}

/// The index of this name.
pub(crate) fn find<R: Record>(name: &str, unique: bool) -> Result<usize, LayerError> {
    let is_it = |info: &IndexInfo| info.name == name && info.unique == unique;
    let missing = || LayerError::NoSuchIndex {
        table: R::TABLE,
        index: name.to_owned(),
    };
    R::INDEXES.iter().position(is_it).ok_or_else(missing)
}
