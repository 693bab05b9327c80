//! Random laws: whatever the grammar lets somebody write, the matrix answers as Cedar does.

use proptest::prelude::*;

use super::{SMALL, bundle, rule};
use crate::document::Mechanism;
use crate::{Bundle, Law};
use platform_model::DataClass;
use platform_model::matrix::{Action, Answer, Purpose};

fn word<T: ToString + Clone + std::fmt::Debug + 'static>(
    kind: &'static str,
    all: Vec<T>,
) -> impl Strategy<Value = String> {
    proptest::sample::select(all).prop_map(move |word| format!("{kind}::\"{}\"", word.to_string()))
}

fn jurisdiction() -> impl Strategy<Value = String> {
    word("Jurisdiction", vec!["eu", "us"])
}

fn place() -> impl Strategy<Value = String> {
    prop_oneof![
        jurisdiction(),
        word("Country", vec!["DE", "FR", "US"]),
        word("Region", vec!["eu-central", "us-east", "us-west"]),
        Just("principal".to_owned()),
    ]
}

fn action() -> impl Strategy<Value = String> {
    let all: Vec<String> = Action::ALL
        .iter()
        .map(ToString::to_string)
        .chain(["store".to_owned()])
        .collect();
    word("Action", all)
}

fn set(of: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    proptest::collection::vec(of, 1..4).prop_map(|words| format!("[{}]", words.join(", ")))
}

fn comparison() -> impl Strategy<Value = String> {
    let classes = || word("DataClass", DataClass::ALL.to_vec());
    let purposes = || word("Purpose", Purpose::ALL.to_vec());
    let mechanisms = || word("Mechanism", Mechanism::ALL.to_vec());
    prop_oneof![
        Just("context.consent".to_owned()),
        Just("resource.attested".to_owned()),
        Just("true".to_owned()),
        classes().prop_map(|class| format!("context.class == {class}")),
        classes().prop_map(|class| format!("{class} != context.class")),
        set(classes()).prop_map(|set| format!("{set}.contains(context.class)")),
        set(purposes()).prop_map(|set| format!("{set}.contains(context.purpose)")),
        purposes().prop_map(|purpose| format!("context.purpose == {purpose}")),
        mechanisms().prop_map(|kind| format!("context.mechanisms.contains({kind})")),
        set(mechanisms()).prop_map(|set| format!("context.mechanisms.containsAny({set})")),
        set(mechanisms()).prop_map(|set| format!("{set}.containsAll(context.mechanisms)")),
        place().prop_map(|place| format!("resource in {place}")),
        jurisdiction().prop_map(|jurisdiction| format!("principal == {jurisdiction}")),
        action().prop_map(|action| format!("action in {action}")),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    comparison().prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("if {a} then {b} else {c}")),
        ]
    })
}

fn body() -> impl Strategy<Value = String> {
    let effect = prop_oneof![3 => Just("permit"), 1 => Just("forbid")];
    let principal = prop_oneof![
        Just("principal".to_owned()),
        jurisdiction().prop_map(|jurisdiction| format!("principal == {jurisdiction}")),
    ];
    let action = prop_oneof![
        Just("action".to_owned()),
        action().prop_map(|action| format!("action in {action}")),
        set(action()).prop_map(|set| format!("action in {set}")),
    ];
    let resource = prop_oneof![
        Just("resource".to_owned()),
        place()
            .prop_filter("a scope names an entity", |place| place != "principal")
            .prop_map(|place| format!("resource in {place}")),
    ];
    let clause = (prop_oneof![Just("when"), Just("unless")], condition());
    let clauses = proptest::collection::vec(clause, 0..3);
    (effect, principal, action, resource, clauses).prop_map(
        |(effect, principal, action, resource, clauses)| {
            let clauses: Vec<String> = clauses
                .into_iter()
                .map(|(word, text)| format!("{word} {{ {text} }}"))
                .collect();
            format!(
                "{effect} ({principal}, {action}, {resource}) {};",
                clauses.join(" ")
            )
        },
    )
}

/// Some rules are impossible, which the validator refuses; those are left out one by one.
fn law(bodies: &[String]) -> Option<Law> {
    let read = |rules: &[String]| {
        let text: String = rules
            .iter()
            .enumerate()
            .map(|(n, body)| rule(&format!("r{n}"), body))
            .collect();
        Law::read(&bundle(&[("a.cedar", &text)])).ok()
    };
    let kept: Vec<String> = bodies
        .iter()
        .filter(|body| read(std::slice::from_ref(body)).is_some())
        .cloned()
        .collect();
    read(&kept)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_matrix_of_a_random_law_answers_as_cedar_does(bodies in proptest::collection::vec(body(), 1..6)) {
        let Some(law) = law(&bodies) else { return Ok(()) };
        let compiled = law.compile().expect("it compiles");
        for number in 0..compiled.matrix.points() {
            let point = law.point(number);
            prop_assert_eq!(compiled.matrix.ruling(&point).answer, law.ask_cedar(&point), "{} under {:#?}", point, bodies);
        }
        // Whatever lint says of it, nothing that keeps a copy slips through on consent, or where nobody attests.
        if law.lint(&compiled).is_empty() {
            for number in 0..compiled.matrix.points() {
                let point = law.point(number);
                let answer = compiled.matrix.ruling(&point).answer;
                prop_assert!(!point.action.keeps() || !matches!(answer, Answer::PermitWithConsent(_)));
                prop_assert!(point.region.as_str() != "us-west" || answer == Answer::Deny);
            }
        }
    }

    #[test]
    fn a_text_that_is_no_law_is_refused_and_nothing_breaks(text in "\\PC{0,200}", place in 0..3_usize) {
        let files = [("law.toml", SMALL.to_owned()), ("a.cedar", super::HOME.to_owned()), ("cases.toml", String::new())];
        let files = files.into_iter().enumerate().map(|(n, (name, old))| (name, if n == place { text.clone() } else { old }));
        if let Ok(bundle) = Bundle::from_files(files) {
            let _ = crate::ready(&bundle);
        }
    }

    #[test]
    fn a_law_with_a_piece_cut_out_is_refused_or_read_and_nothing_breaks(from in 0..2_000_usize, length in 0..80_usize) {
        let text = crate::example::bundle(None).text();
        let cut: String = text.chars().enumerate().filter(|(n, _)| !(from..from + length).contains(n)).map(|(_, c)| c).collect();
        if let Ok(bundle) = Bundle::from_text(&cut) {
            let _ = Law::read(&bundle);
        }
    }
}
