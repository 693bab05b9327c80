//! The first start of a world's Raft: explicit, and once. Every first member must answer that it never ran, so that
//! a controller that lost its disk cannot start a second world beside the first.

use std::collections::BTreeMap;
use std::time::Duration;

use control_plane_raft::{InitializeError, RaftNode};
use platform_runtime::TaskGroup;
use platform_wire::{Refusal, RefusalCode};

use crate::proposer::Proposer;
use crate::refuse;

/// How long an answer waits for the first election.
const LEADER_WITHIN: Duration = Duration::from_secs(8);
/// How long a single first member listens for a leader of a world that runs: some heartbeats.
const LISTEN_FOR: Duration = Duration::from_millis(1_500);
/// Pause between attempts of [`keep_trying`].
const PAUSE: Duration = Duration::from_millis(500);

/// Starts Raft among `peers`, unless this controller belongs to a world that runs.
///
/// # Errors
/// `unavailable` while a first member does not answer, or when one belongs to a world that runs already.
pub async fn ensure(
    raft: &RaftNode,
    proposer: &Proposer,
    id: u64,
    peers: &BTreeMap<u64, String>,
) -> Result<(), Refusal> {
    if raft.initialized().await {
        return Ok(());
    }
    for (_, address) in peers.iter().filter(|(peer, _)| **peer != id) {
        let status = proposer.status_of(address).await.map_err(|refusal| {
            let message = format!("first member {address} does not answer: {}", refusal.message);
            Refusal::new(RefusalCode::Unavailable, message).hint("start all first members, then ask again")
        })?;
        if status.initialized {
            let message =
                format!("{address} belongs to a world that runs; its leader has not reached this controller");
            return Err(
                Refusal::new(RefusalCode::Unavailable, message).hint("ask again in a moment, or ask it")
            );
        }
    }
    if peers.len() == 1 {
        alone(raft).await?;
    }
    match raft.initialize(peers.clone()).await {
        Ok(()) => tracing::info!(members = peers.len(), "Raft starts"),
        Err(InitializeError::AlreadyInitialized) => {}
        Err(error) => return Err(refuse::initialize(&error)),
    }
    Ok(())
}

/// With nobody to ask, the only sign of a world that runs is its leader, who goes on calling this controller by the
/// copy of its data that it had before.
async fn alone(raft: &RaftNode) -> Result<(), Refusal> {
    tokio::time::sleep(LISTEN_FOR).await;
    if raft.calls_refused() == 0 {
        return Ok(());
    }
    let message = "a running world calls this controller by data that it has no more";
    Err(Refusal::new(RefusalCode::Unavailable, message)
        .hint("bring its data back, or remove it from the world and add it anew under another id"))
}

/// Waits until someone leads.
///
/// # Errors
/// `no-leader`, after some seconds.
pub async fn leader(raft: &RaftNode) -> Result<(), Refusal> {
    let mut status = raft.status_changes();
    let led = status.wait_for(|status| status.leader.is_some());
    match tokio::time::timeout(LEADER_WITHIN, led).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err(refuse::no_leader()),
    }
}

/// Starts Raft as soon as every first member answers; for `--bootstrap`.
pub fn keep_trying(
    raft: &RaftNode,
    proposer: &Proposer,
    id: u64,
    peers: &BTreeMap<u64, String>,
    tasks: &TaskGroup,
) {
    let (raft, proposer, peers, ended) = (raft.clone(), proposer.clone(), peers.clone(), tasks.token());
    tasks.spawn("bootstrap", async move {
        let mut tick = tokio::time::interval(PAUSE);
        loop {
            tokio::select! { () = ended.cancelled() => return, _ = tick.tick() => {} }
            match ensure(&raft, &proposer, id, &peers).await {
                Ok(()) => return,
                Err(refusal) => tracing::info!(%refusal, "Raft cannot start yet"),
            }
        }
    });
}
