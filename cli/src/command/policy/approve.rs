//! `policy approve`: what somebody else proposed is compiled here, compared, shown, and signed.
//!
//! Nothing of the proposal is taken on trust: the text comes from the controllers, the matrix is what this program makes
//! of it, and the signature is over the digest of that.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use control_plane_residency::{Digest, Ready};
use platform_model::matrix::LawVersion;
use platform_wire::law::{APPROVAL_PURPOSE, LawRecord, LawView, approval_statement};
use serde::Serialize;

use super::apply::refuse_strands;
use super::decision::Decision;
use super::plan::planned;
use super::version::version;
use crate::command::DeskArgs;
use crate::exit::{Ended, Hinted};
use crate::law::plan::Plan;
use crate::law::source::Source;
use crate::law::standing::compiled_here;
use crate::law::views::{moment, person};
use crate::printer::Printer;
use crate::world::desk::Desk;
use crate::world::operator;

/// Approves a proposed law: compiles its text here, compares the digest, shows the plan, and signs. The author may not.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl policy approve v2 --reason 'decision 14' --as compliance/ben")]
pub struct Approve {
    /// The version, such as `v2`.
    #[arg(value_parser = version)]
    version: LawVersion,
    /// A folder with the law as you know it; it must be the same to the letter.
    #[arg(value_name = "DIR")]
    law: Option<PathBuf>,
    /// The digest as the author told it to you.
    #[arg(long, value_name = "DIGEST")]
    digest: Option<Digest>,
    #[command(flatten)]
    decision: Decision,
    #[command(flatten)]
    pub(super) world: DeskArgs,
}

#[derive(Debug, Serialize)]
struct ApprovedView {
    version: String,
    digest: String,
    author: String,
    approved: bool,
    decision: Option<u64>,
    /// When all of it holds.
    holds_from: Option<String>,
    plan: Plan,
}

impl Approve {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let desk = self.world.desk()?;
        let view = desk.admin.law().await.map_err(operator::explain)?;
        let record = proposed(&view, self.version)?;
        let ready = compiled_here(record)?;
        self.check_same(&ready)?;
        let (_, plan) = planned(&desk, &ready).await?;
        printer.say(&plan.text());
        refuse_strands(&plan)?;
        printer.progress(&format!(
            "law {} was proposed by {}; it compiles here to digest {}",
            self.version,
            person(&record.author),
            ready.digest
        ));
        let decision = match self.decision.goes_on(printer)? {
            true => Some(self.sign_and_send(&desk, &ready).await?),
            false => None,
        };
        self.print(&desk, record, plan, decision, printer).await
    }

    async fn sign_and_send(&self, desk: &Desk, ready: &Ready) -> Result<u64> {
        let statement = approval_statement(&desk.world, self.version, &ready.digest.0);
        let signature = desk.identity.sign(APPROVAL_PURPOSE, &statement)?;
        let reason = &self.decision.change.reason;
        let sent = desk
            .admin
            .approve_law(self.version, ready.digest.0, signature, reason)
            .await;
        Ok(sent.map_err(operator::explain)?.sequence)
    }

    /// The law that is proposed is the one that the approver knows.
    fn check_same(&self, ready: &Ready) -> Result<()> {
        let show = "cellctl policy show --proposed --text";
        if let Some(told) = self.digest.filter(|told| *told != ready.digest) {
            let message = format!(
                "law {} was told to you as {told}; what is proposed now is {}: nothing was done",
                self.version, ready.digest
            );
            let hints = [show, "ask its author: it may have been proposed anew"];
            return Err(Hinted::new(message, &hints).into());
        }
        let Some(dir) = &self.law else { return Ok(()) };
        if Source::read(dir)?.bundle()? == *ready.law.bundle() {
            return Ok(());
        }
        let message = format!(
            "the law in {} is not the one that is proposed as {}: nothing was done",
            dir.display(),
            self.version
        );
        let diff = format!("cellctl policy diff {} {}", dir.display(), self.version);
        Err(Hinted::new(message, &[&diff, show]).into())
    }

    async fn print(
        &self,
        desk: &Desk,
        record: &LawRecord,
        plan: Plan,
        decision: Option<u64>,
        printer: &Printer,
    ) -> Result<Ended> {
        let mut holds_from = plan.holds_from.clone();
        if let Some(number) = decision {
            let after = desk.admin.law().await.map_err(operator::explain)?;
            let law = after.approved.filter(|law| law.version == self.version);
            let from_ms = law
                .and_then(|law| law.approved)
                .map(|approved| approved.holds_from_ms);
            holds_from = from_ms.and_then(moment);
            let from = holds_from.clone().unwrap_or_default();
            let now = from_ms.is_some_and(|from_ms| from_ms <= after.time_ms);
            let when = if now {
                format!("holds since {from}")
            } else {
                format!("holds wholly from {from} on")
            };
            printer.say(&format!(
                "law {} is approved (decision {number}) and {when}",
                self.version
            ));
        }
        printer.document(&ApprovedView {
            version: self.version.to_string(),
            digest: plan.to.digest.clone(),
            author: record.author.clone(),
            approved: decision.is_some(),
            decision,
            holds_from,
            plan,
        });
        Ok(Ended::Ok)
    }
}

fn proposed(view: &LawView, version: LawVersion) -> Result<&LawRecord> {
    let found = view.proposed.as_ref().filter(|law| law.version == version);
    found.ok_or_else(|| {
        let now = match &view.proposed {
            Some(law) => format!("cellctl policy show --proposed   law {} is", law.version),
            None => "cellctl policy history   shows what became of it".to_owned(),
        };
        Hinted::new(format!("law {version} is not up for approval"), &[&now]).into()
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::law::sample;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        approve: Approve,
    }

    fn approve(line: &str) -> Approve {
        let words = std::iter::once("x")
            .chain(line.split(' '))
            .chain(["--reason", "r"]);
        Line::try_parse_from(words).expect("a command").approve
    }

    #[test]
    fn a_digest_that_was_told_for_another_proposal_is_stale() {
        let (told, now) = (sample::law(2, ""), sample::law(2, sample::WIDER));
        let approve = approve(&format!("v2 --digest {}", told.digest));
        approve.check_same(&told).expect("as told");
        let error = approve.check_same(&now).expect_err("proposed anew");
        let text = crate::exit::text(&error, "");
        assert!(
            text.contains(&format!("what is proposed now is {}", now.digest)),
            "{text}"
        );
        assert!(
            text.contains("hint: cellctl policy show --proposed --text"),
            "{text}"
        );
        assert_eq!(crate::exit::number(&Err(error)), 1);
    }

    #[test]
    fn a_folder_with_another_law_is_not_what_is_proposed() {
        let dir = tempfile::tempdir().expect("a folder");
        let ready = sample::law(2, "");
        for (name, text) in ready.law.bundle().files() {
            std::fs::write(dir.path().join(name), text).expect("written");
        }
        let approve = approve(&format!("v2 {}", dir.path().display()));
        approve.check_same(&ready).expect("the same");
        let error = approve
            .check_same(&sample::law(2, sample::WIDER))
            .expect_err("another");
        assert!(crate::exit::text(&error, "").contains("hint: cellctl policy diff"));
    }

    #[test]
    fn a_version_that_is_not_proposed_says_which_is() {
        let law = sample::record(3, "");
        let error = proposed(&sample::view(None, None, Some(&law)), LawVersion(2)).expect_err("another");
        assert!(crate::exit::text(&error, "").ends_with("law v3 is"));
        let error = proposed(&sample::view(None, None, None), LawVersion(2)).expect_err("none");
        assert!(crate::exit::text(&error, "").contains("cellctl policy history"));
    }
}
