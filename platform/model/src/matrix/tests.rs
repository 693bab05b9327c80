//! What a matrix answers, and that it survives its bytes.

mod bytes;
mod changes;
mod gates;
mod limits;

use super::sample::{AT_HOME, NEVER, PUBLIC, WITH_CONSENT, block, matrix, place};
use super::*;

#[test]
fn every_point_answers_what_was_built() {
    let matrix = matrix();
    assert_eq!(matrix.points(), 9 * CELLS);
    for jurisdiction in matrix.jurisdictions() {
        for region in matrix.regions() {
            let built = block(jurisdiction.as_str(), region.as_str());
            for (action, class, purpose) in compare::points() {
                let found = matrix.ask(jurisdiction, action, region, class, purpose);
                assert_eq!(found, built.ruling(action, class, purpose));
            }
        }
    }
}

#[test]
fn an_answer_names_its_rule() {
    let matrix = matrix();
    let rule = |jurisdiction, region, class| {
        let (jurisdiction, region) = (place(jurisdiction), place(region));
        matrix.ask(&jurisdiction, Action::Transfer, &region, class, Purpose::Service)
    };
    let of = |ruling: Ruling| ruling.rule.map(RuleIndex::as_usize);
    assert_eq!(of(rule("eu", "eu-central", DataClass::Health)), Some(AT_HOME));
    assert_eq!(of(rule("eu", "us-east", DataClass::PublicProfile)), Some(PUBLIC));
    let health = rule("eu", "us-east", DataClass::Health);
    assert_eq!(of(health), Some(WITH_CONSENT));
    assert_eq!(health.answer, Answer::PermitWithConsent(Purpose::Service));
    assert_eq!(of(rule("eu", "ru-west", DataClass::Health)), Some(NEVER));
    assert_eq!(
        rule("us", "eu-central", DataClass::Health),
        Ruling {
            answer: Answer::Deny,
            rule: None
        }
    );
    let name = health
        .rule
        .and_then(|rule| matrix.rule(rule))
        .expect("a rule of this matrix");
    assert_eq!(
        name.to_string(),
        "health-with-consent (Art. of health-with-consent)"
    );
}

#[test]
fn a_place_that_the_law_does_not_know_is_denied() {
    let matrix = matrix();
    let ask = |jurisdiction: &str, region: &str| {
        let (jurisdiction, region) = (place(jurisdiction), place(region));
        matrix.ask(
            &jurisdiction,
            Action::Transfer,
            &region,
            DataClass::Operational,
            Purpose::Service,
        )
    };
    assert!(ask("eu", "eu-central").is_permitted());
    for (jurisdiction, region) in [("cn", "eu-central"), ("eu", "cn-north"), ("cn", "cn-north")] {
        assert_eq!(ask(jurisdiction, region), Ruling::UNKNOWN_PLACE);
    }
    // An index of a larger matrix.
    let (far, near) = (JurisdictionIndex(60), RegionIndex(100));
    let (eu, class) = (JurisdictionIndex(0), DataClass::Operational);
    for (jurisdiction, region) in [(far, RegionIndex(0)), (eu, near), (eu, RegionIndex(3))] {
        let ruling = matrix.ask_at(jurisdiction, Action::Transfer, region, class, Purpose::Service);
        assert_eq!(ruling, Ruling::UNKNOWN_PLACE);
    }
}

#[test]
fn an_empty_law_denies() {
    let mut empty = sample::builder();
    (empty.jurisdictions, empty.regions) = Default::default();
    (empty.countries, empty.sinks) = Default::default();
    let matrix = empty
        .build(|_, _| unreachable!("no place"))
        .expect("nothing is no fault");
    let point = Point {
        jurisdiction: place("eu"),
        action: Action::Process,
        region: place("eu-central"),
        class: DataClass::Operational,
        purpose: Purpose::Security,
    };
    assert_eq!(matrix.ruling(&point), Ruling::UNKNOWN_PLACE);
    assert_eq!(matrix.envelope(&place("eu")).count(), 0);
}

#[test]
fn countries_regions_sinks_and_catalogues_are_told() {
    let matrix = matrix();
    assert_eq!(matrix.countries().get(&place("DE")), Some(&place("eu")));
    assert_eq!(matrix.country_of_region(&place("us-east")), Some(place("US")));
    assert_eq!(matrix.country_of_region(&place("cn-north")), None);
    assert_eq!(
        matrix.sinks().get("push-us").map(|sink| sink.kind),
        Some(SinkKind::Push)
    );
    assert!(matrix.names_catalogue(&[2; 32]) && !matrix.names_catalogue(&[3; 32]));
    for kind in SinkKind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
}
