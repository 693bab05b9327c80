//! A shard's events in a stream of NATS JetStream, each exactly once and in order, whoever is killed meanwhile. The only
//! crate that knows async-nats.
//!
//! - Every shard has a stream of its own, which nobody else writes: so the number that the stream gives each message is known
//!   beforehand, and a message says behind which it belongs. A broker takes none that is not the next one ([`Channel::publish`]),
//!   whether it comes from a node that leads no more, late, or twice.
//! - A message is named by its event for ever ([`message_id`]), so the last one in the stream is the true mark; what a shard
//!   noted beside its rows may only be older ([`resume`](fn@resume)).
//! - Nothing is remembered here: whoever publishes asks the stream after every failure.
//!
//! Never here: which events there are, what the law lets out of them, when a row of a shard is removed.

mod channel;
mod error;
mod id;
mod nats;
mod resume;
pub mod server;
mod settings;

pub use channel::{Broker, Channel, Last, Message, Published, Tail};
pub use error::BridgeError;
pub use id::{message_id, read_message_id};
pub use nats::Nats;
pub use resume::{Mark, Resumed, resume};
pub use settings::{InvalidSettings, Settings, Tls};
