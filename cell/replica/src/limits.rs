//! Bounds and paces. Times are in microseconds; those that follow from the lease are divisors of it.

/// Entries that may be under way to one standby, sent and not acknowledged.
pub const WINDOW_ENTRIES: u64 = 256;
/// Entries of one message.
pub const MESSAGE_ENTRIES: usize = 32;
/// Batches that a standby takes while they are not durable; past it a message is refused as `Busy`.
pub const PENDING_BATCHES_MAX: usize = 64;
/// Entries that the primary takes while they are not durable.
pub const PENDING_ENTRIES_MAX: u64 = 1024;
/// Members of a replica set beside the primary.
pub const STANDBYS_MAX: usize = 8;
/// A standby that lags by no more is put into the effective set.
pub const JOIN_LAG_ENTRIES: u64 = 64;
/// Epoch ends that a status carries, newest first.
pub const EPOCH_ENDS_MAX: usize = 64;
/// Pages and key reads of one standby that wait until what they show is committed.
pub const PAGES_WAITING_MAX: usize = 4;
/// Chunks of one certificate.
pub const CHUNKS_MAX: usize = 65_536;

pub use platform_model::thresholds::{
    KEEP_ALIVES_PER_LEASE, LEAVING_LEASES, RENEWALS_PER_LEASE, RETRY_PER_LEASE, STALLED_LEASES,
    SUSPECT_PER_LEASE,
};
