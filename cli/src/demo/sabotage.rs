//! Faults that can be planted in binaries of the cargo feature `failpoints`, to show that the demo notices.

use clap::ValueEnum;

/// Where the library `fail` reads which faults are on.
const VARIABLE: &str = "FAILPOINTS";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sabotage {
    /// A cell acknowledges what it has not written yet.
    AckBeforeWrite,
    /// The router sends newcomers to a home of another jurisdiction.
    WrongHome,
    /// Training acknowledges an upload and forgets it.
    DropUpload,
    /// A cell acknowledges before its standbys have it.
    AckBeforeStandby,
    /// A cell that hands a shard over acknowledges what still comes, and forgets it.
    SwitchoverForgets,
    /// The router asks a controller before each request.
    ControllerOnPath,
    /// The controllers place shards without asking the law.
    NoLawInApply,
    /// Cells begin and judge copies without asking the law.
    NoLawAtNode,
    /// The router sees requests without asking the law.
    NoLawAtDoor,
}

/// What the demo plays, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    People,
    Workouts,
    Outage,
    Crash,
    /// Several copies of a shard: moves, what survives, failover.
    Copies,
    /// People who move, and a cell that is lost and restored.
    Homes,
    Law,
}

impl Sabotage {
    /// The environment of every process while this fault is on.
    pub fn environment(self) -> Vec<(String, String)> {
        vec![(VARIABLE.to_owned(), format!("{}=return", self.name()))]
    }

    /// The environment in which the world starts. A cell that acknowledges early is planted only before one is
    /// killed: its every write is held back, and without a kill nothing would be lost by it.
    pub fn at_the_start(self) -> Vec<(String, String)> {
        if self == Self::AckBeforeWrite {
            Vec::new()
        } else {
            self.environment()
        }
    }

    /// The act that is to find it. The others are left out, but for the one in which people come in.
    pub fn found_in(self) -> Act {
        match self {
            Self::WrongHome => Act::People,
            Self::DropUpload => Act::Workouts,
            Self::ControllerOnPath => Act::Outage,
            Self::AckBeforeWrite => Act::Crash,
            Self::AckBeforeStandby | Self::SwitchoverForgets => Act::Copies,
            Self::NoLawInApply | Self::NoLawAtNode | Self::NoLawAtDoor => Act::Law,
        }
    }

    fn name(self) -> String {
        let value = self.to_possible_value().expect("no fault is hidden");
        value.get_name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_switched_on_by_its_name() {
        let names = [
            Sabotage::AckBeforeWrite,
            Sabotage::WrongHome,
            Sabotage::DropUpload,
            Sabotage::AckBeforeStandby,
            Sabotage::SwitchoverForgets,
            Sabotage::ControllerOnPath,
            Sabotage::NoLawInApply,
            Sabotage::NoLawAtNode,
            Sabotage::NoLawAtDoor,
        ];
        let set: Vec<String> = names
            .iter()
            .map(|fault| fault.environment()[0].1.clone())
            .collect();
        let expected = [
            "ack-before-write=return",
            "wrong-home=return",
            "drop-upload=return",
            "ack-before-standby=return",
            "switchover-forgets=return",
            "controller-on-path=return",
            "no-law-in-apply=return",
            "no-law-at-node=return",
            "no-law-at-door=return",
        ];
        assert_eq!(set, expected);
        assert!(Sabotage::AckBeforeWrite.at_the_start().is_empty());
    }
}
