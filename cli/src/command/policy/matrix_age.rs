//! `policy matrix-age`: how old a table may be under which something new is kept or crosses.

use anyhow::Result;
use clap::Args;
use platform_runtime::config::HumanDuration;
use serde::Serialize;

use super::decision::Decision;
use crate::command::DeskArgs;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// Sets how long nodes and routers go on without hearing that their table still holds, before they take nothing new. A
/// law that widens waits for twice as long.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl policy matrix-age 2m --reason 'decision 15' --as compliance/ann")]
pub struct MatrixAge {
    /// From `1s` to `1d`.
    age: HumanDuration,
    #[command(flatten)]
    decision: Decision,
    #[command(flatten)]
    pub(super) world: DeskArgs,
}

#[derive(Debug, Serialize)]
struct AgeView {
    from_ms: u64,
    to_ms: u64,
    changed: bool,
    /// Number of the decision; none if it was so already.
    decision: Option<u64>,
}

impl MatrixAge {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let desk = self.world.desk()?;
        let from_ms = desk
            .admin
            .law()
            .await
            .map_err(operator::explain)?
            .matrix_age_max_ms;
        let to_ms = u64::try_from(self.age.0.as_millis()).unwrap_or(u64::MAX);
        printer.progress(&format!("the age of a matrix: {from_ms}ms -> {to_ms}ms"));
        let mut decision = None;
        if self.decision.goes_on(printer)? {
            let reason = &self.decision.change.reason;
            let sent = desk.admin.set_matrix_age_max(to_ms, reason).await;
            let number = sent.map_err(operator::explain)?.sequence;
            decision = Some(number).filter(|number| *number > 0);
            match decision {
                Some(number) => printer.say(&format!("a matrix may be {} old (decision {number})", self.age)),
                None => printer.progress("it is so already: nothing was changed"),
            }
        }
        printer.document(&AgeView {
            from_ms,
            to_ms,
            changed: decision.is_some(),
            decision,
        });
        Ok(Ended::Ok)
    }
}
