//! `policy lint`: everything that is wrong with a law, at once, with file, line and column.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use control_plane_residency::{Fault, FaultKind, Law};
use serde::Serialize;

use crate::exit::Ended;
use crate::law::source::Source;
use crate::law::views::FaultView;
use crate::printer::{Printer, counted};

/// Checks that a law reads and is fit to hold. Exit code 1 if it is not.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl policy lint law")]
pub struct Lint {
    /// The folder with the law.
    dir: PathBuf,
}

#[derive(Debug, Serialize)]
struct LintView {
    fit: bool,
    faults: Vec<FaultView>,
    /// Files that are no part of a law.
    aside: Vec<String>,
}

impl Lint {
    pub fn run(&self, printer: &Printer) -> Result<Ended> {
        let source = Source::read(&self.dir)?;
        let (faults, fit) = match judged(&source) {
            Ok(law) => (Vec::new(), Some(law)),
            Err(faults) => (faults, None),
        };
        say_aside(&source, printer);
        if let Some(law) = &fit {
            let document = law.document();
            printer.say(&format!(
                "law {} is fit: {}, {}, {}, {}",
                document.version,
                counted(document.jurisdictions.len(), "jurisdiction", "jurisdictions"),
                counted(document.regions.len(), "region", "regions"),
                counted(law.rules().len(), "rule", "rules"),
                counted(law.cases().len(), "case", "cases"),
            ));
            printer.hint(&format!("cellctl policy test {}", self.dir.display()));
        } else {
            printer.say(&faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n"));
            let count = counted(faults.len(), "fault", "faults");
            printer.progress(&format!("the law is not fit to hold: {count}"));
        }
        printer.document(&LintView {
            fit: fit.is_some(),
            faults: faults.iter().map(FaultView::from).collect(),
            aside: source.aside,
        });
        Ok(if fit.is_some() { Ended::Ok } else { Ended::NotSo })
    }
}

/// Names the files that were not read as a law.
pub fn say_aside(source: &Source, printer: &Printer) {
    if !source.aside.is_empty() {
        printer.progress(&format!(
            "no part of the law, left aside: {}",
            source.aside.join(", ")
        ));
    }
}

/// A law that is fit, or all that is wrong at the first stage that finds something.
fn judged(source: &Source) -> Result<Law, Vec<Fault>> {
    let bundle = source.bundle().map_err(|error| {
        vec![Fault {
            position: None,
            kind: FaultKind::Source(error),
        }]
    })?;
    let law = Law::read(&bundle).map_err(|faults| faults.0)?;
    let compiled = law.compile().map_err(|faults| faults.0)?;
    let faults = law.lint(&compiled);
    if faults.is_empty() { Ok(law) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use control_plane_residency::example;

    use super::*;
    use crate::printer::Format;

    /// The example with one more file.
    fn with(name: &str, text: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        for (name, text) in example::FILES {
            fs::write(dir.path().join(name), text).expect("written");
        }
        fs::write(dir.path().join(name), text).expect("written");
        dir
    }

    fn rule(effect: &str, head: &str, when: &str) -> String {
        format!(
            "@id(\"zz\")\n@article(\"a\")\n@reason(\"r\")\n@owner(\"o\")\n{effect} ({head}) when {{ {when} }};\n"
        )
    }

    #[track_caller]
    fn found(name: &str, text: &str) -> Vec<&'static str> {
        let dir = with(name, text);
        let source = Source::read(dir.path()).expect("reads");
        let mut codes: Vec<_> = match judged(&source) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(|fault| fault.kind.code()).collect(),
        };
        codes.dedup();
        let lint = Lint {
            dir: dir.path().to_owned(),
        };
        let ended = lint.run(&Printer::new(Format::Table)).expect("runs");
        assert_eq!(ended == Ended::Ok, codes.is_empty());
        codes
    }

    #[test]
    fn the_example_is_fit() {
        assert_eq!(found("notes.md", "x"), [""; 0]);
    }

    #[test]
    fn a_law_that_does_not_parse() {
        assert_eq!(found("zz.cedar", "permit (principal"), ["not-cedar"]);
        assert_eq!(found("law.toml", "version ="), ["not-toml"]);
        assert_eq!(found("UPPER.cedar", ""), ["source"]);
    }

    #[test]
    fn a_law_that_contradicts_itself() {
        let permit = rule(
            "permit",
            "principal == Jurisdiction::\"eu\", action == Action::\"operator-access\", resource == Region::\"us-east\"",
            "context.class == DataClass::\"health\"",
        );
        assert_eq!(found("zz.cedar", &permit), ["contradicts"]);
    }

    #[test]
    fn a_law_that_leaves_a_class_without_a_home() {
        let forbid = rule(
            "forbid",
            "principal == Jurisdiction::\"us\", action, resource",
            "context.class == DataClass::\"health\"",
        );
        let codes = found("zz.cedar", &forbid);
        assert!(codes.contains(&"class-without-home"), "{codes:?}");
    }

    #[test]
    fn a_law_that_reads_what_it_may_not() {
        let clock = rule(
            "forbid",
            "principal, action, resource",
            "context.now == DataClass::\"health\"",
        );
        let codes = found("zz.cedar", &clock);
        assert!(
            codes.contains(&"reads-what-it-may-not") || codes.contains(&"invalid-rule"),
            "{codes:?}"
        );
        let text = rule("forbid", "principal, action, resource", "\"a\" == \"b\"");
        assert!(found("zz.cedar", &text).contains(&"reads-what-it-may-not"));
    }
}
