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
    EarlyDoor,
    HandoverWhileWaiting,
    WaitTheOwnLease,
    CounterWithoutTheFence,
}

impl SharedPlant {
    pub const ALL: [Self; 10] = [
        Self::TakerDoesNotWait,
        Self::LeaseFromTheAnswer,
        Self::DropTheFence,
        Self::AttemptNotRaised,
        Self::EpochOfItsOwn,
        Self::ReleaseWhileWaiting,
        Self::EarlyDoor,
        Self::HandoverWhileWaiting,
        Self::WaitTheOwnLease,
        Self::CounterWithoutTheFence,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::TakerDoesNotWait => "taker-does-not-wait",
            Self::LeaseFromTheAnswer => "lease-from-the-answer",
            Self::DropTheFence => "drop-the-fence",
            Self::AttemptNotRaised => "attempt-not-raised",
            Self::EpochOfItsOwn => "epoch-chosen-by-the-node",
            Self::ReleaseWhileWaiting => "release-while-waiting",
            Self::EarlyDoor => "early-door",
            Self::HandoverWhileWaiting => "handover-while-waiting",
            Self::WaitTheOwnLease => "wait-the-own-lease",
            Self::CounterWithoutTheFence => "counter-without-the-fence",
        }
    }
}
