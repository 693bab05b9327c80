//! What a person does with `cellctl` is done here as a person does it: by this very binary, in a process of its own.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use super::Scene;

/// The document that a command prints.
///
/// # Errors
/// What the command says when it fails.
pub async fn said(scene: &Scene<'_>, arguments: &[&str]) -> Result<Value> {
    let own = std::env::current_exe().context("this very binary")?;
    let mut command = Command::new(own);
    let command = command
        .args(arguments)
        .args(["-o", "json"])
        .env("MERIDIAN_DIR", scene.world.layout.root())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "`cellctl {}`: {}",
        arguments.join(" "),
        error.trim()
    );
    serde_json::from_slice(&output.stdout).context("a command says what is no JSON")
}
