//! Bugs of the takeover in a shared store that are put in on purpose.

/// A bug that is put in on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedPlant {
    TakerDoesNotWait,
    LeaseFromTheAnswer,
    DropTheFence,
    AttemptNotRaised,
    EpochOfItsOwn,
    ReleaseWhileWaiting,
}

impl SharedPlant {
    pub const ALL: [Self; 6] = [
        Self::TakerDoesNotWait,
        Self::LeaseFromTheAnswer,
        Self::DropTheFence,
        Self::AttemptNotRaised,
        Self::EpochOfItsOwn,
        Self::ReleaseWhileWaiting,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::TakerDoesNotWait => "taker-does-not-wait",
            Self::LeaseFromTheAnswer => "lease-from-the-answer",
            Self::DropTheFence => "drop-the-fence",
            Self::AttemptNotRaised => "attempt-not-raised",
            Self::EpochOfItsOwn => "epoch-chosen-by-the-node",
            Self::ReleaseWhileWaiting => "release-while-waiting",
        }
    }
}
