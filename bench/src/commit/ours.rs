//! Ours: shards of one node on one embedded engine, each transaction with its idempotency record.
//!
//! A transaction is what a domain's command is to its shard: look the command up, write a row, record the outcome
//! (sealed with the person's key), all under one log entry with its chain. Each client is one person.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use cell_layers::idempotency::{self, Begin};
use cell_layers::keys::UserKey;
use cell_layers::{RootTx, sha256};
use cell_shard::{Mode, Ownership, Request, Scope, Shard, ShardLimits, Tx, WriteError};
use cell_store::Store;
use cell_store::embedded::{Embedded, EmbeddedOptions};
use platform_model::shard::root_index;
use platform_model::{Actor, Epoch, HomeId, IdempotencyKey, RequestId, RootRef, ShardId, UserId};
use platform_runtime::{Clock, TaskGroup, random};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::load::Phase;
use super::rows::{ROW_BYTES, Rows};

const DOMAIN: &str = "bench";
/// What the idempotency row keeps: an answer's status and the new row's id, say.
const OUTCOME: [u8; 20] = [7; 20];
/// A transaction that takes longer fails the run.
const DEADLINE: Duration = Duration::from_secs(30);
const SHUTDOWN: Duration = Duration::from_secs(10);

/// An open node: engine and shards.
pub struct Ours {
    runtime: Runtime,
    tasks: TaskGroup,
    engine: Arc<Embedded>,
    shards: Vec<Shard>,
    rows: Rows,
}

impl Ours {
    /// # Errors
    /// Engine or shards do not open.
    pub fn open(dir: &Path, shards: u16) -> Result<Self> {
        let runtime = Runtime::new().context("no runtime")?;
        let tasks = TaskGroup::new();
        let engine = Embedded::open(dir, EmbeddedOptions::default()).context("the engine does not open")?;
        let store: Arc<dyn Store> = Arc::<Embedded>::clone(&engine);
        let opened = runtime.block_on(open_shards(&store, shards, &tasks))?;
        Ok(Self {
            runtime,
            tasks,
            engine,
            shards: opened,
            rows: Rows::new(),
        })
    }

    /// Runs `clients` tasks for `time`, each as another person.
    ///
    /// # Errors
    /// A transaction was not acknowledged.
    pub fn run(&self, clients: usize, time: Duration) -> Result<Phase> {
        let before = self.engine.stats();
        let clock = Clock::system();
        let started = clock.monotonic();
        let latencies = self.runtime.block_on(clients_until(
            &self.shards,
            &self.rows,
            &self.tasks,
            clients,
            started + time,
        ))?;
        let elapsed = clock.monotonic() - started;
        let after = self.engine.stats();
        Ok(Phase {
            latencies,
            elapsed,
            fsyncs: after.fsyncs - before.fsyncs,
            fsync_time: after.fsync_time - before.fsync_time,
        })
    }

    /// Closes shards and engine in order.
    pub fn close(self) {
        self.runtime.block_on(async {
            for shard in &self.shards {
                shard.close().await;
            }
            self.tasks.shutdown(SHUTDOWN).await;
            self.engine.close().await;
        });
    }
}

/// Runs so many clients, each as another person, until the time has come; answers how long each transaction took.
///
/// # Errors
/// A transaction was not acknowledged.
pub async fn clients_until(
    shards: &[Shard],
    rows: &Rows,
    tasks: &TaskGroup,
    clients: usize,
    until: Duration,
) -> Result<Vec<Duration>> {
    let (done, mut finished) = mpsc::channel(clients);
    for _ in 0..clients {
        let (client, done) = (Client::new(shards, rows), done.clone());
        tasks.spawn("bench-client", async move {
            // The run may have failed by another client and hear no more.
            let _ = done.send(client.run(until).await).await;
        });
    }
    drop(done);
    let (mut latencies, mut answers) = (Vec::new(), 0);
    while let Some(outcome) = finished.recv().await {
        latencies.extend(outcome?);
        answers += 1;
    }
    if answers < clients {
        bail!("{} clients panicked", clients - answers);
    }
    Ok(latencies)
}

/// Shards of one node on one store.
///
/// # Errors
/// One of them does not open.
pub async fn open_shards(store: &Arc<dyn Store>, shards: u16, tasks: &TaskGroup) -> Result<Vec<Shard>> {
    let home: HomeId = "eu/eu-central".parse()?;
    let mut opened = Vec::new();
    for index in 0..shards {
        let ownership = Ownership {
            shard: ShardId::Root {
                home: home.clone(),
                index,
            },
            node: "eu-central-1/0".parse()?,
            epoch: Epoch(1),
        };
        let shard = Shard::open(
            Arc::clone(store),
            ownership,
            Clock::system(),
            tasks,
            ShardLimits::default(),
        )
        .await;
        opened.push(shard.context("a shard does not open")?);
    }
    Ok(opened)
}

/// One person with one transaction under way at a time.
struct Client {
    user: UserId,
    key: UserKey,
    shard: Shard,
    rows: Rows,
    clock: Clock,
}

impl Client {
    fn new(shards: &[Shard], rows: &Rows) -> Self {
        let user = UserId::from_uuid(Uuid::from_bytes(random::bytes()));
        let count = u16::try_from(shards.len()).expect("opened by a u16");
        Self {
            user,
            key: UserKey::generate(),
            shard: shards[usize::from(root_index(user, count))].clone(),
            rows: rows.clone(),
            clock: Clock::system(),
        }
    }

    async fn run(self, until: Duration) -> Result<Vec<Duration>> {
        let mut number = random::u64();
        let mut latencies = Vec::new();
        loop {
            let started = self.clock.monotonic();
            if started >= until {
                return Ok(latencies);
            }
            let key = IdempotencyKey::new(random::uuid_v7_at(self.clock.unix_ms()))?;
            self.transact(key, self.rows.row(number, ROW_BYTES)).await?;
            number = number.wrapping_add(1);
            latencies.push(self.clock.monotonic() - started);
        }
    }

    async fn transact(&self, key: IdempotencyKey, row: Bytes) -> Result<()> {
        let root = RootRef::user(self.user);
        let request = Request {
            actor: Actor::User(self.user),
            domain: DOMAIN,
            request_id: RequestId::from_uuid(key.as_uuid()),
            mode: Mode::Async,
            scope: Scope::Root(root),
            not_older_than: None,
            deadline: DEADLINE,
        };
        let digest = sha256(&row);
        let command = |tx: Tx| {
            let (row, layer) = (row.clone(), RootTx::new(tx.clone(), root, DOMAIN, &self.key));
            async move {
                match idempotency::begin(&layer, key, digest).await? {
                    Begin::Fresh => {}
                    other => bail!("a new command is {other:?}"),
                }
                tx.put(row_key(key), row)?;
                idempotency::conclude(&layer, key, digest, &OUTCOME).await?;
                Ok(())
            }
        };
        match self.shard.write(&request, command).await {
            Ok(_) => Ok(()),
            Err(WriteError::Rejected(error)) => Err(error),
            Err(other) => Err(anyhow!("a transaction was not acknowledged: {other}")),
        }
    }
}

/// Within the root's range, beside the layer's rows.
fn row_key(key: IdempotencyKey) -> Vec<u8> {
    [b"\x02bench\0\x02row\0", &key.as_uuid().as_bytes()[..]].concat()
}

#[cfg(test)]
mod tests {
    use cell_shard::Mutation;
    use platform_model::Position;

    use super::*;

    fn opened() -> (tempfile::TempDir, Ours) {
        let dir = crate::command::disk_for_tests();
        let ours = Ours::open(&dir.path().join("ours"), 3).expect("opens");
        (dir, ours)
    }

    /// Bytes of the values that each logged transaction of the bench put.
    fn logged(ours: &Ours) -> Vec<Vec<usize>> {
        let mut found = Vec::new();
        for shard in &ours.shards {
            let entries = ours
                .runtime
                .block_on(shard.log(Position(0), 10_000))
                .expect("readable");
            let transactions = entries.into_iter().flat_map(|entry| entry.transactions);
            found.extend(transactions.filter(|tx| tx.domain == DOMAIN).map(|tx| {
                let put = |write: &Mutation| match write {
                    Mutation::Put { value, .. } => Some(value.len()),
                    _ => None,
                };
                tx.writes.iter().filter_map(put).collect()
            }));
        }
        found
    }

    #[test]
    fn every_acknowledged_transaction_is_in_the_log_with_both_rows() {
        let (_dir, ours) = opened();
        let phase = ours.run(9, Duration::from_millis(50)).expect("runs");
        let logged = logged(&ours);
        assert_eq!(logged.len(), phase.commits());
        for values in logged {
            assert!(values.len() == 2 && values.contains(&ROW_BYTES), "{values:?}");
            let other = values
                .iter()
                .find(|bytes| **bytes != ROW_BYTES)
                .expect("the idempotency row");
            assert!(
                other.abs_diff(super::super::rows::IDEMPOTENCY_BYTES) <= 16,
                "the peer writes as much: {other}"
            );
        }
        assert!(phase.fsyncs > 0 && phase.fsyncs <= phase.commits() as u64);
        ours.close();
    }

    #[test]
    fn a_command_that_comes_again_fails_the_run() {
        let (_dir, ours) = opened();
        let client = Client::new(&ours.shards, &ours.rows);
        let key = IdempotencyKey::new(random::uuid_v7()).expect("version 7");
        let row = ours.rows.row(1, ROW_BYTES);
        let twice = ours.runtime.block_on(async {
            client.transact(key, row.clone()).await.expect("new");
            client.transact(key, row).await
        });
        assert!(twice.expect_err("known").to_string().contains("Replay"));
        drop(client);
        ours.close();
    }
}
