//! What people ask of a law: why, and why not.

use super::{compiled, point, rule};
use crate::example;
use crate::{Compiled, Law, Remedy, WhyNot};
use platform_model::matrix::Answer;

fn example() -> (Law, Compiled) {
    let law = Law::read(&example::bundle(None)).expect("it reads");
    let compiled = law.compile().expect("it compiles");
    (law, compiled)
}

#[test]
fn an_explanation_names_rule_article_reason_and_facts() {
    let (law, compiled) = example();
    let explained = law.explain(&compiled, &point("uk transfer us-east health service"));
    assert_eq!(explained.answer, Answer::Deny);
    let text = explained.to_string();
    for part in [
        "`transfer` of health data of uk in us-east for service: deny",
        "uk-health-stays-out-of-the-us (forbid, uk.cedar:",
        "UK GDPR Art. 9",
        "health data does not cross it",
        "dpo-uk@example.org",
        "permitted by uk-copies-in-adequate-places",
        "us-east in US (us), attested by compliance@example.org, report of the provider on 2026-09-20; mechanisms: adequacy",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let nothing = law.explain(&compiled, &point("ru process jp-east social service"));
    assert!(
        nothing.rule.is_none() && nothing.to_string().contains("no rule permits it"),
        "{nothing}"
    );
    assert!(
        nothing.to_string().contains("jp-east in JP (no jurisdiction)"),
        "{nothing}"
    );
    let unknown = law.explain(&compiled, &point("cn process jp-east social service"));
    assert!(unknown.to_string().contains("does not know"), "{unknown}");
    let consent = law.explain(&compiled, &point("eu transfer us-east health service"));
    assert!(
        consent.to_string().contains("permit with consent to service"),
        "{consent}"
    );
}

fn why_not(law: &Law, compiled: &Compiled, text: &str) -> String {
    law.why_not(compiled, &point(text)).to_string()
}

#[test]
fn the_smallest_change_is_named() {
    let (law, compiled) = example();
    let ask = |text| why_not(&law, &compiled, text);
    // Nothing, or consent.
    assert!(ask("eu process eu-west health service").starts_with("it is permitted, by rule eu-home"));
    assert!(ask("eu transfer us-east health service").starts_with("only the person's consent is needed"));
    assert_eq!(
        ask("eu process moon-base health service"),
        "the law does not know this jurisdiction or region"
    );
    // A fact of the region.
    assert_eq!(
        ask("us process us-west health analytics"),
        "the smallest change, after which the answer is permit:\n- somebody attests where the region is"
    );
    // A mechanism, which then lets consent do.
    assert_eq!(
        ask("eu transfer in-west health service"),
        "the smallest change, after which the answer is permit with consent to service:\n- a mechanism `adequacy` carries the data there"
    );
    // A rule of law that stands in the way.
    assert_eq!(
        ask("uk transfer us-east health service"),
        "the smallest change, after which the answer is permit:\n- rule uk-health-stays-out-of-the-us (UK GDPR Art. 9; SI 2023/1028 (guidance on sensitive data)) \
         no longer forbids it"
    );
    // A permit that nobody wrote.
    let primary = ask("eu store-primary us-east health service");
    assert!(
        primary.contains("- a rule permits it:\n  permit (\n    principal == Jurisdiction::\"eu\""),
        "{primary}"
    );
}

#[test]
fn several_changes_are_named_together() {
    let (law, compiled) = example();
    let WhyNot::Needs { remedies, then } =
        law.why_not(&compiled, &point("ru store-primary us-west health service"))
    else {
        panic!("nothing is needed");
    };
    assert_eq!(then, Answer::Permit);
    let kinds: Vec<&str> = remedies
        .iter()
        .map(|remedy| match remedy {
            Remedy::Attest => "attest",
            Remedy::Mechanism(_) => "mechanism",
            Remedy::Permit { .. } => "permit",
            Remedy::Lift(rule) => rule.id.as_str(),
        })
        .collect();
    assert_eq!(kinds, ["attest", "permit", "ru-databases-stay"]);
}

/// The remedies are tried: with the facts and rules so changed, Cedar permits it. At a spread of points.
#[test]
fn what_is_named_is_enough_and_nothing_of_it_can_be_left_out() {
    let (law, compiled) = example();
    let mut tried = 0;
    for number in (0..compiled.matrix.points()).step_by(173) {
        let point = law.point(number);
        let WhyNot::Needs { remedies, then } = law.why_not(&compiled, &point) else {
            continue;
        };
        assert_eq!(law.answer_with(&point, &remedies), then, "{point}: {remedies:?}");
        for left_out in 0..remedies.len() {
            let mut fewer = remedies.clone();
            fewer.remove(left_out);
            assert_eq!(
                law.answer_with(&point, &fewer),
                Answer::Deny,
                "{point}: {remedies:?} without {left_out}"
            );
        }
        tried += 1;
    }
    assert!(tried > 50, "{tried}");
}

impl Law {
    /// What Cedar answers once the remedies are applied.
    fn answer_with(&self, point: &platform_model::matrix::Point, remedies: &[Remedy<'_>]) -> Answer {
        let mut files: Vec<(String, String)> = self
            .bundle()
            .files()
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .collect();
        let lifted: Vec<&str> = remedies
            .iter()
            .filter_map(|remedy| match remedy {
                Remedy::Lift(rule) => Some(rule.text.as_str()),
                _ => None,
            })
            .collect();
        let added: String = remedies
            .iter()
            .filter_map(|remedy| match remedy {
                Remedy::Permit { text } => Some(rule("added", text)),
                _ => None,
            })
            .collect();
        for (_, text) in &mut files {
            for rule in &lifted {
                *text = text.replace(rule, "");
            }
        }
        files.retain(|(name, _)| !name.ends_with("cases.toml"));
        files.push(("zz.cedar".to_owned(), added));
        let bundle = crate::Bundle::from_files(files).expect("files of a law");
        let mut law = Law::read(&bundle).unwrap_or_else(|faults| panic!("{faults}"));
        let at = law.facts.locate(point, true).expect("a place of the law");
        for remedy in remedies {
            match remedy {
                Remedy::Attest => law.facts.attest(at.region),
                Remedy::Mechanism(kind) => {
                    law.facts
                        .add_mechanisms(at.jurisdiction, at.region, [*kind].into_iter().collect())
                }
                _ => {}
            }
        }
        law.ask_cedar(point)
    }
}

#[test]
fn a_copy_is_never_made_legal_by_consent() {
    let consent = rule(
        "with-consent",
        "permit (principal == Jurisdiction::\"eu\", action == Action::\"store-standby\", resource == Region::\"us-east\") when { context.consent };",
    );
    let (law, compiled) = compiled(&consent);
    let at = point("eu store-primary us-east social service");
    let WhyNot::Needs { then, .. } = law.why_not(&compiled, &at) else {
        panic!("nothing is needed")
    };
    assert_eq!(then, Answer::Permit);
}
