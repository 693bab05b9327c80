//! Laws that tests read: the shipped example, and small ones made for one question.

mod document;
mod every_point;
mod example;
mod mutation;
mod page;
mod questions;
mod random;
mod reading;
mod size;
mod unfit;
mod versions;

use platform_model::matrix::Point;

use crate::{Bundle, Compiled, Faults, Law};

/// Two jurisdictions, a region that nobody attests, one mechanism, one sink.
const SMALL: &str = r#"version = 1
date = "2026-11-01"
title = "A small law"
catalogues = ["0000000000000000000000000000000000000000000000000000000000000000"]

[regions.eu-central]
country = "DE"
attested = { by = "a", on = "2026-10-01" }

[regions.us-east]
country = "US"
attested = { by = "a", on = "2026-10-01" }

[regions.us-west]
country = "US"

[jurisdictions.eu]
name = "European Economic Area"
countries = ["DE", "FR"]
authority = ["eu-central"]

[jurisdictions.us]
name = "United States"
countries = ["US"]
authority = ["us-east"]

[[mechanisms]]
kind = "adequacy"
jurisdiction = "eu"
regions = ["us-east", "us-west"]
article = "Art. 45"
evidence = "file 1"

[sinks.backup]
kind = "backup"
region = "us-east"
operator = "a"
"#;

/// Permits everything at home. Every small law has it.
const HOME: &str = r#"@id("home")
@article("Art. 6")
@reason("At home.")
@owner("a")
permit (principal, action, resource) when { resource in principal && resource.attested };
"#;

/// A rule with all its annotations.
fn rule(id: &str, text: &str) -> String {
    format!("@id(\"{id}\") @article(\"Art. of {id}\") @reason(\"Because.\") @owner(\"a\")\n{text}\n")
}

/// A bundle of [`SMALL`], [`HOME`] in `a.cedar`, and these files.
fn bundle(files: &[(&str, &str)]) -> Bundle {
    let base = [("law.toml", SMALL), ("a.cedar", HOME)];
    let given = |name| files.iter().any(|(given, _)| *given == name);
    let base = base.into_iter().filter(|(name, _)| !given(*name));
    Bundle::from_files(base.chain(files.iter().copied())).expect("files of a law")
}

/// The small law with more rules, in `b.cedar`.
fn law(rules: &str) -> Result<Law, Faults> {
    Law::read(&bundle(&[("b.cedar", rules)]))
}

fn compiled(rules: &str) -> (Law, Compiled) {
    let law = law(rules).unwrap_or_else(|faults| panic!("{faults}"));
    let compiled = law.compile().unwrap_or_else(|faults| panic!("{faults}"));
    (law, compiled)
}

/// `eu transfer us-east health service`.
fn point(text: &str) -> Point {
    let words: Vec<&str> = text.split(' ').collect();
    let [jurisdiction, action, region, class, purpose] = words.as_slice() else {
        panic!("five words: {text}")
    };
    Point {
        jurisdiction: jurisdiction.parse().expect("a jurisdiction"),
        action: action.parse().expect("an action"),
        region: region.parse().expect("a region"),
        class: class.parse().expect("a class"),
        purpose: purpose.parse().expect("a purpose"),
    }
}
