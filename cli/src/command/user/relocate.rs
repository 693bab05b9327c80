//! `user relocate`: a person changes home.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use platform_model::HomeId;
use platform_runtime::clock::Clock;
use platform_runtime::config::HumanDuration;
use platform_wire::relocation::{Asked, Told};

use super::there::There;
use crate::ask;
use crate::command::DeskArgs;
use crate::command::backup::explain;
use crate::evidence::user::UserPlace;
use crate::exit::Ended;
use crate::printer::Printer;

const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Looks in a row that may find nobody.
const LOST_MAX: u32 = 40;

/// Relocates a person to another home: what is theirs is copied there, sealed with a key that is made there, compared, and the
/// directory names the new home; then what the old home holds is erased, key and rows, and a certificate is put on record. The
/// law decides, class by class; what it lets go only with consent goes only if the person asks for it in the app. Severe:
/// whoever has left a home cannot come back to it yet, for the key there is destroyed. May be cancelled up to the commit.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl user relocate eu/eu-central/0197a4a0-0000-7000-8000-000000000001 --to eu/eu-west --as compliance/ann --reason 'request 4711' --confirm 0197a4a0-0000-7000-8000-000000000001 --wait"
)]
pub struct Relocate {
    /// Home and id.
    #[arg(value_name = "HOME/UUID")]
    user: UserPlace,
    /// The new home.
    #[arg(long, value_name = "HOME")]
    to: HomeId,
    /// Why, such as the number of the request; never a name.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The id once more. On a terminal one is asked for it.
    #[arg(long, value_name = "UUID")]
    confirm: Option<String>,
    /// Says whether the law and the person's home would let it, and does nothing.
    #[arg(long)]
    dry_run: bool,
    /// Waits until the person lives there and nothing is left here; Ctrl-C stops the waiting and nothing else.
    #[arg(long)]
    wait: bool,
    /// The longest that it waits; exit code 3 if it is not done by then.
    #[arg(long, value_name = "TIME", requires = "wait")]
    timeout: Option<HumanDuration>,
    #[command(flatten)]
    world: DeskArgs,
}

impl Relocate {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let there = There::find(&self.world, &self.user).await?;
        let (home, user) = (&self.user.home, self.user.user);
        printer.progress(&format!(
            "{user} of {home}, {} at {}, to {}",
            there.shard, there.node, self.to
        ));
        if !self.dry_run {
            let again = format!("the same command with --confirm {user}");
            ask::severe(&user.to_string(), self.confirm.as_deref(), &again, printer).await?;
        }
        let asked = Asked {
            home: home.clone(),
            user,
            to: self.to.clone(),
            reason: self.reason.clone(),
            dry_run: self.dry_run,
        };
        let told = there.client.begin(&asked).await.map_err(explain)?;
        if self.dry_run {
            printer.progress("it would begin; nothing was changed: --dry-run");
            printer.document(&there.view(&self.user, told));
            return Ok(Ended::Ok);
        }
        let (told, ended) = if self.wait {
            self.follow(told, printer).await?
        } else {
            let hint = self
                .world
                .named(&format!("cellctl user relocation show {}", self.user));
            printer.say(&format!("it has begun; how it goes: {hint}"));
            (told, Ended::Ok)
        };
        printer.document(&there.view(&self.user, told));
        Ok(ended)
    }

    /// Until nothing changes any more. The shard may be served by another node meanwhile.
    async fn follow(&self, mut told: Told, printer: &Printer) -> Result<(Told, Ended)> {
        let clock = Clock::system();
        let began = clock.monotonic();
        let (mut phase, mut lost) = (String::new(), 0);
        loop {
            if told.phase != phase {
                printer.progress(&format!("{}: {}", told.phase, told.other));
                phase.clone_from(&told.phase);
            }
            match told.phase.as_str() {
                "gone" => {
                    printer.say(&format!("{} lives in {}", self.user.user, told.other));
                    return Ok((told, Ended::Ok));
                }
                "at-home" => {
                    printer.say(&format!("{} stays: {}", self.user.user, told.outcome));
                    return Ok((told, Ended::Differs));
                }
                _ => {}
            }
            let waited = clock.monotonic().saturating_sub(began);
            if self.timeout.is_some_and(|timeout| waited >= timeout.0) {
                printer.aside("it goes on; nobody waits for it any more");
                return Ok((told, Ended::Differs));
            }
            clock.sleep(LOOK_EVERY).await;
            let looked = async {
                let there = There::find(&self.world, &self.user).await?;
                let shown = there.client.show(&self.user.home, self.user.user).await;
                shown.map_err(explain)
            };
            match looked.await {
                Ok(now) => (told, lost) = (now, 0),
                Err(_) if lost < LOST_MAX => lost += 1,
                Err(error) => return Err(error),
            }
        }
    }
}
