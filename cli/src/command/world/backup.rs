//! `world backup`: the controllers' own state, kept sealed where no controller is.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::command::WorldArgs;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::kept::{self, Kept, KeptKey, KeyError};
use crate::world::operator;

/// Keeps the controllers' own state - who holds which shard, the law, who was erased, who is believed - with everything that
/// was acknowledged before, sealed under a key of yours. What shards hold is not in it: `cellctl backup create`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cellctl world backup --into /backup/world --key /safe/world.key --new-key\n  cellctl world backup --into /backup/world --key /safe/world.key"
)]
pub struct Backup {
    /// The folder of backups; each gets a folder of its own in it.
    #[arg(long, value_name = "FOLDER")]
    into: PathBuf,
    /// The file of the key. Keep it where neither the backups nor the controllers are: without it none of them opens.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Makes the key; refused if the file is there.
    #[arg(long)]
    new_key: bool,
    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Debug, Serialize)]
struct KeptView {
    name: String,
    folder: PathBuf,
    world: String,
    parts: u64,
    bytes: u64,
    /// Of the last decision in it, in milliseconds since 1970.
    time_ms: u64,
}

impl Backup {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let target = self.world.target()?;
        let key = if self.new_key {
            KeptKey::create(&self.key)
        } else {
            KeptKey::load(&self.key)
        };
        let key = key.map_err(explain_key)?;
        let state = target.admin()?.read_world().await;
        let state = state.map_err(operator::explain)?;
        let world = target.world.to_string();
        let (into, written) = (self.into.clone(), world.clone());
        let kept = tokio::task::spawn_blocking(move || kept::keep(&into, &written, &state, &key));
        let kept = kept.await??;
        let view = KeptView::of(&self.into, kept);
        printer.say(&format!("{}: {} bytes, whole", view.name, view.bytes));
        printer.document(&view);
        Ok(Ended::Ok)
    }
}

impl KeptView {
    fn of(into: &std::path::Path, kept: Kept) -> Self {
        Self {
            folder: into.join(&kept.name),
            name: kept.name,
            world: kept.world,
            parts: kept.parts,
            bytes: kept.bytes,
            time_ms: kept.time_ms,
        }
    }
}

pub(super) fn explain_key(error: KeyError) -> anyhow::Error {
    let hint = match &error {
        KeyError::NoSuchKey(_) => "--new-key   makes it, once",
        KeyError::Exposed { .. } => "chmod 600 on it",
        KeyError::Exists(_) => "without --new-key it is used",
        KeyError::Length { .. } | KeyError::Disk { .. } => "name the file that `cellctl world backup` made",
    };
    Hinted::new(error.to_string(), &[hint]).into()
}
