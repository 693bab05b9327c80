//! The house rules: which crate may use which, who owns which library, how large a file may be.
//!
//! [`read`] makes a [`Graph`] and the [`SourceFile`]s of a checkout; [`rules`], [`owners`] and [`files`] are pure
//! functions of them that answer with faults, one line each, empty where all is well. [`layers`] is the table of who
//! may use whom. No rule reads a file, so each can be shown a graph that breaks it.

pub mod files;
pub mod graph;
pub mod layers;
pub mod owners;
pub mod read;
pub mod rules;

pub use files::SourceFile;
pub use graph::{Edge, EdgeKind, Graph, Member};
