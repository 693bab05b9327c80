//! `policy withdraw`: takes back a law that does not hold yet.

use anyhow::Result;
use clap::Args;
use platform_model::matrix::LawVersion;
use serde::Serialize;

use super::decision::Decision;
use super::version::version;
use crate::command::DeskArgs;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// Takes back a law that is proposed, or that is approved and waits for its day. What it forbids already goes on to be
/// forbidden.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl policy withdraw v2 --reason 'a mistake in rule 7' --as compliance/ann"
)]
pub struct Withdraw {
    /// The version, such as `v2`.
    #[arg(value_parser = version)]
    version: LawVersion,
    #[command(flatten)]
    decision: Decision,
    #[command(flatten)]
    pub(super) world: DeskArgs,
}

#[derive(Debug, Serialize)]
struct WithdrawnView {
    version: String,
    withdrawn: bool,
    decision: Option<u64>,
}

impl Withdraw {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let desk = self.world.desk()?;
        let mut decision = None;
        printer.progress(&format!("law {} -> withdrawn", self.version));
        if self.decision.goes_on(printer)? {
            let reason = &self.decision.change.reason;
            let sent = desk.admin.withdraw_law(self.version, reason).await;
            let number = sent.map_err(operator::explain)?.sequence;
            printer.say(&format!("law {} is withdrawn (decision {number})", self.version));
            decision = Some(number);
        }
        printer.document(&WithdrawnView {
            version: self.version.to_string(),
            withdrawn: decision.is_some(),
            decision,
        });
        Ok(Ended::Ok)
    }
}
