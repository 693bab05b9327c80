//! What people of a shard hold by their own record: a directory shard that was restored from an older backup asks for it.

use platform_model::{Epoch, ShardId, UserId, WorldId};
use tonic::Status;
use uuid::Uuid;

use super::{DecideClient, Target};
use crate::controllers::CallError;
use crate::frame::{self, FRAME_VERSION};
use crate::nodes::{self, traced};
use crate::pb;
use crate::pb::person_claims_client::PersonClaimsClient as Client;
use crate::refusal::Refusal;

/// Claims that one answer names.
pub const HELD_MAX: usize = 1_000;

/// What is asked of whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedHeld {
    /// The directory shard that asks.
    pub directory: ShardId,
    /// The shard of people.
    pub target: ShardId,
    pub epoch: Epoch,
    /// People behind this one, in the order of their ids.
    pub after: Option<UserId>,
}

/// A claim that is active by the person's own record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldClaim {
    pub digest: [u8; 32],
    pub user: UserId,
    pub claim_id: Uuid,
}

/// Some of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldPage {
    pub claims: Vec<HeldClaim>,
    /// Ask again for people behind this one; none: that was all.
    pub next: Option<UserId>,
}

impl DecideClient {
    /// What people of `target.shard` behind `after` hold at that directory shard.
    ///
    /// # Errors
    /// As [`Self::decide`].
    pub async fn held(
        &self,
        target: &Target,
        directory: &ShardId,
        after: Option<UserId>,
    ) -> Result<HeldPage, CallError> {
        let request = pb::HeldRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            directory: directory.to_string(),
            target: target.shard.to_string(),
            epoch: target.epoch.0,
            after: after.map(|user| user.as_bytes().to_vec()).unwrap_or_default(),
        };
        let channel = self
            .nodes
            .channel(&target.node, &target.address, target.expect())?;
        let call = async { Client::new(channel).held(traced(request)).await };
        let reply = nodes::answer(&target.address, call).await?;
        nodes::understood(&target.address, reply.version)?;
        HeldPage::try_from(reply).map_err(|refusal| CallError::InvalidAnswer {
            address: target.address.clone(),
            cause: refusal.message,
        })
    }
}

/// # Errors
/// A refusal as a status: another world, another version, or a field that cannot be.
pub fn held_of(request: pb::HeldRequest, ours: &WorldId) -> Result<AskedHeld, Status> {
    frame::check(request.version, &request.world, ours)?;
    let directory: ShardId = request.directory.parse().map_err(Refusal::invalid)?;
    let target: ShardId = request.target.parse().map_err(Refusal::invalid)?;
    if !matches!(directory, ShardId::Directory { .. }) || !matches!(target, ShardId::Root { .. }) {
        return Err(Refusal::invalid("a directory shard asks a shard of people").into());
    }
    Ok(AskedHeld {
        directory,
        target,
        epoch: Epoch(request.epoch),
        after: user_or_none(&request.after)?,
    })
}

impl From<&HeldPage> for pb::HeldReply {
    fn from(page: &HeldPage) -> Self {
        let claim = |claim: &HeldClaim| pb::HeldClaim {
            digest: claim.digest.to_vec(),
            user: claim.user.as_bytes().to_vec(),
            claim_id: claim.claim_id.as_bytes().to_vec(),
        };
        Self {
            version: FRAME_VERSION,
            claims: page.claims.iter().map(claim).collect(),
            next: page.next.map(|user| user.as_bytes().to_vec()).unwrap_or_default(),
        }
    }
}

impl TryFrom<pb::HeldReply> for HeldPage {
    type Error = Refusal;

    fn try_from(wire: pb::HeldReply) -> Result<Self, Refusal> {
        if wire.claims.len() > HELD_MAX {
            return Err(Refusal::invalid("more claims than one answer names"));
        }
        let claim = |wire: pb::HeldClaim| -> Result<HeldClaim, Refusal> {
            let digest = wire.digest.as_slice().try_into();
            Ok(HeldClaim {
                digest: digest.map_err(|_| Refusal::invalid("a digest has 32 bytes"))?,
                user: UserId::from_uuid(uuid(&wire.user)?),
                claim_id: uuid(&wire.claim_id)?,
            })
        };
        let claims: Result<_, _> = wire.claims.into_iter().map(claim).collect();
        Ok(Self {
            claims: claims?,
            next: user_or_none(&wire.next)?,
        })
    }
}

fn user_or_none(bytes: &[u8]) -> Result<Option<UserId>, Refusal> {
    if bytes.is_empty() {
        return Ok(None);
    }
    uuid(bytes).map(|id| Some(UserId::from_uuid(id)))
}

fn uuid(bytes: &[u8]) -> Result<Uuid, Refusal> {
    Uuid::from_slice(bytes).map_err(|_| Refusal::invalid(format!("a UUID of {} bytes, not 16", bytes.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> pb::HeldRequest {
        pb::HeldRequest {
            version: FRAME_VERSION,
            world: "a".repeat(64),
            directory: "directory/eu/000".into(),
            target: "eu/eu-central/003".into(),
            epoch: 4,
            after: vec![1; 16],
        }
    }

    #[test]
    fn a_question_reads_back_and_what_cannot_be_is_refused() {
        let world = WorldId::new(&"a".repeat(64)).expect("an id");
        let asked = held_of(request(), &world).expect("our own");
        let after = UserId::from_uuid(Uuid::from_bytes([1; 16]));
        assert_eq!((asked.epoch, asked.after), (Epoch(4), Some(after)));
        let broken: [fn(&mut pb::HeldRequest); 5] = [
            |r| r.version += 1,
            |r| r.world = "b".repeat(64),
            |r| r.directory = "eu/eu-central/000".into(),
            |r| r.target = "eu/eu-central/keys".into(),
            |r| r.after = vec![1; 15],
        ];
        for breaks in broken {
            let mut request = request();
            breaks(&mut request);
            let status = held_of(request, &world).expect_err("broken");
            assert!(Refusal::from_status(&status).is_some(), "{status:?}");
        }
    }

    #[test]
    fn a_page_reads_back_and_half_a_claim_is_none() {
        let page = HeldPage {
            claims: vec![HeldClaim {
                digest: [3; 32],
                user: UserId::from_uuid(Uuid::from_u128(1)),
                claim_id: Uuid::from_u128(2),
            }],
            next: Some(UserId::from_uuid(Uuid::from_u128(1))),
        };
        let wire = pb::HeldReply::from(&page);
        assert_eq!(HeldPage::try_from(wire.clone()).expect("our own"), page);
        let broken: [fn(&mut pb::HeldReply); 4] = [
            |r| r.claims[0].digest.truncate(31),
            |r| r.claims[0].user.clear(),
            |r| r.next.truncate(15),
            |r| r.claims = vec![r.claims[0].clone(); HELD_MAX + 1],
        ];
        for breaks in broken {
            let mut wire = wire.clone();
            breaks(&mut wire);
            assert!(HeldPage::try_from(wire).is_err());
        }
        assert_eq!(
            HeldPage::try_from(pb::HeldReply::default()).expect("empty"),
            HeldPage::default()
        );
    }
}
