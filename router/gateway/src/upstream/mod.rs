//! The way to the nodes: connections, and the bounds that keep one sick cell from taking what others need.
//!
//! Each node has its own few HTTP/2 connections over mTLS and its own breaker; each cell its own number of requests
//! in flight and its own retry budget. Nothing is shared between cells but the process.

pub mod breaker;
pub mod budget;
pub mod cell;
pub mod pool;
pub mod registry;
pub mod response;
pub mod slot;

pub use cell::{Cell, Permit};
pub use pool::{NodePool, Unreachable, Way};
pub use registry::Upstreams;
pub use response::{AnswerBroken, NodeBody};
