//! `audit export`: the ledger as JSON lines, verified on the way, for `audit verify --file` or a SIEM.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use control_plane_ledger::{Entry, Recorded, Verifier, ocsf};
use platform_runtime::files;
use serde::Serialize;

use super::entry::{self, EntryView};
use crate::command::WorldArgs;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::ledgers::{Held, Ledgers};

/// Entries of one page.
const PAGE: u32 = 1_024;

/// Writes the ledger as JSON lines; exit code 1, with what is good before it, if it is broken.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl audit export --to ledger.jsonl")]
pub struct Export {
    /// The file; stdout if none is given. Appears whole or not at all.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// As OCSF events instead of entries.
    #[arg(long)]
    ocsf: bool,
    #[command(flatten)]
    world: WorldArgs,
}

/// One line of the file.
#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    entry: EntryView,
    /// What the hash is of, in hex.
    canonical: String,
}

#[derive(Serialize)]
struct Exported {
    file: String,
    entries: u64,
    /// The controller that held it.
    from: String,
}

impl Export {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let ledgers = Ledgers::of(&self.world.target()?).await?;
        let held = ledgers.fullest().await?;
        let source = ocsf::Source {
            world: ledgers.world().as_str(),
            version: env!("CARGO_PKG_VERSION"),
        };
        let (mut text, mut count) = (Vec::new(), 0_u64);
        let mut verifier = Verifier::new(held.begins, &held.sealed, &[]);
        while verifier.head().sequence < held.held_to {
            for line in self.page(&held, &mut verifier, &source).await? {
                writeln!(text, "{line}").context("memory takes everything")?;
                count += 1;
            }
            if self.to.is_none() {
                printer.script(&String::from_utf8_lossy(&std::mem::take(&mut text)));
            }
        }
        if let Some(file) = &self.to {
            files::write_atomic(file, &text, files::PUBLIC)
                .with_context(|| format!("cannot write {}", file.display()))?;
            printer.say(&format!("{count} entries are in {}", file.display()));
            let exported = Exported {
                file: file.display().to_string(),
                entries: count,
                from: held.name.clone(),
            };
            printer.data(&exported, [file.display()]);
        }
        Ok(Ended::Ok)
    }

    async fn page(
        &self,
        held: &Held,
        verifier: &mut Verifier,
        source: &ocsf::Source<'_>,
    ) -> Result<Vec<String>> {
        let next = verifier.head().sequence + 1;
        let page = entry::page(held, next, PAGE).await?;
        if page.entries.is_empty() {
            return Err(entry::changed(page.damaged.unwrap_or(next)));
        }
        let mut lines = Vec::new();
        for recorded in entry::recorded(&page) {
            let entry = verifier
                .take(&recorded.canonical, recorded.hash)
                .map_err(|broken| {
                    let hint = "cellctl audit verify   says by whom it is contradicted";
                    Hinted::new(broken.to_string(), &[hint])
                })?;
            lines.push(self.line(&entry, &recorded, source));
        }
        Ok(lines)
    }

    fn line(&self, entry: &Entry, recorded: &Recorded, source: &ocsf::Source<'_>) -> String {
        if self.ocsf {
            return ocsf::event(entry, source).to_string();
        }
        let line = Line {
            entry: EntryView::of(entry),
            canonical: hex(&recorded.canonical),
        };
        serde_json::to_string(&line).expect("texts and numbers always write")
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
