//! Every threshold of detection, failover and operations, once; those of the protocol and of the router's queue too. What each is for, and what follows from changing it, is
//! in `docs/operations.md`; a test of `control-plane/server` holds the two together.
//!
//! The lengths of leases are beside what they are for: [`LEASE_MICROS`](crate::replica_set::LEASE_MICROS),
//! [`SHARED_LEASE_MICROS`](crate::replica_set::SHARED_LEASE_MICROS).

macro_rules! thresholds {
    ($($(#[$doc:meta])* $name:ident = $value:expr;)*) => {
        $($(#[$doc])* pub const $name: u64 = $value;)*

        /// All of them, by name, as the page shows them.
        pub const TABLE: &[(&str, u64)] = &[$((stringify!($name), $value)),*];
    };
}

thresholds! {
    /// For how long a standby promises not to lead, of a shard whose configuration says nothing else.
    LEASE_MS = crate::replica_set::LEASE_MICROS / 1_000;
    /// For how long at most a holder in a shared store reads without a new proof that it is the holder.
    SHARED_LEASE_MS = crate::replica_set::SHARED_LEASE_MICROS / 1_000;
    /// A primary speaks to each standby so often within a lease.
    KEEP_ALIVES_PER_LEASE = 8;
    /// A standby that has been silent for this part of a lease is suspected, and the controllers asked to leave it out.
    SUSPECT_PER_LEASE = 2;
    /// The same of one that answers, and for so many leases acknowledges nothing of what it lacks: its disk.
    STALLED_LEASES = 3;
    /// What was asked and not answered is asked again after this part of a lease.
    RETRY_PER_LEASE = 8;
    /// A standby that said that it is about to stop is left alone for so many leases.
    LEAVING_LEASES = 4;
    /// Whoever holds a shard in a shared store proves that so often within a lease.
    RENEWALS_PER_LEASE = 3;
    /// Async writes wait once the slowest standby lags by more entries,
    ASYNC_LAG_ENTRIES = crate::replica_set::ASYNC_LAG_ENTRIES;
    /// by more KiB of them,
    ASYNC_LAG_KIB = crate::replica_set::ASYNC_LAG_BYTES >> 10;
    /// or by one that has waited for longer.
    ASYNC_LAG_MS = crate::replica_set::ASYNC_LAG_MICROS / 1_000;
    /// Requests wait so long in the router for a shard that nobody serves, unless its settings say otherwise.
    HOLD_MS = 5_000;
    /// A shard that nobody has served for so long takes nobody new.
    HOLD_SHARD_MS = 15_000;
    /// So many requests wait for one shard,
    HOLD_REQUESTS_PER_SHARD_MAX = 1_024;
    /// for all shards of a cell,
    HOLD_REQUESTS_PER_CELL_MAX = 2_048;
    /// and in all.
    HOLD_REQUESTS_MAX = 4_096;
    /// So many KiB of them wait for one shard,
    HOLD_KIB_PER_SHARD_MAX = 8 * 1_024;
    /// for all shards of a cell,
    HOLD_KIB_PER_CELL_MAX = 32 * 1_024;
    /// and in all.
    HOLD_KIB_MAX = 64 * 1_024;
    /// Nodes tell how their copies stand so often.
    REPORT_EVERY_MS = 250;
    /// A node that has not reported for so long is missing: the first witness.
    MISSING_MS = 700;
    /// A new leader declares nothing failed before it has listened for so long.
    LISTEN_MS = 1_000;
    /// The leader looks at shards with something to do so often.
    TICK_MS = 50;
    /// A promotion waits so long for candidates whose nodes report and that do not answer.
    PREPARE_WAIT_MS = 800;
    /// A handover that takes longer is cancelled, or becomes a promotion if the primary is suspect.
    HANDOVER_MS = 2_000;
    /// A node that is asked to stop waits so long until what it leads is handed over, then it goes.
    LEAVE_MS = 3_000;
    /// What had no effect is proposed again after so long.
    RETRY_MS = 100;
    /// More nodes than this are silent at once: nothing is begun by itself any more but takeovers in a shared store.
    SILENT_NODES_PERCENT_MAX = 50;
    /// Commands of the leader's own under way at once.
    COMMANDS_AT_ONCE_MAX = 64;
    /// A write of a serving primary that waits for its commit for so long makes it suspect.
    STALL_MS = 3_000;
    /// Latencies below are never an outlier.
    OUTLIER_P99_MS_MIN = 250;
    /// So many times the median of its cell's other primaries is an outlier.
    OUTLIER_TIMES = 8;
    /// Primaries with fewer commits per second say nothing about latency.
    OUTLIER_COMMITS_PER_SECOND_MIN = 5;
    /// An outlier for so long makes a primary suspect.
    OUTLIER_FOR_MS = 10_000;
    /// After an automatic handover a shard is left alone for so long.
    SUSPECT_AGAIN_MS = 60_000;
    /// Automatic handovers of one cell under way at once.
    SUSPECT_AT_ONCE_MAX = 2;
    /// A missing standby is made anew elsewhere after so long: a restart is no loss.
    REPAIR_AFTER_MS = 30_000;
    /// What is to be repaired is looked for so often.
    REPAIR_EVERY_MS = 1_000;
    /// The nodes of a cell that share a store are made even once all of them have reported for so long.
    BALANCE_AFTER_MS = 10_000;
    /// One shard of such a cell goes to another node so often.
    BALANCE_EVERY_MS = 2_000;
    /// Copies that repair makes at once on one node.
    REPAIR_NODE_AT_ONCE_MAX = 2;
    /// In the whole world.
    REPAIR_WORLD_AT_ONCE_MAX = 16;
    /// A node takes a new copy only if its disk takes so much more than the shard is large, in MiB.
    ROOM_LEFT_MIB = 128;
    /// The leader looks at operations and suspects so often.
    OPERATION_TICK_MS = 200;
    /// A step that was refused or came to nothing is tried again after so long.
    OPERATION_RETRY_MS = 1_000;
    /// A switchover that was cancelled is tried again after so long.
    SWITCHOVER_AGAIN_MS = 5_000;
    /// A verification that has told nothing for so long is asked for again.
    VERIFY_AGAIN_MS = 15_000;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_fit_together() {
        // Two reports may be lost on the way before a node is missing.
        const { assert!(MISSING_MS > 2 * REPORT_EVERY_MS) };
        // Whoever promises has time to wait his promise out.
        const { assert!(PREPARE_WAIT_MS > LEASE_MS) };
        // Every node reports before a new leader calls one missing.
        const { assert!(LISTEN_MS > MISSING_MS) };
        const { assert!(TICK_MS < RETRY_MS && RETRY_MS < PREPARE_WAIT_MS) };
        assert!(TABLE.iter().all(|(_, value)| *value > 0));
    }
}
