//! How far a restore goes.

use platform_model::{Epoch, EpochPosition, Position};

use crate::pb;

/// Where the copy ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RestoreGoal {
    /// Where the backup was taken.
    #[default]
    Base,
    /// Just after this entry.
    Pair(EpochPosition),
    /// Just after the last entry that is not later, in milliseconds since 1970.
    Time(u64),
    /// Just after the last entry that was kept.
    Latest,
}

/// It names more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a restore goes to an entry, a time or the newest entry: more than one was named")]
pub struct InvalidGoal;

impl RestoreGoal {
    pub(super) fn write(self, request: &mut pb::RestoreRequest) {
        match self {
            Self::Base => {}
            Self::Pair(pair) => {
                request.to_epoch = pair.epoch.0;
                request.to_position = pair.position.0;
            }
            Self::Time(ms) => request.to_time_ms = ms,
            Self::Latest => request.to_latest = true,
        }
    }

    /// What a request names.
    ///
    /// # Errors
    /// [`InvalidGoal`].
    pub fn of_request(wire: &pb::RestoreRequest) -> Result<Self, InvalidGoal> {
        let is_pair = wire.to_epoch > 0 || wire.to_position > 0;
        match (is_pair, wire.to_time_ms, wire.to_latest) {
            (false, 0, false) => Ok(Self::Base),
            (true, 0, false) => Ok(Self::Pair(EpochPosition {
                epoch: Epoch(wire.to_epoch),
                position: Position(wire.to_position),
            })),
            (false, ms, false) => Ok(Self::Time(ms)),
            (false, 0, true) => Ok(Self::Latest),
            _ => Err(InvalidGoal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_reads_back_and_two_are_none() {
        let pair = EpochPosition {
            epoch: Epoch(4),
            position: Position(1_711),
        };
        for goal in [
            RestoreGoal::Base,
            RestoreGoal::Pair(pair),
            RestoreGoal::Time(1_764_130_000_000),
            RestoreGoal::Latest,
        ] {
            let mut request = pb::RestoreRequest::default();
            goal.write(&mut request);
            assert_eq!(RestoreGoal::of_request(&request), Ok(goal));
            request.to_latest = true;
            request.to_time_ms = 7;
            assert_eq!(RestoreGoal::of_request(&request), Err(InvalidGoal), "{goal:?}");
        }
    }
}
