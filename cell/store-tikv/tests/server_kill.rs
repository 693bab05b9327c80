//! The server is killed (`kill -9`) under load, again and again: what was acknowledged is there, what was said not to
//! be written never is, and what was unknown stays as the attempt fence settled it.
//!
//! Alone in its binary, for it disturbs whoever else uses the server. `MERIDIAN_TIKV_CONTROL` is a command that takes
//! `kill-store` and `start-store`.

#![allow(clippy::print_stdout, reason = "a test says how much it looked at")]

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cell_store::{CommitError, Fence, Limits, Snapshot, Store, StoreError, WriteBatch};
use cell_store_tikv::{Settings, Tikv, Tls};
use platform_model::{CellId, WorldId};
use platform_runtime::clock::Clock;
use platform_runtime::{TaskGroup, random};
use tokio::task::JoinSet;

const KILLS: usize = 3;
const WRITERS: usize = 8;
/// Rows that each writer is sure of, between two kills.
const ROWS_BETWEEN: u64 = 40;
/// For the server to be back and everything to go on.
const PATIENCE: Duration = Duration::from_secs(90);

/// What became of one row, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Written,
    NotWritten,
}

struct Writer {
    store: Arc<dyn Store>,
    name: String,
    attempt: u64,
    fates: Vec<Fate>,
    unknown: usize,
}

impl Writer {
    fn new(store: &Arc<dyn Store>, index: usize) -> Self {
        Self {
            store: Arc::clone(store),
            name: format!("writer{index}"),
            attempt: 0,
            fates: Vec::new(),
            unknown: 0,
        }
    }

    fn fence_key(&self) -> String {
        format!("{}/attempt", self.name)
    }

    fn row_key(&self, row: usize) -> String {
        format!("{}/row/{row:06}", self.name)
    }

    fn fence(&self) -> Vec<Fence> {
        vec![Fence::equals(self.fence_key(), self.attempt.to_string())]
    }

    /// Writes rows until so many are acknowledged.
    async fn write(&mut self, acknowledged: u64) {
        let mut done = 0;
        while done < acknowledged {
            let fate = self.write_one().await;
            done += u64::from(fate == Fate::Written);
            self.fates.push(fate);
        }
    }

    async fn write_one(&mut self) -> Fate {
        let key = self.row_key(self.fates.len());
        let mut batch = WriteBatch::new();
        batch.put(key.clone(), "x").put(format!("{key}/twin"), "x");
        match self.store.commit(batch, self.fence()).await {
            Ok(()) => Fate::Written,
            Err(CommitError::Unavailable { .. }) => Fate::NotWritten,
            Err(CommitError::Unknown { .. }) => {
                self.unknown += 1;
                self.settle().await;
                match self.read(&key).await {
                    Some(_) => Fate::Written,
                    None => Fate::NotWritten,
                }
            }
            Err(other) => panic!("{}: {other}", self.name),
        }
    }

    /// Raises the attempt, whatever that takes: then the earlier batch is there or can never be.
    async fn settle(&mut self) {
        loop {
            let mut batch = WriteBatch::new();
            batch.put(self.fence_key(), (self.attempt + 1).to_string());
            match self.store.commit(batch, self.fence()).await {
                Ok(()) => break,
                // A raise of which nobody heard.
                Err(CommitError::Fenced { found, .. })
                    if found == Some(Bytes::from((self.attempt + 1).to_string())) =>
                {
                    break;
                }
                Err(CommitError::Unavailable { .. } | CommitError::Unknown { .. }) => {}
                Err(other) => panic!("{}: {other}", self.name),
            }
        }
        self.attempt += 1;
    }

    async fn read(&self, key: &str) -> Option<Bytes> {
        loop {
            if let Ok(snapshot) = self.store.snapshot().await
                && let Ok(value) = snapshot.get(key.as_bytes()).await
            {
                return value;
            }
        }
    }

    /// Every row and its twin are as they were told, now and for ever. Answers those that are not.
    async fn verify(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (row, fate) in self.fates.iter().enumerate() {
            let key = self.row_key(row);
            let found = self.read(&key).await.is_some();
            let twin = self.read(&format!("{key}/twin")).await.is_some();
            let told = *fate == Fate::Written;
            if (found, twin) != (told, told) {
                wrong.push(format!(
                    "{key} was told to be {fate:?}: it is {found}, its twin {twin}"
                ));
            }
        }
        wrong
    }
}

/// Says of an unknown outcome that nothing was written.
struct Lying(Arc<Tikv>);

#[async_trait]
impl Store for Lying {
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        self.0.snapshot().await
    }

    async fn commit(&self, batch: WriteBatch, fences: Vec<Fence>) -> Result<(), CommitError> {
        match self.0.commit(batch, fences).await {
            Err(CommitError::Unknown { reason }) => Err(CommitError::Unavailable { reason }),
            told => told,
        }
    }

    fn limits(&self) -> Limits {
        self.0.limits()
    }
}

fn control(command: &str, verb: &str) {
    let status = Command::new("sh")
        .arg("-c")
        .arg(format!("{command} {verb}"))
        .status();
    assert!(status.expect("runs").success(), "{command} {verb}");
}

async fn open(pd: &str, cell: &CellId, tasks: &TaskGroup) -> Arc<Tikv> {
    let world = WorldId::new(&"7e57".repeat(16)).expect("64 hex digits");
    let pd = pd.split(',').map(Into::into).collect();
    let settings = Settings::new(pd, Tls::Plaintext, world, cell.clone());
    Tikv::open(settings, Clock::system(), tasks).await.expect("opens")
}

/// Kills the server under load; answers the rows that are not as they were told.
async fn wrong_rows(pd: &str, command: &str, lying: bool) -> Vec<String> {
    let tasks = TaskGroup::new();
    let cell: CellId = format!("kill-{:016x}", random::u64()).parse().expect("a cell");
    let honest = open(pd, &cell, &tasks).await;
    let store: Arc<dyn Store> = if lying { Arc::new(Lying(honest)) } else { honest };
    let mut writers = Vec::new();
    for index in 0..WRITERS {
        let mut writer = Writer::new(&store, index);
        let mut batch = WriteBatch::new();
        batch.put(writer.fence_key(), "0");
        store.commit(batch, Vec::new()).await.expect("committed");
        writer.write(5).await;
        writers.push(writer);
    }
    for _ in 0..KILLS {
        let going_on = tokio::time::timeout(PATIENCE, round(writers, command));
        writers = going_on.await.expect("it goes on");
    }
    let (rows, unknown) = writers.iter().fold((0, 0), |(rows, unknown), writer| {
        (rows + writer.fates.len(), unknown + writer.unknown)
    });
    println!("{KILLS} kills, {rows} rows, {unknown} unknown outcomes");
    let another = open(pd, &cell, &tasks).await;
    let mut wrong = Vec::new();
    for mut writer in writers {
        writer.store = another.clone();
        wrong.extend(writer.verify().await);
    }
    wrong
}

/// And the check sees an engine that takes an unknown outcome for an unwritten one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_comes_late_when_the_server_is_killed() {
    let (Ok(pd), Ok(command)) = (
        std::env::var("MERIDIAN_TIKV_PD"),
        std::env::var("MERIDIAN_TIKV_CONTROL"),
    ) else {
        println!("skipped: kill -9 of TiKV's server: set MERIDIAN_TIKV_PD and MERIDIAN_TIKV_CONTROL");
        return;
    };
    let wrong = wrong_rows(&pd, &command, false).await;
    assert!(wrong.is_empty(), "{wrong:#?}");
    for _ in 0..5 {
        let caught = wrong_rows(&pd, &command, true).await;
        if let Some(first) = caught.first() {
            return println!("caught: {first}");
        }
    }
    panic!("an engine that takes unknown for unwritten was not caught");
}

/// All write; the server dies in their midst and comes back.
async fn round(writers: Vec<Writer>, command: &str) -> Vec<Writer> {
    let mut running: JoinSet<Writer> = writers
        .into_iter()
        .map(|mut writer| async move {
            writer.write(ROWS_BETWEEN).await;
            writer
        })
        .collect();
    let mut ended = vec![running.join_next().await.expect("some").expect("writes")];
    let command = command.to_owned();
    let killed = tokio::task::spawn_blocking(move || {
        control(&command, "kill-store");
        control(&command, "start-store");
    });
    // The one that had ended writes through the kill.
    let mut first = ended.pop().expect("one");
    first.write(ROWS_BETWEEN).await;
    ended.push(first);
    killed.await.expect("controls");
    while let Some(writer) = running.join_next().await {
        ended.push(writer.expect("writes"));
    }
    ended
}
