//! What a change came to, as it is shown: the same document for every command that changes one record.

use anyhow::Result;
use platform_wire::CallError;
use platform_wire::admin::Accepted;
use serde::Serialize;

use crate::ask::{self, Sure};
use crate::printer::Printer;

/// One record, before and after.
#[derive(Debug, Serialize)]
pub struct Changed {
    /// As the ledger calls it: `cell/eu-west-1`.
    subject: String,
    from: String,
    to: String,
    /// Whether it was changed by this command.
    changed: bool,
    dry_run: bool,
    /// What the controllers would answer to it, on a dry run: `accepted`, `unchanged`, or `none` where they are too
    /// old to be asked.
    verdict: Option<&'static str>,
    /// Number of the decision.
    decision: Option<u64>,
    /// Generation of the routing table after it.
    table: Option<u64>,
}

impl Changed {
    /// Nothing was done yet.
    pub fn planned(subject: String, from: impl Into<String>, to: impl Into<String>, sure: &Sure) -> Self {
        Self {
            subject,
            from: from.into(),
            to: to.into(),
            changed: false,
            dry_run: sure.dry_run,
            verdict: None,
            decision: None,
            table: None,
        }
    }

    /// Takes the answer in.
    ///
    /// # Errors
    /// The refusal, with what helps.
    pub fn done(&mut self, answer: Result<Accepted, CallError>) -> Result<()> {
        let answer = ask::answered(answer, self.dry_run)?;
        if self.dry_run {
            self.verdict = Some(ask::verdict(answer));
        } else if let Some(accepted) = answer {
            self.changed = accepted.sequence > 0;
            self.decision = (accepted.sequence > 0).then_some(accepted.sequence);
            self.table = Some(accepted.generation.0);
        }
        Ok(())
    }

    /// `now`: what is so after the change, for people.
    pub fn print(&self, printer: &Printer, now: &str) {
        if let Some(verdict) = self.verdict {
            ask::say_verdict(printer, verdict);
        }
        if let (Some(decision), Some(table)) = (self.decision, self.table) {
            printer.say(&format!("{now} (decision {decision}, table g{table})"));
        }
        let name = self
            .subject
            .split_once('/')
            .map_or(self.subject.as_str(), |(_, name)| name);
        printer.data(self, [name]);
    }
}

#[cfg(test)]
mod tests {
    use platform_model::Generation;

    use super::*;

    fn changed(dry_run: bool, sequence: u64) -> Changed {
        let sure = Sure { dry_run, yes: false };
        let mut changed = Changed::planned("cell/eu-west-1".into(), "open", "cordoned", &sure);
        let accepted = Accepted {
            sequence,
            generation: Generation(9),
        };
        changed.done(Ok(accepted)).expect("accepted");
        changed
    }

    #[test]
    fn the_document_is_this() {
        let documents = [
            changed(false, 7),
            changed(false, 0),
            changed(true, 7),
            changed(true, 0),
        ];
        insta::assert_snapshot!(serde_json::to_string_pretty(&documents).expect("writes"));
    }
}
