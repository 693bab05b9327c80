//! One request of an app, from its head to what a node is sent: checks, caller, body, headers.

pub mod body;
pub mod caller;
pub mod cors;
pub mod headers;
pub mod idle;
