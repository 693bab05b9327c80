//! `policy explain`: what the law says to a question, by which rule, and why.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::command::DeskArgs;
use crate::exit::Ended;
use crate::law::answer::{AnswerView, Answered, Asking, Heading};
use crate::law::question::{Asked, Question};
use crate::law::source::Source;
use crate::law::standing::Standing;
use crate::printer::Printer;
use crate::world::operator;

/// Says what a law answers, by which rule and article, and what the rules could read. Asks the law in force, or one in a
/// folder.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cellctl policy explain --jurisdiction eu --action store-primary --region us-east --class health\n  cellctl policy explain --shard eu/eu-central/000 --cell us-east-1\n  cellctl policy explain law --user eu/eu-central/0197a4a0-0000-7000-8000-000000000001 --region us-east"
)]
pub struct Explain {
    /// A folder with a law; without it, the law in force is asked.
    #[arg(value_name = "DIR")]
    law: Option<PathBuf>,
    #[command(flatten)]
    question: Question,
    #[command(flatten)]
    pub(super) world: DeskArgs,
}

#[derive(Debug, Serialize)]
struct ExplainView {
    about: String,
    #[serde(flatten)]
    heading: Heading,
    /// All of what was asked is permitted without consent.
    permitted: bool,
    answers: Vec<AnswerView>,
}

impl Explain {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let (asking, asked) = ask(self.law.as_deref(), &self.question, &self.world).await?;
        let answers: Vec<_> = asked.points.iter().map(|point| asking.explain(point)).collect();
        let heading = asking.heading();
        printer.say(&format!("{}, by {}", asked.about, heading.text()));
        if answers.len() > 1 {
            printer.table(
                &["class", "action", "answer", "rule", "article"],
                &answers.iter().map(row).collect::<Vec<_>>(),
            );
        }
        printer.say(&distinct(&answers).join("\n"));
        printer.document(&ExplainView {
            about: asked.about,
            heading,
            permitted: answers.iter().all(|answered| answered.view.answer == "permit"),
            answers: answers.into_iter().map(|answered| answered.view).collect(),
        });
        Ok(Ended::Ok)
    }
}

/// The law that is asked, and what.
///
/// # Errors
/// For a folder without a law that is fit; when no law is in force; for a cell that is not known.
pub async fn ask(dir: Option<&Path>, question: &Question, world: &DeskArgs) -> Result<(Asking, Asked)> {
    let mut status = None;
    if question.needs_the_world() {
        let told = world.desk()?.admin.status().await;
        status = Some(told.map_err(operator::explain)?);
    }
    let asked = question.understood(status.as_ref())?;
    let asking = match dir {
        Some(dir) => Asking::Folder(Box::new(Source::read(dir)?.ready()?)),
        None => {
            let view = world.desk()?.admin.law().await.map_err(operator::explain)?;
            Asking::World(Box::new(Standing::of(&view)?))
        }
    };
    Ok((asking, asked))
}

fn row(answered: &Answered<AnswerView>) -> Vec<String> {
    let AnswerView {
        point, answer, rule, ..
    } = &answered.view;
    let rule = rule.as_ref();
    vec![
        point.class.clone(),
        point.action.clone(),
        (*answer).to_owned(),
        rule.map_or_else(|| "none".to_owned(), |rule| rule.id.clone()),
        rule.map(|rule| rule.article.clone()).unwrap_or_default(),
    ]
}

/// The first explanation of each answer by each rule.
fn distinct(answers: &[Answered<AnswerView>]) -> Vec<&str> {
    let mut told = BTreeSet::new();
    let first = answers.iter().filter(|answered| {
        let rule = answered.view.rule.as_ref().map(|rule| rule.id.as_str());
        told.insert((answered.view.answer, rule))
    });
    first.map(|answered| answered.text.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::law::sample;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        question: Question,
    }

    #[test]
    fn each_answer_by_each_rule_is_explained_once() {
        let line = "x --shard eu/eu-central/000 --region us-east";
        let question = Line::try_parse_from(line.split(' '))
            .expect("a question")
            .question;
        let asking = Asking::Folder(Box::new(sample::law(1, "")));
        let asked = question.understood(None).expect("understood");
        let answers: Vec<_> = asked.points.iter().map(|point| asking.explain(point)).collect();
        assert_eq!(answers.len(), 9);
        let rows: String = answers
            .iter()
            .map(|answer| row(answer).join(" | ") + "\n")
            .collect();
        insta::assert_snapshot!(format!("{rows}\n{}", distinct(&answers).join("\n")));
    }
}
