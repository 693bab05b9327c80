//! Where to go on, from what the shard noted and how the stream ends. Pure.
//!
//! The shard notes what was acknowledged after it was; a failover or a restore may take some of that back. So the stream is
//! never behind the note, unless it lost something; and where it is ahead its last message says what it has.

use cell_relay::EventKey;

use crate::{BridgeError, Last, Tail};

/// What a shard noted of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub sequence: u64,
    pub last: EventKey,
}

/// Where to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumed {
    /// The number behind which the next message belongs.
    pub sequence: u64,
    /// The stream has all events up to this one; none: it has nothing.
    pub upto: Option<EventKey>,
}

/// Compares them.
///
/// # Errors
/// [`BridgeError::Lost`], [`BridgeError::Foreign`], [`BridgeError::Gone`]: going on would double or lose events, and a person
/// has to say what is to be.
pub fn resume(stream: &str, mark: Option<Mark>, tail: &Tail) -> Result<Resumed, BridgeError> {
    let (noted, upto) = mark.map_or((0, None), |mark| (mark.sequence, Some(mark.last)));
    let sequence = tail.sequence;
    if sequence < noted {
        return Err(BridgeError::Lost {
            stream: stream.to_owned(),
            has: sequence,
            acknowledged: noted,
        });
    }
    let stream = stream.to_owned();
    match tail.last {
        // Its age tells nothing of what was noted.
        Last::Gone | Last::Nothing if sequence == noted => Ok(Resumed { sequence, upto }),
        Last::Event(last) if sequence == noted && Some(last) == upto => Ok(Resumed { sequence, upto }),
        Last::Event(last) if sequence > noted && Some(last) > upto => Ok(Resumed {
            sequence,
            upto: Some(last),
        }),
        Last::Gone => Err(BridgeError::Gone { stream, sequence }),
        _ => Err(BridgeError::Foreign { stream, sequence }),
    }
}

#[cfg(test)]
mod tests {
    use platform_model::{Epoch, EpochPosition, Position};

    use super::*;

    fn key(epoch: u64, position: u64) -> EventKey {
        EventKey {
            at: EpochPosition {
                epoch: Epoch(epoch),
                position: Position(position),
            },
            index: 0,
            event: 0,
        }
    }

    fn judged(mark: Option<(u64, EventKey)>, sequence: u64, last: Last) -> Result<Resumed, BridgeError> {
        let mark = mark.map(|(sequence, last)| Mark { sequence, last });
        resume("s", mark, &Tail { sequence, last })
    }

    #[test]
    fn a_stream_that_agrees_or_is_ahead_is_gone_on_with_from_its_end() {
        let on = |sequence, upto| Ok(Resumed { sequence, upto });
        let five = key(1, 5);
        assert_eq!(judged(None, 0, Last::Nothing), on(0, None));
        assert_eq!(judged(Some((3, five)), 3, Last::Event(five)), on(3, Some(five)));
        assert_eq!(
            judged(Some((3, five)), 3, Last::Gone),
            on(3, Some(five)),
            "too old"
        );
        // The note was taken back by a failover, or is from before a kill.
        assert_eq!(
            judged(Some((3, five)), 9, Last::Event(key(1, 8))),
            on(9, Some(key(1, 8)))
        );
        assert_eq!(judged(None, 9, Last::Event(key(2, 1))), on(9, Some(key(2, 1))));
    }

    #[test]
    fn a_stream_that_lost_something_or_is_anothers_is_not_gone_on_with() {
        let five = key(1, 5);
        let lost = |outcome| matches!(outcome, Err(BridgeError::Lost { .. }));
        assert!(lost(judged(Some((3, five)), 0, Last::Nothing)), "made anew");
        assert!(
            lost(judged(Some((3, five)), 2, Last::Event(key(1, 4)))),
            "restored"
        );
        let foreign = |outcome| matches!(outcome, Err(BridgeError::Foreign { .. }));
        assert!(foreign(judged(None, 2, Last::Foreign)));
        assert!(foreign(judged(Some((3, five)), 3, Last::Event(key(1, 6)))));
        assert!(
            foreign(judged(Some((3, five)), 4, Last::Event(key(1, 4)))),
            "went back"
        );
        let gone = judged(Some((3, five)), 4, Last::Gone).expect_err("which event was it?");
        assert!(matches!(gone, BridgeError::Gone { .. }) && !gone.retryable());
    }
}
