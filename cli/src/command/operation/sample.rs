//! Operations for tests.

use platform_model::{Generation, ReplicaId};
use platform_wire::operation::{Blocker, Change, OperationView, Progress, RunState};

const BEGAN_MS: u64 = 1_795_700_000_000;

/// A move that copies.
pub fn copying() -> OperationView {
    let steps = "add-standby copy catch-up verify switchover window remove-standby erase done";
    OperationView {
        id: 7,
        generation: Generation(3),
        kind: "move".into(),
        shard: "eu/eu-central/003".parse().expect("a shard"),
        steps: steps.split(' ').map(str::to_owned).collect(),
        step: "copy".into(),
        state: RunState::Running,
        by: format!("spiffe://{}/operator/sre/ops", "a".repeat(16)),
        reason: "the disk of eu-central-1 is full".into(),
        started_ms: BEGAN_MS,
        step_since_ms: BEGAN_MS + 1_000,
        deadline_ms: Some(BEGAN_MS + 3_600_000),
        ended_ms: None,
        from: Some("eu-central-1/0".parse().expect("a node")),
        to: Some("eu-central-2/0".parse().expect("a node")),
        replica: Some(ReplicaId(7)),
        source: Some(ReplicaId(3)),
        window_until_ms: None,
        certificate: None,
        receipt: None,
        plan_hash: vec![0xab; 4],
        allowed: vec![Change::Pause, Change::Cancel],
        progress: Some(Progress {
            bytes_done: 6 << 20,
            bytes_left: 18 << 20,
            bytes_per_second: 2 << 20,
            seconds_left: Some(9),
            lag_entries: 4_000,
            chunks_done: 0,
            chunks: 0,
        }),
        blockers: Vec::new(),
    }
}

/// One that waits for a node.
pub fn blocked() -> OperationView {
    OperationView {
        step: "catch-up".into(),
        blockers: vec![Blocker {
            code: "target-silent".into(),
            what: "the target does not report".into(),
            who: "eu-central-2/0".into(),
            since_ms: BEGAN_MS + 5_000,
            next_retry_ms: None,
            fix: Some("cellctl node show eu-central-2/0".into()),
        }],
        progress: None,
        ..copying()
    }
}

/// One that came to nothing.
pub fn failed() -> OperationView {
    OperationView {
        state: RunState::Failed("the target's disk is full".into()),
        ended_ms: Some(BEGAN_MS + 9_000),
        allowed: Vec::new(),
        progress: None,
        ..copying()
    }
}

/// One whose shard is served at its new place, with a way back.
pub fn in_window() -> OperationView {
    OperationView {
        step: "window".into(),
        window_until_ms: Some(BEGAN_MS + 600_000),
        certificate: Some("24 of 24 chunks equal in e4".into()),
        allowed: vec![Change::Reverse],
        progress: None,
        ..copying()
    }
}
