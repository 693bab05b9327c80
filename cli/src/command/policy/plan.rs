//! `policy plan`: what a law would change, before anybody is asked.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use control_plane_residency::Ready;
use platform_wire::law::LawView;

use super::lint::say_aside;
use crate::command::DeskArgs;
use crate::exit::Ended;
use crate::law::plan::Plan as LawPlan;
use crate::law::source::Source;
use crate::printer::Printer;
use crate::world::desk::Desk;
use crate::world::operator;

/// Shows what a law would change: answers, copies, homes, countries; what holds at once, and what waits until when. Exit
/// code 3 if anything would be other.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl policy plan law")]
pub struct Plan {
    /// The folder with the law.
    #[arg(value_name = "DIR")]
    law: PathBuf,
    #[command(flatten)]
    pub(super) world: DeskArgs,
}

impl Plan {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let source = Source::read(&self.law)?;
        say_aside(&source, printer);
        let ready = source.ready()?;
        let (_, plan) = planned(&self.world.desk()?, &ready).await?;
        printer.say(&plan.text());
        printer.document(&plan);
        Ok(if plan.changes { Ended::Differs } else { Ended::Ok })
    }
}

/// What the controllers say of the law now, and what this one would change of it.
///
/// # Errors
/// When the controllers do not answer.
pub async fn planned(desk: &Desk, ready: &Ready) -> Result<(LawView, LawPlan)> {
    let view = desk.admin.law().await.map_err(operator::explain)?;
    let status = desk.admin.status().await.map_err(operator::explain)?;
    let plan = LawPlan::of(&view, &status, ready)?;
    Ok((view, plan))
}
