//! What a person does with `cellctl` is done here as a person does it: by this very binary, in a process of its own.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Scene;

/// The document that a command prints.
///
/// # Errors
/// What the command says when it fails.
pub async fn said(scene: &Scene<'_>, arguments: &[&str]) -> Result<Value> {
    scene.world.typed(&own()?, arguments).await
}

/// This very binary.
pub fn own() -> Result<PathBuf> {
    std::env::current_exe().context("this very binary")
}
