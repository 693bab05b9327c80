//! What goes wrong: a schedule drawn from the seed, each fault with a start and a length.

use std::fmt;

use super::random::Random;

/// One fault. `micros` is when it begins, `long` how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub micros: u64,
    pub long: u64,
    pub kind: FaultKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// No message between two nodes.
    Cut {
        a: u8,
        b: u8,
    },
    /// None from the one to the other.
    OneWay {
        from: u8,
        to: u8,
    },
    /// A node hears and reaches nobody.
    Isolate {
        node: u8,
    },
    /// A node and the control plane do not reach each other.
    CutControl {
        node: u8,
    },
    Loss,
    Duplicates,
    Spikes,
    /// Process and what is not synced are gone.
    Crash {
        node: u8,
    },
    /// Every node at once.
    PowerCut,
    /// The process stands still; its clock goes on.
    Pause {
        node: u8,
    },
    /// The machine is suspended; a clock that counts suspend goes on.
    Suspend {
        node: u8,
    },
    SlowDisk {
        node: u8,
    },
    /// One flush fails: the copy stops and starts again.
    FailedFlush {
        node: u8,
    },
    /// The disk is replaced by an empty one.
    LostDisk {
        node: u8,
    },
    /// The disk is replaced by what it was a while ago.
    OldImage {
        node: u8,
    },
    /// A standby's stored rows change by themselves; a verification follows.
    FlippedBits {
        node: u8,
    },
    /// A node takes no frames: its queues are full.
    FullQueues {
        node: u8,
    },
    ControlDown,
    /// Another controller leads; the old one goes on ordering for a while.
    NewLeader,
    /// Not a fault: the operator hands a shard over.
    Handover {
        pick: u8,
    },
    /// Nor this: a standby's node is restarted on purpose.
    Leave {
        node: u8,
    },
    Verify,
    Trim,
    /// A standby is taken out and another node takes a copy.
    Reshape {
        pick: u8,
    },
    /// The operator fails a shard over by hand although its primary lives; some of that primary's links, or a standby
    /// that has just been asked, fail with it.
    FailOver {
        pick: u8,
    },
    /// Whoever comes into this state crashes a moment later. The states are those of the coverage table.
    Trap {
        state: u8,
    },
    /// The primary and its volume are gone for good, and the operator forces the promotion of what is left.
    Destroy {
        pick: u8,
    },
    /// A wall clock jumps, forth or back, for good.
    ClockJump {
        node: u8,
    },
    /// Several faults, one after another, that single draws meet too seldom ([`super::ambush`]).
    Ambush {
        pick: u8,
    },
}

impl FaultKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Cut { .. } => "cut",
            Self::OneWay { .. } => "one-way-cut",
            Self::Isolate { .. } => "isolate",
            Self::CutControl { .. } => "cut-from-control",
            Self::Loss => "loss",
            Self::Duplicates => "duplicates",
            Self::Spikes => "late-and-reordered",
            Self::Crash { .. } => "crash",
            Self::PowerCut => "power-cut",
            Self::Pause { .. } => "pause",
            Self::Suspend { .. } => "suspend",
            Self::SlowDisk { .. } => "slow-disk",
            Self::FailedFlush { .. } => "failed-flush",
            Self::LostDisk { .. } => "lost-disk",
            Self::OldImage { .. } => "old-image",
            Self::FlippedBits { .. } => "flipped-bits",
            Self::FullQueues { .. } => "full-queues",
            Self::ControlDown => "control-down",
            Self::NewLeader => "new-leader",
            Self::Handover { .. } => "handover",
            Self::Leave { .. } => "planned-restart",
            Self::Verify => "verify",
            Self::Trim => "trim",
            Self::Reshape { .. } => "reshape",
            Self::FailOver { .. } => "fail-over-by-hand",
            Self::Trap { .. } => "crash-in-a-state",
            Self::Destroy { .. } => "destroy-and-force",
            Self::Ambush { .. } => "ambush",
            Self::ClockJump { .. } => "clock-jump",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, long) = (self.micros / 1000, self.long / 1000);
        write!(f, "{start:>6} ms  for {long:>5} ms  {:?}", self.kind)
    }
}

/// Not a state: a copy that was in the making has just become whole, and its last batch is under way.
pub const JUST_WHOLE: u8 = 14;

/// States that a trap waits for: those that a copy leaves soon.
const TRAPS: [u8; 10] = [3, 4, 4, 5, 6, 9, 10, 12, 13, JUST_WHOLE];

/// Which kinds a run has more of. The seed chooses one: seed modulo their number.
pub const PROFILES: [(&str, &[u8]); 8] = [
    ("all", &[]),
    ("links", &[0, 1, 2, 3, 4, 5, 6]),
    ("crashes", &[7, 26, 26, 8, 18, 12, 2]),
    ("clocks", &[9, 10, 10, 3, 17, 28, 28, 19]),
    ("disks", &[11, 12, 13, 14, 15, 7]),
    ("handovers", &[19, 19, 19, 26, 17, 18, 2, 27, 27]),
    ("copies", &[23, 13, 7, 24, 22, 2, 27, 27]),
    ("promotions", &[25, 25, 25, 2, 9, 18, 17, 7, 0]),
];

/// Faults of a run: between `from` and `until`.
pub fn schedule(random: &mut Random, profile: usize, nodes: u8, from: u64, until: u64) -> Vec<Fault> {
    let count = random.between(3, 12);
    let favoured = PROFILES[profile % PROFILES.len()].1;
    let mut faults: Vec<Fault> = (0..count)
        .map(|_| {
            let index = if !favoured.is_empty() && random.chance(650) {
                u64::from(favoured[random.pick(favoured.len())])
            } else {
                random.below(29)
            };
            Fault {
                micros: random.between(from, until),
                long: length(random),
                kind: kind(random, index, nodes),
            }
        })
        .collect();
    faults.sort_by_key(|fault| fault.micros);
    faults
}

/// Mostly around a lease, sometimes far longer.
fn length(random: &mut Random) -> u64 {
    match random.below(4) {
        0 => random.between(5_000, 80_000),
        1 | 2 => random.between(100_000, 900_000),
        _ => random.between(900_000, 2_500_000),
    }
}

fn kind(random: &mut Random, index: u64, nodes: u8) -> FaultKind {
    let node = u8::try_from(random.below(u64::from(nodes))).unwrap_or(0);
    let other = (node + 1 + u8::try_from(random.below(u64::from(nodes) - 1)).unwrap_or(0)) % nodes;
    let pick = u8::try_from(random.below(256)).unwrap_or(0);
    match index {
        0 => FaultKind::Cut { a: node, b: other },
        1 => FaultKind::OneWay {
            from: node,
            to: other,
        },
        2 => FaultKind::Isolate { node },
        3 => FaultKind::CutControl { node },
        4 => FaultKind::Loss,
        5 => FaultKind::Duplicates,
        6 => FaultKind::Spikes,
        7 => FaultKind::Crash { node },
        8 => FaultKind::PowerCut,
        9 => FaultKind::Pause { node },
        10 => FaultKind::Suspend { node },
        11 => FaultKind::SlowDisk { node },
        12 => FaultKind::FailedFlush { node },
        13 => FaultKind::LostDisk { node },
        14 => FaultKind::OldImage { node },
        15 => FaultKind::FlippedBits { node },
        16 => FaultKind::FullQueues { node },
        17 => FaultKind::ControlDown,
        18 => FaultKind::NewLeader,
        19 => FaultKind::Handover { pick },
        20 => FaultKind::Leave { node },
        21 => FaultKind::Verify,
        22 => FaultKind::Trim,
        23 => FaultKind::Reshape { pick },
        25 => FaultKind::FailOver { pick },
        26 => FaultKind::Trap {
            state: TRAPS[usize::from(pick) % TRAPS.len()],
        },
        27 => FaultKind::Ambush { pick },
        28 => FaultKind::ClockJump { node },
        _ => FaultKind::Destroy { pick },
    }
}
