//! `automation status`: whether the controllers act by themselves.

use anyhow::Result;
use clap::Args;

use super::AutomationView;
use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// Shows whether the controllers act by themselves. Exit code 3 while they are paused.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl automation status -o json")]
pub struct Status {
    #[command(flatten)]
    world: WorldArgs,
}

impl Status {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let status = self.world.admin()?.status().await.map_err(operator::explain)?;
        let view = AutomationView::of(status.automation.as_ref());
        printer.say(&format!("automation {}", view.told()));
        printer.data(&view, [view.state]);
        Ok(if view.is_paused() {
            Ended::Differs
        } else {
            Ended::Ok
        })
    }
}
