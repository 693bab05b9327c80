//! What is on record, and what is counted.

use control_plane_ledger::{Entry, Verdict};
use platform_model::{Generation, Role};

use super::tests::{empty, spec};
use super::*;
use crate::command::Author;
use crate::ledger::{COUNTED_MAX, REPEATED_WITHIN_MS};

fn operator(name: &str) -> Author {
    Author::Operator {
        role: Role::Sre,
        id: format!(
            "spiffe://{}/region/eu-central/operator/sre/{name}",
            "a".repeat(16)
        ),
    }
}

fn made() -> State {
    let mut state = empty();
    give(&mut state, "o1", 1_000, Command::InitWorld(spec()));
    state
}

fn give(state: &mut State, who: &str, time_ms: u64, command: Command) -> Effects {
    apply(state, &Envelope::new(operator(who), time_ms, "a test", command))
}

/// Refused: the shard belongs elsewhere.
fn misplace(shard: &str) -> Command {
    Command::PlaceShard {
        shard: shard.parse().expect("a shard"),
        cell: "us-east-1".parse().expect("a cell"),
        expected: Generation(1),
    }
}

fn sequence(effects: &Effects) -> u64 {
    match &effects.outcome {
        Outcome::Refused { sequence, .. } => *sequence,
        other => panic!("not refused: {other:?}"),
    }
}

fn settle(state: &mut State, time_ms: u64) -> Vec<Entry> {
    let leader = Author::Controller {
        id: "spiffe://x/region/eu-central/controller/c1".into(),
    };
    let effects = apply(
        state,
        &Envelope::new(leader, time_ms, "", Command::SettleRefusals),
    );
    assert!(matches!(effects.outcome, Outcome::Unchanged { .. }));
    effects.entries
}

#[test]
fn a_decision_is_on_record_with_all_that_it_was() {
    let mut state = made();
    let effects = give(&mut state, "o1", 2_000, misplace("eu/eu-central/000"));
    let [entry] = effects.entries.as_slice() else {
        panic!("one entry: {effects:?}")
    };
    let record = &entry.record;
    assert_eq!((entry.sequence, record.time_ms, record.count), (2, 2_000, 1));
    assert!(record.actor.ends_with("/operator/sre/o1"), "{}", record.actor);
    assert_eq!(
        (
            record.command.as_str(),
            record.subject.as_str(),
            record.reason.as_str()
        ),
        ("place-shard", "shard/eu/eu-central/000", "a test")
    );
    let told =
        "outside-home-region: cell us-east-1, found us-east, shard eu/eu-central/000, wanted eu-central";
    assert_eq!(record.verdict.to_string(), told);
}

#[test]
fn equal_refusals_of_one_actor_within_a_minute_are_one_entry_with_a_count() {
    let mut state = made();
    let first = give(&mut state, "o1", 2_000, misplace("eu/eu-central/000"));
    for n in 0..50 {
        let again = give(&mut state, "o1", 2_001 + n, misplace("eu/eu-central/000"));
        assert_eq!((again.entries, sequence(&first)), (Vec::new(), 2));
        assert!(!state.ledger.is_due(2_001 + n));
    }
    // Another actor, another subject: not equal.
    assert_eq!(
        give(&mut state, "o2", 2_100, misplace("eu/eu-central/000"))
            .entries
            .len(),
        1
    );
    assert_eq!(
        give(&mut state, "o1", 2_100, misplace("eu/eu-central/001"))
            .entries
            .len(),
        1
    );
    let over = 2_000 + REPEATED_WITHIN_MS;
    assert!(state.ledger.is_due(over) && settle(&mut state, over - 1).is_empty());
    let settled = settle(&mut state, over);
    let [entry] = settled.as_slice() else {
        panic!("one entry: {settled:?}")
    };
    assert_eq!((entry.record.count, entry.record.repeats), (50, 2));
    assert_eq!(entry.record.time_ms, over);
    assert!(!state.ledger.is_due(u64::MAX), "the others were not repeated");
    // The minute is over: the next one is on record again.
    let effects = give(&mut state, "o1", over, misplace("eu/eu-central/000"));
    assert_eq!(
        (effects.entries.len(), sequence(&effects)),
        (1, entry.sequence + 1)
    );
}

#[test]
fn repetitions_come_before_the_next_decision_without_anyone_asking() {
    let mut state = made();
    for time_ms in [2_000, 2_001] {
        give(&mut state, "o1", time_ms, misplace("eu/eu-central/000"));
    }
    let effects = give(
        &mut state,
        "o2",
        2_000 + REPEATED_WITHIN_MS,
        misplace("eu/eu-central/001"),
    );
    let shown: Vec<(u64, u32, u64)> = effects
        .entries
        .iter()
        .map(|entry| (entry.sequence, entry.record.count, entry.record.repeats))
        .collect();
    assert_eq!(shown, [(3, 1, 2), (4, 1, 0)]);
}

#[test]
fn what_is_counted_is_bounded_and_nothing_of_it_lost() {
    let mut state = made();
    let mut entries = Vec::new();
    for n in 0..COUNTED_MAX + 10 {
        let shard = format!("eu/eu-central/{n:03}");
        for _ in 0..3 {
            entries.extend(give(&mut state, "o1", 2_000, misplace(&shard)).entries);
        }
    }
    entries.extend(settle(&mut state, 2_000 + REPEATED_WITHIN_MS));
    let refused = |entry: &Entry| matches!(entry.record.verdict, Verdict::Refused { .. });
    assert!(entries.iter().all(refused));
    let total: u32 = entries.iter().map(|entry| entry.record.count).sum();
    assert_eq!(usize::try_from(total).expect("small"), 3 * (COUNTED_MAX + 10));
}

#[test]
fn only_a_controller_settles_and_it_does_nothing_else() {
    let mut state = made();
    let effects = give(&mut state, "o1", 2_000, Command::SettleRefusals);
    assert!(matches!(
        effects.outcome.refusal(),
        Some(Refusal::NotYours { .. })
    ));
    let leader = Author::Controller { id: "c".into() };
    let effects = apply(
        &mut state,
        &Envelope::new(leader, 2_000, "", misplace("eu/eu-central/000")),
    );
    assert!(matches!(
        effects.outcome.refusal(),
        Some(Refusal::NotYours { .. })
    ));
}

/// The digest is of what stands in the log, not of what this build makes of it.
#[test]
fn a_field_that_this_build_does_not_know_counts() {
    let (mut ours, mut theirs) = (made(), made());
    let envelope = Envelope::new(operator("o1"), 2_000, "", misplace("eu/eu-central/000"));
    let text = serde_json::to_string(&envelope).expect("writes");
    let newer = text.replacen('{', r#"{"invented":1,"#, 1);
    let read: Envelope = serde_json::from_str(&newer).expect("reads");
    let first = apply_logged(&mut ours, &read, newer.as_bytes());
    let second = apply_logged(&mut theirs, &envelope, text.as_bytes());
    assert_eq!(first.outcome, second.outcome);
    assert_ne!(
        first.entries[0].record.command_digest,
        second.entries[0].record.command_digest
    );
}

#[test]
fn the_inputs_are_the_records_as_they_were() {
    let inputs = |state: &State| inputs::digest(state, &misplace("eu/eu-central/000"));
    let mut state = made();
    let before = inputs(&state);
    let effects = give(&mut state, "o1", 2_000, misplace("eu/eu-central/000"));
    assert_eq!(effects.entries[0].record.inputs_digest, before);
    assert_eq!(inputs(&state), before, "a refusal changes no record");
    let cell = "us-east-1".parse().expect("a cell");
    let state_of_cell = platform_model::CellState::Cordoned;
    let cordon = Command::SetCellState {
        cell,
        state: state_of_cell,
        expected: Generation(1),
    };
    give(&mut state, "o1", 2_000, cordon);
    assert_ne!(inputs(&state), before);
}
