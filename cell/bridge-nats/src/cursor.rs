//! Where to go on in a stream: from what the shard noted and how the stream ends, and then message by message. Pure.
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

/// How a stream ends, known by who read it or was told that his message is there now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    sequence: u64,
    last: Option<EventKey>,
}

impl Cursor {
    /// The number behind which the event belongs; none: the stream has it, or it was passed over. Whoever publishes anything
    /// says what came of it ([`Self::taken`]) before he asks for the next, and begins anew when he does not know.
    pub fn behind(&self, key: EventKey) -> Option<u64> {
        (Some(key) > self.last).then_some(self.sequence)
    }

    /// The stream has it now, as the next one.
    pub fn taken(&mut self, key: EventKey) {
        self.sequence += 1;
        self.last = Some(key);
    }

    /// What may be noted; none: there is nothing in the stream.
    pub fn mark(&self) -> Option<Mark> {
        let sequence = self.sequence;
        self.last.map(|last| Mark { sequence, last })
    }
}

/// Compares what was noted with how the stream ends.
///
/// # Errors
/// [`BridgeError::Lost`], [`BridgeError::Foreign`], [`BridgeError::Gone`]: going on would double or lose events, and a person
/// has to say what is to be.
pub fn resume(stream: &str, mark: Option<Mark>, tail: &Tail) -> Result<Cursor, BridgeError> {
    let (noted, upto) = mark.map_or((0, None), |mark| (mark.sequence, Some(mark.last)));
    let sequence = tail.sequence;
    if sequence < noted {
        return Err(BridgeError::Lost {
            stream: stream.to_owned(),
            has: sequence,
            acknowledged: noted,
        });
    }
    let (stream, on) = (stream.to_owned(), |last| Ok(Cursor { sequence, last }));
    match tail.last {
        // Its age tells nothing of what was noted.
        Last::Gone | Last::Nothing if sequence == noted => on(upto),
        Last::Event(last) if sequence == noted && Some(last) == upto => on(upto),
        Last::Event(last) if sequence > noted && Some(last) > upto => on(Some(last)),
        Last::Gone => Err(BridgeError::Gone { stream, sequence }),
        _ => Err(BridgeError::Foreign { stream, sequence }),
    }
}

#[cfg(test)]
mod simulated;

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

    fn judged(mark: Option<(u64, EventKey)>, sequence: u64, last: Last) -> Result<Cursor, BridgeError> {
        let mark = mark.map(|(sequence, last)| Mark { sequence, last });
        resume("s", mark, &Tail { sequence, last })
    }

    #[test]
    fn a_stream_that_agrees_or_is_ahead_is_gone_on_with_from_its_end() {
        let on = |sequence, last| Ok(Cursor { sequence, last });
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

    #[test]
    fn each_goes_behind_the_one_before_and_what_is_there_does_not_go_again() {
        let mut cursor = judged(Some((3, key(1, 5))), 4, Last::Event(key(1, 8))).expect("it is ahead");
        for there in [key(1, 5), key(1, 7), key(1, 8)] {
            assert_eq!(cursor.behind(there), None);
        }
        // What was left out leaves no gap in the numbers.
        for (at, after) in [(key(1, 11), 4), (key(2, 1), 5)] {
            assert_eq!(cursor.behind(at), Some(after));
            assert_eq!(
                cursor.behind(at),
                Some(after),
                "until somebody says that it is there"
            );
            cursor.taken(at);
            assert_eq!(cursor.behind(at), None);
        }
        let (sequence, last) = (6, key(2, 1));
        assert_eq!(cursor.mark(), Some(Mark { sequence, last }));
        let nothing = judged(None, 0, Last::Nothing).expect("new");
        assert_eq!((nothing.mark(), nothing.behind(key(1, 1))), (None, Some(0)));
    }
}
