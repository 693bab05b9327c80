//! Two versions side by side.

use super::super::sample::{block, builder, matrix, place};
use super::super::*;

/// The sample, with one answer set anew wherever `eu` data would be in `us-east`.
fn with(action: Action, class: DataClass, ruling: Ruling) -> Matrix {
    let build = builder().build(|jurisdiction, region| {
        let mut block = block(jurisdiction.as_str(), region.as_str());
        if (jurisdiction.as_str(), region.as_str()) == ("eu", "us-east") {
            block.set(action, class, Purpose::Service, ruling);
        }
        block
    });
    build.expect("sound parts")
}

const DENY: Ruling = Ruling {
    answer: Answer::Deny,
    rule: None,
};

fn permit() -> Ruling {
    Ruling {
        answer: Answer::Permit,
        rule: RuleIndex::new(1),
    }
}

fn transfer(matrix: &Matrix, class: DataClass) -> Answer {
    matrix
        .ask(
            &place("eu"),
            Action::Transfer,
            &place("us-east"),
            class,
            Purpose::Service,
        )
        .answer
}

#[test]
fn the_same_law_has_no_changes() {
    assert_eq!(matrix().changes(&matrix()).count(), 0);
    assert_eq!(matrix().direction(&matrix()), Direction::Same);
}

#[test]
fn one_answer_changed_is_one_change() {
    let narrower = with(Action::Transfer, DataClass::Health, DENY);
    let changes: Vec<Change> = matrix().changes(&narrower).collect();
    let [Change { point, from, to }] = changes.as_slice() else {
        panic!("{changes:?}")
    };
    assert_eq!(
        point.to_string(),
        "`transfer` of health data of eu in us-east for service"
    );
    assert_eq!(from.answer, Answer::PermitWithConsent(Purpose::Service));
    assert_eq!(to.answer, Answer::Deny);
    assert_eq!(matrix().direction(&narrower), Direction::Narrower);
    assert_eq!(narrower.direction(&matrix()), Direction::Wider);
    let wider = with(Action::Transfer, DataClass::Contact, permit());
    assert_eq!(matrix().direction(&wider), Direction::Wider);
    assert_eq!(narrower.direction(&wider), Direction::Wider);
    let other = with(Action::Process, DataClass::PublicProfile, DENY);
    assert_eq!(wider.direction(&other), Direction::Narrower);
    let both = with(Action::Transfer, DataClass::Contact, permit());
    assert_eq!(other.direction(&both), Direction::Wider);
}

#[test]
fn a_place_that_comes_or_goes_is_seen() {
    let mut fewer = builder();
    fewer.jurisdictions.remove(&place("ru"));
    fewer.countries.remove(&place("RU"));
    let fewer = fewer.build(|jurisdiction, region| block(jurisdiction.as_str(), region.as_str()));
    let fewer = fewer.expect("sound parts");
    assert_eq!(matrix().direction(&fewer), Direction::Narrower);
    assert_eq!(fewer.direction(&matrix()), Direction::Wider);
    assert_eq!(
        matrix().changes(&fewer).count(),
        CELLS,
        "all that `ru` permits at home"
    );
}

#[test]
fn between_two_versions_only_what_both_permit_is_permitted() {
    let old = with(Action::Transfer, DataClass::Contact, permit());
    let next = with(Action::Transfer, DataClass::Health, permit());
    assert_eq!(old.direction(&next), Direction::Both);
    let meet = old.meet(&next).expect("few rules");
    assert_eq!(transfer(&meet, DataClass::Contact), Answer::Deny);
    assert_eq!(
        transfer(&meet, DataClass::Health),
        Answer::PermitWithConsent(Purpose::Service)
    );
    assert_eq!(transfer(&meet, DataClass::PublicProfile), Answer::Permit);
    for matrix in [&old, &next] {
        assert_ne!(meet.direction(matrix), Direction::Narrower);
        assert_ne!(meet.direction(matrix), Direction::Both);
    }
    assert_eq!(Matrix::from_bytes(&meet.to_bytes()), Ok(meet));
}

#[test]
fn the_stricter_version_names_the_rule_also_if_the_other_does_not_have_it() {
    let mut next = builder();
    next.rules.truncate(1);
    next.rules[0].id = "anything-goes".to_owned();
    next.stamp.catalogues = vec![[2; 32], [9; 32]];
    let all = Ruling {
        answer: Answer::Permit,
        rule: RuleIndex::new(0),
    };
    let mut open = Block::default();
    compare::points().for_each(|(action, class, purpose)| open.set(action, class, purpose, all));
    let next = next.build(|_, _| open.clone()).expect("sound parts");
    let meet = matrix().meet(&next).expect("few rules");
    let ruling = meet.ask(
        &place("eu"),
        Action::Transfer,
        &place("ru-west"),
        DataClass::Contact,
        Purpose::Legal,
    );
    let rule = ruling.rule.and_then(|rule| meet.rule(rule)).expect("a rule");
    assert_eq!((ruling.answer, rule.id.as_str()), (Answer::Deny, "never"));
    let home = meet.ask(
        &place("eu"),
        Action::Transfer,
        &place("eu-central"),
        DataClass::Contact,
        Purpose::Legal,
    );
    assert_eq!(
        home.rule
            .and_then(|rule| meet.rule(rule))
            .map(|rule| rule.id.as_str()),
        Some("anything-goes")
    );
    assert_eq!(meet.stamp().catalogues, [[2; 32]]);
    assert_eq!(matrix().direction(&meet), Direction::Same);
}
