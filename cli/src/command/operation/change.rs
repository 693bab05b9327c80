//! `operation pause | resume | cancel | reverse | finish`: what may be asked of one that is going on.

use anyhow::Result;
use clap::Args;
use platform_wire::operation::{Change as Asked, OperationView};

use super::follow::{Until, Wait, unread};
use super::started::StartedView;
use crate::ask::{Change, on_dry_run};
use crate::command::WorldArgs;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;

/// Which one, and why.
#[derive(Debug, Args)]
struct One {
    /// Its number.
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    id: u64,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    world: WorldArgs,
}

/// Pauses an operation: what is under way ends, nothing new is begun.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl operation pause 7 --reason 'peak hours'")]
pub struct Pause {
    #[command(flatten)]
    one: One,
}

/// Lets a paused operation go on.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl operation resume 7 --reason 'the peak is over'")]
pub struct Resume {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    wait: Wait,
}

/// Cancels an operation, up to its point of no return: what it made is taken back.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl operation cancel 7 --reason 'wrong cell' --wait")]
pub struct Cancel {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    wait: Wait,
}

/// Reverses a move within its window: the shard goes back to where it came from.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl operation reverse 7 --reason 'slower there' --wait")]
pub struct Reverse {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    wait: Wait,
}

/// Ends the window of a move now, or the wait for an erasure that no node will ever report.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl operation finish 7 --reason 'it serves well there' --wait")]
pub struct Finish {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    wait: Wait,
}

impl Pause {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let wait = (&Wait::default(), Until::Over);
        self.one.ask(Asked::Pause, wait, printer).await
    }
}

impl Resume {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let wait = (&self.wait, Until::Served);
        self.one.ask(Asked::Resume, wait, printer).await
    }
}

impl Cancel {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let wait = (&self.wait, Until::Undone);
        self.one.ask(Asked::Cancel, wait, printer).await
    }
}

impl Reverse {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let wait = (&self.wait, Until::Undone);
        self.one.ask(Asked::Reverse, wait, printer).await
    }
}

impl Finish {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let wait = (&self.wait, Until::Served);
        self.one.ask(Asked::Finish, wait, printer).await
    }
}

impl One {
    async fn ask(&self, asked: Asked, wait: (&Wait, Until), printer: &Printer) -> Result<Ended> {
        let admin = self.world.admin()?;
        let found = admin.operation(self.id).await;
        let found = found.map_err(|error| unread(error, self.id))?;
        may(&found, asked)?;
        let (kind, shard) = (&found.kind, &found.shard);
        printer.progress(&format!(
            "operation {}, {kind} of {shard}, {} at {}: {}",
            self.id,
            found.state.as_str(),
            found.step,
            asked.as_str()
        ));
        let sure = &self.change.sure;
        let what = format!("{} {kind} of {shard}", asked.as_str());
        let mut changed = StartedView::planned(format!("operation/{}", self.id), what, sure);
        sure.ask(printer).await?;
        let judge = on_dry_run(admin.clone(), sure);
        let done = judge
            .change_operation(self.id, asked, Some(found.generation), &self.change.reason)
            .await;
        changed.done(done)?;
        changed.end(&admin, wait, printer).await
    }
}

/// Told here, with what is possible, before anyone is asked.
fn may(operation: &OperationView, asked: Asked) -> Result<()> {
    if operation.allowed.contains(&asked) {
        return Ok(());
    }
    let (id, state, step) = (operation.id, operation.state.as_str(), &operation.step);
    let message = format!(
        "operation {id} is {state} at {step}: there is no {} now",
        asked.as_str()
    );
    let possible = operation
        .allowed
        .iter()
        .map(|change| format!("cellctl operation {} {id} --reason TEXT", change.as_str()));
    let hints: Vec<String> = possible.chain([format!("cellctl operation show {id}")]).collect();
    let hints: Vec<&str> = hints.iter().map(String::as_str).collect();
    Err(Hinted::new(message, &hints).into())
}

#[cfg(test)]
mod tests {
    use super::super::sample::{copying, failed, in_window};
    use super::*;

    #[test]
    fn what_cannot_be_asked_now_is_told_with_what_can() {
        assert!(may(&copying(), Asked::Pause).is_ok());
        let told = [
            (copying(), Asked::Reverse),
            (in_window(), Asked::Cancel),
            (failed(), Asked::Resume),
        ]
        .map(|(operation, asked)| crate::exit::text(&may(&operation, asked).expect_err("not now"), ""));
        insta::assert_snapshot!(told.join("\n\n"));
    }
}
