//! `break-glass open`: a window for oneself, with a reason and an end.

use anyhow::{Context, Result};
use clap::Args;
use platform_model::{HomeId, UserId};
use platform_runtime::clock::Clock;
use platform_runtime::config::HumanDuration;
use platform_wire::trust::Window;
use serde_json::json;

use crate::command::{As, Change, WorldFolder};
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// Opens a window in which you, and nobody else, may read one person's data. It is on record at once.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl break-glass open --home eu/eu-central --subject 018f3f2e-0000-7000-8000-000000000001 --purpose support --for 30m --reason 'ticket 4711'"
)]
pub struct Open {
    /// The home of the person.
    #[arg(long, value_name = "HOME")]
    home: HomeId,
    /// Whose data, by opaque id.
    #[arg(long, value_name = "USER")]
    subject: UserId,
    /// What it is read for, such as `support`.
    #[arg(long, value_name = "PURPOSE")]
    purpose: String,
    /// How long the window stays open: four hours at most.
    #[arg(long = "for", default_value = "1h", value_name = "DURATION")]
    life: HumanDuration,
    /// With whose certificate.
    #[arg(long = "as", value_enum, default_value_t = As::Sre, value_name = "ROLE")]
    who: As,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    pub(super) world: WorldFolder,
}

impl Open {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let client = operator::trust(&self.world.dir, self.who.person())?;
        let life_ms = u64::try_from(self.life.0.as_millis()).context("that long")?;
        let window = Window {
            home: self.home.clone(),
            subject: self.subject,
            purpose: self.purpose.clone(),
            until_ms: Clock::system().unix_ms().saturating_add(life_ms),
        };
        printer.progress(&format!(
            "a window on {} of {} for {}, {}",
            self.subject, self.home, self.purpose, self.life
        ));
        let mut decision = None;
        if self.change.dry_run {
            printer.progress("nothing was changed: --dry-run");
        } else {
            let done = client.open_break_glass(&window, &self.change.reason).await;
            let sequence = done.map_err(operator::explain)?.sequence;
            decision = Some(sequence);
            printer.say(&format!("the window is open (decision {sequence})"));
            printer.hint("cellctl break-glass list   shows its number, with which it is closed");
        }
        printer.document(&json!({
            "home": self.home.to_string(),
            "subject": self.subject.to_string(),
            "purpose": self.purpose,
            "until_ms": window.until_ms,
            "changed": decision.is_some(),
            "decision": decision,
        }));
        Ok(Ended::Ok)
    }
}
