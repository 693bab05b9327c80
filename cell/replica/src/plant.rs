//! Bugs that are put in on purpose, to show that the checkers see them. None is ever on outside a simulation.

/// One planted bug of the protocol; named as in the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Plant {
    EmptyDiskUnderAnOldName,
    TwoContentsAtOnePosition,
    AcksByAStaleSet,
    ReadBeforeAllHaveIt,
    PromiseForgotten,
    ResumeDuringHandover,
    CrashInsideARewind,
    PageAfterLog,
    LateErase,
    AcknowledgeBeforeTheStandby,
    ServeWithoutLease,
    AckBeforeDurable,
    PagesOfAnotherHistory,
    MismatchForgotten,
    AloneWithoutAsking,
    StatusBeforeDurable,
}

impl Plant {
    pub const ALL: [Self; 16] = [
        Self::EmptyDiskUnderAnOldName,
        Self::TwoContentsAtOnePosition,
        Self::AcksByAStaleSet,
        Self::ReadBeforeAllHaveIt,
        Self::PromiseForgotten,
        Self::ResumeDuringHandover,
        Self::CrashInsideARewind,
        Self::PageAfterLog,
        Self::LateErase,
        Self::AcknowledgeBeforeTheStandby,
        Self::ServeWithoutLease,
        Self::AckBeforeDurable,
        Self::PagesOfAnotherHistory,
        Self::MismatchForgotten,
        Self::AloneWithoutAsking,
        Self::StatusBeforeDurable,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::EmptyDiskUnderAnOldName => "empty-disk-under-an-old-name",
            Self::TwoContentsAtOnePosition => "two-contents-at-one-position",
            Self::AcksByAStaleSet => "acks-by-a-stale-set",
            Self::ReadBeforeAllHaveIt => "read-before-all-have-it",
            Self::PromiseForgotten => "promise-forgotten",
            Self::ResumeDuringHandover => "resume-during-handover",
            Self::CrashInsideARewind => "crash-inside-a-rewind",
            Self::PageAfterLog => "page-after-log",
            Self::LateErase => "late-erase",
            Self::AcknowledgeBeforeTheStandby => "acknowledge-before-the-standby",
            Self::ServeWithoutLease => "serve-without-lease",
            Self::AckBeforeDurable => "ack-before-durable",
            Self::PagesOfAnotherHistory => "pages-of-another-history",
            Self::MismatchForgotten => "mismatch-forgotten",
            Self::AloneWithoutAsking => "alone-without-asking",
            Self::StatusBeforeDurable => "status-before-durable",
        }
    }
}

/// The bugs that are on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Plants(u64);

impl Plants {
    pub fn none() -> Self {
        Self(0)
    }

    pub fn one(plant: Plant) -> Self {
        Self(1 << plant as u8)
    }

    pub fn has(self, plant: Plant) -> bool {
        self.0 & (1 << plant as u8) != 0
    }
}
