//! `world check`: whether all of a world agrees: controllers with each other, nodes and routers with the controllers,
//! the ledger with its witnesses, clocks and certificates with the time.
//!
//! It looks (`look`) until nothing differs or its patience is over, because what is under way differs for a moment;
//! `judge` says what differs, and is pure.

mod judge;
mod look;

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use platform_runtime::clock::Clock;
use serde::Serialize;

use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::{Column, Listed, Printer, counted};

/// How long a difference may be that of a change under way.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Checks a world end to end. Exit code 3 if anything differs; each finding comes with the command that helps.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl world check -o json")]
pub struct Check {
    #[command(flatten)]
    world: WorldArgs,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about: `controld-2`, `node eu-west-1/0`, `certificate of routerd-1`.
    about: String,
    found: String,
    /// The command that helps.
    hint: String,
}

impl Finding {
    fn new(about: impl Into<String>, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            about: about.into(),
            found: found.into(),
            hint: hint.into(),
        }
    }
}

impl Listed for Finding {
    const COLUMNS: &'static [Column] = &[Column::new("about"), Column::new("found"), Column::wide("hint")];

    fn cells(&self) -> Vec<String> {
        vec![self.about.clone(), self.found.clone(), self.hint.clone()]
    }

    fn name(&self) -> String {
        self.about.clone()
    }
}

#[derive(Serialize)]
struct View {
    world: String,
    agrees: bool,
    /// What was looked at, so that nothing is taken for checked that was not.
    looked_at: LookedAt,
    findings: Vec<Finding>,
    /// True things that are no difference, such as a pause.
    notes: Vec<String>,
}

/// How many of each kind answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct LookedAt {
    controllers: usize,
    nodes: usize,
    routers: usize,
    shards: usize,
    certificates: usize,
    heads: usize,
}

impl Check {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let target = self.world.target()?;
        let clock = Clock::system();
        let began = clock.monotonic();
        let (seen, findings) = loop {
            let seen = look::at(&target, &clock).await?;
            let findings = judge::findings(&seen);
            let is_over = seen.world.is_none() || clock.monotonic().saturating_sub(began) > PATIENCE;
            if findings.is_empty() || is_over {
                break (seen, findings);
            }
            clock.sleep(LOOK_EVERY).await;
        };
        let view = View {
            world: target.world.to_string(),
            agrees: findings.is_empty(),
            looked_at: judge::looked_at(&seen),
            notes: judge::notes(&seen),
            findings,
        };
        say(&view, printer);
        printer.data(&view, view.findings.iter().map(|finding| &finding.about));
        Ok(if view.agrees { Ended::Ok } else { Ended::Differs })
    }
}

fn say(view: &View, printer: &Printer) {
    let at = &view.looked_at;
    let counts = [
        counted(at.controllers, "controller", "controllers"),
        counted(at.nodes, "node", "nodes"),
        counted(at.routers, "router", "routers"),
        counted(at.shards, "shard", "shards"),
        counted(at.certificates, "certificate", "certificates"),
        counted(at.heads, "kept head of the ledger", "kept heads of the ledger"),
    ];
    printer.say(&format!("looked at {}", counts.join(", ")));
    for note in &view.notes {
        printer.say(&format!("note: {note}"));
    }
    if view.findings.is_empty() {
        printer.say("all of it agrees");
        return;
    }
    printer.say("");
    printer.rows(&view.findings);
    let mut hints: Vec<&String> = Vec::new();
    for finding in &view.findings {
        if !hints.contains(&&finding.hint) {
            hints.push(&finding.hint);
        }
    }
    if printer.is_for_people() {
        hints.into_iter().for_each(|hint| printer.hint(hint));
    }
}
