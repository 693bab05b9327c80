//! The faults that a run strikes with: what each does, whom it touches, and what this machine must
//! lend to it.

mod clock;
mod disk;
mod faulty;
mod means;
mod strike;

use clap::ValueEnum;
use cli_world::Seat;

pub use clock::Clocks;
pub use disk::{FILLER, SmallDisk};
pub use faulty::FaultyDisk;
pub use means::Means;
pub use strike::{Scene, Strike, revive};

/// One kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum Fault {
    /// kill -9 of a cell's node, then a restart.
    KillCell,
    /// SIGSTOP of a cell's node, then SIGCONT.
    StopCell,
    /// kill -9 of the router, then a restart.
    KillRouter,
    /// SIGSTOP of the router, then SIGCONT.
    StopRouter,
    /// kill -9 of the controllers' leader, then a restart.
    KillLeader,
    /// SIGSTOP of the controllers' leader, then SIGCONT.
    StopLeader,
    /// kill -9 of every controller, then a restart.
    KillControllers,
    /// Router and node hear nothing of each other.
    CutRouterNode,
    /// The node hears the router, the router does not hear the node.
    CutAnswers,
    /// A node and the controllers hear nothing of each other.
    CutNodeControllers,
    /// The controllers' leader and the other controllers hear nothing of each other.
    CutLeader,
    /// The controllers hear a node, it does not hear them.
    CutOrders,
    /// A node and all others hear nothing of each other.
    CutNodes,
    /// A node does not hear the others, they hear it.
    CutToNode,
    /// The others do not hear a node, it hears them.
    CutFromNode,
    /// Between router and node everything comes late.
    SlowLink,
    /// Between a node and the others everything comes late.
    SlowNodes,
    /// Between router and node few bytes pass in a second.
    NarrowLink,
    /// The disk under a node's data is full.
    FullDisk,
    /// The wall clock of a node jumps by minutes, forward or back, and in the end the other way.
    ClockJump,
    /// The same of the clock of the controllers' leader.
    ClockJumpLeader,
    /// The same of the router's.
    ClockJumpRouter,
    /// The disk under a node's data is slow: what is made durable takes seconds.
    SlowDisk,
    /// The disk under a node's data fails to write (EIO).
    FailingDisk,
}

/// Who may notice a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    Nobody,
    /// Those whose home is in the cell of this node.
    CellOf(Seat),
    Everybody,
}

impl Fault {
    pub fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// As it is written on the command line.
    pub fn name(self) -> String {
        let value = self.to_possible_value().expect("no fault is hidden");
        value.get_name().to_owned()
    }

    /// Whether its target is the one node whose disk can be struck.
    pub fn is_at_a_disk(self) -> bool {
        matches!(self, Self::FullDisk | Self::SlowDisk | Self::FailingDisk)
    }

    /// Whether it is a wall clock that is wrong.
    pub fn is_of_a_clock(self) -> bool {
        matches!(
            self,
            Self::ClockJump | Self::ClockJumpLeader | Self::ClockJumpRouter
        )
    }

    /// Whether a node is its target.
    pub fn is_at_a_node(self) -> bool {
        use Fault::{
            ClockJump, CutAnswers, CutFromNode, CutNodeControllers, CutNodes, CutOrders, CutRouterNode,
            CutToNode, FailingDisk, FullDisk, KillCell, NarrowLink, SlowDisk, SlowLink, SlowNodes, StopCell,
        };
        matches!(
            self,
            KillCell
                | StopCell
                | CutRouterNode
                | CutAnswers
                | CutNodeControllers
                | CutOrders
                | CutNodes
                | CutToNode
                | CutFromNode
                | SlowLink
                | SlowNodes
                | NarrowLink
                | FullDisk
                | ClockJump
                | SlowDisk
                | FailingDisk
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<String> =
            Fault::all().iter().map(|fault| fault.name()).collect();
        assert_eq!(names.len(), Fault::all().len());
        assert!(names.contains("kill-cell") && names.contains("cut-router-node"));
    }
}
