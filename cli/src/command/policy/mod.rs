//! `policy`: the law of a world, from the first line to the day on which it holds.

mod apply;
mod approve;
mod compile;
mod decision;
mod diff;
mod example;
mod explain;
mod history;
mod lint;
mod matrix_age;
mod plan;
mod show;
mod test;
mod version;
mod why_not;
mod withdraw;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Ended;
use crate::printer::Printer;

/// The law: write, check, propose, approve, ask.
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Example: cellctl policy explain --jurisdiction eu --action store-primary --region us-east --class health"
)]
pub enum Policy {
    Example(example::Example),
    Lint(lint::Lint),
    Test(test::Test),
    Compile(compile::Compile),
    Diff(diff::Diff),
    Plan(plan::Plan),
    Apply(apply::Apply),
    Approve(approve::Approve),
    Withdraw(withdraw::Withdraw),
    MatrixAge(matrix_age::MatrixAge),
    Show(show::Show),
    History(history::History),
    Explain(explain::Explain),
    WhyNot(why_not::WhyNot),
}

impl Policy {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::Example(command) => command.run(printer).await,
            Self::Lint(command) => command.run(printer),
            Self::Test(command) => command.run(printer),
            Self::Compile(command) => command.run(printer),
            Self::Diff(command) => command.run(printer).await,
            Self::Plan(command) => command.run(printer).await,
            Self::Apply(command) => command.run(printer).await,
            Self::Approve(command) => command.run(printer).await,
            Self::Withdraw(command) => command.run(printer).await,
            Self::MatrixAge(command) => command.run(printer).await,
            Self::Show(command) => command.run(printer).await,
            Self::History(command) => command.run(printer).await,
            Self::Explain(command) => command.run(printer).await,
            Self::WhyNot(command) => command.run(printer).await,
        }
    }
}
