//! What a change asks of whoever gives it: a dry run, a reason, and to be sure.

use std::io::{BufRead, IsTerminal};

use anyhow::Result;
use clap::Args;
use platform_wire::CallError;
use platform_wire::admin::{Accepted, AdminClient};

use crate::exit::Hinted;
use crate::printer::Printer;
use crate::world::operator;

/// Why something is changed, and whether it really is.
#[derive(Debug, Clone, Args)]
pub struct Change {
    /// Why; stands in the record of the decision.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    #[command(flatten)]
    pub sure: Sure,
}

/// Whether something is really changed. On a terminal one is asked; elsewhere the command line is the answer.
#[derive(Debug, Clone, Default, Args)]
pub struct Sure {
    /// Says what would be done and what the controllers say to it, and does nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Does not ask.
    #[arg(short, long, conflicts_with = "dry_run")]
    pub yes: bool,
}

impl Sure {
    /// Asks, on a terminal.
    ///
    /// # Errors
    /// When the answer is not yes: nothing is done.
    pub async fn ask(&self, printer: &Printer) -> Result<()> {
        if self.yes || self.dry_run || !on_a_terminal() {
            return Ok(());
        }
        match answer(printer, "go on? [y/N]").await.as_str() {
            "y" | "Y" | "yes" => Ok(()),
            _ => Err(Hinted::new("not confirmed: nothing was done", &[]).into()),
        }
    }
}

/// The client that asks for a verdict only, on a dry run.
pub fn on_dry_run(admin: AdminClient, sure: &Sure) -> AdminClient {
    if sure.dry_run { admin.dry_run() } else { admin }
}

/// What the controllers say to a command; nothing if they are too old to say it without doing it.
///
/// # Errors
/// Their refusal, with what helps.
pub fn answered(answer: Result<Accepted, CallError>, dry_run: bool) -> Result<Option<Accepted>> {
    match answer {
        Ok(accepted) => Ok(Some(accepted)),
        Err(error) if dry_run && error.is_unimplemented() => Ok(None),
        Err(error) => Err(operator::explain(error)),
    }
}

/// How a dry run ended, in a word.
pub fn verdict(answer: Option<Accepted>) -> &'static str {
    match answer {
        None => "none",
        Some(Accepted { sequence: 0, .. }) => "unchanged",
        Some(_) => "accepted",
    }
}

/// Says how a dry run ended, on stderr.
pub fn say_verdict(printer: &Printer, verdict: &str) {
    printer.progress(match verdict {
        "accepted" => "the controllers would accept it; nothing was changed: --dry-run",
        "unchanged" => "it is so already; nothing was changed: --dry-run",
        _ => "these controllers are older and give no verdict; nothing was changed: --dry-run",
    });
}

/// What is severe wants its name typed: as an option, or, on a terminal, as the answer.
///
/// # Errors
/// When it was not: nothing is done. `again` is the command line that would do it.
pub async fn severe(name: &str, confirmed: Option<&str>, again: &str, printer: &Printer) -> Result<()> {
    let typed = match confirmed {
        Some(typed) => typed.to_owned(),
        None if on_a_terminal() => answer(printer, &format!("this is severe; type {name} to go on:")).await,
        None => String::new(),
    };
    if typed == name {
        return Ok(());
    }
    Err(Hinted::new("this is severe and was not confirmed: nothing was done", &[again]).into())
}

fn on_a_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// What is typed in answer to a question; nothing at the end of the input. Read beside the rest, so that Ctrl-C ends
/// the question, too.
async fn answer(printer: &Printer, question: &str) -> String {
    printer.aside(question);
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        read.map(|_| line.trim().to_owned()).unwrap_or_default()
    });
    read.await.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printer::Format;

    #[tokio::test]
    async fn what_is_severe_wants_its_name_and_no_other() {
        let printer = Printer::new(Format::Table);
        assert!(severe("3", Some("3"), "again", &printer).await.is_ok());
        let error = severe("3", Some("2"), "cellctl member remove 3 --confirm 3", &printer)
            .await
            .expect_err("not it");
        let text = crate::exit::text(&error, "");
        assert!(
            text.ends_with("hint: cellctl member remove 3 --confirm 3"),
            "{text}"
        );
    }
}
