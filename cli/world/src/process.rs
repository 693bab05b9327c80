//! One process of a world: started in a process group of its own, known by pid *and* start time, so that a stranger
//! who got the same pid is never taken for it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::disk;
use super::layout::Layout;
use super::seats::Seat;

/// How often a wait looks again.
const POLL: Duration = Duration::from_millis(20);
/// For the kernel to end a process after SIGKILL.
const KILLED_WITHIN: Duration = Duration::from_secs(10);
/// How much of the end of a log is read for its last lines.
const TAIL_BYTES: u64 = 64 * 1024;

/// What the pid file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub pid: i32,
    /// Field 22 of `/proc/PID/stat`: clock ticks since boot at which it started.
    pub start_ticks: u64,
    /// Where its part of the log begins, in bytes.
    #[serde(default)]
    pub log_from: u64,
}

/// What became of a seat's process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Running(Process),
    /// The pid file is there, its process is not: killed, crashed, or the machine restarted.
    Stale(Process),
    Stopped,
}

impl Process {
    /// Starts the seat's binary with its configuration file; output goes to its log.
    ///
    /// # Errors
    /// Fails when the binary cannot be started or its pid cannot be written.
    pub fn start(
        layout: &Layout,
        seat: &Seat,
        environment: &[(String, String)],
    ) -> Result<std::process::Child> {
        let log = open_log(&layout.log(seat))?;
        let log_from = log.metadata().map_or(0, |data| data.len());
        let mut command = Command::new(layout.binaries().join(seat.binary()));
        command
            .arg("--config")
            .arg(layout.config(seat))
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        let child = command.spawn().with_context(|| format!("cannot start {seat}"))?;
        let pid = i32::try_from(child.id()).context("the pid is out of range")?;
        let start_ticks = start_ticks(pid).unwrap_or(0);
        disk::write(
            &layout.pid(seat),
            &serde_json::to_vec(&Self {
                pid,
                start_ticks,
                log_from,
            })?,
        )?;
        Ok(child)
    }

    /// Takes the pid file away.
    ///
    /// # Errors
    /// What the file system says.
    pub fn forget(layout: &Layout, seat: &Seat) -> Result<()> {
        match fs::remove_file(layout.pid(seat)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).context("cannot remove a pid file")
            }
            _ => Ok(()),
        }
    }

    /// What the pid file and `/proc` say of the seat.
    pub fn state(layout: &Layout, seat: &Seat) -> State {
        let Some(process) = Self::recorded(layout, seat) else {
            return State::Stopped;
        };
        if process.is_running() {
            State::Running(process)
        } else {
            State::Stale(process)
        }
    }

    fn recorded(layout: &Layout, seat: &Seat) -> Option<Self> {
        serde_json::from_slice(&fs::read(layout.pid(seat)).ok()?).ok()
    }

    /// True while this very process runs (a zombie does not).
    pub fn is_running(&self) -> bool {
        start_ticks(self.pid) == Some(self.start_ticks)
    }

    pub fn signal(&self, signal: Signal) -> Result<()> {
        match kill(Pid::from_raw(self.pid), signal) {
            Ok(()) | Err(nix::Error::ESRCH) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot send {signal} to {}", self.pid)),
        }
    }

    /// Waits until the process is gone; false when it is still there after `within`.
    pub async fn gone(&self, within: Duration) -> bool {
        let wait = async {
            while self.is_running() {
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(within, wait).await.is_ok()
    }

    /// SIGTERM, and SIGKILL when that was not enough in time: then `true`.
    ///
    /// # Errors
    /// Fails when the process may not be signalled.
    pub async fn stop(&self, within: Duration) -> Result<bool> {
        self.signal(Signal::SIGTERM)?;
        if self.gone(within).await {
            return Ok(false);
        }
        self.signal(Signal::SIGKILL)?;
        self.gone(KILLED_WITHIN).await;
        Ok(true)
    }

    /// Processor time that it has used, its own and the kernel's for it.
    pub fn processor_time(&self) -> Option<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |field: usize| fields.get(field)?.parse::<u64>().ok();
        // Fields 14 and 15; Linux shows them in hundredths of a second on every machine.
        Some(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
    }

    /// Memory that the process holds (resident set), in MiB.
    pub fn memory_mib(&self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib / 1_024.0)
    }
}

fn open_log(path: &Path) -> Result<File> {
    disk::at(path, OpenOptions::new().create(true).append(true).open(path))
}

/// When the process started, or `None` when there is none or it is a zombie.
fn start_ticks(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so count from its end: state is the first field after it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if fields.first() == Some(&"Z") {
        None
    } else {
        fields.get(19)?.parse().ok()
    }
}

/// The last lines of a seat's log; empty if there is none.
pub fn log_tail(layout: &Layout, seat: &Seat, lines: usize) -> String {
    tail(&layout.log(seat), 0, lines)
}

/// The last lines that the process on record has written.
pub fn own_log_tail(layout: &Layout, seat: &Seat, lines: usize) -> String {
    let from = Process::recorded(layout, seat).map_or(0, |process| process.log_from);
    tail(&layout.log(seat), from, lines)
}

fn tail(path: &Path, from: u64, lines: usize) -> String {
    let text = read_end(path, from).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn read_end(path: &Path, from: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES).max(from)))?;
    let mut text = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seats::seats;

    fn layout() -> (tempfile::TempDir, Layout, Seat) {
        let dir = tempfile::tempdir().expect("a folder");
        let (layout, seat) = (Layout::new(dir.path()), seats().swap_remove(0));
        fs::create_dir_all(layout.seat(&seat)).expect("made");
        fs::create_dir_all(layout.binaries()).expect("made");
        (dir, layout, seat)
    }

    fn record(layout: &Layout, seat: &Seat, process: &Process) {
        fs::write(layout.pid(seat), serde_json::to_vec(process).expect("JSON")).expect("written");
    }

    /// A stand-in for the server: the shell, which takes `--config FILE` for the name of a script.
    fn install(layout: &Layout, seat: &Seat, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = layout.binaries().join(seat.binary());
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
    }

    #[test]
    fn a_pid_that_belongs_to_someone_else_now_is_stale() {
        let (_dir, layout, seat) = layout();
        let pid = i32::try_from(std::process::id()).expect("a pid");
        let own = Process {
            pid,
            start_ticks: start_ticks(pid).expect("we run"),
            log_from: 0,
        };
        record(&layout, &seat, &own);
        assert_eq!(Process::state(&layout, &seat), State::Running(own.clone()));
        let earlier = Process {
            start_ticks: own.start_ticks - 1,
            ..own
        };
        record(&layout, &seat, &earlier);
        assert_eq!(Process::state(&layout, &seat), State::Stale(earlier));
    }

    #[test]
    fn without_a_readable_pid_file_nothing_runs() {
        let (_dir, layout, seat) = layout();
        assert_eq!(Process::state(&layout, &seat), State::Stopped);
        fs::write(layout.pid(&seat), "{").expect("written");
        assert_eq!(Process::state(&layout, &seat), State::Stopped);
        Process::forget(&layout, &seat).expect("removed");
        Process::forget(&layout, &seat).expect("nothing to remove");
    }

    #[tokio::test]
    async fn a_killed_process_is_stale_and_its_log_is_kept() {
        let (_dir, layout, seat) = layout();
        install(&layout, &seat, "echo one; echo two; echo three; exec sleep 60");
        let mut child = Process::start(&layout, &seat, &[]).expect("starts");
        let State::Running(process) = Process::state(&layout, &seat) else {
            panic!("it runs")
        };
        while log_tail(&layout, &seat, 9).lines().count() < 3 {
            tokio::time::sleep(POLL).await;
        }
        process.signal(Signal::SIGKILL).expect("sent");
        assert!(process.gone(Duration::from_secs(5)).await);
        assert_eq!(Process::state(&layout, &seat), State::Stale(process));
        assert_eq!(log_tail(&layout, &seat, 2), "two\nthree");
        child.wait().expect("reaped");
        install(&layout, &seat, "echo again");
        Process::start(&layout, &seat, &[])
            .expect("starts")
            .wait()
            .expect("ends");
        assert_eq!(own_log_tail(&layout, &seat, 9), "again");
        assert_eq!(log_tail(&layout, &seat, 2), "three\nagain");
    }

    #[tokio::test]
    async fn a_process_that_ignores_sigterm_is_killed() {
        let (_dir, layout, seat) = layout();
        install(
            &layout,
            &seat,
            "trap '' TERM; echo ready; while :; do sleep 0.05; done",
        );
        let mut child = Process::start(&layout, &seat, &[]).expect("starts");
        let State::Running(process) = Process::state(&layout, &seat) else {
            panic!("it runs")
        };
        while log_tail(&layout, &seat, 1) != "ready" {
            tokio::time::sleep(POLL).await;
        }
        assert!(
            process.stop(Duration::from_millis(200)).await.expect("signalled"),
            "SIGTERM was enough"
        );
        child.wait().expect("reaped");
    }
}
