//! The peer: bare fjall, one batch with the same two rows and one sync for each commit, one thread for each client.
//!
//! It is spared what ours does besides: no log entry, no checksum chain, no fence, no read before the write.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use platform_runtime::{Clock, random};
use uuid::Uuid;

use super::load::Phase;
use super::rows::{IDEMPOTENCY_BYTES, ROW_BYTES, Rows};

/// As the embedded engine opens it.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
const WORKER_THREADS: usize = 2;

/// An open database.
pub struct Peer {
    database: Database,
    data: Keyspace,
    rows: Rows,
    clock: Clock,
}

impl Peer {
    /// # Errors
    /// The database cannot be made.
    pub fn open(dir: &Path) -> Result<Self> {
        let database = Database::builder(dir)
            .cache_size(CACHE_BYTES)
            .worker_threads(WORKER_THREADS)
            .manual_journal_persist(true)
            .journal_compression(fjall::CompressionType::None)
            .open()
            .context("bare fjall does not open")?;
        let data = database
            .keyspace("data", KeyspaceCreateOptions::default)
            .context("bare fjall makes no keyspace")?;
        Ok(Self {
            database,
            data,
            rows: Rows::new(),
            clock: Clock::system(),
        })
    }

    /// Runs `clients` threads for `time`.
    ///
    /// # Errors
    /// A commit failed.
    pub fn run(&self, clients: usize, time: Duration) -> Result<Phase> {
        let started = self.clock.monotonic();
        let until = started + time;
        let latencies = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..clients).map(|_| scope.spawn(|| self.client(until))).collect();
            let done = threads.into_iter().map(|thread| {
                thread
                    .join()
                    .map_err(|_| anyhow!("a client of bare fjall panicked"))?
            });
            done.collect::<Result<Vec<_>>>()
        })?;
        let latencies = latencies.concat();
        Ok(Phase {
            elapsed: self.clock.monotonic() - started,
            fsyncs: latencies.len() as u64,
            fsync_time: Duration::ZERO,
            latencies,
        })
    }

    fn client(&self, until: Duration) -> Result<Vec<Duration>> {
        let user = Uuid::from_bytes(random::bytes());
        let mut number = random::u64();
        let mut latencies = Vec::new();
        loop {
            let started = self.clock.monotonic();
            if started >= until {
                return Ok(latencies);
            }
            self.transact(user, number)?;
            number = number.wrapping_add(1);
            latencies.push(self.clock.monotonic() - started);
        }
    }

    fn transact(&self, user: Uuid, number: u64) -> Result<()> {
        let id = random::uuid_v7_at(self.clock.unix_ms());
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
        batch.insert(
            &self.data,
            key(user, b"row", id),
            &self.rows.row(number, ROW_BYTES)[..],
        );
        let idempotency = self.rows.row(!number, IDEMPOTENCY_BYTES);
        batch.insert(&self.data, key(user, b"idempotency", id), &idempotency[..]);
        batch.commit().context("bare fjall does not commit")
    }
}

/// About as long as ours: shard, root, domain and table in front of the id.
fn key(user: Uuid, table: &[u8], id: Uuid) -> Vec<u8> {
    [
        b"eu/eu-central/000/d/",
        &user.as_bytes()[..],
        b"/bench/",
        table,
        b"/",
        id.as_bytes(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_commit_of_the_peer_is_two_rows_on_disk() {
        let dir = crate::command::disk_for_tests();
        let peer = Peer::open(dir.path()).expect("opens");
        let phase = peer.run(3, Duration::from_millis(20)).expect("runs");
        assert!(phase.commits() >= 3);
        drop(peer);
        let again = Peer::open(dir.path()).expect("opens again");
        assert_eq!(again.data.len().expect("readable"), 2 * phase.commits());
    }
}
