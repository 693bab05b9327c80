//! `law.toml` is refused where something in it is wrong, with the place.

use super::{SMALL, bundle};
use crate::Law;

/// The faults of the small law with one text in its place of another.
fn faults(from: &str, to: &str) -> Vec<String> {
    let text = SMALL.replacen(from, to, 1);
    assert_ne!(text, SMALL, "{from} stands in the small law");
    let faults = Law::read(&bundle(&[("law.toml", &text)])).expect_err("refused");
    faults.0.iter().map(ToString::to_string).collect()
}

fn fault(from: &str, to: &str) -> String {
    let faults = faults(from, to);
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.into_iter().next().expect("one")
}

#[test]
fn the_small_law_reads() {
    Law::read(&bundle(&[])).unwrap_or_else(|faults| panic!("{faults}"));
}

#[test]
fn what_is_no_toml_or_of_another_shape_is_refused_where_it_stands() {
    assert!(fault("version = 1", "version = = 1").starts_with("law.toml:1:"));
    assert!(fault("version = 1", "version = -1").starts_with("law.toml:1:11: invalid value"));
    let unknown = fault("[sinks.backup]", "[sinks.backup]\ncolour = 1");
    assert!(
        unknown.starts_with("law.toml:35:1: unknown field `colour`"),
        "{unknown}"
    );
    let missing = fault("name = \"United States\"\n", "");
    assert!(missing.contains("missing field `name`"), "{missing}");
    assert!(fault("kind = \"adequacy\"", "kind = \"handshake\"").contains("unknown variant `handshake`"));
    assert!(fault("kind = \"backup\"", "kind = \"bin\"").contains("unknown variant `bin`"));
    let twice = fault("[regions.us-west]", "[regions.us-east]");
    assert!(twice.starts_with("law.toml:14:"), "{twice}");
}

#[test]
fn a_word_that_is_not_what_it_should_be_is_refused_where_it_stands() {
    let date = fault("2026-11-01", "2026-11-31");
    assert_eq!(
        date,
        "law.toml:2:8: `2026-11-31` is not a date: a day from 2000 to 2199, such as `2026-11-01`"
    );
    let country = fault("\"DE\", \"FR\"", "\"DE\", \"Germany\"");
    assert!(
        country.starts_with("law.toml:19:13: `Germany` is not a country"),
        "{country}"
    );
    assert!(fault("regions.eu-central", "regions.EU").contains("`EU` is not a region"));
    assert!(fault("0000\"]", "000\"]").contains("a digest is 64 lower-case hex digits"));
}

#[test]
fn a_name_that_the_law_does_not_know_is_refused_with_the_nearest_that_it_does() {
    let region = fault("region = \"us-east\"", "region = \"us-eats\"");
    assert_eq!(
        region,
        "law.toml:36:10: the sink backup names region us-eats, which the law does not know; did you mean us-east?"
    );
    let regions = fault("\"us-east\", \"us-west\"", "\"us-east\", \"cn-north\"");
    assert_eq!(
        regions,
        "law.toml:30:23: a mechanism (adequacy) names region cn-north, which the law does not know"
    );
    assert!(fault("jurisdiction = \"eu\"", "jurisdiction = \"cn\"").contains("names jurisdiction cn"));
    assert!(
        fault("authority = [\"us-east\"]", "authority = [\"moon\"]")
            .contains("the authority of us names region moon")
    );
}

#[test]
fn a_country_belongs_to_one_jurisdiction() {
    let twice = fault("countries = [\"US\"]", "countries = [\"US\", \"FR\"]");
    assert_eq!(twice, "law.toml:24:20: FR belongs to two jurisdictions");
    assert!(fault("countries = [\"US\"]", "countries = []").contains("0 of them"));
}

#[test]
fn every_text_says_something() {
    assert!(
        fault("evidence = \"file 1\"", "evidence = \" \"")
            .contains("the evidence of a mechanism (adequacy) has 0 bytes")
    );
    assert!(fault("operator = \"a\"", "operator = \"\"").contains("the operator of the sink backup"));
    assert!(fault("by = \"a\"", "by = \"\"").contains("who attests a region"));
    let long = format!("[sinks.{}]", "a".repeat(65));
    assert!(fault("[sinks.backup]", &long).contains("the name of a sink has 65 bytes"));
    let long = format!("title = \"{}\"", "a".repeat(1_001));
    assert!(fault("title = \"A small law\"", &long).contains("1001 bytes"));
    assert!(
        fault(
            "catalogues = [\"0000000000000000000000000000000000000000000000000000000000000000\"]",
            "catalogues = []"
        )
        .contains("catalogues: 0 of them")
    );
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let text = SMALL
        .replace("\"us-east\", \"us-west\"", "\"moon\", \"mars\"")
        .replace("operator = \"a\"", "operator = \"\"");
    let faults = Law::read(&bundle(&[("law.toml", &text)])).expect_err("refused").0;
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(faults.is_sorted_by_key(|fault| fault.position.clone().map(|position| position.line)));
}
