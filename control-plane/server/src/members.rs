//! Changes of the controllers themselves. Only the leader makes them; each names the one member that it is about, so
//! asking again is safe and two changes at once do not undo each other.

use std::collections::BTreeSet;

use control_plane_raft::{MembershipError, RaftNode};
use platform_wire::{Refusal, RefusalCode};

use crate::refuse;

/// Adds a controller as a learner, waits until it has the log, gives it a vote.
///
/// # Errors
/// `not-leader`; else why it did not come to its end.
pub async fn add(raft: &RaftNode, id: u64, address: String) -> Result<(), Refusal> {
    leads(raft)?;
    if voters(raft).contains(&id) {
        return Ok(());
    }
    raft.add_learner(id, address)
        .await
        .map_err(|error| refused(&error))?;
    raft.add_voter(id).await.map_err(|error| refused(&error))
}

/// Takes a controller's vote away.
///
/// # Errors
/// As [`add`]; `invalid` for the last voter.
pub async fn remove(raft: &RaftNode, id: u64) -> Result<(), Refusal> {
    leads(raft)?;
    let voters = voters(raft);
    if !voters.contains(&id) {
        return Ok(());
    }
    if voters.len() == 1 {
        return Err(Refusal::invalid(format!("controller {id} is the last one")));
    }
    raft.remove_voter(id).await.map_err(|error| refused(&error))
}

/// Whether this controller may change the members.
///
/// # Errors
/// `not-leader`.
pub fn leads(raft: &RaftNode) -> Result<(), Refusal> {
    if raft.is_leader() {
        return Ok(());
    }
    Err(refused(&MembershipError::NotLeader {
        leader: raft.leader(),
    }))
}

/// Who votes.
pub fn voters(raft: &RaftNode) -> BTreeSet<u64> {
    raft.status().voters.into_keys().collect()
}

fn refused(error: &MembershipError) -> Refusal {
    let message = error.to_string();
    match error {
        MembershipError::NotLeader {
            leader: Some((_, address)),
        } => Refusal::new(RefusalCode::NotLeader, message).leader(Some(address.clone())),
        MembershipError::NotLeader { leader: None } => refuse::no_leader(),
        MembershipError::Unknown | MembershipError::Timeout { .. } => refuse::outcome_unknown(message),
        error if error.retryable() => Refusal::new(RefusalCode::Unavailable, message),
        _ => Refusal::new(RefusalCode::Invalid, message),
    }
}
