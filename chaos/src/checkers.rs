//! One checker per file. Each takes a history and answers with a verdict that a person can read.

mod model;
mod search;
pub mod strict_serializable;

pub use strict_serializable::{Report, Violation, strict_serializable};
