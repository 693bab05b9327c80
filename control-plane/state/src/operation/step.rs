//! The steps of each kind of operation, in their order.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::record::OperationKind;

/// What an operation is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// A copy is put into the configuration.
    AddStandby,
    /// It becomes a consistent prefix.
    Copy,
    /// It comes in sync.
    CatchUp,
    /// Its data is compared with the primary's.
    Verify,
    /// A primary is chosen.
    Promote,
    /// The primary hands over to it.
    Switchover,
    /// The old copy stays in sync, for a way back.
    Window,
    /// The old copy leaves the configuration.
    RemoveStandby,
    /// It is erased. The point of no return.
    Erase,
    Done,
}

impl Step {
    /// Its name, as people see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AddStandby => "add-standby",
            Self::Copy => "copy",
            Self::CatchUp => "catch-up",
            Self::Verify => "verify",
            Self::Promote => "promote",
            Self::Switchover => "switchover",
            Self::Window => "window",
            Self::RemoveStandby => "remove-standby",
            Self::Erase => "erase",
            Self::Done => "done",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const MAKE: [Step; 3] = [Step::AddStandby, Step::Copy, Step::CatchUp];
const TAKE_OUT: [Step; 2] = [Step::RemoveStandby, Step::Erase];

impl OperationKind {
    /// All steps, in order.
    pub fn steps(&self) -> Vec<Step> {
        let (make, change, take_out): (bool, &[Step], bool) = match self {
            Self::Move { .. } => (true, &[Step::Verify, Step::Switchover, Step::Window], true),
            Self::Failover { .. } => (false, &[Step::Promote], false),
            Self::Verify => (false, &[Step::Verify], false),
            Self::Repair { add, remove } => (add.is_some(), &[], remove.is_some()),
        };
        let make = MAKE.into_iter().filter(|_| make);
        let take_out = TAKE_OUT.into_iter().filter(|_| take_out);
        let changed = make.chain(change.iter().copied()).chain(take_out);
        changed.chain([Step::Done]).collect()
    }

    /// The step that follows.
    pub fn after(&self, step: Step) -> Option<Step> {
        self.steps().into_iter().find(|next| *next > step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_goes_through_its_steps_in_order() {
        let node = || "eu-central-1/1".parse().expect("a node");
        let kinds = [
            OperationKind::Move {
                to: node(),
                window_ms: 0,
            },
            OperationKind::Failover {
                to: None,
                force: None,
            },
            OperationKind::Verify,
            OperationKind::Repair {
                add: Some(node()),
                remove: None,
            },
        ];
        let words = kinds.map(|kind| {
            let steps = kind.steps();
            assert!(steps.is_sorted());
            let words: Vec<_> = steps.iter().map(|step| step.as_str()).collect();
            words.join(" ")
        });
        assert_eq!(
            words,
            [
                "add-standby copy catch-up verify switchover window remove-standby erase done",
                "promote done",
                "verify done",
                "add-standby copy catch-up done",
            ]
        );
    }
}
