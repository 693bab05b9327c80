//! From the files of rules to [`Rule`]s: Cedar's parser, the annotations, the grammar, the names, Cedar's validator.

use std::collections::BTreeMap;

use cedar_policy::{PolicySet, ValidationMode, Validator, pst};
use miette::Diagnostic;
use platform_model::matrix::RULES_MAX;

use super::annotations;
use super::formula::Formula;
use super::{Effect, Rule, literals, nesting, schema};
use crate::document::Document;
use crate::fault::{Fault, FaultKind};
use crate::position::Position;
use crate::source::{Bundle, RULES_SUFFIX};

/// Most rules of one law: half of what a matrix names, so that two versions fit into one.
const LAW_RULES_MAX: usize = RULES_MAX / 2;

/// All rules, in the order of the files and within them.
pub(crate) fn rules(bundle: &Bundle, document: &Document) -> Result<Vec<Rule>, Vec<Fault>> {
    let (mut rules, mut faults) = (Vec::new(), Vec::new());
    for (file, text) in bundle.files().filter(|(name, _)| name.ends_with(RULES_SUFFIX)) {
        if let Some(offset) = nesting::too_much(text) {
            faults.push(Fault::at(Position::of(file, text, offset), FaultKind::TooNested));
            continue;
        }
        match text.parse::<PolicySet>() {
            Ok(set) => file_of(file, text, &set, &mut rules, &mut faults),
            Err(errors) => {
                let at = |error: &dyn Diagnostic| Fault::at(place(file, text, error), not_cedar(error));
                faults.extend(errors.iter().map(|error| at(error)));
            }
        }
    }
    faults.extend(ids_once(&rules));
    let count = rules.len();
    if !(1..=LAW_RULES_MAX).contains(&count) {
        let (what, least, most) = ("rules", 1, LAW_RULES_MAX);
        faults.push(Fault::nowhere(FaultKind::Count {
            what,
            count,
            least,
            most,
        }));
    }
    faults.extend(unknown_names(document, &rules));
    if faults.is_empty() {
        faults = invalid(bundle, &rules);
    }
    if faults.is_empty() { Ok(rules) } else { Err(faults) }
}

fn not_cedar(error: &dyn Diagnostic) -> FaultKind {
    let help = error.help().map(|help| format!(" ({help})")).unwrap_or_default();
    FaultKind::NotCedar(format!("{error}{help}"))
}

/// Where Cedar says that something is wrong; the beginning of the file if it does not say.
fn place(file: &str, text: &str, error: &dyn Diagnostic) -> Position {
    let first = error.labels().and_then(|mut labels| labels.next());
    Position::of(file, text, first.map_or(0, |label| label.offset()))
}

fn file_of(file: &str, text: &str, set: &PolicySet, rules: &mut Vec<Rule>, faults: &mut Vec<Fault>) {
    // Cedar names policies and templates of a file `policy0`, `policy1`, in their order.
    let mut policies: Vec<_> = set.policies().collect();
    policies.sort_by_key(|policy| number_of(policy.id().as_ref()));
    for template in set.templates() {
        let offset = text.find(&template.to_string()).unwrap_or(0);
        faults.push(Fault::at(Position::of(file, text, offset), FaultKind::Template));
    }
    let mut from = 0;
    for policy in policies {
        let written = policy.to_string();
        let offset = text[from..].find(&written).map_or(from, |offset| from + offset);
        from = offset + written.len();
        let position = Position::of(file, text, offset);
        match rule(policy, written, position.clone()) {
            Ok(rule) => rules.push(rule),
            Err(kinds) => faults.extend(kinds.into_iter().map(|kind| Fault::at(position.clone(), kind))),
        }
    }
}

fn number_of(id: &str) -> usize {
    id.strip_prefix("policy")
        .and_then(|number| number.parse().ok())
        .unwrap_or(usize::MAX)
}

fn rule(policy: &cedar_policy::Policy, text: String, position: Position) -> Result<Rule, Vec<FaultKind>> {
    let unnamed = format!("at {position}");
    let written: BTreeMap<String, String> = policy
        .annotations()
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .collect();
    let annotations = annotations::read(&written, &unnamed);
    let name = || written.get("id").cloned().unwrap_or_else(|| unnamed.clone());
    let formula = policy
        .to_pst()
        .map_err(|error| error.to_string())
        .and_then(|policy| {
            let body = policy.body().clone();
            Formula::of(&body).map(|formula| (body, formula))
        });
    match (annotations, formula) {
        (Ok(annotations), Ok((body, formula))) => {
            let effect = effect_of(&body);
            let annotations::Annotations {
                id,
                article,
                reason,
                owner,
            } = annotations;
            Ok(Rule {
                id,
                article,
                reason,
                owner,
                effect,
                position,
                text,
                body,
                formula,
            })
        }
        (annotations, formula) => {
            let mut faults = annotations.err().unwrap_or_default();
            faults.extend(formula.err().map(|what| FaultKind::Reads { rule: name(), what }));
            Err(faults)
        }
    }
}

pub(crate) fn effect_of(body: &pst::Template) -> Effect {
    match body.effect {
        pst::Effect::Permit => Effect::Permit,
        pst::Effect::Forbid => Effect::Forbid,
    }
}

fn ids_once(rules: &[Rule]) -> Vec<Fault> {
    let mut first: BTreeMap<&str, &Position> = BTreeMap::new();
    let mut faults = Vec::new();
    for rule in rules {
        match first.get(rule.id.as_str()) {
            Some(first) => {
                let kind = FaultKind::RuleTwice {
                    rule: rule.id.clone(),
                    first: (*first).clone(),
                };
                faults.push(Fault::at(rule.position.clone(), kind));
            }
            None => {
                first.insert(&rule.id, &rule.position);
            }
        }
    }
    faults
}

fn unknown_names(document: &Document, rules: &[Rule]) -> Vec<Fault> {
    let of = |(index, rule): (usize, &Rule)| {
        let kinds = literals::unknown(document, &rule.id, &rule.policy(index));
        let position = rule.position.clone();
        kinds
            .into_iter()
            .map(move |kind| Fault::at(position.clone(), kind))
            .collect::<Vec<_>>()
    };
    rules.iter().enumerate().flat_map(of).collect()
}

/// What Cedar's validator refuses in strict mode, and what it warns of.
fn invalid(bundle: &Bundle, rules: &[Rule]) -> Vec<Fault> {
    let validator = Validator::new(schema::schema());
    let mut faults = Vec::new();
    for rule in rules {
        // Parsed anew from its own text, so that places are counted from its beginning.
        let set = rule
            .text
            .parse::<PolicySet>()
            .expect("it was parsed before, within its file");
        let result = validator.validate(&set, ValidationMode::Strict);
        let errors = result.validation_errors().map(|error| error as &dyn Diagnostic);
        let warnings = result
            .validation_warnings()
            .map(|warning| warning as &dyn Diagnostic);
        for error in errors.chain(warnings) {
            faults.push(Fault::at(within(bundle, rule, error), invalid_kind(rule, error)));
        }
    }
    faults
}

fn invalid_kind(rule: &Rule, error: &dyn Diagnostic) -> FaultKind {
    let help = error.help().map(|help| format!(" ({help})")).unwrap_or_default();
    let message = error.to_string();
    let message = message.strip_prefix("for policy `policy0`, ").unwrap_or(&message);
    FaultKind::Invalid {
        rule: rule.id.clone(),
        message: format!("{message}{help}"),
    }
}

/// The place within the file of something that Cedar found in a rule.
fn within(bundle: &Bundle, rule: &Rule, error: &dyn Diagnostic) -> Position {
    let label = error.labels().and_then(|mut labels| labels.next());
    let (Some(label), Some(text)) = (label, bundle.file(&rule.position.file)) else {
        return rule.position.clone();
    };
    match text.find(&rule.text) {
        Some(start) => Position::of(&rule.position.file, text, start + label.offset()),
        None => rule.position.clone(),
    }
}
