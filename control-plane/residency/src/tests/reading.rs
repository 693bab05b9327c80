//! Rules and cases are refused where something in them is wrong, with the place.

use super::{bundle, law, rule};
use crate::{Faults, Law};

fn fault(rules: &str) -> String {
    let Faults(faults) = law(rules).expect_err("refused");
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults[0].to_string()
}

const PERMIT: &str = "permit (principal, action, resource) when { resource.attested };";

#[test]
fn a_text_that_cedar_does_not_read_is_refused_where_it_breaks() {
    let broken = rule(
        "more",
        "permit (principal, action, resource)\nwhen { resource.attested ",
    );
    let fault = fault(&broken);
    assert!(
        fault.starts_with("b.cedar:3:") || fault.starts_with("b.cedar:4:"),
        "{fault}"
    );
    assert!(
        super::law("forbid me")
            .expect_err("refused")
            .to_string()
            .starts_with("b.cedar:1:")
    );
}

#[test]
fn every_rule_has_its_four_annotations_and_no_other() {
    for missing in ["id", "article", "reason", "owner"] {
        let text = rule("more", PERMIT);
        let start = text.find(&format!("@{missing}(")).expect("it stands there");
        let end = start + text[start..].find(')').expect("it ends") + 1;
        let fault = fault(&format!("{}{}", &text[..start], &text[end..]));
        assert!(
            fault.starts_with("b.cedar:1:") && fault.ends_with(&format!("has no @{missing}")),
            "{fault}"
        );
    }
    let empty = rule("more", PERMIT).replace("@owner(\"a\")", "@owner(\" \")");
    assert_eq!(fault(&empty), "b.cedar:1:1: rule more has no @owner");
    let other = rule("more", PERMIT).replace("@owner", "@onwer");
    let Faults(faults) = law(&other).expect_err("refused");
    assert_eq!(faults.len(), 2, "one too many and one too few: {faults:?}");
    let twice = rule("more", PERMIT).replace("@owner(\"a\")", "@owner(\"a\") @owner(\"b\")");
    assert!(fault(&twice).contains("owner"), "Cedar refuses it");
}

#[test]
fn an_id_is_a_name_and_stands_once() {
    assert_eq!(
        fault(&rule("More Rules", PERMIT)),
        "b.cedar:1:1: `More Rules` is no id of a rule: lower-case letters, digits and hyphens, 64 at most"
    );
    let twice = format!("{}\n{}", rule("more", PERMIT), rule("more", PERMIT));
    assert_eq!(
        fault(&twice),
        "b.cedar:4:1: two rules are called more; the first is at b.cedar:1:1"
    );
    assert!(fault(&rule("home", PERMIT)).ends_with("two rules are called home; the first is at a.cedar:1:1"));
}

#[test]
fn a_rule_reads_what_it_may_and_nothing_else() {
    for (text, what) in [
        ("context has weather", "context has weather"),
        (
            "context.class == context.purpose && principal has name",
            "principal has name",
        ),
        ("resource.owner == principal", "resource.owner"),
        ("context.weather == \"fine\"", "context.weather"),
        ("principal.name like \"a*\"", "principal.name like"),
        ("1 < 2", "1"),
        ("context.class == \"health\"", "\"health\""),
        ("[1].isEmpty()", "[1].isEmpty()"),
        ("(context.consent && true) == true", "context.consent && true"),
        ("{a: 1}.a == 1", "{"),
        (
            "(if context.consent then principal else Jurisdiction::\"eu\") == principal",
            "if",
        ),
        ("resource.hasTag(\"a\")", "hasTag"),
    ] {
        let fault = fault(&rule(
            "more",
            &format!("permit (principal, action, resource) when {{ {text} }};"),
        ));
        assert!(
            fault.contains("rule more reads `") && fault.contains(what),
            "{text}: {fault}"
        );
    }
}

#[test]
fn the_clock_and_the_address_of_the_caller_are_no_business_of_the_law() {
    for text in [
        "datetime(\"2026-01-01\") == datetime(\"2026-01-01\")",
        "ip(\"10.0.0.1\").isLoopback()",
    ] {
        let fault = fault(&rule(
            "more",
            &format!("permit (principal, action, resource) when {{ {text} }};"),
        ));
        assert!(fault.starts_with("b.cedar:"), "{fault}");
    }
}

#[test]
fn a_name_that_stands_for_nothing_is_refused_with_the_nearest_that_does() {
    for (text, expected) in [
        (
            "resource in Region::\"us-eats\"",
            "rule more names region us-eats, which the law does not know; did you mean us-east?",
        ),
        (
            "resource in Country::\"XX\"",
            "rule more names country XX, which the law does not know",
        ),
        (
            "principal == Jurisdiction::\"uk\"",
            "rule more names jurisdiction uk, which the law does not know; did you mean us?",
        ),
        (
            "context.class == DataClass::\"helth\"",
            "rule more names data class helth, which the law does not know; did you mean health?",
        ),
        (
            "context.purpose == Purpose::\"fun\"",
            "rule more names purpose fun, which the law does not know",
        ),
        (
            "context.mechanisms.contains(Mechanism::\"adequate\")",
            "rule more names mechanism adequate, which the law does not know",
        ),
        (
            "action == Action::\"store-primry\"",
            "rule more names action store-primry, which the law does not know; did you mean store-primary?",
        ),
    ] {
        let found = fault(&rule(
            "more",
            &format!("permit (principal, action, resource) when {{ {text} }};"),
        ));
        assert!(
            found.starts_with("b.cedar:1:1: ") && found.contains(expected),
            "{text}: {found}"
        );
    }
}

#[test]
fn what_cedars_validator_refuses_is_refused() {
    for (text, expected) in [
        ("context.class == Purpose::\"service\"", "rule more"),
        ("resource == User::\"a\"", "User"),
        ("context.mechanisms.contains(context.class)", "rule more"),
        ("resource in DataClass::\"health\"", "rule more"),
    ] {
        let found = fault(&rule(
            "more",
            &format!("permit (principal, action, resource) when {{ {text} }};"),
        ));
        assert!(
            found.starts_with("b.cedar:") && found.contains(expected),
            "{text}: {found}"
        );
    }
}

#[test]
fn a_template_is_no_rule() {
    let found = fault(&rule(
        "more",
        "permit (principal == ?principal, action, resource);",
    ));
    assert_eq!(
        found,
        "b.cedar:1:1: a template is no rule: it says nothing until its slots are filled"
    );
}

#[test]
fn a_law_has_rules() {
    let Faults(faults) = Law::read(&bundle(&[("a.cedar", "// none\n")])).expect_err("refused");
    assert!(faults[0].to_string().contains("rules: 0 of them"), "{faults:?}");
}

#[test]
fn a_rule_nested_without_end_is_refused_and_nothing_breaks() {
    let when = |text: &str| {
        rule(
            "more",
            &format!("permit (principal, action, resource) when {{ {text} }};"),
        )
    };
    for text in [
        vec!["context.consent"; 500].join(" && "),
        format!("{}true{}", "(".repeat(50_000), ")".repeat(50_000)),
        "!".repeat(10_000),
        "if true then ".repeat(20_000),
        format!("context{}", ".a".repeat(50_000)),
    ] {
        let found = fault(&when(&text));
        assert!(
            found.ends_with("a rule with too many parts or brackets within brackets: write it as several"),
            "{found}"
        );
    }
    // What is within the bounds is read, or refused for another reason, without breaking.
    law(&when(&vec!["context.consent"; 160].join(" && "))).expect("a long rule");
    law(&when(&format!("{}true{}", "(".repeat(35), ")".repeat(35)))).expect("brackets");
    law(&when(&format!("context{}", ".a".repeat(490)))).expect_err("no such attribute");
    law(&when(&format!(
        "{}true{}",
        "if true then ".repeat(490),
        " else true".repeat(490)
    )))
    .expect("a long conditional");
}

fn case_fault(cases: &str) -> String {
    let Faults(faults) = Law::read(&bundle(&[("cases.toml", cases)])).expect_err("refused");
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults[0].to_string()
}

const CASE: &str = "[[cases]]\nname = \"a\"\njurisdiction = \"eu\"\naction = \"process\"\nregion = \"us-east\"\nclass = [\"health\"]\nexpect = \"deny\"\nrule = \"none\"\n";

#[test]
fn a_case_that_names_what_is_not_there_is_refused_where_it_stands() {
    let with = |from: &str, to: &str| case_fault(&CASE.replacen(from, to, 1));
    assert_eq!(
        with("\"us-east\"", "\"us-eats\""),
        "cases.toml:5:10: the case `a` names region us-eats, which the law does not know; did you mean us-east?"
    );
    assert!(
        with("\"none\"", "\"hom\"")
            .contains("names rule hom, which the law does not know; did you mean home?")
    );
    assert!(with("\"process\"", "\"store\"").starts_with("cases.toml:4:10: the case `a` names action store"));
    assert!(with("[\"health\"]", "[]").starts_with("cases.toml:6:9: invalid length 0"));
    assert!(with("\"deny\"", "\"maybe\"").contains("unknown variant `maybe`"));
    assert!(with("rule", "rules").contains("unknown field `rules`"));
    assert!(with("\"a\"", "\"\"").contains("the name of a case has 0 bytes"));
}

#[test]
fn lists_and_stars_stand_for_every_point() {
    let cases = CASE
        .replace("\"us-east\"", "\"*\"")
        .replace("[\"health\"]", "[\"health\", \"social\"]");
    let law = Law::read(&bundle(&[("cases.toml", &cases)])).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(law.cases()[0].points.len(), 3 * 2);
    let report = law.test(&law.compile().expect("it compiles").matrix);
    assert_eq!((report.cases, report.points, report.failures.len()), (1, 6, 1));
    assert_eq!(report.failures[0].points, 2, "at home it is permitted");
}
