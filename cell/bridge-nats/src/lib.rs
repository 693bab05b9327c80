//! A shard's events in a stream of NATS JetStream, each exactly once and in order, whoever is killed meanwhile. The only
//! crate that knows async-nats.
//!
//! - Every shard has a stream of its own, which nobody else writes. A message says behind which number it belongs, and the
//!   broker takes none that is not the next one ([`Channel::publish`]).
//! - A message is sent only by one who knows how the stream ends: who has read its end, or was told that it took the message
//!   before. So one is under way in a shard at a time, and one that comes late, twice or from a node that leads no more is
//!   taken only where its sender meant it to be ([`Cursor`]; its tests show what becomes of two at a time).
//! - A message is named by its event for ever, world and shard included ([`message_id`]), so the last one in the stream is the
//!   true mark; what a shard noted beside its rows may only be older ([`resume`](fn@resume)).
//! - Nothing is remembered here: whoever publishes asks the stream after every failure. The broker's window of duplicates is
//!   not needed for any of it.
//!
//! Never here: which events there are, what the law lets out of them, when a row of a shard is removed.

mod channel;
mod connecting;
mod cursor;
mod error;
mod id;
mod nats;
pub mod server;
mod settings;

pub use channel::{Broker, Channel, Last, Message, Published, Tail, Withheld};
pub use cursor::{Cursor, Mark, resume};
pub use error::BridgeError;
pub use id::{Source, message_id, read_message_id};
pub use nats::Nats;
pub use settings::{InvalidSettings, Settings, Tls};
