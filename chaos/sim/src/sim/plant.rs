//! Every planted bug that a simulation of the replication can have, by name.

use cell_replica::Plant;

use crate::cross::CrossPlant;

/// A bug that is put in on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimPlant {
    /// In the protocol.
    Replica(Plant),
    /// In what crosses shards.
    Cross(CrossPlant),
    /// In the control plane: a promotion is given up and forgotten.
    AbandonedPrepare,
    PromoteTheShorterLog,
    LawNotAsked,
    /// In the host: a flush is reported and never done.
    SkipAnFsync,
    /// In the host: the lease is counted by a clock that stops in suspend.
    LeaseByAClockThatStops,
    /// In the host: what is left of a torn batch is taken.
    TornBatchIsTaken,
    /// In the host: a range that a stored entry clears is not cleared when it is applied at last.
    EraseNotReplayed,
    /// In the host: what an undone entry cleared as a range is not fetched.
    RewindForgetsClearedRanges,
    /// In the host: an entry's time is what the wall clock shows.
    EntryTimeFromTheClockAlone,
}

impl SimPlant {
    pub fn all() -> Vec<Self> {
        let mut all: Vec<Self> = Plant::ALL.into_iter().map(Self::Replica).collect();
        all.extend([
            Self::AbandonedPrepare,
            Self::PromoteTheShorterLog,
            Self::LawNotAsked,
            Self::SkipAnFsync,
            Self::LeaseByAClockThatStops,
            Self::TornBatchIsTaken,
            Self::EraseNotReplayed,
            Self::RewindForgetsClearedRanges,
            Self::EntryTimeFromTheClockAlone,
        ]);
        all.extend(CrossPlant::ALL.map(Self::Cross));
        all
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Replica(plant) => plant.name(),
            Self::Cross(plant) => plant.name(),
            Self::AbandonedPrepare => "abandoned-prepare",
            Self::PromoteTheShorterLog => "promote-the-shorter-log",
            Self::LawNotAsked => "law-not-asked",
            Self::SkipAnFsync => "skip-an-fsync",
            Self::LeaseByAClockThatStops => "lease-by-a-clock-that-stops-in-suspend",
            Self::TornBatchIsTaken => "torn-batch-is-taken",
            Self::EraseNotReplayed => "erase-not-replayed",
            Self::RewindForgetsClearedRanges => "rewind-forgets-cleared-ranges",
            Self::EntryTimeFromTheClockAlone => "entry-time-from-the-clock-alone",
        }
    }

    /// Whether it takes people to show it.
    pub fn is_crossing(self) -> bool {
        matches!(self, Self::Cross(_))
    }

    pub fn by_name(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|plant| plant.name() == name)
    }
}
