//! `dev`: a world on this machine that stays.

mod down;
mod logs;
mod status;
mod up;

use anyhow::Result;
use clap::Subcommand;
use platform_runtime::data_dir::{self, DataDirError, Lock};

use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::Layout;

/// A world on this machine that stays: up, status, logs, down.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl dev up")]
pub enum Dev {
    Up(up::Up),
    Status(status::Status),
    Logs(logs::Logs),
    Down(down::Down),
}

impl Dev {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::Up(command) => command.run(printer).await,
            Self::Status(command) => command.run(printer).await,
            Self::Logs(command) => command.run().await,
            Self::Down(command) => command.run(printer).await,
        }
    }
}

/// One `cellctl` at a time changes a world.
fn lock(layout: &Layout) -> Result<Lock> {
    data_dir::lock(layout.root()).map_err(|error| match error {
        DataDirError::InUse { pid, .. } => {
            let message = format!("another cellctl (process {pid}) is changing this world");
            Hinted::new(message, &["wait until it is done, then repeat"]).into()
        }
        other => crate::world::disk::explained(other.into(), layout.root()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_at_once_are_told_apart() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path());
        let _held = lock(&layout).expect("free");
        let error = lock(&layout).expect_err("held").to_string();
        assert!(error.contains("another cellctl (process"), "{error}");
    }
}
