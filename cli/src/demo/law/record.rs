//! What the ledger says of the refusal, and that it proves itself: through the commands that people use.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result};
use control_plane_ledger::Verdict;
use tokio::process::Command;

use super::super::Scene;
use super::super::story::Story;
use super::{ABROAD, SHARD};
use crate::command::audit::entry;
use crate::contexts::Target;
use crate::world::ledgers::Ledgers;
use crate::world::seats::{Seat, SeatKind, seats};

/// Newest entries among which the refusal is sought.
const NEWEST: u64 = 64;

/// Reads the refusal back: rule and article stand in it.
pub async fn of_refusal(scene: &Scene<'_>, story: &mut Story<'_>) -> Result<()> {
    let target = Target::of_folder(scene.world.layout.root())?;
    let held = Ledgers::of(&target).await?.fullest().await?;
    let from = held.held_to.saturating_sub(NEWEST).max(held.begins.sequence) + 1;
    let page = entry::page(&held, from, u32::try_from(NEWEST).unwrap_or(u32::MAX)).await?;
    let mut found = String::new();
    for (recorded, sequence) in entry::recorded(&page).iter().zip(from..) {
        let read = entry::read(recorded, sequence)?;
        if let Verdict::Refused { code, detail } = &read.record.verdict
            && code == "law-forbids"
            && read.record.subject == format!("shard/{SHARD}")
            && detail.contains(ABROAD)
        {
            found.clone_from(detail);
        }
    }
    let document: serde_json::Value = serde_json::from_str(&found).unwrap_or_default();
    let version = &document["version"];
    story.check(
        version == 1 && document.get("rule").is_some() && document.get("article").is_some(),
        "the refusal stands in the ledger with the law, its rule and article",
        || format!("`{found}`"),
    );
    if !found.is_empty() {
        story.note(format!("on record: {found}"));
    }
    Ok(())
}

/// `audit verify` says yes; with one byte of a segment changed, no; with the byte as it was, yes.
pub async fn verify(scene: &Scene<'_>, story: &mut Story<'_>) -> Result<()> {
    let whole = exit_code(scene).await?;
    story.check(whole == Some(0), "`audit verify` finds the ledger whole", || {
        format!("exit code {whole:?}")
    });
    let path = segment(scene)?;
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut changed = bytes.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    std::fs::write(&path, &changed)?;
    let broken = exit_code(scene).await;
    std::fs::write(&path, &bytes)?;
    let broken = broken?;
    story.check(
        broken == Some(1),
        "`audit verify` ends in exit code 1 after one byte was changed",
        || format!("exit code {broken:?}"),
    );
    let again = exit_code(scene).await?;
    story.check(
        again == Some(0),
        "with that byte as it was it is whole again",
        || format!("exit code {again:?}"),
    );
    Ok(())
}

/// A segment file of the last controller.
fn segment(scene: &Scene<'_>) -> Result<PathBuf> {
    let last = seats().into_iter().rfind(Seat::is_controller);
    let last = last.filter(|seat| matches!(seat.kind, SeatKind::Controller(_)));
    let folder = scene
        .world
        .layout
        .data(&last.context("a world has controllers")?)
        .join("ledger");
    let files = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let segments = files.filter_map(|file| Some(file.ok()?.path()));
    let mut segments: Vec<PathBuf> = segments
        .filter(|path| path.extension().is_some_and(|end| end == "segment"))
        .collect();
    segments.sort();
    segments
        .pop()
        .with_context(|| format!("no segment in {}", folder.display()))
}

async fn exit_code(scene: &Scene<'_>) -> Result<Option<i32>> {
    let own = std::env::current_exe().context("this very binary")?;
    let status = Command::new(own)
        .args(["audit", "verify", "--dir"])
        .arg(scene.world.layout.root())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await?;
    Ok(status.code())
}
