//! The law: one document that people write, and the table that machines look up.
//!
//! ```text
//! files --Bundle--> one canonical text --Law::read--> rules and facts --Law::compile--> Matrix, digest
//!                                                          |                               |
//!                                     explain, why_not, lint, test (cases)        diff of two versions
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`source`] | the files of a law, their one text, its digest |
//! | [`document`] | regions, jurisdictions, mechanisms, sinks: `law.toml` |
//! | [`rules`] | Cedar rules with their annotations; the few things that a rule may read |
//! | [`cases`] | what the law is expected to answer, and the test of it |
//! | [`facts`], [`evaluate`] | what Cedar is told, and Cedar's own answer at a point |
//! | [`compile`] | from rules to the matrix, fast; checked against Cedar's own answers |
//! | [`lint`] | what makes a law unfit although it reads well |
//! | [`explain`](mod@explain), [`why_not`](mod@why_not), [`diff`](mod@diff) | what people ask |
//! | [`ready`](mod@ready) | all of it at once: what stands before a law is applied or approved |
//! | [`example`], [`sample`] | the shipped example; laws of any size for measurements |
//!
//! Pure: no I/O, no clock. The only crate that knows Cedar, so only `cellctl`, `bench` and tests use it: servers look
//! things up in the matrix of `platform-model` and link none of this.

pub mod cases;
pub mod compile;
pub mod diff;
pub mod document;
pub mod evaluate;
pub mod example;
pub mod explain;
pub mod facts;
pub mod fault;
pub mod lint;
pub mod position;
pub mod ready;
pub mod rules;
pub mod sample;
pub mod source;
pub mod why_not;

mod law;

#[cfg(test)]
mod tests;

pub use cases::{Case, CaseFailure, CaseReport, Expected};
pub use compile::{COMPILER_VERSION, Compiled};
pub use diff::{Diff, diff};
pub use explain::Explanation;
pub use fault::{Fault, FaultKind, Faults};
pub use law::Law;
pub use position::Position;
pub use ready::{NotReady, Ready, ready};
pub use source::{Bundle, Digest, SourceError};
pub use why_not::{Remedy, WhyNot};
