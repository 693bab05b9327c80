//! `policy show`: one law, whole: whose it is, who approved it by his signature, and what it says.

use anyhow::Result;
use clap::Args;
use control_plane_residency::Ready;
use platform_wire::law::{LawRecord, LawView};
use serde::Serialize;

use crate::command::DeskArgs;
use crate::exit::{Ended, Hinted};
use crate::law::proof;
use crate::law::standing::compiled_here;
use crate::law::views::{LawName, moment, person};
use crate::printer::Printer;
use crate::world::desk::Desk;
use crate::world::operator;

/// Shows the law in force, or the one that is approved or proposed. Exit code 1 if its text or its approval is not what
/// it should be.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl policy show --proposed --text")]
pub struct Show {
    /// The law that is in force; so it is if nothing else is said.
    #[arg(long, group = "which")]
    in_force: bool,
    /// The newest approved law: in force, or waiting for its day.
    #[arg(long, group = "which")]
    approved: bool,
    /// The law that waits for approval.
    #[arg(long, group = "which")]
    proposed: bool,
    /// The text and nothing else: what author and approver have read.
    #[arg(long)]
    text: bool,
    #[command(flatten)]
    pub(super) world: DeskArgs,
}

#[derive(Debug, Serialize)]
struct ShowView {
    /// `in-force`, `in-part`, `approved` or `proposed`.
    state: &'static str,
    #[serde(flatten)]
    law: LawName,
    title: String,
    author: String,
    proposed: Option<String>,
    approver: Option<String>,
    approved: Option<String>,
    holds_from: Option<String>,
    /// Counts what was ever in force; of the law in force only.
    revision: Option<u64>,
    since: Option<String>,
    matrix_age_max_ms: u64,
    jurisdictions: Vec<String>,
    regions: Vec<String>,
    rules: Vec<String>,
    cases: usize,
    catalogues: Vec<String>,
}

impl Show {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let desk = self.world.desk()?;
        let view = desk.admin.law().await.map_err(operator::explain)?;
        let record = self.record(&view)?;
        if self.text {
            printer.script(&record.text);
            return Ok(Ended::Ok);
        }
        let ready = compiled_here(record)?;
        prove(&desk, record)?;
        let shown = ShowView::of(&view, record, &ready);
        printer.say(&shown.text());
        printer.document(&shown);
        Ok(Ended::Ok)
    }

    fn record<'a>(&self, view: &'a LawView) -> Result<&'a LawRecord> {
        let (found, what) = if self.proposed {
            (view.proposed.as_ref(), "no law is up for approval")
        } else if self.approved && !self.in_force {
            (view.approved.as_ref(), "no law is approved")
        } else {
            let in_force = view.in_force.as_ref().map(|law| law.matrix.as_ref());
            let text = view.approved.as_ref().filter(|law| in_force == Some(&law.matrix));
            let what = match in_force {
                None => "no law is in force in this world",
                Some(_) => "what is in force is what two versions both permit, and has no text of its own",
            };
            (text, what)
        };
        found.ok_or_else(|| {
            let hints = ["cellctl policy history", "cellctl policy show --approved"];
            Hinted::new(what, &hints[..if self.approved { 1 } else { 2 }]).into()
        })
    }
}

/// The signature under an approval is the approver's.
fn prove(desk: &Desk, record: &LawRecord) -> Result<()> {
    let Some(approved) = &record.approved else {
        return Ok(());
    };
    let proved = proof::approver(&desk.identity, &desk.world, record, approved);
    proved.map(|_| ()).map_err(|why| {
        let message = format!("the approval of law {} proves nothing", record.version);
        let hints = [
            "cellctl audit verify",
            "propose the law anew, and have it approved",
        ];
        anyhow::Error::new(why).context(Hinted::new(message, &hints))
    })
}

impl ShowView {
    fn of(view: &LawView, record: &LawRecord, ready: &Ready) -> Self {
        let in_force = view.in_force.as_ref().filter(|law| *law.matrix == record.matrix);
        let approved = record.approved.as_ref();
        let document = ready.law.document();
        let partly = view
            .in_force
            .as_ref()
            .is_some_and(|law| law.matrix.stamp().version == record.version);
        Self {
            state: match (in_force, approved) {
                (Some(_), _) => "in-force",
                (None, Some(_)) if partly => "in-part",
                (None, Some(_)) => "approved",
                (None, None) => "proposed",
            },
            law: LawName::from(&record.matrix),
            title: document.title.clone(),
            author: record.author.clone(),
            proposed: moment(record.proposed_ms),
            approver: approved.map(|approved| approved.approver.clone()),
            approved: approved.and_then(|approved| moment(approved.approved_ms)),
            holds_from: approved.and_then(|approved| moment(approved.holds_from_ms)),
            revision: in_force.map(|law| law.revision),
            since: in_force.and_then(|_| moment(view.in_force_since_ms)),
            matrix_age_max_ms: view.matrix_age_max_ms,
            jurisdictions: document.jurisdictions.keys().map(ToString::to_string).collect(),
            regions: document.regions.keys().map(ToString::to_string).collect(),
            rules: ready.law.rules().iter().map(|rule| rule.id.clone()).collect(),
            cases: ready.law.cases().len(),
            catalogues: document.catalogues.iter().map(ToString::to_string).collect(),
        }
    }

    fn text(&self) -> String {
        let by =
            |who: &str, when: &Option<String>| format!("{}, {}", person(who), when.as_deref().unwrap_or("-"));
        let mut lines = vec![
            (
                "law",
                format!("{} of {}: {}", self.law.version, self.law.date, self.state),
            ),
            ("title", self.title.clone()),
            ("digest", self.law.digest.clone()),
            ("document", self.law.document.clone()),
            ("author", by(&self.author, &self.proposed)),
        ];
        if let Some(approver) = &self.approver {
            lines.push((
                "approver",
                format!("{}, by his signature", by(approver, &self.approved)),
            ));
        }
        if let Some(from) = self.since.as_ref().or(self.holds_from.as_ref()) {
            lines.push(("holds from", from.clone()));
        }
        lines.extend([
            ("for", self.jurisdictions.join(" ")),
            ("regions", self.regions.join(" ")),
            (
                "says",
                format!("{} rules, {} cases", self.rules.len(), self.cases),
            ),
        ]);
        let line = |(name, value): (&str, String)| format!("  {name:<11} {value}");
        lines.into_iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::WorldFolder;
    use crate::law::sample;
    use crate::world::people::OPERATOR;

    fn show(approved: bool, proposed: bool) -> Show {
        Show {
            in_force: false,
            approved,
            proposed,
            text: false,
            world: DeskArgs {
                folder: WorldFolder { dir: "x".into() },
                who: OPERATOR,
            },
        }
    }

    #[test]
    fn what_is_asked_for_is_shown_or_said_to_be_missing() {
        let (first, wider) = (sample::record(1, ""), sample::record(2, sample::WIDER));
        let view = sample::view(Some(&first), Some(&first), Some(&wider));
        assert_eq!(show(false, false).record(&view).expect("in force"), &first);
        assert_eq!(show(true, false).record(&view).expect("approved"), &first);
        assert_eq!(show(false, true).record(&view).expect("proposed"), &wider);
        let in_part = sample::view(Some(&first), Some(&wider), None);
        let error = show(false, false).record(&in_part).expect_err("no text");
        assert!(crate::exit::text(&error, "").contains("cellctl policy show --approved"));
        assert!(show(false, true).record(&in_part).is_err());
    }

    #[test]
    fn a_law_is_told_line_by_line() {
        let first = sample::record(1, "");
        let view = sample::view(Some(&first), Some(&first), None);
        let shown = ShowView::of(&view, &first, &sample::law(1, ""));
        insta::assert_snapshot!(sample::without_digests(&shown.text()));
    }
}
