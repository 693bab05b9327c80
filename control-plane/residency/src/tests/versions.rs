//! Two versions of a law side by side, and what holds between them.

use platform_model::matrix::Direction;

use super::{SMALL, bundle, compiled, point, rule};
use crate::diff::Kind;
use crate::{Law, diff};

fn shown(classes: &str) -> String {
    rule(
        "shown",
        &format!(
            "permit (principal == Jurisdiction::\"eu\", action == Action::\"transfer\", resource == Region::\"us-east\") \
             when {{ [{classes}].contains(context.class) && context.purpose == Purpose::\"service\" }};"
        ),
    )
}

const SOCIAL: &str = "DataClass::\"social\"";
const BOTH: &str = "DataClass::\"social\", DataClass::\"contact\"";
const CONTACT: &str = "DataClass::\"contact\"";

#[test]
fn what_widens_and_what_narrows_is_told_apart() {
    let [social, both, contact] = [SOCIAL, BOTH, CONTACT].map(|classes| compiled(&shown(classes)).1.matrix);
    let wider = diff(&social, &both);
    assert_eq!(wider.direction, Direction::Wider);
    let [group] = wider.wider.as_slice() else {
        panic!("{wider:?}")
    };
    assert_eq!(
        group.to_string(),
        "eu transfer us-east: deny -> permit at 1 points (classes: contact; purposes: service)"
    );
    assert_eq!(group.rules_after.iter().collect::<Vec<_>>(), ["shown"]);
    assert!(wider.narrower.is_empty() && !wider.is_empty());
    assert_eq!(diff(&both, &social).direction, Direction::Narrower);
    let swapped = diff(&social, &contact);
    assert_eq!(
        (swapped.direction, swapped.narrower.len(), swapped.wider.len()),
        (Direction::Both, 1, 1)
    );
    assert!(diff(&both, &both).is_empty());
}

#[test]
fn between_two_versions_only_what_both_permit_holds() {
    let [social, both] = [SOCIAL, BOTH].map(|classes| compiled(&shown(classes)).1.matrix);
    let meet = social.meet(&both).expect("few rules");
    assert!(
        meet.ruling(&point("eu transfer us-east social service"))
            .is_permitted()
    );
    assert!(
        !meet
            .ruling(&point("eu transfer us-east contact service"))
            .is_permitted()
    );
    assert_eq!(social.direction(&meet), Direction::Same);
}

#[test]
fn consent_stands_between_deny_and_permit() {
    let with_consent = shown(SOCIAL).replace("when { ", "when { context.consent && ");
    let [deny, consent, permit] = ["", &with_consent, &shown(SOCIAL)].map(|rules| compiled(rules).1.matrix);
    let up = diff(&deny, &consent);
    assert_eq!((up.wider[0].from, up.wider[0].to), (Kind::Deny, Kind::Consent));
    let down = diff(&permit, &consent);
    assert_eq!(
        (down.narrower[0].from, down.narrower[0].to),
        (Kind::Permit, Kind::Consent)
    );
}

#[test]
fn countries_and_sinks_that_are_other_are_told() {
    let old = compiled("").1.matrix;
    let text = SMALL
        .replace("[\"DE\", \"FR\"]", "[\"DE\"]")
        .replace("[\"US\"]", "[\"US\", \"PR\"]")
        .replace("region = \"us-east\"", "region = \"eu-central\"");
    let law = Law::read(&bundle(&[("law.toml", &text)])).expect("it reads");
    let new = law.compile().expect("it compiles").matrix;
    let diff = diff(&old, &new);
    assert_eq!(diff.direction, Direction::Same);
    assert!(!diff.is_empty());
    let countries: Vec<String> = diff
        .countries
        .iter()
        .map(|(country, from, to)| format!("{country} {} {}", from.is_some(), to.is_some()))
        .collect();
    assert_eq!(countries, ["FR true false", "PR false true"]);
    assert_eq!(diff.sinks.iter().collect::<Vec<_>>(), ["backup"]);
}
