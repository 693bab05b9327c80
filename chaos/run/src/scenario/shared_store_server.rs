//! The server below a shared cell: not started here, but told to stop and to start. `MERIDIAN_TIKV_PD` says where it
//! serves, `MERIDIAN_TIKV_CONTROL` is its `run.sh kill-store|start-store`, with the process in `run/store.pid` beside it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Where it serves, and how it is struck.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub pd: Vec<String>,
    control: Option<PathBuf>,
}

impl Server {
    /// As the environment names it.
    ///
    /// # Errors
    /// Why there is none: the run is skipped.
    pub(super) fn named(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let pd = variable("MERIDIAN_TIKV_PD").filter(|pd| !pd.is_empty());
        let pd =
            pd.ok_or("set MERIDIAN_TIKV_PD to the placement driver of a TiKV cluster on this machine")?;
        let pd: Vec<String> = pd.split(',').map(str::to_owned).collect();
        let here = |address: &String| address.starts_with("127.0.0.1:") || address.starts_with("localhost:");
        if !pd.iter().all(here) {
            return Err("MERIDIAN_TIKV_PD names another machine: a run strikes this one only".to_owned());
        }
        let control = variable("MERIDIAN_TIKV_CONTROL").map(PathBuf::from);
        Ok(Self { pd, control })
    }

    /// Whether it can be struck.
    pub(super) fn can_be_struck(&self) -> bool {
        self.control.as_deref().is_some_and(Path::is_file)
    }

    pub(super) fn kill(&self) -> Result<()> {
        self.control("kill-store")
    }

    pub(super) fn start(&self) -> Result<()> {
        self.control("start-store")
    }

    /// SIGSTOP, or SIGCONT.
    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        let control = self.control.as_deref().context("it cannot be struck")?;
        let file = control.with_file_name("run").join("store.pid");
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let pid: i32 = text.trim().parse().context("its pid")?;
        kill(Pid::from_raw(pid), signal).with_context(|| format!("cannot send {signal} to the server"))
    }

    fn control(&self, what: &str) -> Result<()> {
        let control = self.control.as_deref().context("it cannot be struck")?;
        let status = Command::new(control)
            .arg(what)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .with_context(|| format!("cannot run {}", control.display()))?;
        ensure!(status.success(), "{} {what} failed: {status}", control.display());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_the_environment_and_lies_on_this_machine() {
        let of = |pd: Option<&str>| {
            let pd = pd.map(str::to_owned);
            Server::named(|name| pd.clone().filter(|_| name == "MERIDIAN_TIKV_PD"))
        };
        assert!(of(None).is_err_and(|why| why.contains("MERIDIAN_TIKV_PD")));
        assert!(of(Some("")).is_err());
        assert!(of(Some("pd.example:2379")).is_err_and(|why| why.contains("another machine")));
        let server = of(Some("127.0.0.1:12379")).expect("named");
        assert_eq!(server.pd, ["127.0.0.1:12379"]);
        assert!(!server.can_be_struck());
    }
}
