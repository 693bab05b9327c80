//! Streams between nodes: what copies of shards say to each other goes over these, mTLS, in lanes.
//!
//! A frame may be lost, as the protocol of the copies expects: a full queue drops it, a stream that breaks loses what
//! was under way, a node that cannot be reached is sent nothing. What arrives of one lane about one shard arrives in
//! order, for as long as the stream holds.
//!
//! | module | what it is |
//! |---|---|
//! | [`Streams`] | the sending end: a queue and a stream for each peer and lane, made when there is something to say |
//! | [`Lane`] | what must not wait behind what |
//! | [`inbound`] | the receiving end: whose frames are taken |
//! | [`Known`] | what both ends ask of the routing table |
//!
//! Never here: what is in a frame, the configuration of a shard, a decision about who is alive.

pub mod inbound;
mod known;
mod lane;
mod link;
mod meter;
mod queue;
mod streams;

pub use inbound::Inbound;
pub use known::{Known, Place};
pub use lane::Lane;
pub use streams::Streams;

#[cfg(test)]
mod tests;
