//! `automation`: what the controllers do by themselves, and its pause.

mod pause;
mod resume;
mod status;

use anyhow::{Context, Result};
use clap::Subcommand;
use control_plane_ledger::time;
use platform_wire::admin::{Automation as Record, WorldStatus};
use serde::Serialize;

use crate::ask::{Sure, on_dry_run};
use crate::command::WorldArgs;
use crate::command::changed::Changed;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::operator;

/// What the controllers do by themselves: pause, resume, status.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl automation pause --reason 'network works until noon'")]
pub enum Automation {
    Pause(pause::Pause),
    Resume(resume::Resume),
    Status(status::Status),
}

impl Automation {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::Pause(command) => command.run(printer).await,
            Self::Resume(command) => command.run(printer).await,
            Self::Status(command) => command.run(printer).await,
        }
    }
}

/// The record as it is shown.
#[derive(Debug, Serialize)]
pub struct AutomationView {
    /// `running`, `paused`, or `unknown` where the controllers are of a build that knows no pause.
    state: &'static str,
    since: Option<String>,
    by: Option<String>,
    reason: Option<String>,
    record: Option<u64>,
}

impl AutomationView {
    pub fn of(record: Option<&Record>) -> Self {
        let paused = record.and_then(|record| record.paused.as_ref());
        Self {
            state: match (record, paused) {
                (None, _) => "unknown",
                (Some(_), None) => "running",
                (Some(_), Some(_)) => "paused",
            },
            since: paused.map(|paused| time::utc(paused.since_ms)),
            by: paused.map(|paused| paused.by.clone()),
            reason: paused.map(|paused| paused.reason.clone()),
            record: record.map(|record| record.generation.0),
        }
    }

    /// For people: `running`, or `paused since ... by ...: why`.
    pub fn told(&self) -> String {
        match (&self.since, &self.by, &self.reason) {
            (Some(since), Some(by), Some(reason)) => {
                format!(
                    "paused since {since} by {}: {reason}",
                    crate::command::audit::short(by)
                )
            }
            _ => self.state.to_owned(),
        }
    }

    pub fn is_paused(&self) -> bool {
        self.state == "paused"
    }
}

/// Brings automation into a state, or says that it is in it.
async fn set(world: &WorldArgs, paused: bool, reason: &str, sure: &Sure, printer: &Printer) -> Result<()> {
    let admin = world.admin()?;
    let status = admin.status().await.map_err(operator::explain)?;
    let record = record(&status)?;
    let word = |paused: bool| if paused { "paused" } else { "running" };
    let is_paused = record.paused.is_some();
    let mut changed = Changed::planned("automation".into(), word(is_paused), word(paused), sure);
    if is_paused == paused {
        printer.progress(&format!(
            "automation is {} already: nothing was changed",
            word(paused)
        ));
    } else {
        printer.progress(&format!("automation: {} -> {}", word(is_paused), word(paused)));
        let admin = on_dry_run(admin, sure);
        sure.ask(printer).await?;
        changed.done(admin.set_automation(paused, record.generation, reason).await)?;
    }
    changed.print(printer, &format!("automation is {}", word(paused)));
    Ok(())
}

fn record(status: &WorldStatus) -> Result<&Record> {
    status.automation.as_ref().with_context(|| {
        Hinted::new(
            "these controllers are of an older build and know no pause: nothing was done",
            &["cellctl --version   must be that of the servers"],
        )
    })
}
