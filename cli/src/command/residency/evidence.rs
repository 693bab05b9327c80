//! What the `residency` commands share: a report fetched and proved, and findings told as alarms.

use anyhow::Result;
use platform_wire::law::{LawView, SignedResidency};

use crate::command::DeskArgs;
use crate::evidence::copy::{CopyView, ReportView};
use crate::evidence::finding::Finding;
use crate::evidence::report::{Proved, proved};
use crate::exit::Ended;
use crate::law::views::short;
use crate::printer::{Printer, counted};
use crate::world::operator;

/// What the controllers tell, proved, and what they say of the law.
pub struct Evidence {
    pub signed: SignedResidency,
    pub proved: Proved,
    pub law: LawView,
}

impl Evidence {
    /// # Errors
    /// When no leader answers; when the report's signature proves nothing.
    pub async fn fetch(world: &DeskArgs) -> Result<Self> {
        let desk = world.desk()?;
        let law = desk.admin.law().await.map_err(operator::explain)?;
        let signed = desk.admin.residency().await.map_err(operator::explain)?;
        let proved = proved(&desk.identity, &desk.world, &signed)?;
        Ok(Self { signed, proved, law })
    }

    /// Since when the law that the report names holds.
    pub fn law_since_ms(&self) -> Option<u64> {
        let of = |law: &Option<platform_model::LawInForce>| law.as_ref().map(|law| law.revision);
        let same = of(&self.law.in_force) == of(&self.proved.report.in_force);
        same.then_some(self.law.in_force_since_ms)
    }
}

/// The report for people.
pub fn say(view: &ReportView, printer: &Printer) {
    let law = view.law.as_ref().map_or_else(
        || "no law in force".to_owned(),
        |law| format!("law {} (revision {})", law.version, law.revision),
    );
    printer.say(&format!(
        "world {} at {}, {law}; signed by {}, ledger at {}\n",
        short(&view.world),
        view.time,
        view.controller
            .rsplit_once("/region/")
            .map_or(view.controller.as_str(), |(_, name)| name),
        view.ledger
    ));
    let header = [
        "shard", "role", "cell", "region", "node", "since", "rules", "seen",
    ];
    printer.table(
        &header,
        &view.copies.iter().map(CopyView::cells).collect::<Vec<_>>(),
    );
}

/// Findings as alarm lines, each with what helps. Any is exit code 3.
pub fn alarm(findings: &[Finding], copies: usize, world: &DeskArgs, printer: &Printer) -> Ended {
    printer.say("");
    if findings.is_empty() {
        let copies = counted(copies, "copy is", "copies are");
        printer.say(&format!("{copies} where intended, seen there, and permitted"));
        return Ended::Ok;
    }
    for finding in findings {
        let shard = finding.shard.as_deref().unwrap_or("world");
        printer.say(&format!(
            "ALARM {} {shard}: {}",
            finding.kind.as_str(),
            finding.what
        ));
    }
    let mut hints: Vec<&str> = findings.iter().map(|finding| finding.hint.as_str()).collect();
    hints.sort_unstable();
    hints.dedup();
    for hint in hints {
        let is_command = hint.starts_with("cellctl ");
        printer.hint(&if is_command {
            world.named(hint)
        } else {
            hint.to_owned()
        });
    }
    Ended::Differs
}
