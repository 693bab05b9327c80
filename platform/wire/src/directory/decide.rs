//! What the person's shard makes of a claim: the directory asks it before it lets a row go.

use platform_model::{Epoch, ShardId, UserId, WorldId};
use platform_runtime::tls::Identity;
use tonic::Status;
use uuid::Uuid;

use super::Target;
use crate::controllers::CallError;
use crate::frame::{self, FRAME_VERSION};
use crate::nodes::{self, Nodes, traced};
use crate::pb;
use crate::pb::person_claims_client::PersonClaimsClient as Client;
use crate::refusal::Refusal;

/// How far a claim has come, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is the person's.
    Active,
    /// Committed: it never will be.
    Dropped,
    /// The person's root knows of no such claim.
    Unknown,
}

/// What is asked of whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedDecide {
    /// The directory shard that asks.
    pub directory: ShardId,
    /// The person's shard.
    pub target: ShardId,
    pub epoch: Epoch,
    pub user: UserId,
    pub claim_id: Uuid,
}

/// Clone: a shared handle.
#[derive(Clone)]
pub struct DecideClient {
    pub(super) world: WorldId,
    pub(super) nodes: Nodes,
}

impl DecideClient {
    pub fn new(identity: Identity) -> Self {
        Self {
            world: identity.world().clone(),
            nodes: Nodes::new(identity),
        }
    }

    /// Has the person's shard (`target.shard`) decide. Idempotent.
    ///
    /// # Errors
    /// `moved` when the node does not serve that shard; [`CallError::Unknown`] when the answer was lost: ask again.
    pub async fn decide(
        &self,
        target: &Target,
        directory: &ShardId,
        user: UserId,
        claim_id: Uuid,
    ) -> Result<Decision, CallError> {
        let request = pb::DecideRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            directory: directory.to_string(),
            target: target.shard.to_string(),
            epoch: target.epoch.0,
            user: user.as_bytes().to_vec(),
            claim_id: claim_id.as_bytes().to_vec(),
        };
        let channel = self
            .nodes
            .channel(&target.node, &target.address, target.expect())?;
        let call = async { Client::new(channel).decide(traced(request)).await };
        let reply = nodes::answer(&target.address, call).await?;
        nodes::understood(&target.address, reply.version)?;
        decision(reply.decision).ok_or_else(|| CallError::InvalidAnswer {
            address: target.address.clone(),
            cause: "a decision that is none".to_owned(),
        })
    }
}

/// # Errors
/// A refusal as a status: another world, another version, or a field that cannot be.
pub fn decide_of(request: pb::DecideRequest, ours: &WorldId) -> Result<AskedDecide, Status> {
    frame::check(request.version, &request.world, ours)?;
    let directory: ShardId = request.directory.parse().map_err(Refusal::invalid)?;
    let target: ShardId = request.target.parse().map_err(Refusal::invalid)?;
    if !matches!(directory, ShardId::Directory { .. }) || !matches!(target, ShardId::Root { .. }) {
        return Err(Refusal::invalid("a directory shard asks a shard of people").into());
    }
    Ok(AskedDecide {
        directory,
        target,
        epoch: Epoch(request.epoch),
        user: UserId::from_uuid(uuid(&request.user)?),
        claim_id: uuid(&request.claim_id)?,
    })
}

/// The answer to who asks for a decision.
pub fn decide_reply(decision: Decision) -> pb::DecideReply {
    let decision = match decision {
        Decision::Active => pb::ClaimDecision::Active,
        Decision::Dropped => pb::ClaimDecision::Dropped,
        Decision::Unknown => pb::ClaimDecision::Unknown,
    };
    pb::DecideReply {
        version: FRAME_VERSION,
        decision: decision.into(),
    }
}

/// None for a number that names none, such as that of a later version.
fn decision(number: i32) -> Option<Decision> {
    match pb::ClaimDecision::try_from(number).ok()? {
        pb::ClaimDecision::Unspecified => None,
        pb::ClaimDecision::Active => Some(Decision::Active),
        pb::ClaimDecision::Dropped => Some(Decision::Dropped),
        pb::ClaimDecision::Unknown => Some(Decision::Unknown),
    }
}

fn uuid(bytes: &[u8]) -> Result<Uuid, Refusal> {
    Uuid::from_slice(bytes).map_err(|_| Refusal::invalid(format!("a UUID of {} bytes, not 16", bytes.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> WorldId {
        WorldId::new(&"a".repeat(64)).expect("an id")
    }

    fn request() -> pb::DecideRequest {
        pb::DecideRequest {
            version: FRAME_VERSION,
            world: "a".repeat(64),
            directory: "directory/eu/000".into(),
            target: "eu/eu-central/003".into(),
            epoch: 4,
            user: vec![1; 16],
            claim_id: vec![2; 16],
        }
    }

    #[test]
    fn a_question_reads_back_and_what_cannot_be_is_refused() {
        let asked = decide_of(request(), &world()).expect("our own");
        assert_eq!(
            (asked.epoch, asked.claim_id),
            (Epoch(4), Uuid::from_bytes([2; 16]))
        );
        let broken: [fn(&mut pb::DecideRequest); 6] = [
            |r| r.version += 1,
            |r| r.world = "b".repeat(64),
            |r| r.directory = "eu/eu-central/000".into(),
            |r| r.target = "directory/eu/000".into(),
            |r| r.user = vec![1; 15],
            |r| r.claim_id.clear(),
        ];
        for breaks in broken {
            let mut request = request();
            breaks(&mut request);
            let status = decide_of(request, &world()).expect_err("broken");
            assert!(Refusal::from_status(&status).is_some(), "{status:?}");
        }
    }

    #[test]
    fn a_decision_reads_back_and_no_other_number_is_one() {
        for one in [Decision::Active, Decision::Dropped, Decision::Unknown] {
            assert_eq!(decision(decide_reply(one).decision), Some(one));
        }
        assert_eq!((decision(0), decision(9)), (None, None));
    }
}
