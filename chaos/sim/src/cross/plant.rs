//! Planted bugs of what crosses shards, by name.

use cell_relay::relocate::RelocatePlants;

/// A bug that is put in on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrossPlant {
    /// The receiver says that it has an event before effect and mark are committed.
    AsyncAckOfADelivery,
    /// Marks are the shard's, not the root's.
    MarkPerShardWithAReRoutedEvent,
    RelayAheadOfCommitted,
    /// The cursor moves when an event is sent.
    LostCursor,
    ActivateBeforeCommit,
    AssumeTheCancel,
    /// A row that is old and whose claim nobody has confirmed is freed.
    ClaimByClock,
    /// A receiver that does not serve the root forwards, and says that it has the event.
    ReceiverForwards,
    /// What was answered `Moved` goes out again at once.
    SendAtOnceWhenMoved,
    /// An event that a root cannot take is not acknowledged, and so holds those behind it.
    PoisonBlocks,
    /// It is parked, and the mark moves in another transaction.
    ParkWithoutTheMark,
    /// Marks below `low` go, and nothing remembers `low`.
    MarkGoneWithoutAFloor,
    /// The floors stay behind when a root relocates.
    FloorsStayBehind,
    /// The target's relay sends what a person emits at once.
    SendBeforeTheMarkerIsPassed,
    /// A copy comes in whatever lived here since.
    LateCopy,
    /// The law is not asked before a range leaves.
    LawNotAskedOfARelocation,
}

impl CrossPlant {
    pub const ALL: [Self; 16] = [
        Self::AsyncAckOfADelivery,
        Self::MarkPerShardWithAReRoutedEvent,
        Self::RelayAheadOfCommitted,
        Self::LostCursor,
        Self::ActivateBeforeCommit,
        Self::AssumeTheCancel,
        Self::ClaimByClock,
        Self::ReceiverForwards,
        Self::SendAtOnceWhenMoved,
        Self::PoisonBlocks,
        Self::ParkWithoutTheMark,
        Self::MarkGoneWithoutAFloor,
        Self::FloorsStayBehind,
        Self::SendBeforeTheMarkerIsPassed,
        Self::LateCopy,
        Self::LawNotAskedOfARelocation,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::AsyncAckOfADelivery => "async-ack-of-a-delivery",
            Self::MarkPerShardWithAReRoutedEvent => "mark-per-shard-with-a-re-routed-event",
            Self::RelayAheadOfCommitted => "relay-ahead-of-committed",
            Self::LostCursor => "lost-cursor",
            Self::ActivateBeforeCommit => "activate-before-commit",
            Self::AssumeTheCancel => "assume-the-cancel",
            Self::ClaimByClock => "claim-by-clock",
            Self::ReceiverForwards => "receiver-forwards",
            Self::SendAtOnceWhenMoved => "send-at-once-when-moved",
            Self::PoisonBlocks => "poison-blocks",
            Self::ParkWithoutTheMark => "park-without-the-mark",
            Self::MarkGoneWithoutAFloor => "mark-gone-without-a-floor",
            Self::FloorsStayBehind => "floors-stay-behind",
            Self::SendBeforeTheMarkerIsPassed => "send-before-the-marker-is-passed",
            Self::LateCopy => "late-copy",
            Self::LawNotAskedOfARelocation => "law-not-asked-of-a-relocation",
        }
    }

    /// Those of relocation.
    pub(crate) fn relocation(plant: Option<Self>) -> RelocatePlants {
        RelocatePlants {
            activate_before_commit: plant == Some(Self::ActivateBeforeCommit),
            assume_the_cancel: plant == Some(Self::AssumeTheCancel),
            late_copy: plant == Some(Self::LateCopy),
            law_not_asked: plant == Some(Self::LawNotAskedOfARelocation),
        }
    }
}
