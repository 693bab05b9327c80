//! `policy test`: the cases of a law, each against what the law answers.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use control_plane_residency::{CaseFailure, CaseReport, Law, NotReady};
use serde::Serialize;

use super::lint::say_aside;
use crate::exit::{Ended, Hinted};
use crate::law::source::{Source, unfit};
use crate::law::views::PointView;
use crate::printer::{Printer, counted};

/// Runs the cases of a law. Exit code 1 if one fails, or if there are none.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl policy test law")]
pub struct Test {
    /// The folder with the law.
    dir: PathBuf,
}

#[derive(Debug, Serialize)]
struct TestView {
    passed: bool,
    cases: usize,
    points: usize,
    failures: Vec<FailureView>,
}

#[derive(Debug, Serialize)]
struct FailureView {
    case: String,
    position: String,
    /// The first that is not so.
    point: PointView,
    points: usize,
    expected: String,
    found: String,
}

impl Test {
    pub fn run(&self, printer: &Printer) -> Result<Ended> {
        let source = Source::read(&self.dir)?;
        say_aside(&source, printer);
        let report = report(&source)?;
        let passed = report.passed() && report.cases > 0;
        let failures = report.failures.iter().map(CaseFailure::to_string);
        let lines: Vec<String> = failures.collect();
        if !lines.is_empty() {
            printer.say(&lines.join("\n"));
        }
        let cases = counted(report.cases, "case", "cases");
        let points = counted(report.points, "point", "points");
        if passed {
            printer.say(&format!("{cases} at {points}: all are answered as expected"));
        } else if report.cases == 0 {
            printer.say("the law has no cases: nobody could see what a change of a rule changes");
            printer.hint("write cases.toml: a case is a question with the answer that you expect");
        } else {
            printer.progress(&format!("{} of {cases} fail", report.failures.len()));
        }
        printer.document(&view(&report, passed));
        Ok(if passed { Ended::Ok } else { Ended::NotSo })
    }
}

fn report(source: &Source) -> Result<CaseReport> {
    let lint = format!("cellctl policy lint {}", source.dir.display());
    let bundle = source.bundle();
    let bundle = bundle.map_err(|error| Hinted::new(error.to_string(), &[&lint]))?;
    let read = Law::read(&bundle).and_then(|law| law.compile().map(|compiled| (law, compiled)));
    let (law, compiled) = read.map_err(|faults| unfit(&NotReady::Faults(faults), &lint))?;
    Ok(law.test(&compiled.matrix))
}

fn view(report: &CaseReport, passed: bool) -> TestView {
    let failure = |failure: &CaseFailure| FailureView {
        case: failure.case.clone(),
        position: failure.position.to_string(),
        point: PointView::from(&failure.point),
        points: failure.points,
        expected: failure.expected.clone(),
        found: failure.found.clone(),
    };
    TestView {
        passed,
        cases: report.cases,
        points: report.points,
        failures: report.failures.iter().map(failure).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use control_plane_residency::example;

    use super::*;
    use crate::printer::Format;

    fn run(change: impl Fn(&str, &str) -> String) -> (Ended, CaseReport) {
        let dir = tempfile::tempdir().expect("a folder");
        for (name, text) in example::FILES {
            fs::write(dir.path().join(name), change(name, text)).expect("written");
        }
        let report = report(&Source::read(dir.path()).expect("reads")).expect("compiles");
        let test = Test {
            dir: dir.path().to_owned(),
        };
        (test.run(&Printer::new(Format::Table)).expect("runs"), report)
    }

    #[test]
    fn the_cases_of_the_example_hold() {
        assert_eq!(run(|_, text| text.to_owned()).0, Ended::Ok);
    }

    #[test]
    fn a_case_that_fails_is_named_with_what_was_found() {
        let turned = |name: &str, text: &str| match name {
            "eu.cases.toml" => text.replacen("expect = \"permit\"", "expect = \"deny\"", 1),
            _ => text.to_owned(),
        };
        let (ended, report) = run(turned);
        assert_eq!((ended, report.failures.len()), (Ended::NotSo, 1));
        insta::assert_snapshot!(serde_json::to_string_pretty(&view(&report, false)).expect("writes"));
    }

    #[test]
    fn a_law_without_cases_does_not_pass() {
        let (ended, report) = run(|name, text| match name.ends_with("cases.toml") {
            true => String::new(),
            false => text.to_owned(),
        });
        assert_eq!((ended, report.cases), (Ended::NotSo, 0));
    }
}
