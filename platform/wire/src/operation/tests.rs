use super::*;
use crate::pb;

fn view(state: RunState) -> OperationView {
    OperationView {
        id: 7,
        generation: Generation(3),
        kind: "move".into(),
        shard: "eu/eu-central/007".parse().expect("a shard"),
        steps: vec!["add-standby".into(), "copy".into()],
        step: "copy".into(),
        state,
        by: "spiffe://w/operator/sre/a".into(),
        reason: "a test".into(),
        started_ms: 1,
        step_since_ms: 2,
        deadline_ms: Some(3),
        ended_ms: None,
        from: Some("eu-central-1/0".parse().expect("a node")),
        to: None,
        replica: Some(ReplicaId(9)),
        source: None,
        window_until_ms: None,
        certificate: Some("4 of 4 chunks".into()),
        receipt: None,
        plan_hash: vec![1; 32],
        allowed: Change::ALL.to_vec(),
        progress: Some(Progress {
            bytes_done: 1,
            bytes_left: 2,
            bytes_per_second: 3,
            seconds_left: None,
            lag_entries: 4,
            chunks_done: 5,
            chunks: 6,
        }),
        blockers: vec![Blocker {
            code: "paused".into(),
            what: "it is paused".into(),
            who: "a".into(),
            since_ms: 5,
            next_retry_ms: None,
            fix: Some("cellctl operation resume 7".into()),
        }],
    }
}

#[test]
fn an_operation_is_read_as_it_was_written() {
    let states = [
        RunState::Running,
        RunState::Paused,
        RunState::Cancelling,
        RunState::Reversing,
        RunState::Done,
        RunState::Cancelled,
        RunState::Reversed,
        RunState::Failed("the target died".into()),
    ];
    for state in states {
        let view = view(state);
        assert_eq!(OperationView::try_from(pb::Operation::from(&view)), Ok(view));
    }
}

#[test]
fn a_state_that_is_none_is_refused_by_name() {
    let mut wire = pb::Operation::from(&view(RunState::Done));
    wire.state = "finished".into();
    let refused = OperationView::try_from(wire.clone());
    assert_eq!(refused, Err(InvalidOperation::State("finished".into())));
    wire.state = "done".into();
    wire.steps = vec!["copy".into(); WORDS_MAX + 1];
    assert!(matches!(
        OperationView::try_from(wire),
        Err(InvalidOperation::TooMany { .. })
    ));
}

#[test]
fn a_simulation_is_read_as_it_was_written() {
    let simulation = Simulation {
        shards: vec![SimulatedShard {
            shard: "eu/eu-central/007".parse().expect("a shard"),
            outcome: "fails-over".into(),
            primary: "eu-central-1/0".parse().expect("a node"),
            successor: Some("eu-central-2/0".parse().expect("a node")),
            rto_ms: Some(1_200),
            rpo_entries: Some(0),
            rpo_async_entries: Some(24),
            rules: vec!["eu-stays".into()],
            goal_met: false,
            infeasible: Some("no other cell".into()),
        }],
        head_room: vec![HeadRoom {
            region: "eu-central".parse().expect("a region"),
            nodes: 1,
            copies: 2,
            copies_max: 3,
        }],
        users: None,
        time_ms: 9,
    };
    let wire = pb::SimulateReply::from(&simulation);
    assert_eq!(Simulation::try_from(wire), Ok(simulation));
}
