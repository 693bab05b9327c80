//! What can be wrong with a schema, in words that say what to write instead.

use std::fmt;
use std::path::PathBuf;

/// Why a schema does not build. `Debug` prints the same text as `Display`, for cargo shows a build script's error so.
#[derive(thiserror::Error)]
pub enum SchemaError {
    /// The text is not a schema; the message has file, line and cause.
    #[error("{0}")]
    Syntax(String),
    #[error("{}", list(.0))]
    Violations(Vec<Violation>),
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("prost cannot generate code")]
    Generate(#[source] std::io::Error),
    #[error("OUT_DIR is not set: call this from build.rs")]
    NoOutDir,
}

impl fmt::Debug for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        match std::error::Error::source(self) {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

/// One rule that a schema breaks. `file` is the name under the include path; `message` has its package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    #[error(
        "{file}: {message}.{field} has no data class: write `[(meridian.data_class) = HEALTH]` after it, with the \
         class that fits (PUBLIC_PROFILE, CONTACT, CREDENTIAL, HEALTH, LOCATION, PAYMENT, SOCIAL, BEHAVIOUR, or \
         OPERATIONAL if it says nothing about a person)"
    )]
    NoDataClass {
        file: String,
        message: String,
        field: String,
    },
    #[error(
        "{file}: {message}.{field} is a message, and the fields of an event are let pass or left out one by one: write \
         what it holds as fields of the event"
    )]
    NestedEvent {
        file: String,
        message: String,
        field: String,
    },
    #[error("{file}: {message}: {what} names the field `{field}`, which it does not have; it has: {known}")]
    UnknownField {
        file: String,
        message: String,
        what: String,
        field: String,
        known: String,
    },
    #[error(
        "{file}: {message}.{field} is {class}, and keys carry no personal data: take an operational field (an id) \
         as primary key, or make a unique index or an index of it, which holds a keyed digest"
    )]
    PersonalPrimaryKey {
        file: String,
        message: String,
        field: String,
        class: &'static str,
    },
    #[error(
        "{file}: {message}.{field} is {class}, and the index `{index}` is `clear`: remove `clear: true`, so that \
         the key holds a keyed digest, or leave the field out"
    )]
    PersonalClearIndex {
        file: String,
        message: String,
        field: String,
        class: &'static str,
        index: String,
    },
    #[error("{file}: {message}.{field} cannot be part of {what}: it is {kind}; {hint}")]
    NotAKey {
        file: String,
        message: String,
        field: String,
        what: String,
        kind: String,
        hint: &'static str,
    },
    #[error("{file}: {message} is table `{table}`, and so is {other}: give one of them another name")]
    DuplicateTable {
        file: String,
        message: String,
        table: String,
        other: String,
    },
    #[error("{file}: {message} has two indexes named `{index}`: give one of them another name")]
    DuplicateIndex {
        file: String,
        message: String,
        index: String,
    },
    #[error("{file}: {message}: {what} is empty: name at least one field")]
    NoFields {
        file: String,
        message: String,
        what: String,
    },
    #[error("{file}: `{name}` ({what}) is not {rule}")]
    Name {
        file: String,
        what: String,
        name: String,
        rule: &'static str,
    },
    #[error("{file}: {message} is nested and has `(meridian.table)`: move it to the top level of the file")]
    NestedTable { file: String, message: String },
    #[error(
        "{file}: {message} has version {version} and no `migrate`: name the function that reads version {before}, \
         such as `migrate: \"crate::migrate::{table}\"`"
    )]
    NoMigration {
        file: String,
        message: String,
        table: String,
        version: u32,
        before: u32,
    },
    #[error(
        "{file}: {message} has version {version}: versions are 1 to 65535, and `migrate` starts with version 2"
    )]
    BadVersion {
        file: String,
        message: String,
        version: u32,
    },
}

fn list(violations: &[Violation]) -> String {
    let lines: Vec<String> = violations.iter().map(|one| format!("  {one}")).collect();
    format!("the schema does not build\n{}", lines.join("\n"))
}
