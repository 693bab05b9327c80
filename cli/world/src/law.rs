//! The law of a development world: the shipped example, written for the catalogue of data classes of the node's own
//! binary, proposed by one person and approved by another, as in any world.

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use control_plane_residency::source::Digest;
use control_plane_residency::{Ready, example, ready};
use platform_wire::law::{APPROVAL_PURPOSE, approval_statement};
use tokio::process::Command;

use super::World;
use super::operator;
use super::people::{APPROVER, AUTHOR};
use crate::progress::Progress;

/// Why this law is proposed and approved: stands in the ledger.
const REASON: &str = "the law of a development world";

impl World {
    /// Brings the example law into force, once in the world's life.
    ///
    /// # Errors
    /// What the controllers refuse.
    pub async fn enact_law(&self, progress: &dyn Progress) -> Result<()> {
        let author = self.admin_as(&AUTHOR)?;
        let known = author.law().await.map_err(operator::explain)?;
        if known.in_force.is_some() || known.approved.is_some() {
            return Ok(());
        }
        progress.progress(
            "its law is proposed by one person and approved by another (the example: no legal advice)",
        );
        let law = compiled(self.catalogue().await?).await?;
        self.propose_and_approve(&law, REASON).await
    }

    /// One person proposes a law, another approves it, unless somebody has proposed it already.
    ///
    /// # Errors
    /// What the controllers refuse.
    pub async fn propose_and_approve(&self, law: &Ready, reason: &str) -> Result<()> {
        let author = self.admin_as(&AUTHOR)?;
        let known = author.law().await.map_err(operator::explain)?;
        if known.proposed.is_none() {
            let (text, matrix) = (law.law.bundle().text(), law.compiled.matrix.to_bytes());
            let proposed = author.propose_law(&text, &matrix, known.generation, reason);
            proposed.await.map_err(operator::explain)?;
        }
        let version = law.compiled.matrix.stamp().version;
        let approver = self.admin_as(&APPROVER)?;
        let statement = approval_statement(&self.id, version, &law.digest.0);
        let signature =
            operator::identity(&self.layout, &self.id, &APPROVER)?.sign(APPROVAL_PURPOSE, &statement)?;
        let approved = approver.approve_law(version, law.digest.0, signature, reason);
        approved.await.map_err(operator::explain)?;
        Ok(())
    }

    /// SHA-256 of the catalogue of data classes that this world's nodes store by.
    ///
    /// # Errors
    /// When the binary does not say.
    pub async fn catalogue(&self) -> Result<Digest> {
        let binary = self.layout.binaries().join("celld");
        let told = Command::new(&binary)
            .arg("--print-tables")
            .stdin(Stdio::null())
            .output()
            .await
            .with_context(|| format!("cannot run {}", binary.display()))?;
        if !told.status.success() {
            bail!("{} does not print its tables", binary.display());
        }
        Ok(Digest::of(&told.stdout))
    }
}

/// Compiling takes a moment of one core.
async fn compiled(catalogue: Digest) -> Result<Ready> {
    let compiled = tokio::task::spawn_blocking(move || ready(&example::bundle(Some(catalogue)))).await;
    Ok(compiled.context("compiling the law")??)
}
