//! What follows from it that somebody has come here: what he tells waits for what he told where he lived before, and whoever
//! knows him by that home is told where he lives.

use std::collections::BTreeSet;

use platform_model::{HomeId, UserId};
use prost::Message;
use uuid::Uuid;

use crate::error::LayerError;

/// Of one who has come from another home. What stays when all is done is [`Settling::ahead_ms`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settling {
    /// Homes that he left: what he told there may still wait there.
    pub waits_for: Vec<LeftHome>,
    /// What he tells is held: until what he told before, for the same person, waits nowhere, and what was held until then is
    /// told.
    pub holds: Holds,
    /// Since when, by the log.
    pub since_ms: u64,
    /// Those who know him by the home where he lived are to be told.
    pub edges_due: bool,
    /// Milliseconds by which his own time is ahead of this shard's log: so it never goes back, whichever clock he lived by.
    pub ahead_ms: u64,
}

/// A home that he left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftHome {
    pub home: HomeId,
    /// Since which he lives elsewhere.
    pub user_epoch: u64,
    /// For whom something waits there, as it has said; none: not known yet. They become fewer, for he tells nothing there: what
    /// comes back with a failover there was heard before.
    pub waiting: Option<BTreeSet<UserId>>,
}

/// What is held of what somebody tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Holds {
    #[default]
    Nothing,
    /// What is for these.
    For(BTreeSet<UserId>),
    Everything,
}

impl Holds {
    /// Whether what is for this person is held.
    pub fn is_for(&self, user: UserId) -> bool {
        match self {
            Self::Nothing => false,
            Self::For(those) => those.contains(&user),
            Self::Everything => true,
        }
    }
}

impl Settling {
    /// Whether something is still to be done.
    pub fn is_due(&self) -> bool {
        self.edges_due || self.holds != Holds::Nothing || !self.waits_for.is_empty()
    }

    /// What is to be held, by what the homes that he left have said.
    pub fn to_be_held(&self) -> Holds {
        let mut those = BTreeSet::new();
        for left in &self.waits_for {
            match &left.waiting {
                None => return Holds::Everything,
                Some(waiting) => those.extend(waiting),
            }
        }
        if those.is_empty() {
            Holds::Nothing
        } else {
            Holds::For(those)
        }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StoredSettling {
    #[prost(message, repeated, tag = "1")]
    waits_for: Vec<StoredLeft>,
    /// Everything.
    #[prost(bool, tag = "2")]
    holds: bool,
    #[prost(uint64, tag = "3")]
    since_ms: u64,
    #[prost(bool, tag = "4")]
    edges_due: bool,
    #[prost(uint64, tag = "5")]
    ahead_ms: u64,
    /// What is for these.
    #[prost(bytes = "vec", repeated, tag = "6")]
    holds_for: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredLeft {
    #[prost(string, tag = "1")]
    home: String,
    #[prost(uint64, tag = "2")]
    user_epoch: u64,
    #[prost(bool, tag = "3")]
    is_known: bool,
    #[prost(bytes = "vec", repeated, tag = "4")]
    waiting: Vec<Vec<u8>>,
}

/// None where there is nothing to say: the rows of those who never came from elsewhere stay as they were.
pub(super) fn write(settling: &Settling) -> Option<StoredSettling> {
    let left = |left: &LeftHome| StoredLeft {
        home: left.home.to_string(),
        user_epoch: left.user_epoch,
        is_known: left.waiting.is_some(),
        waiting: left.waiting.as_ref().map(ids).unwrap_or_default(),
    };
    (*settling != Settling::default()).then(|| StoredSettling {
        waits_for: settling.waits_for.iter().map(left).collect(),
        holds: settling.holds == Holds::Everything,
        since_ms: settling.since_ms,
        edges_due: settling.edges_due,
        ahead_ms: settling.ahead_ms,
        holds_for: match &settling.holds {
            Holds::For(those) => ids(those),
            Holds::Nothing | Holds::Everything => Vec::new(),
        },
    })
}

pub(super) fn read(stored: Option<StoredSettling>) -> Result<Settling, LayerError> {
    let Some(stored) = stored else {
        return Ok(Settling::default());
    };
    let left = |left: &StoredLeft| {
        let waiting = people(&left.waiting)?;
        Ok(LeftHome {
            home: left.home.parse().map_err(|_| super::damaged())?,
            user_epoch: left.user_epoch,
            waiting: left.is_known.then_some(waiting),
        })
    };
    let holds_for = people(&stored.holds_for)?;
    Ok(Settling {
        waits_for: stored
            .waits_for
            .iter()
            .map(left)
            .collect::<Result<_, LayerError>>()?,
        holds: match (stored.holds, holds_for.is_empty()) {
            (true, _) => Holds::Everything,
            (false, true) => Holds::Nothing,
            (false, false) => Holds::For(holds_for),
        },
        since_ms: stored.since_ms,
        edges_due: stored.edges_due,
        ahead_ms: stored.ahead_ms,
    })
}

fn ids(people: &BTreeSet<UserId>) -> Vec<Vec<u8>> {
    people.iter().map(|user| user.as_bytes().to_vec()).collect()
}

fn people(ids: &[Vec<u8>]) -> Result<BTreeSet<UserId>, LayerError> {
    let one = |id: &Vec<u8>| Uuid::from_slice(id).map(UserId::from_uuid);
    let people = ids.iter().map(one).collect::<Result<_, _>>();
    people.map_err(|_| super::damaged())
}
