//! `residency report`: every copy, where it is meant to be, what its node sees, and by which rule.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::evidence::{Evidence, alarm, say};
use crate::command::DeskArgs;
use crate::evidence::copy::ReportView;
use crate::evidence::moment::Moment;
use crate::evidence::past::{HeldLaw, HeldView, holders, laws};
use crate::evidence::report::keep;
use crate::evidence::user::{Part, UserPlace};
use crate::exit::{Ended, Hinted};
use crate::law::views::{moment, person};
use crate::printer::Printer;

/// Shows where every copy is, and raises an alarm for every difference. Exit code 3 if there is one.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cellctl residency report --out report.json\n  cellctl residency report --user eu/eu-central/0197a4a0-0000-7000-8000-000000000001\n  cellctl residency report --at 2026-11-25T14:30:00Z"
)]
pub struct Report {
    /// Only what holds data of this person.
    #[arg(long, value_name = "HOME/UUID")]
    user: Option<UserPlace>,
    /// Who held each shard at a time, and which law held then: a day, or a time in UTC.
    #[arg(long, value_name = "TIME")]
    at: Option<Moment>,
    /// Keeps the signed report in a file, for `residency verify`.
    #[arg(long, value_name = "FILE", conflicts_with = "at")]
    out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) world: DeskArgs,
}

#[derive(Debug, Serialize)]
struct PastView {
    at: String,
    /// The version that held, and one that held in part beside it.
    laws: Vec<HeldLaw>,
    holders: Vec<HeldView>,
}

impl Report {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let evidence = Evidence::fetch(&self.world).await?;
        let parts = self.parts(&evidence)?;
        if let Some(at) = self.at {
            return Ok(past(&evidence, at, parts.as_deref(), printer));
        }
        let user = self.user.as_ref().map(ToString::to_string).zip(parts);
        let report = &evidence.proved.report;
        let view = ReportView::of(report, evidence.law_since_ms(), user);
        if let Some(file) = &self.out {
            let world = self.world.desk()?.world;
            keep(file, &world, &evidence.signed)?;
            printer.progress(&format!("the signed report is in {}", file.display()));
            let verify = format!("cellctl residency verify {}", file.display());
            printer.hint(&self.world.named(&verify));
        }
        say(&view, printer);
        for copy in view.copies.iter().filter(|copy| copy.holds.is_some()) {
            printer.say(&format!(
                "{} holds {}",
                copy.shard,
                copy.holds.unwrap_or_default()
            ));
        }
        let made = view.copies.iter().filter(|copy| copy.node.is_some()).count();
        let ended = alarm(&view.findings, made, &self.world, printer);
        printer.document(&view);
        Ok(ended)
    }

    fn parts(&self, evidence: &Evidence) -> Result<Option<Vec<Part>>> {
        let Some(user) = &self.user else { return Ok(None) };
        let parts = user.parts(&evidence.proved.report);
        if parts.is_empty() {
            let message = format!("there is no home {} in this world", user.home);
            return Err(Hinted::new(message, &["cellctl world status"]).into());
        }
        Ok(Some(parts))
    }
}

fn past(evidence: &Evidence, at: Moment, parts: Option<&[Part]>, printer: &Printer) -> Ended {
    let wanted = |held: &HeldView| {
        parts.is_none_or(|parts| parts.iter().any(|part| part.shard.to_string() == held.shard))
    };
    let report = &evidence.proved.report;
    let held: Vec<HeldView> = holders(report, at).into_iter().filter(wanted).collect();
    let view = PastView {
        at: moment(at.0).unwrap_or_default(),
        laws: laws(&evidence.law, at),
        holders: held,
    };
    printer.say(&format!("at {}", view.at));
    if view.laws.is_empty() {
        printer.say("no law held");
    }
    for law in &view.laws {
        let how = if law.in_part { "held in part" } else { "held" };
        let approver = law.approver.as_deref().map_or("-", person);
        let author = person(&law.author);
        printer.say(&format!(
            "law {} {how}: proposed by {author}, approved by {approver}",
            law.version
        ));
    }
    printer.table(
        &["shard", "node", "region", "epoch", "since", "state"],
        &view.holders.iter().map(held_row).collect::<Vec<_>>(),
    );
    printer.document(&view);
    Ended::Ok
}

fn held_row(held: &HeldView) -> Vec<String> {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    vec![
        held.shard.clone(),
        or_none(&held.node),
        or_none(&held.region),
        held.epoch
            .map_or_else(|| "-".to_owned(), |epoch| format!("e{epoch}")),
        or_none(&held.since),
        held.state.to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::WorldFolder;
    use crate::evidence::sample;
    use crate::printer::Format;
    use crate::world::people::OPERATOR;

    #[test]
    fn a_report_as_it_should_be_is_no_alarm_and_one_difference_is() {
        let printer = Printer::new(Format::Table);
        let world = DeskArgs {
            folder: WorldFolder { dir: "/w".into() },
            who: OPERATOR,
        };
        let mut report = sample::residency();
        let whole = ReportView::of(&report, Some(0), None);
        say(&whole, &printer);
        assert_eq!(alarm(&whole.findings, 11, &world, &printer), Ended::Ok);
        report.copies[2].seen = None;
        let view = ReportView::of(&report, Some(0), None);
        assert_eq!(alarm(&view.findings, 11, &world, &printer), Ended::Differs);
        let rows: String = view
            .copies
            .iter()
            .map(|copy| copy.cells().join(" | ") + "\n")
            .collect();
        insta::assert_snapshot!(rows);
    }

    #[test]
    fn the_report_of_a_person_has_that_persons_shards_and_findings_only() {
        let user: UserPlace = "eu/eu-central/0197a4a0-0000-7000-8000-000000000001"
            .parse()
            .expect("a person");
        let mut report = sample::residency();
        // Of another home.
        report.copies[3].seen = None;
        // The key shard of this one.
        report.copies[2].seen = None;
        let parts = user.parts(&report);
        let view = ReportView::of(&report, Some(0), Some((user.to_string(), parts)));
        let shards: Vec<&str> = view.copies.iter().map(|copy| copy.shard.as_str()).collect();
        assert_eq!(shards.len(), 3, "{shards:?}");
        assert_eq!(view.findings.len(), 1);
        assert_eq!(view.findings[0].shard.as_deref(), Some("eu/eu-central/keys"));
        insta::assert_snapshot!(serde_json::to_string_pretty(&view.copies[0]).expect("writes"));
    }
}
