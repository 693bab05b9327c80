//! Laws that read well and are unfit: each is refused by lint, for its own reason.

use super::{SMALL, bundle, compiled, law, rule};
use crate::{FaultKind, Law, NotReady, ready};

/// The faults that lint finds in the small law with these rules besides.
fn faults(rules: &str) -> Vec<FaultKind> {
    let (law, compiled) = compiled(rules);
    law.lint(&compiled).into_iter().map(|fault| fault.kind).collect()
}

fn texts(rules: &str) -> Vec<String> {
    faults(rules).iter().map(ToString::to_string).collect()
}

#[test]
fn the_small_law_is_fit() {
    assert_eq!(texts(""), [""; 0]);
}

#[test]
fn permitted_only_without_consent() {
    let found = texts(&rule(
        "odd",
        "permit (principal == Jurisdiction::\"eu\", action == Action::\"transfer\", resource == Region::\"us-east\") \
         unless { context.consent };",
    ));
    assert_eq!(
        found,
        [
            "`transfer` of public-profile data of eu in us-east for service and 62 more: permitted only without consent, by rule odd"
        ]
    );
    // Also if it is a forbid that consent calls up.
    let found = faults(&rule(
        "odd",
        "forbid (principal, action == Action::\"process\", resource) when { context.consent };",
    ));
    assert!(
        matches!(&found[..], [FaultKind::OnlyWithoutConsent { rule, .. }, ..] if rule == "home"),
        "{found:?}"
    );
}

#[test]
fn what_keeps_a_copy_may_not_depend_on_consent() {
    for action in ["store-primary", "store-standby", "store-backup", "hold-claim"] {
        let found = faults(&rule(
            "odd",
            &format!(
                "permit (principal == Jurisdiction::\"eu\", action == Action::\"{action}\", resource == Region::\"us-east\") \
                 when {{ context.consent && context.class == DataClass::\"social\" }};"
            ),
        ));
        let [FaultKind::ConditionalCopy { rule, points }] = &found[..] else {
            panic!("{action}: {found:?}")
        };
        assert_eq!((rule.as_str(), points.count), ("odd", 7));
    }
    // A transfer may.
    let transfer = "permit (principal, action == Action::\"transfer\", resource == Region::\"us-east\") when { context.consent };";
    assert_eq!(texts(&rule("fine", transfer)), [""; 0]);
}

#[test]
fn a_rule_that_no_facts_call_up() {
    for effect in ["permit", "forbid"] {
        let found = texts(&rule(
            "odd",
            &format!(
                "{effect} (principal, action, resource) when {{ context.class == DataClass::\"health\" && context.class == DataClass::\"social\" }};"
            ),
        ));
        let expected =
            "rule odd never applies: there is no point at which it says anything, whatever the facts";
        assert_eq!(found, [expected]);
    }
}

#[test]
fn a_guard_against_what_is_not_so_today_is_fine() {
    for when in [
        "context.mechanisms.contains(Mechanism::\"certification\")",
        "!resource.attested && resource in Jurisdiction::\"eu\"",
    ] {
        assert_eq!(
            texts(&rule(
                "guard",
                &format!("forbid (principal, action, resource) when {{ {when} }};")
            )),
            [""; 0]
        );
    }
}

#[test]
fn a_permit_of_which_nothing_is_left_contradicts_the_forbid() {
    let permit = rule(
        "shown",
        "permit (principal == Jurisdiction::\"eu\", action == Action::\"transfer\", resource in Country::\"US\") when { resource.attested };",
    );
    let forbid = rule(
        "hidden",
        "forbid (principal == Jurisdiction::\"eu\", action, resource) unless { resource in principal };",
    );
    assert_eq!(
        texts(&format!("{permit}{forbid}")),
        ["rule shown contradicts rule hidden: all that the one permits, the other forbids"]
    );
    let narrower = rule(
        "hidden",
        "forbid (principal == Jurisdiction::\"eu\", action, resource) when { context.class == DataClass::\"health\" && !(resource in principal) };",
    );
    assert_eq!(texts(&format!("{permit}{narrower}")), [""; 0]);
}

#[test]
fn a_region_that_nobody_attests() {
    let found = texts(&rule(
        "odd",
        "permit (principal == Jurisdiction::\"us\", action == Action::\"process\", resource == Region::\"us-west\");",
    ));
    assert_eq!(
        found,
        [
            "`process` of public-profile data of us in us-west for service and 62 more: permitted by rule odd, but nobody attests that region"
        ]
    );
}

#[test]
fn a_class_without_a_home() {
    let found = texts(&rule(
        "odd",
        "forbid (principal == Jurisdiction::\"eu\", action == Action::\"store-primary\", resource) when { context.class == DataClass::\"health\" };",
    ));
    assert_eq!(
        found,
        ["there is no region where health data of eu may have its primary copy"]
    );
}

#[test]
fn classes_whose_homes_are_apart_are_no_home() {
    let apart = format!(
        "{}{}",
        rule(
            "out",
            "forbid (principal == Jurisdiction::\"eu\", action == Action::\"store-primary\", resource) when { resource in principal && context.class == DataClass::\"social\" };"
        ),
        rule(
            "in",
            "permit (principal == Jurisdiction::\"eu\", action == Action::\"store-primary\", resource == Region::\"us-east\") when { context.class == DataClass::\"social\" };"
        ),
    );
    assert_eq!(
        texts(&apart),
        ["there is no one region where all data of eu may be stored and processed: no home"]
    );
    // Stored at home, but never seen in clear there: nobody could be served.
    let blind = rule(
        "odd",
        "forbid (principal == Jurisdiction::\"eu\", action == Action::\"process\", resource) when { context.class == DataClass::\"contact\" };",
    );
    assert_eq!(
        texts(&blind),
        ["there is no one region where all data of eu may be stored and processed: no home"]
    );
}

#[test]
fn an_authority_that_may_not_hold_claims_or_is_nowhere() {
    let found = texts(&rule(
        "odd",
        "forbid (principal, action == Action::\"hold-claim\", resource in Jurisdiction::\"us\");",
    ));
    assert_eq!(
        found,
        [
            "the authority of us may not hold claims in us-east: the law denies `hold-claim` of contact data of us in us-east for \
          service: rule odd (Art. of odd)"
        ]
    );
    let nowhere = SMALL.replace("authority = [\"us-east\"]", "authority = []");
    let law = Law::read(&bundle(&[("law.toml", &nowhere)])).expect("it reads");
    let found = law.lint(&law.compile().expect("it compiles"));
    assert!(
        matches!(&found[..], [fault] if matches!(fault.kind, FaultKind::Count { count: 0, .. })),
        "{found:?}"
    );
}

#[test]
fn faults_name_the_place_of_the_rule_and_stop_the_law() {
    let unfit = rule(
        "odd",
        "permit (principal == Jurisdiction::\"us\", action, resource == Region::\"us-west\");",
    );
    let bundle = bundle(&[("b.cedar", &format!("// A comment.\n\n{unfit}"))]);
    let Err(NotReady::Faults(faults)) = ready(&bundle) else {
        panic!("ready")
    };
    assert!(faults.to_string().starts_with("b.cedar:3:1: "), "{faults}");
    assert!(law(&unfit).is_ok(), "it reads well");
}
