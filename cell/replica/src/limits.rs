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

/// A keep-alive goes out so often within a lease.
pub const KEEP_ALIVES_PER_LEASE: u64 = 8;
/// Whoever holds a shard of a shared store proves so often within a lease that the fence is still its own.
pub const RENEWALS_PER_LEASE: u64 = 3;
/// A member that has been silent for this part of the lease is suspected and the control plane asked to drop it.
pub const SUSPECT_PER_LEASE: u64 = 2;
/// A member that answers, and for so many leases acknowledges nothing of what it lacks, is asked to be dropped: its disk.
pub const STALLED_LEASES: u64 = 3;
/// What was asked and not answered is asked again after this part of the lease.
pub const RETRY_PER_LEASE: u64 = 8;
/// A standby that said that it is about to stop is left alone for so many leases; then it has thought better of it.
pub const LEAVING_LEASES: u64 = 4;
