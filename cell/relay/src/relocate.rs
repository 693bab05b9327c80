//! What a shard knows of a person: whether it may serve him. The directory's entry decides; a shard follows it only after
//! it has *read* it, and never assumes the end of an operation.

use thiserror::Error;

use crate::home::{Entry, OperationId};

/// A person's standing in one shard. Written by transactions, so it survives a failover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place<S> {
    /// Lives here: reads, writes and deliveries are served.
    Home { user_epoch: u64 },
    /// The `moved` marker: everything is answered `Moved`, until the entry is read again.
    Fenced { user_epoch: u64, operation: OperationId },
    /// A copy that comes in, seen by nobody.
    Incoming { operation: OperationId, complete: bool },
    /// Lived here: redirects.
    Gone { to: S, user_epoch: u64 },
}

/// Why a step changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum PlaceRefusal {
    #[error("the person's data is not in that state here")]
    NotNow,
    #[error("the directory does not say so")]
    NotByTheEntry,
    #[error("that belongs to another operation")]
    OtherOperation,
    #[error("that is older than what is here")]
    Late,
    #[error("the law permits no copy there")]
    Unlawful,
}

/// Bugs that are put in on purpose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RelocatePlants {
    /// The target serves as soon as it has everything.
    pub activate_before_commit: bool,
    /// The source takes its marker back without having read the entry's cancel.
    pub assume_the_cancel: bool,
    /// A copy comes in whatever lived here since.
    pub late_copy: bool,
    /// The law is not asked before a range leaves.
    pub law_not_asked: bool,
}

impl<S: Clone + PartialEq> Place<S> {
    pub fn serves(&self) -> bool {
        matches!(self, Self::Home { .. })
    }

    /// The source stops serving, for this operation.
    ///
    /// # Errors
    /// He does not live here.
    pub fn fence(self, operation: OperationId) -> Result<Self, PlaceRefusal> {
        match self {
            Self::Home { user_epoch } => Ok(Self::Fenced {
                user_epoch,
                operation,
            }),
            Self::Fenced { operation: own, .. } if own == operation => Ok(self),
            Self::Fenced { .. } => Err(PlaceRefusal::OtherOperation),
            _ => Err(PlaceRefusal::NotNow),
        }
    }

    /// His range may leave for the target: a first copy while he is served, the whole once the marker is set. The
    /// gate is asked each time, before the first byte.
    ///
    /// # Errors
    /// The law permits no copy there, or he is not here for this operation.
    pub fn leave(
        self,
        operation: OperationId,
        complete: bool,
        lawful: bool,
        plants: RelocatePlants,
    ) -> Result<(), PlaceRefusal> {
        if !lawful && !plants.law_not_asked {
            return Err(PlaceRefusal::Unlawful);
        }
        match self {
            Self::Home { .. } if !complete => Ok(()),
            Self::Fenced { operation: own, .. } if own == operation => Ok(()),
            Self::Fenced { .. } => Err(PlaceRefusal::OtherOperation),
            _ => Err(PlaceRefusal::NotNow),
        }
    }

    /// The source has read the entry, and began to read after its marker was set: it takes its marker back only if that
    /// operation is over and he still lives here. An entry that never heard of it, of a directory that was restored to
    /// before, says nothing.
    ///
    /// # Errors
    /// The entry does not say so.
    pub fn resume(self, here: S, entry: &Entry<S>, plants: RelocatePlants) -> Result<Self, PlaceRefusal> {
        let Self::Fenced {
            user_epoch,
            operation,
        } = self
        else {
            return Err(PlaceRefusal::NotNow);
        };
        let over = entry.newest >= operation && entry.operation != Some(operation);
        let cancelled = entry.home == here && entry.user_epoch == user_epoch && over;
        if cancelled || plants.assume_the_cancel {
            Ok(Self::Home { user_epoch })
        } else {
            Err(PlaceRefusal::NotByTheEntry)
        }
    }

    /// A copy comes in at the target, from a home that has served `served_epoch`. One who goes straight back may find his
    /// old home still fenced: that he was served elsewhere since is the confirmation that it waits for. A copy that lay
    /// somewhere brings nothing back: neither over a tombstone that is newer, nor a first copy over the whole.
    ///
    /// # Errors
    /// He lives here, or it comes late, or another copy comes in.
    pub fn receive(
        this: Option<Self>,
        operation: OperationId,
        complete: bool,
        served_epoch: u64,
        plants: RelocatePlants,
    ) -> Result<Self, PlaceRefusal> {
        match this {
            None => {}
            Some(Self::Gone { user_epoch, .. }) if served_epoch >= user_epoch || plants.late_copy => {}
            Some(Self::Gone { .. }) => return Err(PlaceRefusal::Late),
            Some(Self::Fenced { user_epoch, .. }) if served_epoch > user_epoch => {}
            Some(Self::Incoming { operation: own, .. }) if own < operation => {}
            Some(Self::Incoming {
                operation: own,
                complete: true,
            }) if own == operation && !complete && !plants.late_copy => return Err(PlaceRefusal::Late),
            Some(Self::Incoming { operation: own, .. }) if own == operation => {}
            Some(Self::Incoming { .. }) => return Err(PlaceRefusal::OtherOperation),
            Some(_) => return Err(PlaceRefusal::NotNow),
        }
        Ok(Self::Incoming { operation, complete })
    }

    /// The target has read the entry, and began to read after the copy came in: the operation is over and he does not
    /// live here, so the copy is erased; a tombstone stays. Of another operation's copy it says nothing.
    ///
    /// # Errors
    /// The entry does not say so.
    pub fn abandon(self, here: S, entry: &Entry<S>) -> Result<Self, PlaceRefusal> {
        let Self::Incoming { operation, .. } = self else {
            return Err(PlaceRefusal::NotNow);
        };
        let over = entry.newest >= operation && entry.operation != Some(operation);
        if over && entry.home != here {
            Ok(Self::Gone {
                to: entry.home.clone(),
                user_epoch: entry.user_epoch,
            })
        } else {
            Err(PlaceRefusal::NotByTheEntry)
        }
    }

    /// The target has read the entry, and began to read after the copy was complete: it serves only if that names it as his home.
    ///
    /// # Errors
    /// The entry does not, or something is missing.
    pub fn activate(self, here: S, entry: &Entry<S>, plants: RelocatePlants) -> Result<Self, PlaceRefusal> {
        let Self::Incoming { complete: true, .. } = self else {
            return Err(PlaceRefusal::NotNow);
        };
        if entry.home == here {
            return Ok(Self::Home {
                user_epoch: entry.user_epoch,
            });
        }
        if plants.activate_before_commit {
            return Ok(Self::Home {
                user_epoch: entry.user_epoch + 1,
            });
        }
        Err(PlaceRefusal::NotByTheEntry)
    }

    /// The source erases, once the target has confirmed a higher user epoch; a tombstone stays.
    ///
    /// # Errors
    /// That epoch is not higher.
    pub fn erase(self, to: S, confirmed: u64) -> Result<Self, PlaceRefusal> {
        match self {
            Self::Fenced { user_epoch, .. } if confirmed > user_epoch => Ok(Self::Gone {
                to,
                user_epoch: confirmed,
            }),
            _ => Err(PlaceRefusal::NotNow),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_serves_only_by_the_entry_and_the_source_goes_on_only_by_it() {
        let none = RelocatePlants::default();
        let operation = OperationId(1);
        let mut entry = Entry::new('a');
        let home = Place::Home { user_epoch: 1 };
        entry.start(operation, 'b').expect("starts");
        let fenced = home.fence(operation).expect("lives here");
        assert_eq!(fenced.resume('a', &entry, none), Err(PlaceRefusal::NotByTheEntry));
        let incoming = Place::receive(None, operation, true, 1, none).expect("comes in");
        assert_eq!(
            incoming.activate('b', &entry, none),
            Err(PlaceRefusal::NotByTheEntry)
        );
        entry.commit(operation, 'b').expect("commits");
        assert_eq!(fenced.resume('a', &entry, none), Err(PlaceRefusal::NotByTheEntry));
        assert_eq!(
            incoming.activate('b', &entry, none),
            Ok(Place::Home { user_epoch: 2 })
        );
        assert_eq!(fenced.erase('b', 1), Err(PlaceRefusal::NotNow));
        assert!(matches!(fenced.erase('b', 2), Ok(Place::Gone { to: 'b', .. })));
    }

    #[test]
    fn one_who_goes_straight_back_is_taken_in_by_his_old_home() {
        let fenced: Place<char> = Place::Home { user_epoch: 1 }
            .fence(OperationId(1))
            .expect("lives here");
        let back = OperationId(2);
        assert_eq!(
            Place::receive(Some(fenced), back, true, 1, RelocatePlants::default()),
            Err(PlaceRefusal::NotNow),
            "nobody has served him since"
        );
        assert!(Place::receive(Some(fenced), back, true, 2, RelocatePlants::default()).is_ok());
    }

    #[test]
    fn a_copy_that_lay_somewhere_brings_nothing_back() {
        let none = RelocatePlants::default();
        let receive = |this, operation, complete, served| {
            Place::<char>::receive(Some(this), OperationId(operation), complete, served, none)
        };
        let gone = Place::Gone {
            to: 'a',
            user_epoch: 3,
        };
        assert_eq!(receive(gone, 1, true, 1), Err(PlaceRefusal::Late));
        let whole = receive(gone, 3, true, 3).expect("he comes again");
        assert_eq!(receive(whole, 3, false, 3), Err(PlaceRefusal::Late));
        assert_eq!(receive(whole, 2, true, 3), Err(PlaceRefusal::OtherOperation));
    }

    #[test]
    fn a_copy_whose_operation_is_over_is_erased() {
        let operation = OperationId(1);
        let mut entry = Entry::new('a');
        let incoming: Place<char> = Place::Incoming {
            operation,
            complete: true,
        };
        assert!(
            incoming.abandon('b', &entry).is_err(),
            "not started yet, as it seems"
        );
        entry.start(operation, 'b').expect("starts");
        assert!(incoming.abandon('b', &entry).is_err());
        entry.cancel(operation).expect("cancels");
        let gone = Place::Gone {
            to: 'a',
            user_epoch: 1,
        };
        assert_eq!(incoming.abandon('b', &entry), Ok(gone));
    }

    #[test]
    fn a_cancel_brings_the_source_back() {
        let operation = OperationId(1);
        let mut entry = Entry::new('a');
        entry.start(operation, 'b').expect("starts");
        let fenced = Place::Home { user_epoch: 1 }
            .fence(operation)
            .expect("lives here");
        entry.cancel(operation).expect("cancels");
        assert_eq!(
            fenced.resume('a', &entry, RelocatePlants::default()),
            Ok(Place::Home { user_epoch: 1 })
        );
    }

    /// The planted omission: a directory that was restored to before the operation makes two homes of one.
    #[test]
    fn an_entry_that_never_heard_of_the_operation_brings_nobody_back() {
        let fenced: Place<char> = Place::Home { user_epoch: 1 }
            .fence(OperationId(7))
            .expect("lives here");
        let mut earlier = Entry::new('a');
        earlier.start(OperationId(3), 'b').expect("starts");
        earlier.cancel(OperationId(3)).expect("cancels");
        assert_eq!(
            fenced.resume('a', &earlier, RelocatePlants::default()),
            Err(PlaceRefusal::NotByTheEntry)
        );
    }
}
