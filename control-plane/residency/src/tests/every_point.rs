//! The matrix answers as Cedar does, at every point; and a compiler that does not is caught.

use std::collections::BTreeSet;

use platform_model::matrix::{Answer, Block, Purpose};

use super::compiled;
use crate::{FaultKind, Law, example};

#[test]
fn the_matrix_of_the_example_answers_as_cedar_does_at_every_point() {
    let law = Law::read(&example::bundle(None)).expect("it reads");
    let matrix = law.compile().expect("it compiles").matrix;
    let mut answers = BTreeSet::new();
    for number in 0..matrix.points() {
        let point = law.point(number);
        let ruling = matrix.ruling(&point);
        let cedar = law.ask_cedar(&point);
        assert_eq!(ruling.answer, cedar, "{point}");
        assert_eq!(
            ruling.rule.is_none(),
            cedar == Answer::Deny && law.forbidding(&point).is_empty(),
            "{point}"
        );
        answers.insert(match cedar {
            Answer::PermitWithConsent(_) => Answer::PermitWithConsent(Purpose::Service),
            answer => answer,
        });
    }
    assert_eq!(answers.len(), 3, "an example of each answer");
}

#[test]
fn the_rule_that_is_named_is_one_that_applies() {
    let law = Law::read(&example::bundle(None)).expect("it reads");
    let matrix = law.compile().expect("it compiles").matrix;
    for number in (0..matrix.points()).step_by(11) {
        let point = law.point(number);
        let ruling = matrix.ruling(&point);
        let Some(rule) = ruling.rule.map(|rule| rule.as_usize()) else {
            continue;
        };
        let at = law.facts.locate(&point, true).expect("a place of the law");
        let applying = law.engine.applying(&law.facts, &at);
        let side = if ruling.answer == Answer::Deny {
            applying.forbids
        } else {
            applying.permits
        };
        assert!(side.contains(&rule), "{point}: {}", law.rules()[rule].id);
    }
}

#[test]
fn every_form_that_a_rule_may_have_compiles_as_cedar_reads_it() {
    let bodies = [
        "permit (principal, action, resource);",
        "permit (principal == Jurisdiction::\"eu\", action, resource == Region::\"us-east\");",
        "permit (principal is Jurisdiction, action in Action::\"store\", resource is Region in Country::\"US\");",
        "permit (principal in Jurisdiction::\"us\", action in [Action::\"store\", Action::\"process\"], resource in Country::\"DE\");",
        "permit (principal, action, resource) when { context.consent } unless { context.class == DataClass::\"health\" };",
        "permit (principal, action, resource) when { context.consent == true && false || context.class != DataClass::\"social\" };",
        "permit (principal, action, resource) when { if context.consent then resource in principal else action == Action::\"transfer\" };",
        "permit (principal, action, resource) when { [Purpose::\"legal\", Purpose::\"service\"].contains(context.purpose) };",
        "permit (principal, action, resource) when { context.mechanisms.containsAll([Mechanism::\"adequacy\"]) };",
        "permit (principal, action, resource) when { context.mechanisms.containsAny([Mechanism::\"adequacy\", Mechanism::\"certification\"]) };",
        "permit (principal, action, resource) when { context.mechanisms == [Mechanism::\"adequacy\"] };",
        "permit (principal, action, resource) when { resource is Region in Jurisdiction::\"us\" && !resource.attested };",
        "permit (principal, action, resource) when { action in [Action::\"store\"] || principal in [Jurisdiction::\"eu\"] };",
        "forbid (principal, action, resource) when { !(resource in principal) } when { !context.consent };",
    ];
    for body in bodies {
        let (law, compiled) = compiled(&super::rule("more", body));
        for number in 0..compiled.matrix.points() {
            let point = law.point(number);
            assert_eq!(
                compiled.matrix.ruling(&point).answer,
                law.ask_cedar(&point),
                "{body}: {point}"
            );
        }
    }
}

/// A matrix of other rules: as a compiler with a fault would make it.
#[test]
fn a_matrix_that_answers_otherwise_does_not_leave_the_compiler() {
    let (law, compiled) = compiled(&super::rule(
        "more",
        "permit (principal, action, resource == Region::\"us-east\");",
    ));
    law.spot_check(&compiled.matrix).expect("as Cedar does");
    let wrong = law
        .builder()
        .build(|_, _| Block::default())
        .expect("an empty matrix");
    let faults = law.spot_check(&wrong).expect_err("it denies everything");
    assert!(
        matches!(faults.0[0].kind, FaultKind::Disagreement { .. }),
        "{faults}"
    );
}

impl Law {
    /// Rules that forbid a point, with consent.
    fn forbidding(&self, point: &platform_model::matrix::Point) -> Vec<usize> {
        let at = self.facts.locate(point, true).expect("a place of the law");
        self.engine.applying(&self.facts, &at).forbids
    }
}
