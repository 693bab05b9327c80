//! `policy apply`: puts a law up for approval by somebody else.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use platform_model::Generation;
use serde::Serialize;

use super::decision::Decision;
use super::lint::say_aside;
use super::plan::planned;
use crate::command::DeskArgs;
use crate::exit::{Ended, Hinted};
use crate::law::plan::Plan;
use crate::law::source::Source;
use crate::law::views::person;
use crate::printer::Printer;
use crate::world::operator;

/// Proposes a law: checks, tests and compiles it here, shows the plan, and sends text and matrix. It holds once another
/// person of the role compliance has approved it.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl policy apply law --reason 'decision 14' --as compliance/ann")]
pub struct Apply {
    /// The folder with the law.
    #[arg(value_name = "DIR")]
    law: PathBuf,
    /// Only if nobody has changed the record of the law since a plan that showed it so, such as `g3`.
    #[arg(long, value_name = "GENERATION", value_parser = record)]
    record: Option<Generation>,
    #[command(flatten)]
    decision: Decision,
    #[command(flatten)]
    pub(super) world: DeskArgs,
}

/// A generation as a plan shows it: `g3`, or `3`.
fn record(text: &str) -> Result<Generation, String> {
    let number = text.strip_prefix('g').unwrap_or(text).parse();
    number
        .map(Generation)
        .map_err(|_| format!("`{text}` is no generation of a record: `g3`"))
}

#[derive(Debug, Serialize)]
struct AppliedView {
    version: String,
    /// What the approver has to come to.
    digest: String,
    proposed: bool,
    /// Number of the decision in the ledger.
    decision: Option<u64>,
    plan: Plan,
}

impl Apply {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let source = Source::read(&self.law)?;
        say_aside(&source, printer);
        let ready = source.ready()?;
        let desk = self.world.desk()?;
        let (view, plan) = planned(&desk, &ready).await?;
        printer.say(&plan.text());
        refuse_strands(&plan)?;
        if let Some(before) = &view.proposed {
            let (version, author) = (before.version, person(&before.author));
            printer.progress(&format!(
                "law {version}, which {author} proposed, is no longer up for approval then"
            ));
        }
        if !plan.changes {
            printer.progress("it is in force already: nothing was changed");
        }
        let mut decision = None;
        if plan.changes && self.decision.goes_on(printer)? {
            let (text, matrix) = (source.bundle()?.text(), ready.compiled.matrix.to_bytes());
            let reason = &self.decision.change.reason;
            let seen = self.record.unwrap_or(view.generation);
            let sent = desk.admin.propose_law(&text, &matrix, seen, reason).await;
            decision = Some(sent.map_err(operator::explain)?.sequence);
        }
        self.print(plan, decision, printer);
        Ok(Ended::Ok)
    }

    fn print(&self, plan: Plan, decision: Option<u64>, printer: &Printer) {
        let (version, digest) = (plan.to.version.clone(), plan.to.digest.clone());
        if let Some(number) = decision {
            printer.say(&format!(
                "law {version} is proposed (decision {number}) and waits for another person's approval\n  digest  {digest}"
            ));
            let next = format!(
                "cellctl policy approve {version} --digest {digest} --reason '...' --as compliance/ANOTHER"
            );
            printer.hint(&self.world.folder.named(&next));
        }
        printer.document(&AppliedView {
            version,
            digest,
            proposed: decision.is_some(),
            decision,
            plan,
        });
    }
}

/// A law under which somebody's data could be nowhere is not even sent.
pub fn refuse_strands(plan: &Plan) -> Result<()> {
    let homes = &plan.effect.stranded;
    if homes.is_empty() {
        return Ok(());
    }
    let message = format!(
        "under law {} the data of {} could be nowhere: nothing was done",
        plan.to.version,
        homes.join(", ")
    );
    let hints = [
        "give each of these jurisdictions a region where all classes may be stored",
        "cellctl policy plan DIR",
    ];
    Err(Hinted::new(message, &hints).into())
}
