//! What a command about operations came to: the same document for all that start or change one.

use anyhow::Result;
use platform_wire::CallError;
use platform_wire::admin::{Accepted, AdminClient};
use platform_wire::operation::Started;
use serde::Serialize;

use super::follow::{Until, Wait, follow, not_waiting};
use crate::ask::{self, Sure};
use crate::exit::Ended;
use crate::printer::Printer;

/// Before and after.
#[derive(Debug, Serialize)]
pub struct StartedView {
    /// As the ledger calls it: `shard/eu/eu-central/003`, `operation/7`, `home/eu/eu-central`.
    subject: String,
    /// What is to become of it, in words.
    what: String,
    /// Whether something was begun or changed by this command.
    changed: bool,
    dry_run: bool,
    /// What the controllers would answer to it, on a dry run: `accepted`, `unchanged` or `none`.
    verdict: Option<&'static str>,
    operation: Option<u64>,
    /// Number of the decision.
    decision: Option<u64>,
    /// Generation of the routing table after it.
    table: Option<u64>,
}

impl StartedView {
    pub fn planned(subject: String, what: impl Into<String>, sure: &Sure) -> Self {
        Self {
            subject,
            what: what.into(),
            changed: false,
            dry_run: sure.dry_run,
            verdict: None,
            operation: None,
            decision: None,
            table: None,
        }
    }

    /// Takes the answer in.
    ///
    /// # Errors
    /// The refusal, with what helps.
    pub fn done(&mut self, answer: Result<Started, CallError>) -> Result<()> {
        if let Ok(started) = &answer {
            self.operation = started.operation;
        }
        let accepted = answer.map(|started| Accepted {
            sequence: started.sequence,
            generation: started.generation,
        });
        let answer = ask::answered(accepted, self.dry_run)?;
        if self.dry_run {
            self.verdict = Some(ask::verdict(answer));
        } else if let Some(accepted) = answer {
            self.changed = accepted.sequence > 0;
            self.decision = (accepted.sequence > 0).then_some(accepted.sequence);
            self.table = Some(accepted.generation.0);
        }
        Ok(())
    }

    /// Prints it, or follows what was begun.
    ///
    /// # Errors
    /// As [`follow`].
    pub async fn end(
        &self,
        admin: &AdminClient,
        (wait, until): (&Wait, Until),
        printer: &Printer,
    ) -> Result<Ended> {
        self.say(printer);
        match self.operation {
            Some(id) if wait.wait && !self.dry_run => {
                printer.progress(&format!(
                    "it goes on whether or not anybody looks: cellctl operation watch {id}"
                ));
                let timeout = wait.timeout.map(|timeout| timeout.0);
                follow(admin, id, until, timeout, printer).await
            }
            operation => {
                self.print(printer);
                if let Some(id) = operation {
                    not_waiting(printer, id);
                }
                Ok(Ended::Ok)
            }
        }
    }

    /// Prints what nobody can wait for.
    pub fn print_alone(&self, printer: &Printer) {
        self.say(printer);
        self.print(printer);
    }

    fn say(&self, printer: &Printer) {
        if let Some(verdict) = self.verdict {
            ask::say_verdict(printer, verdict);
        }
        let Some(table) = self.table else { return };
        let told = match self.operation {
            Some(id) => format!("operation {id}: {}", self.what),
            None => self.what.clone(),
        };
        match self.decision {
            Some(decision) => printer.say(&format!("{told} (decision {decision}, table g{table})")),
            None => printer.progress("it is so already: nothing was changed"),
        }
    }

    fn print(&self, printer: &Printer) {
        let subject = self
            .subject
            .split_once('/')
            .map_or(self.subject.as_str(), |(_, name)| name);
        let name = self
            .operation
            .map_or_else(|| subject.to_owned(), |id| id.to_string());
        printer.data(self, [name]);
    }
}

#[cfg(test)]
mod tests {
    use platform_model::Generation;

    use super::*;

    fn started(dry_run: bool, sequence: u64, operation: Option<u64>) -> StartedView {
        let sure = Sure { dry_run, yes: false };
        let mut view = StartedView::planned("shard/eu/eu-west/003".into(), "verify eu/eu-west/003", &sure);
        let started = Started {
            sequence,
            generation: Generation(9),
            operation,
        };
        view.done(Ok(started)).expect("accepted");
        view
    }

    #[test]
    fn the_document_is_this() {
        let documents = [
            started(false, 7, Some(3)),
            started(false, 0, None),
            started(true, 7, None),
        ];
        insta::assert_snapshot!(serde_json::to_string_pretty(&documents).expect("writes"));
    }

    /// A controller that knows operations and no dry run of them refuses: nothing was begun.
    #[test]
    fn who_cannot_judge_gives_no_verdict() {
        let sure = Sure {
            dry_run: true,
            yes: false,
        };
        let mut view = StartedView::planned("home/eu/eu-west".into(), "survives a zone", &sure);
        let old = CallError::Unimplemented {
            address: "h:1".into(),
        };
        view.done(Err(old)).expect("told");
        assert_eq!(view.verdict, Some("none"));
    }
}
