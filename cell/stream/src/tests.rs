//! Streams over real sockets, all in one process.

mod lanes;
mod refused;
mod scene;
mod streams;
