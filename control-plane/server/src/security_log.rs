//! Callers refused for who they are, with or without a certificate: one line of JSON each, in a file of this controller. They never reach Raft, so the
//! ledger does not know them.
//!
//! Bounded: a queue, past which lines are left out and counted, and two files of a fixed size, the older of which goes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use platform_runtime::{Clock, TaskGroup};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::authorise::Denied;

/// Lines that may wait for the disk.
const QUEUE_MAX: usize = 1_024;
/// Length at which the file becomes `security.log.1`, in bytes.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// Longest name of a caller in a line, in bytes; what a certificate holds is shorter.
const CALLER_BYTES_MAX: usize = 300;

/// Clone: a shared handle.
#[derive(Debug, Clone)]
pub struct SecurityLog {
    lines: mpsc::Sender<String>,
    clock: Clock,
}

#[derive(Serialize)]
struct Line<'a> {
    time_ms: u64,
    event: &'static str,
    /// The verb that was denied, or the reason for which nothing was asked.
    verb: &'a str,
    caller: &'a str,
}

impl SecurityLog {
    /// Writes to `file` until the group ends.
    pub fn start(file: PathBuf, clock: Clock, tasks: &TaskGroup) -> Self {
        let (lines, mut queued) = mpsc::channel(QUEUE_MAX);
        let ended = tasks.token();
        tasks.spawn("security-log", async move {
            let mut batch = Vec::new();
            loop {
                // What is queued when the group ends is still written.
                let came = tokio::select! {
                    biased;
                    came = queued.recv_many(&mut batch, QUEUE_MAX) => came,
                    () = ended.cancelled() => break,
                };
                if came == 0 {
                    break;
                }
                write(&file, &mut batch).await;
            }
        });
        Self { lines, clock }
    }

    /// Takes note of a caller who did not get as far as a verb: what happened, why, and from where.
    pub fn refused(&self, event: &'static str, reason: &str, from: &str) {
        metrics::counter!("controld_refused_total", "event" => event).increment(1);
        self.write(event, reason, from);
    }

    /// Takes note of a refusal, without waiting.
    pub fn denied(&self, denied: &Denied) {
        metrics::counter!("controld_denied_total", "verb" => denied.verb.as_str()).increment(1);
        self.write("denied", denied.verb.as_str(), &denied.who);
    }

    fn write(&self, event: &'static str, verb: &str, caller: &str) {
        let caller: String = caller.chars().take(CALLER_BYTES_MAX).collect();
        let line = Line {
            time_ms: self.clock.unix_ms(),
            event,
            verb,
            caller: &caller,
        };
        let line = serde_json::to_string(&line).expect("numbers and texts always write");
        if self.lines.try_send(line).is_err() {
            metrics::counter!("controld_security_log_left_out_total").increment(1);
        }
    }
}

async fn write(file: &Path, batch: &mut Vec<String>) {
    let (file, lines) = (file.to_owned(), batch.join("\n") + "\n");
    batch.clear();
    match tokio::task::spawn_blocking(move || append(&file, &lines)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "the security log cannot be written"),
        Err(error) => tracing::error!(%error, "writing the security log panicked"),
    }
}

fn append(path: &Path, lines: &str) -> io::Result<()> {
    let mut file = open(path)?;
    if file.metadata()?.len() + lines.len() as u64 > FILE_BYTES_MAX {
        fs::rename(path, path.with_extension("log.1"))?;
        file = open(path)?;
    }
    file.write_all(lines.as_bytes())?;
    file.sync_data()
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::authorise::Verb;

    fn denied() -> Denied {
        Denied {
            verb: Verb::PlaceShard,
            who: "spiffe://x/region/eu-central/operator/viewer/o1".into(),
        }
    }

    #[tokio::test]
    async fn a_refusal_is_a_line_also_when_the_controller_stops_at_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let (path, tasks) = (dir.path().join("security.log"), TaskGroup::new());
        let log = SecurityLog::start(path.clone(), Clock::manual(77).0, &tasks);
        log.denied(&denied());
        log.denied(&denied());
        assert!(tasks.shutdown(Duration::from_secs(10)).await);
        let line = r#"{"time_ms":77,"event":"denied","verb":"place-shard","caller":"spiffe://x/region/eu-central/operator/viewer/o1"}"#;
        assert_eq!(
            fs::read_to_string(path).expect("read"),
            format!("{line}\n{line}\n")
        );
    }

    #[test]
    fn two_files_are_all_that_a_flood_fills() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("security.log");
        let lines = "x".repeat(1 << 20);
        for _ in 0..20 {
            append(&path, &lines).expect("written");
        }
        let total: u64 = fs::read_dir(dir.path())
            .expect("read")
            .map(|entry| entry.expect("there").metadata().expect("there").len())
            .sum();
        assert!((FILE_BYTES_MAX..=2 * FILE_BYTES_MAX).contains(&total), "{total}");
    }
}
