//! What a person types: a command of `cellctl`, in a process of its own, as a person does it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use platform_runtime::clock::Clock;
use serde_json::Value;
use tokio::process::Command;

use super::up::World;

/// What a restore says while the shard counts as one that lives, or may.
pub const NOT_YET: [&str; 4] = [
    "it is not lost",
    "has not listened",
    "under way",
    "changed the record",
];
/// The controllers notice within seconds that nobody reports any more.
const RESTORED_WITHIN: Duration = Duration::from_secs(180);
const AGAIN_AFTER: Duration = Duration::from_millis(300);

impl World {
    /// The document that a command prints. `cellctl`: the program.
    ///
    /// # Errors
    /// What the command says when it fails.
    pub async fn typed(&self, cellctl: &Path, arguments: &[&str]) -> Result<Value> {
        let mut command = Command::new(cellctl);
        let command = command
            .args(arguments)
            .args(["-o", "json"])
            .env("MERIDIAN_DIR", self.layout.root())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = command
            .output()
            .await
            .with_context(|| format!("cannot run {}: build it", cellctl.display()))?;
        let error = String::from_utf8_lossy(&output.stderr);
        let arguments = arguments.join(" ");
        ensure!(output.status.success(), "`cellctl {arguments}`: {}", error.trim());
        serde_json::from_slice(&output.stdout).context("a command says what is no JSON")
    }

    /// Restores the backup of a shard whose copies are lost to the node `to`, once the controllers have noticed that
    /// nobody reports any more.
    ///
    /// # Errors
    /// What the command says when it fails for another reason, or for too long.
    pub async fn restore(
        &self,
        cellctl: &Path,
        (shard, backup): (&str, &str),
        to: &str,
        reason: &str,
    ) -> Result<Value> {
        let clock = Clock::system();
        let begun = clock.monotonic();
        let command = ["backup", "restore", backup, "--to", to, "--copies-are-lost"];
        let sure = ["--confirm", shard, "--reason", reason];
        loop {
            let error = match self.typed(cellctl, &[&command[..], &sure[..]].concat()).await {
                Ok(restored) => return Ok(restored),
                Err(error) => error,
            };
            let waits = NOT_YET.iter().any(|why| error.to_string().contains(why));
            if !waits || clock.monotonic() - begun > RESTORED_WITHIN {
                return Err(error);
            }
            clock.sleep(AGAIN_AFTER).await;
        }
    }
}
