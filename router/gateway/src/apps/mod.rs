//! The side of apps: the listener, TLS, and HTTP on each connection.

pub mod activity;
pub mod connection;
pub mod listener;

pub use activity::Activity;
