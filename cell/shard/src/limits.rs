//! Every bound of a shard, by name.

use std::time::Duration;

use platform_model::ShardId;

/// Bounds of one shard. The defaults suit the store's portable limits: the data of a group and its log entry go
/// into one batch of at most 4 MB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardLimits {
    /// Keys, values and events of one transaction, in bytes.
    pub transaction_bytes_max: usize,
    /// Writes of one transaction.
    pub transaction_writes_max: usize,
    /// Keys and ranges that one transaction may read.
    pub transaction_reads_max: usize,
    /// Values that one transaction may read, in bytes: the largest blob and something beside it.
    pub transaction_read_bytes_max: usize,
    /// Rows of one page inside a transaction.
    pub page_rows_max: usize,
    /// A group closes when its rows and log records together reach this, in bytes; below the store's batch limit.
    pub group_bytes_max: usize,
    /// A group closes at this number of transactions.
    pub group_transactions_max: usize,
    /// Transactions that may wait for the committer; past it `Overloaded`.
    pub queue_max: usize,
    /// Bytes that they may have together; past it `Overloaded`.
    pub queue_bytes_max: usize,
    /// How often a transaction is run, the first time included.
    pub attempts_max: u32,
    /// Losses after which it takes the turn of its scope, so that others wait for it.
    pub turn_after: u32,
    /// Upper end of the jittered pause before the second run; doubles with each run.
    pub backoff_first: Duration,
    /// Upper end of the longest such pause.
    pub backoff_max: Duration,
    /// Entries of the window of recent writes.
    pub window_entries_max: usize,
    /// Keys of the window of recent writes.
    pub window_keys_max: usize,
    /// Log entries kept; older ones are trimmed.
    pub log_entries_kept: usize,
    /// Entries past that before they are trimmed, so that not every group carries a step.
    pub log_step_entries: usize,
    /// Bytes of log kept; older entries are trimmed.
    pub log_bytes_kept: usize,
    /// How long the committer tries to learn an unknown outcome before the term ends.
    pub settle_max: Duration,
    /// Not a bound: whether what roots are told is laid out for a broker too (`outbox::bridge`).
    pub bridged: bool,
}

/// How much of its log a shard keeps at most, for standbys that were away and for whoever reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogKept {
    pub entries: usize,
    pub bytes: usize,
}

impl Default for LogKept {
    fn default() -> Self {
        let ShardLimits {
            log_entries_kept: entries,
            log_bytes_kept: bytes,
            ..
        } = ShardLimits::default();
        Self { entries, bytes }
    }
}

impl Default for ShardLimits {
    fn default() -> Self {
        Self {
            transaction_bytes_max: 1_900_000,
            transaction_writes_max: 10_000,
            transaction_reads_max: 20_000,
            transaction_read_bytes_max: 48 * 1024 * 1024,
            page_rows_max: 5_000,
            group_bytes_max: 3_900_000,
            group_transactions_max: 1_024,
            queue_max: 4_096,
            queue_bytes_max: 64 * 1024 * 1024,
            attempts_max: 16,
            turn_after: 3,
            backoff_first: Duration::from_millis(1),
            backoff_max: Duration::from_millis(50),
            window_entries_max: 2_048,
            window_keys_max: 65_536,
            log_entries_kept: 10_000,
            log_step_entries: 64,
            log_bytes_kept: 32 * 1024 * 1024,
            settle_max: Duration::from_secs(20),
            bridged: false,
        }
    }
}

impl ShardLimits {
    /// Those of a key shard, whose log must not hold a key for longer than it has to: one entry, trimmed with the next.
    pub fn key_shard() -> Self {
        Self {
            log_entries_kept: 1,
            log_step_entries: 1,
            ..Self::default()
        }
    }

    /// Those that suit a shard of this kind.
    pub fn of(shard: &ShardId) -> Self {
        match shard {
            ShardId::Keys { .. } => Self::key_shard(),
            _ => Self::default(),
        }
    }
}

/// How far log time may run ahead of the time that has passed since its term began, in milliseconds.
pub(crate) const LOG_TIME_AHEAD_MS_MAX: u64 = 5_000;
/// Keys that a transaction fetches at once, so that what it reads is counted before there is more.
pub(crate) const READ_KEYS_AT_ONCE: usize = 64;
/// Bytes that a group keeps free for the keys of its log entry, the state and a trim step.
pub(crate) const GROUP_BYTES_RESERVED: usize = 64_000;
/// Bytes of entries that one call of `Shard::log` returns; the entry that passes it is the last.
pub(crate) const LOG_READ_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Mutations that a group keeps free for its log entry, the state and a trim step.
pub(crate) const GROUP_MUTATIONS_RESERVED: usize = 1_000;
/// Mutations at which a group closes, on every engine, for its entry may be applied on any: what a TiKV client locks
/// within a second or two. One transaction may have more.
pub(crate) const GROUP_MUTATIONS_MAX: usize = 4_000;
/// Longest value of one part of a log entry, in bytes.
pub(crate) const ENTRY_PART_BYTES: usize = 90_000;
/// Keys of trimmed entries that one batch removes.
pub(crate) const TRIM_KEYS_MAX: usize = 256;
/// Epochs whose start the shard remembers; a pair of an older one that is not surely kept is `Lost`.
pub(crate) const EPOCHS_KEPT: usize = 64;
/// How often opening tries to take the fence.
pub(crate) const OPEN_ATTEMPTS_MAX: u32 = 10;
