//! A process that writes and says what was acknowledged, to be killed; and what must be found afterwards.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::{Checked, Stop, ensure};
use crate::{CommitError, KeyRange, Store, WriteBatch};

/// Concurrent writers in the process.
pub const WRITER_TASKS: u64 = 8;
/// Acknowledged commits of one writer after which it ends by itself, should nobody kill it.
const COMMITS_MAX: u64 = 100_000;

/// Commits rows `a/{task}/{n}` and `b/{task}/{n}` together and writes a line `ack {task} {n}` once they are
/// acknowledged. The body of [`super::Factory::writer_process`].
///
/// # Errors
/// The first commit or line that failed.
pub async fn write_until_killed(
    store: Arc<dyn Store>,
    out: impl Write + Send + 'static,
) -> Result<(), CommitError> {
    let out = Arc::new(Mutex::new(out));
    let mut tasks = JoinSet::new();
    for task in 0..WRITER_TASKS {
        let (store, out) = (Arc::clone(&store), Arc::clone(&out));
        tasks.spawn(async move {
            for n in 0..COMMITS_MAX {
                store.commit(batch(task, n), Vec::new()).await?;
                let mut out = out.lock();
                if writeln!(out, "ack {task} {n}")
                    .and_then(|()| out.flush())
                    .is_err()
                {
                    return Ok(());
                }
            }
            Ok(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap_or(Ok(()))?;
    }
    Ok(())
}

fn batch(task: u64, n: u64) -> WriteBatch {
    let mut batch = WriteBatch::new();
    batch
        .put(format!("a/{task}/{n:06}"), value(task, n))
        .put(format!("b/{task}/{n:06}"), value(task, n));
    batch
}

fn value(task: u64, n: u64) -> Bytes {
    Bytes::from(format!("value {task} {n} ").repeat(10))
}

/// How many commits of each task were acknowledged: the numbers below it.
pub(super) type Acknowledged = BTreeMap<u64, u64>;

/// Runs the process until it has acknowledged `enough` commits, kills it, answers all that it acknowledged.
pub(super) fn run_and_kill(mut command: Command, enough: usize) -> Result<Acknowledged, Stop> {
    let mut process = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let out = process.stdout.take().ok_or("the process has no output")?;
    let mut acknowledged = Acknowledged::new();
    let mut count = 0;
    for line in BufReader::new(out).lines() {
        let line = line?;
        let Some((task, n)) = parse(&line) else { continue };
        acknowledged.insert(task, n + 1);
        count += 1;
        if count == enough {
            process.kill()?; // SIGKILL; what it still wrote is read to the end
        }
    }
    process.wait()?;
    ensure!(
        count >= enough,
        "the process ended after {count} acknowledged commits"
    );
    Ok(acknowledged)
}

fn parse(line: &str) -> Option<(u64, u64)> {
    let (task, n) = line.strip_prefix("ack ")?.split_once(' ')?;
    Some((task.parse().ok()?, n.parse().ok()?))
}

/// Every acknowledged commit is there, whole; what is there beyond it is whole too.
pub(super) async fn verify(store: &dyn Store, acknowledged: &Acknowledged) -> Checked {
    for task in 0..WRITER_TASKS {
        let rows = column(store, 'a', task).await?;
        ensure!(
            rows == column(store, 'b', task).await?,
            "task {task}: half of a batch is there"
        );
        let least = acknowledged.get(&task).copied().unwrap_or(0);
        let found = rows.len() as u64;
        ensure!(
            found >= least,
            "task {task}: {least} commits were acknowledged, {found} are there"
        );
        let whole = rows.iter().zip(0..).all(|(row, n)| *row == value(task, n));
        ensure!(whole, "task {task}: a value is not what was committed");
    }
    Ok(())
}

async fn column(store: &dyn Store, column: char, task: u64) -> Result<Vec<Bytes>, Stop> {
    let snapshot = store.snapshot().await?;
    let mut range = KeyRange::prefix(format!("{column}/{task}/"));
    let mut values = Vec::new();
    loop {
        let page = snapshot.scan(&range, 1_000, false).await?;
        if let Some((last, _)) = page.rows.last() {
            range.start = [last, &[0][..]].concat().into();
        }
        values.extend(page.rows.into_iter().map(|(_, value)| value));
        if !page.more {
            return Ok(values);
        }
    }
}
