//! Strict HTTP/1 framing below hyper: where a message ends is never a matter of opinion.
//!
//! hyper is lenient where the standards allow it (a lone LF ends a line, equal content-lengths are folded,
//! transfer-encoding wins over content-length). Two parties that are lenient in different ways can be made to
//! disagree on where a request ends. So every byte passes [`framer`] first, and what is not framed in the one
//! canonical way is refused (RFC 9112, sections 2.2, 5, 6, 7 and 11.2). It rewrites nothing that it lets through.

pub mod framer;
pub mod guard;
pub mod head;

pub use guard::{Guard, Refusals};
