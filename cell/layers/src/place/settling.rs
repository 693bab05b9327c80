//! What follows from it that somebody has come here: what he tells waits for what he told where he lived before, and whoever
//! knows him by that home is told where he lives.

use platform_model::HomeId;
use prost::Message;

use crate::error::LayerError;

/// Of one who has come from another home. What stays when all is done is [`Settling::ahead_ms`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settling {
    /// Homes that he left, each with the user epoch since which he lives elsewhere: what he told there may still wait there.
    pub waits_for: Vec<(HomeId, u64)>,
    /// What he tells is held: until nothing is waited for, and what was held until then is told.
    pub holds: bool,
    /// Since when, by the log.
    pub since_ms: u64,
    /// Those who know him by the home where he lived are to be told.
    pub edges_due: bool,
    /// Milliseconds by which his own time is ahead of this shard's log: so it never goes back, whichever clock he lived by.
    pub ahead_ms: u64,
}

impl Settling {
    /// Whether something is still to be done.
    pub fn is_due(&self) -> bool {
        self.holds || self.edges_due
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StoredSettling {
    #[prost(message, repeated, tag = "1")]
    waits_for: Vec<StoredLeft>,
    #[prost(bool, tag = "2")]
    holds: bool,
    #[prost(uint64, tag = "3")]
    since_ms: u64,
    #[prost(bool, tag = "4")]
    edges_due: bool,
    #[prost(uint64, tag = "5")]
    ahead_ms: u64,
}

#[derive(Clone, PartialEq, Message)]
struct StoredLeft {
    #[prost(string, tag = "1")]
    home: String,
    #[prost(uint64, tag = "2")]
    user_epoch: u64,
}

/// None where there is nothing to say: the rows of those who never came from elsewhere stay as they were.
pub(super) fn write(settling: &Settling) -> Option<StoredSettling> {
    let left = |(home, user_epoch): &(HomeId, u64)| StoredLeft {
        home: home.to_string(),
        user_epoch: *user_epoch,
    };
    (*settling != Settling::default()).then(|| StoredSettling {
        waits_for: settling.waits_for.iter().map(left).collect(),
        holds: settling.holds,
        since_ms: settling.since_ms,
        edges_due: settling.edges_due,
        ahead_ms: settling.ahead_ms,
    })
}

pub(super) fn read(stored: Option<StoredSettling>) -> Result<Settling, LayerError> {
    let Some(stored) = stored else {
        return Ok(Settling::default());
    };
    let left = |left: &StoredLeft| {
        let home = left.home.parse().map_err(|_| super::damaged())?;
        Ok((home, left.user_epoch))
    };
    Ok(Settling {
        waits_for: stored
            .waits_for
            .iter()
            .map(left)
            .collect::<Result<_, LayerError>>()?,
        holds: stored.holds,
        since_ms: stored.since_ms,
        edges_due: stored.edges_due,
        ahead_ms: stored.ahead_ms,
    })
}
