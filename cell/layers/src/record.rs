//! What a stored record is. Implemented by code that `cell_schema` generates, never by hand.

use cell_store::key::Tuple;
use platform_model::DataClass;
use uuid::Uuid;

/// A field of a record, for those who decide by class: the egress gate, export, the law's `explain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldInfo {
    /// `.` between the levels of nested messages.
    pub name: &'static str,
    pub class: DataClass,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexInfo {
    pub name: &'static str,
    /// At most one row with the same values.
    pub unique: bool,
    /// Values stand in the key, in order; else a keyed digest of them.
    pub clear: bool,
}

/// A table, as data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableInfo {
    pub name: &'static str,
    pub version: u16,
    pub fields: &'static [FieldInfo],
    pub indexes: &'static [IndexInfo],
}

impl TableInfo {
    pub const fn of<R: Record>() -> Self {
        Self {
            name: R::TABLE,
            version: R::VERSION,
            fields: R::FIELDS,
            indexes: R::INDEXES,
        }
    }
}

/// The stored form of the version before could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct MigrateError(pub String);

/// A prost message that is a table's row.
pub trait Record: prost::Message + Default + Clone {
    /// Unique within the domain; part of every key.
    const TABLE: &'static str;
    /// Version of the stored form that this build writes.
    const VERSION: u16;
    const FIELDS: &'static [FieldInfo];
    const INDEXES: &'static [IndexInfo];

    /// In key order, operational values only.
    fn primary_key(&self) -> Vec<KeyPart>;

    /// The row's values in `INDEXES[index]`; none if the row is not in it.
    fn index_parts(&self, index: usize) -> Option<Vec<KeyPart>>;

    /// Reads the stored form of `VERSION - 1`.
    ///
    /// # Errors
    /// The record has no version before, or the bytes are not it.
    fn migrate(_stored: &[u8]) -> Result<Self, MigrateError> {
        Err(MigrateError(format!(
            "table {} has no form before version {}",
            Self::TABLE,
            Self::VERSION
        )))
    }
}

/// One value of a key. Ordered within its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPart {
    Text(String),
    Bytes(Vec<u8>),
    U64(u64),
    I64(i64),
}

impl KeyPart {
    pub(crate) fn append(&self, tuple: Tuple) -> Tuple {
        match self {
            Self::Text(text) => tuple.str(text),
            Self::Bytes(bytes) => tuple.bytes(bytes),
            Self::U64(number) => tuple.u64(*number),
            Self::I64(number) => tuple.i64(*number),
        }
    }
}

/// Values of a primary key or of an index, in order: `id`, `(id, 7)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrimaryKey(pub Vec<KeyPart>);

impl PrimaryKey {
    pub(crate) fn append(&self, tuple: Tuple) -> Tuple {
        append_all(tuple, &self.0)
    }
}

pub(crate) fn append_all(tuple: Tuple, parts: &[KeyPart]) -> Tuple {
    parts.iter().fold(tuple, |tuple, part| part.append(tuple))
}

macro_rules! part_from {
    ($($type:ty => |$value:ident| $part:expr;)*) => {$(
        impl From<$type> for KeyPart {
            fn from($value: $type) -> Self { $part }
        }
        impl From<$type> for PrimaryKey {
            fn from(value: $type) -> Self { Self(vec![value.into()]) }
        }
    )*};
}

part_from! {
    &str => |value| Self::Text(value.to_owned());
    String => |value| Self::Text(value);
    &String => |value| Self::Text(value.clone());
    &[u8] => |value| Self::Bytes(value.to_vec());
    Vec<u8> => |value| Self::Bytes(value);
    &Vec<u8> => |value| Self::Bytes(value.clone());
    [u8; 16] => |value| Self::Bytes(value.to_vec());
    [u8; 32] => |value| Self::Bytes(value.to_vec());
    Uuid => |value| Self::Bytes(value.as_bytes().to_vec());
    u64 => |value| Self::U64(value);
    u32 => |value| Self::U64(value.into());
    i64 => |value| Self::I64(value);
    i32 => |value| Self::I64(value.into());
    bool => |value| Self::U64(value.into());
}

impl From<Vec<KeyPart>> for PrimaryKey {
    fn from(parts: Vec<KeyPart>) -> Self {
        Self(parts)
    }
}

impl<A: Into<KeyPart>, B: Into<KeyPart>> From<(A, B)> for PrimaryKey {
    fn from((a, b): (A, B)) -> Self {
        Self(vec![a.into(), b.into()])
    }
}

impl<A: Into<KeyPart>, B: Into<KeyPart>, C: Into<KeyPart>> From<(A, B, C)> for PrimaryKey {
    fn from((a, b, c): (A, B, C)) -> Self {
        Self(vec![a.into(), b.into(), c.into()])
    }
}
