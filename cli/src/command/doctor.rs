//! `doctor`: what of this machine may stand between one and a world: binaries, files and their permissions,
//! certificates, addresses, disk, clock, contexts; and what the world's nodes say of their engines and backups. It changes
//! nothing but a file of its own, which it removes.

mod backups;
mod checks;
mod disk;
mod engines;
mod known;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::{Column, Listed, Printer};

/// Looks for what of this machine is in the way. Exit code 3 if something is.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl doctor")]
pub struct Doctor {
    #[command(flatten)]
    world: WorldArgs,
}

/// How something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Ok,
    /// It is not there, or could not be looked at, and need not be.
    Skipped,
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
struct Looked {
    what: String,
    verdict: Verdict,
    found: String,
    /// The command that helps; for what is bad.
    hint: Option<String>,
}

impl Looked {
    fn ok(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(what, Verdict::Ok, found, None)
    }

    fn skipped(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(what, Verdict::Skipped, found, None)
    }

    fn bad(what: impl Into<String>, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(what, Verdict::Bad, found, Some(hint.into()))
    }

    fn new(
        what: impl Into<String>,
        verdict: Verdict,
        found: impl Into<String>,
        hint: Option<String>,
    ) -> Self {
        Self {
            what: what.into(),
            verdict,
            found: found.into(),
            hint,
        }
    }
}

impl Listed for Looked {
    const COLUMNS: &'static [Column] = &[
        Column::new("what"),
        Column::new("verdict"),
        Column::new("found"),
        Column::wide("hint"),
    ];

    fn cells(&self) -> Vec<String> {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Skipped => "-",
            Verdict::Bad => "BAD",
        };
        let hint = self.hint.clone().unwrap_or_default();
        vec![self.what.clone(), verdict.to_owned(), self.found.clone(), hint]
    }

    fn name(&self) -> String {
        self.what.clone()
    }
}

#[derive(Serialize)]
struct View {
    well: bool,
    looked_at: Vec<Looked>,
}

impl Doctor {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let looked_at = checks::all(&self.world).await;
        let bad: Vec<&Looked> = looked_at
            .iter()
            .filter(|looked| looked.verdict == Verdict::Bad)
            .collect();
        printer.rows(&looked_at);
        if printer.is_for_people() {
            bad.iter()
                .filter_map(|looked| looked.hint.as_ref())
                .for_each(|hint| printer.hint(hint));
        }
        let well = bad.is_empty();
        let names: Vec<String> = bad.iter().map(|looked| looked.what.clone()).collect();
        printer.data(
            &View {
                well,
                looked_at: looked_at.clone(),
            },
            names,
        );
        Ok(if well { Ended::Ok } else { Ended::Differs })
    }
}
