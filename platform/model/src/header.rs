//! Names of the headers that the platform itself reads and writes. All lower case.

/// The shard that the router means; set by the router only, stripped from what apps send.
pub const SHARD: &str = "meridian-shard";
/// The epoch that the router knows for that shard: `e12`'s number alone.
pub const EPOCH: &str = "meridian-epoch";
/// The (epoch, position) pair of the last write that an app saw: `e12:345`. Sent back, it is honoured.
pub const POSITION: &str = "meridian-position";
/// How old the router's table is, in milliseconds (a debug header of answers).
pub const TABLE_AGE: &str = "meridian-table-age-ms";
/// One id per request, from the door to the log.
pub const REQUEST_ID: &str = "x-request-id";
/// W3C trace context.
pub const TRACEPARENT: &str = "traceparent";
/// The client's name for a command, a UUIDv7.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// `true` on an answer that was given before and is repeated.
pub const IDEMPOTENCY_REPLAYED: &str = "idempotency-replayed";
