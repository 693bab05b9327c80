//! `home survival`: what the shards of a home are to survive.

use anyhow::Result;
use clap::{Args, ValueEnum};
use platform_model::HomeId;
use platform_wire::operation::SetSurvival;

use crate::ask::{Change, on_dry_run};
use crate::command::WorldArgs;
use crate::command::operation::started::StartedView;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::operator;

/// Says what the shards of a home are to survive. The controllers then make the standbys that are missing, where the
/// law lets them be, and refuse a goal that no legal place could meet, with the rule.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl home survival eu/eu-west zone --reason 'one cell may burn'")]
pub struct Survival {
    /// The home, such as `eu/eu-west`.
    #[arg(add = crate::command::known::homes())]
    home: HomeId,
    goal: Goal,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Goal {
    /// One copy: what is lost with its node is lost.
    None,
    /// A standby in another cell of the region.
    Zone,
    /// A standby in another region.
    Region,
}

impl Goal {
    fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Zone => "zone",
            Self::Region => "region",
        }
    }

    fn told(self) -> &'static str {
        match self {
            Self::None => "the loss of nothing: one copy",
            Self::Zone => "the loss of a cell",
            Self::Region => "the loss of a region",
        }
    }
}

impl Survival {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let admin = self.world.admin()?;
        let status = admin.status().await.map_err(operator::explain)?;
        let Some(home) = status.table.homes.get(&self.home) else {
            let message = format!("there is no home {}", self.home);
            return Err(Hinted::new(message, &["cellctl home list"]).into());
        };
        let what = format!("{} is to survive {}", self.home, self.goal.told());
        printer.progress(&format!(
            "{what} ({} shards and the one of its keys)",
            home.shard_count
        ));
        let sure = &self.change.sure;
        let mut changed = StartedView::planned(format!("home/{}", self.home), what, sure);
        sure.ask(printer).await?;
        let given = SetSurvival {
            home: self.home.clone(),
            goal: self.goal.as_str().to_owned(),
            expected: None,
        };
        let judge = on_dry_run(admin, sure);
        changed.done(judge.set_survival(&given, &self.change.reason).await)?;
        changed.print_alone(printer);
        if !sure.dry_run {
            printer.hint("cellctl operation list   shows the copies that are made for it");
        }
        Ok(Ended::Ok)
    }
}
