//! One checker per file. Each takes a history and answers with a verdict that a person can read.

pub mod acknowledged;
pub mod events;
pub mod linearizable;
mod model;
mod search;
pub mod strict_serializable;
pub mod transactions;

pub use acknowledged::acknowledged;
pub use events::events;
pub use linearizable::linearizable;
pub use strict_serializable::{Report, Violation, strict_serializable};
pub use transactions::transactions;
