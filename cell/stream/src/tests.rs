//! Streams over real sockets, all in one process.

mod refused;
mod scene;
mod streams;
