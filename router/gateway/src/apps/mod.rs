//! The side of apps: the listener, TLS, and HTTP on each connection.

pub mod connection;
pub mod listener;
