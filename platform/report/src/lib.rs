//! The one shape of every measured result: figures with goals, tables, notes.
//!
//! `bench`, `cellctl demo` and chaos runs print the same document, so that one reader understands them all. No I/O
//! but reading what the machine is; printing is the binary's business. Start with [`Document`].

mod document;
mod figure;
mod machine;
mod text;

pub use document::{Document, Verdict};
pub use figure::Figure;
pub use machine::machine;
