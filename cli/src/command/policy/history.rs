//! `policy history`: every version, who proposed it, who approved it, and what became of it.

use anyhow::Result;
use clap::Args;
use control_plane_residency::Digest;
use platform_wire::law::{LawHistory, LawView};
use serde::Serialize;

use crate::command::DeskArgs;
use crate::exit::Ended;
use crate::law::views::{moment, person, short};
use crate::printer::Printer;
use crate::world::operator;

/// Lists the versions of the law, oldest first.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl policy history -o json")]
pub struct History {
    #[command(flatten)]
    pub(super) world: DeskArgs,
}

#[derive(Debug, Serialize)]
struct PastView {
    version: String,
    /// `proposed`, `approved`, `in-force`, `withdrawn` or `replaced`.
    outcome: String,
    digest: String,
    document: String,
    author: String,
    proposed: Option<String>,
    approver: Option<String>,
    approved: Option<String>,
    /// When it came wholly into force; none: it did not.
    holds_from: Option<String>,
}

impl History {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let view = self.world.desk()?.admin.law().await.map_err(operator::explain)?;
        let rows = rows(&view);
        let header = [
            "law", "outcome", "author", "proposed", "approver", "approved", "in force", "digest",
        ];
        printer.table(&header, &rows.iter().map(PastView::cells).collect::<Vec<_>>());
        printer.document(&rows);
        Ok(Ended::Ok)
    }
}

fn rows(view: &LawView) -> Vec<PastView> {
    view.history.iter().map(PastView::from).collect()
}

impl From<&LawHistory> for PastView {
    fn from(past: &LawHistory) -> Self {
        Self {
            version: past.version.to_string(),
            outcome: past.outcome.clone(),
            digest: Digest(past.digest).to_string(),
            document: Digest(past.document).to_string(),
            author: past.author.clone(),
            proposed: moment(past.proposed_ms),
            approver: past.approver.clone(),
            approved: moment(past.approved_ms),
            holds_from: moment(past.holds_from_ms),
        }
    }
}

impl PastView {
    fn cells(&self) -> Vec<String> {
        let time = |time: &Option<String>| time.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.version.clone(),
            self.outcome.clone(),
            person(&self.author).to_owned(),
            time(&self.proposed),
            self.approver.as_deref().map_or("-", person).to_owned(),
            time(&self.approved),
            time(&self.holds_from),
            short(&self.digest).to_owned(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use platform_model::matrix::LawVersion;

    use super::*;
    use crate::law::sample;

    #[test]
    fn a_row_says_who_did_what_and_what_became_of_it() {
        let past = |version, approver: Option<&str>, holds_from_ms, outcome: &str| LawHistory {
            version: LawVersion(version),
            document: [1; 32],
            digest: [2; 32],
            author: "spiffe://w/region/eu-central/operator/compliance/ann".into(),
            proposed_ms: 1_795_600_000_000,
            approver: approver.map(str::to_owned),
            approved_ms: approver.map_or(0, |_| 1_795_600_100_000),
            holds_from_ms,
            outcome: outcome.to_owned(),
        };
        let ben = "spiffe://w/region/eu-central/operator/compliance/ben";
        let mut view = sample::view(None, None, None);
        view.history = vec![
            past(1, Some(ben), 1_795_600_100_000, "in-force"),
            past(2, None, 0, "proposed"),
        ];
        let rows = rows(&view);
        let cells: String = rows.iter().map(|row| row.cells().join(" | ") + "\n").collect();
        let json = serde_json::to_string_pretty(&rows[1]).expect("writes");
        insta::assert_snapshot!(format!("{cells}{json}"));
    }
}
