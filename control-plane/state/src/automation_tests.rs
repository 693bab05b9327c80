//! The pause of what the controllers do by themselves.

use platform_model::{Generation, Incarnation, NodeId, Role, Start};

use super::tests::{author, lawful, made};
use super::*;
use crate::command::Author;

fn sre() -> Author {
    Author::Operator {
        role: Role::Sre,
        id: "spiffe://x/operator/sre/o1".into(),
    }
}

fn give(state: &mut State, author: Author, reason: &str, command: Command) -> Outcome {
    apply(state, &Envelope::new(author, 1_000, reason, command)).outcome
}

fn set(state: &mut State, paused: bool, expected: u64, reason: &str) -> Outcome {
    let expected = Generation(expected);
    give(state, sre(), reason, Command::SetAutomation { paused, expected })
}

fn register(state: &mut State) -> Outcome {
    let node: NodeId = "eu-central-1/0".parse().expect("a node");
    let start = Start {
        incarnation: Incarnation(1),
        copy: 7,
        process: 8,
    };
    let command = Command::RegisterNode {
        node: node.clone(),
        address: "127.0.0.1:1".into(),
        start,
        store: None,
    };
    give(state, author(node), "", command)
}

fn served(state: &State) -> usize {
    state
        .shards
        .values()
        .filter(|record| record.config.is_some())
        .count()
}

#[test]
fn while_it_is_paused_a_new_node_gets_nothing_and_afterwards_what_waited() {
    let mut state = lawful();
    assert!(matches!(
        set(&mut state, true, 1, "a drill"),
        Outcome::Accepted { .. }
    ));
    let paused = state.automation.paused.clone().expect("paused");
    assert_eq!(
        (paused.by.as_str(), paused.reason.as_str()),
        ("spiffe://x/operator/sre/o1", "a drill")
    );
    assert!(matches!(register(&mut state), Outcome::Accepted { .. }));
    assert_eq!(served(&state), 0);
    assert!(matches!(set(&mut state, false, 2, ""), Outcome::Accepted { .. }));
    assert_eq!(served(&state), 4);
    let mut never_paused = lawful();
    register(&mut never_paused);
    assert_eq!(served(&never_paused), 4, "the same as without a pause");
}

#[test]
fn what_a_person_commands_is_done_also_while_it_is_paused() {
    let mut state = lawful();
    set(&mut state, true, 1, "a drill");
    register(&mut state);
    let cell = "eu-central-1".parse().expect("a cell");
    let change = |state_wanted, expected| Command::SetCellState {
        cell,
        state: state_wanted,
        expected: Generation(expected),
    };
    let cordon = change.clone()(platform_model::CellState::Cordoned, 1);
    give(&mut state, sre(), "x", cordon);
    give(&mut state, sre(), "x", change(platform_model::CellState::Open, 2));
    assert_eq!(served(&state), 4);
}

#[test]
fn a_pause_wants_a_reason_and_the_record_as_it_was_seen() {
    let mut state = lawful();
    assert!(matches!(
        set(&mut state, true, 1, "").refusal(),
        Some(Refusal::Length {
            what: Text::Reason,
            ..
        })
    ));
    assert!(matches!(
        set(&mut state, true, 9, "x").refusal(),
        Some(Refusal::GenerationMismatch { .. })
    ));
    assert!(matches!(
        set(&mut state, false, 1, "x"),
        Outcome::Unchanged { .. }
    ));
    assert_eq!(state.automation, crate::state::Automation::default());
}

#[test]
fn a_law_whose_day_comes_while_it_is_paused_gives_nothing_either() {
    let mut state = made();
    set(&mut state, true, 1, "a drill");
    register(&mut state);
    let law = law_tests::proposal(1, "2000-01-01", &law_tests::areas());
    law_tests::enact(&mut state, law_tests::NOW_MS, &law);
    assert_eq!(served(&state), 0);
    set(&mut state, false, 2, "");
    assert_eq!(served(&state), 4);
}

#[test]
fn a_state_from_before_there_was_a_pause_runs() {
    let mut stored = serde_json::to_value(lawful()).expect("writes");
    stored.as_object_mut().expect("an object").remove("automation");
    let state: State = serde_json::from_value(stored).expect("reads");
    assert_eq!(state, lawful());
}
