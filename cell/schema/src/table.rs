//! A table of which nothing is left to go wrong: what `check` makes and `generate` writes out.

use crate::options::Class;

/// A message with `(meridian.table)`, checked.
#[derive(Debug)]
pub(crate) struct Table {
    /// File name under the include path.
    pub file: String,
    /// Package of the message; decides the generated file.
    pub package: String,
    /// Full name in the schema.
    pub message: String,
    /// Rust name, at the top of its module.
    pub rust: String,
    pub name: String,
    pub version: u16,
    pub migrate: Option<String>,
    pub primary_key: Vec<Column>,
    pub indexes: Vec<Index>,
    pub fields: Vec<Field>,
}

#[derive(Debug)]
pub(crate) struct Index {
    pub name: String,
    pub unique: bool,
    pub clear: bool,
    pub columns: Vec<Column>,
}

/// A field in a key.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Rust member.
    pub member: String,
    pub kind: ColumnKind,
    /// Declared `optional`: unset means that the row is not in the index.
    pub optional: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    Text,
    Bytes,
    /// Unsigned, or bool.
    Unsigned,
    /// Signed, or an enum.
    Signed,
}

/// A field anywhere in the record, `.` between the levels.
#[derive(Debug)]
pub(crate) struct Field {
    pub path: String,
    pub class: Class,
}
