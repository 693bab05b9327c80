//! Every rule of the example counts: take it away, turn it round, widen it, and a case fails.

use cedar_policy::pst::{
    ActionConstraint, Clause, Effect, PrincipalConstraint, ResourceConstraint, Template,
};

use crate::compile::LeafCache;
use crate::rules::{Formula, Rule, read};
use crate::{Law, example};

/// A change of one rule: what it is called, and the rule's new body (none: the rule is gone).
type Mutant = (&'static str, Option<Template>);

fn mutants(body: &Template) -> Vec<Mutant> {
    let changed = |change: &dyn Fn(&mut Template)| {
        let mut body = body.clone();
        change(&mut body);
        Some(body)
    };
    let mut mutants = vec![("removed", None)];
    mutants.push((
        "turned round",
        changed(&|body| {
            body.effect = if body.effect == Effect::Permit {
                Effect::Forbid
            } else {
                Effect::Permit
            };
        }),
    ));
    if body.principal != PrincipalConstraint::Any {
        mutants.push((
            "for everybody",
            changed(&|body| body.principal = PrincipalConstraint::Any),
        ));
    }
    if body.action != ActionConstraint::Any {
        mutants.push((
            "for every action",
            changed(&|body| body.action = ActionConstraint::Any),
        ));
    }
    if body.resource != ResourceConstraint::Any {
        mutants.push((
            "everywhere",
            changed(&|body| body.resource = ResourceConstraint::Any),
        ));
    }
    for index in 0..body.clauses().len() {
        let mut clauses = body.clauses().clone();
        clauses[index] = match &clauses[index] {
            Clause::When(expr) => Clause::Unless(expr.clone()),
            Clause::Unless(expr) => Clause::When(expr.clone()),
        };
        mutants.push(("a condition negated", with_clauses(body, clauses.clone())));
        clauses.remove(index);
        mutants.push(("a condition dropped", with_clauses(body, clauses)));
    }
    mutants
}

fn with_clauses(body: &Template, clauses: Vec<Clause>) -> Option<Template> {
    Some(body.clone().try_with_clauses(clauses).expect("clauses of a rule"))
}

fn mutated(rules: &[Rule], index: usize, body: Option<Template>) -> Vec<Rule> {
    let mut rules = rules.to_vec();
    match body {
        None => drop(rules.remove(index)),
        Some(body) => {
            let rule = &mut rules[index];
            rule.formula = Formula::of(&body).expect("parts of a rule that was read");
            rule.effect = read::effect_of(&body);
            rule.body = body;
        }
    }
    rules
}

#[test]
fn whatever_is_done_to_a_rule_of_the_example_a_case_fails() {
    let law = Law::read(&example::bundle(None)).expect("it reads");
    let mut cache = LeafCache::default();
    let matrix = law.compile_with(&mut cache).expect("it compiles").matrix;
    assert!(law.test(&matrix).passed(), "as it is, every case holds");
    let mut survivors = Vec::new();
    let mut count = 0;
    for (index, rule) in law.rules().iter().enumerate() {
        for (name, body) in mutants(&rule.body) {
            let mutant = law.with_rules(mutated(law.rules(), index, body));
            let matrix = mutant.compile_with(&mut cache).expect("it compiles").matrix;
            count += 1;
            if mutant.test(&matrix).passed() {
                survivors.push(format!("{}: {name}", rule.id));
            }
        }
    }
    assert!(
        survivors.is_empty(),
        "{} of {count} survive:\n{}",
        survivors.len(),
        survivors.join("\n")
    );
    assert!(count >= 150, "{count} mutants");
}

#[test]
fn the_same_rules_pass_as_a_mutant_that_is_none() {
    let law = Law::read(&example::bundle(None)).expect("it reads");
    let same = law.with_rules(mutated(law.rules(), 0, Some(law.rules()[0].body.clone())));
    let matrix = same.compile().expect("it compiles").matrix;
    assert!(same.test(&matrix).passed());
    assert_eq!(matrix, law.compile().expect("it compiles").matrix);
}
