//! Why an erasure is not put on record, or a shard not restored.

use control_plane_ledger::Digest;
use platform_model::{Epoch, HomeId, Jurisdiction, ReplicaId, ShardId, UserId};
use serde::{Deserialize, Serialize};

use crate::operation::OperationId;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum BackupRefusal {
    #[error("home {home} has {max} erased people on record already")]
    TooMany { home: HomeId, max: usize },
    #[error("the homes of {jurisdiction} have {max} erased people on record already")]
    TooManyThere { jurisdiction: Jurisdiction, max: usize },
    #[error(
        "{max} people of home {home} are on record as erased: the room that is left is for requests of officers"
    )]
    OwnTooMany { home: HomeId, max: usize },
    #[error(
        "{max} people of {jurisdiction} are on record as erased: the room that is left is for requests of officers"
    )]
    OwnTooManyThere { jurisdiction: Jurisdiction, max: usize },
    #[error("{max} people of home {home} have asked for their erasure within a day: the next wait")]
    OwnTooManyToday { home: HomeId, max: usize },
    #[error("the erasure of {user} was not begun")]
    NotBegun { user: UserId },
    #[error("an erasure takes who asked for it, and a reason")]
    NoReason { user: UserId },
    #[error("{given} is not the next epoch of {shard} after {have}")]
    EpochGivenOut {
        shard: ShardId,
        have: Epoch,
        given: Epoch,
    },
    #[error("copy {replica} has had its part in {shard} before")]
    NameTaken { shard: ShardId, replica: ReplicaId },
    #[error("a restore takes a person's word that the copies of {shard} are lost, and a reason")]
    NoProof { shard: ShardId },
    #[error("the list of erased people of {shard} is {have}; the copy was restored by {given}")]
    OtherList {
        shard: ShardId,
        have: Digest,
        given: Digest,
    },
    #[error("operation {operation} is under way on {shard}")]
    UnderWay { shard: ShardId, operation: OperationId },
    #[error("{shard} was never served: there is nothing to restore")]
    Unborn { shard: ShardId },
    #[error("{shard} has {max} copies on record that are to be erased")]
    TooManyLeft { shard: ShardId, max: usize },
}
