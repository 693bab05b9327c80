//! `policy why-not`: the smallest change that would make something legal.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::explain::ask;
use crate::command::DeskArgs;
use crate::exit::Ended;
use crate::law::answer::{Answered, Heading, WhyNotView};
use crate::law::question::Question;
use crate::printer::{Printer, counted};

/// Explanations that are shown to people; the rest is counted. `-o json` shows all.
const SHOWN_MAX: usize = 5;

/// Names the smallest change after which something is permitted: attest a region, add a mechanism, write a permit, lift
/// a rule. It says what would have to be so, not that it should be.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cellctl policy why-not --jurisdiction eu --action store-standby --region us-east --class contact\n  cellctl policy why-not --shard eu/eu-central/000 --cell us-east-1"
)]
pub struct WhyNot {
    /// A folder with a law; without it, the law in force is asked.
    #[arg(value_name = "DIR")]
    law: Option<PathBuf>,
    #[command(flatten)]
    question: Question,
    #[command(flatten)]
    pub(super) world: DeskArgs,
}

#[derive(Debug, Serialize)]
struct WhyNotDocument {
    about: String,
    #[serde(flatten)]
    heading: Heading,
    /// Points that are permitted as it is.
    permitted: usize,
    /// The others.
    answers: Vec<WhyNotView>,
}

impl WhyNot {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let (asking, asked) = ask(self.law.as_deref(), &self.question, &self.world).await?;
        let all = asked.points.iter().map(|point| asking.why_not(point));
        let (permitted, others): (Vec<_>, Vec<_>) = all.partition(|answer| answer.view.state == "permitted");
        let heading = asking.heading();
        printer.say(&format!("{}, by {}", asked.about, heading.text()));
        say(&permitted, &others, printer);
        printer.document(&WhyNotDocument {
            about: asked.about,
            heading,
            permitted: permitted.len(),
            answers: others.into_iter().map(|answer| answer.view).collect(),
        });
        Ok(Ended::Ok)
    }
}

fn say(permitted: &[Answered<WhyNotView>], others: &[Answered<WhyNotView>], printer: &Printer) {
    if others.is_empty() {
        // At least one point was asked about.
        let first = permitted
            .first()
            .map(|answer| answer.text.as_str())
            .unwrap_or_default();
        printer.say(first);
        return;
    }
    for answer in others.iter().take(SHOWN_MAX) {
        printer.say(&answer.text);
    }
    if others.len() > SHOWN_MAX {
        let more = counted(others.len() - SHOWN_MAX, "class or action", "classes or actions");
        printer.say(&format!("and {more} more: -o json shows all"));
    }
    if !permitted.is_empty() {
        printer.say(&format!(
            "permitted as it is: {}",
            counted(permitted.len(), "point", "points")
        ));
    }
}
