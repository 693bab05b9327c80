//! What is told of copies of shards, and of the operations on them.

use platform_model::ShardId;
use platform_wire::operation::{Lose, OperationView, Simulation};
use platform_wire::pb;
use platform_wire::replicas::{NUMBER_MAX, ReplicasReply, ReplicasReport, Told};
use prost::Message;

fn read<Wire: Message + Default + TryInto<Ours>, Ours>(bytes: &[u8]) -> Option<Ours> {
    Wire::decode(bytes).ok()?.try_into().ok()
}

/// A report that is taken stays below the bound of its numbers, and is read again as it was.
pub fn replicas(bytes: &[u8]) {
    if let Some(report) = read::<pb::ReplicasRequest, ReplicasReport>(bytes) {
        for copy in &report.copies {
            assert!(copy.generation.0 <= NUMBER_MAX && copy.last.0 <= NUMBER_MAX);
            let again = platform_wire::replicas::CopyReport::try_from(pb::CopyReport::from(copy));
            assert_eq!(again.as_ref(), Ok(copy));
        }
        for told in &report.told {
            let again = <(ShardId, Told)>::try_from(pb::Told::from(told));
            assert_eq!(again.as_ref(), Ok(told));
        }
    }
    if let Some(reply) = read::<pb::ReplicasReply, ReplicasReply>(bytes) {
        let again = ReplicasReply::try_from(pb::ReplicasReply::from(&reply));
        assert_eq!(again, Ok(reply));
    }
}

pub fn replica_seeds() -> Vec<Vec<u8>> {
    let replica = vec![7; 16];
    let term = pb::Term {
        epoch: 2,
        incarnation: 3,
    };
    let copy = pb::CopyReport {
        shard: "eu/eu-central/001".into(),
        replica: replica.clone(),
        generation: 3,
        term: Some(term),
        last: 9,
        chain: 10,
        committed: 8,
        leads: true,
        serves: true,
        state: "leading".into(),
        ..pb::CopyReport::default()
    };
    let certified = pb::ToldCertified {
        replica: replica.clone(),
        term: Some(term),
        chunks: 2,
        of: 3,
    };
    let proposal = pb::ToldProposal {
        generation: 3,
        epoch: 2,
        by: replica.clone(),
        change: pb::ChangeKind::Add.into(),
        replica,
    };
    let whats = [
        pb::told::What::Certified(certified),
        pb::told::What::Proposal(proposal),
    ];
    let told = whats.map(|what| pb::Told {
        shard: "eu/eu-central/001".into(),
        what: Some(what),
    });
    let request = pb::ReplicasRequest {
        node: "eu-central-1/0".into(),
        incarnation: 4,
        leaving: false,
        copies: vec![copy],
        told: told.into(),
        ..pb::ReplicasRequest::default()
    };
    let reply = pb::ReplicasReply {
        version: 1,
        newest: vec![pb::ShardGeneration {
            shard: "eu/eu-central/001".into(),
            generation: 4,
        }],
        verify: vec!["eu/eu-central/001".into()],
        tell: true,
    };
    vec![request.encode_to_vec(), reply.encode_to_vec()]
}

/// An operation that is shown means the same once it was sent on.
pub fn operations(bytes: &[u8]) {
    if let Some(view) = read::<pb::Operation, OperationView>(bytes) {
        let again = OperationView::try_from(pb::Operation::from(&view));
        assert_eq!(again, Ok(view));
    }
    if let Some(simulation) = read::<pb::SimulateReply, Simulation>(bytes) {
        let again = Simulation::try_from(pb::SimulateReply::from(&simulation));
        assert_eq!(again, Ok(simulation));
    }
    let request = pb::SimulateRequest::decode(bytes);
    if let Some(lose) = request.ok().and_then(|request| request.lose)
        && let Ok(lose) = Lose::try_from(lose)
    {
        let again = Lose::try_from(pb::simulate_request::Lose::from(&lose));
        assert_eq!(again, Ok(lose));
    }
}

pub fn operation_seeds() -> Vec<Vec<u8>> {
    let operation = pb::Operation {
        id: 7,
        generation: 2,
        kind: "move".into(),
        shard: "eu/eu-central/001".into(),
        steps: vec!["copy".into()],
        step: "copy".into(),
        state: "running".into(),
        replica: vec![3; 16],
        allowed: vec!["cancel".into()],
        progress: Some(pb::Progress::default()),
        blockers: vec![pb::Blocker {
            code: "paused".into(),
            ..pb::Blocker::default()
        }],
        ..pb::Operation::default()
    };
    let request = pb::SimulateRequest {
        lose: Some(pb::simulate_request::Lose::Region("eu-central".into())),
        ..pb::SimulateRequest::default()
    };
    vec![operation.encode_to_vec(), request.encode_to_vec()]
}
