//! Roots: the entities that own a key range and live wholly in one shard.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::UserId;

/// What a root is. The number is part of the key encoding and never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum RootKind {
    User = 1,
    Group = 2,
    Challenge = 3,
    /// A region's own content.
    Desk = 4,
}

/// The id of a root within its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RootId(pub Uuid);

/// Names one root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RootRef {
    pub kind: RootKind,
    pub id: RootId,
}

impl RootRef {
    pub fn user(user: UserId) -> Self {
        Self {
            kind: RootKind::User,
            id: RootId(user.as_uuid()),
        }
    }

    /// The person, if the root is one.
    pub fn as_user(self) -> Option<UserId> {
        (self.kind == RootKind::User).then(|| UserId::from_uuid(self.id.0))
    }
}

impl fmt::Display for RootRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            RootKind::User => "user",
            RootKind::Group => "group",
            RootKind::Challenge => "challenge",
            RootKind::Desk => "desk",
        };
        write!(f, "{kind}/{}", self.id.0)
    }
}
