//! Which state met which event, and how it ended: the rare pairs tell where to search on.

use cell_replica::{Event, Message, Replica, Role, Stage, Upkeep};

use super::content::SimContent;

/// States, as [`Replica::state`] names them.
pub const STATES: [&str; 14] = [
    "vacant",
    "amnesiac",
    "stopped",
    "copying",
    "rewinding",
    "mending",
    "prepared",
    "standby",
    "raising",
    "reconciling",
    "opening",
    "serving",
    "draining",
    "released",
];

/// Events, as [`Event::name`] names them.
pub const EVENTS: [&str; 30] = [
    "configured",
    "query",
    "append",
    "keep-alive",
    "rewind",
    "restored",
    "copy-base",
    "page",
    "release",
    "status",
    "ack",
    "fetch-keys",
    "fetch-page",
    "digest",
    "leaving",
    "refused",
    "persisted",
    "disk-failed",
    "sealed",
    "prepare",
    "erase",
    "tick",
    "page-read",
    "keys-collected",
    "keys-read",
    "digested",
    "verify",
    "may-trim",
    "leave",
    "confirmed",
];

/// Counts of (state, event), taken and refused.
#[derive(Debug, Clone)]
pub struct Coverage {
    taken: Vec<u64>,
    refused: Vec<u64>,
}

impl Default for Coverage {
    fn default() -> Self {
        let cells = STATES.len() * EVENTS.len();
        Self {
            taken: vec![0; cells],
            refused: vec![0; cells],
        }
    }
}

impl Coverage {
    pub fn note(&mut self, state: usize, event: usize, refused: bool) {
        let cell = state * EVENTS.len() + event;
        if refused {
            self.refused[cell] += 1;
        } else {
            self.taken[cell] += 1;
        }
    }

    pub fn add(&mut self, other: &Self) {
        let sum = |into: &mut Vec<u64>, from: &Vec<u64>| {
            into.iter_mut().zip(from).for_each(|(into, from)| *into += from);
        };
        sum(&mut self.taken, &other.taken);
        sum(&mut self.refused, &other.refused);
    }

    /// Pairs that were seen at all.
    pub fn pairs(&self) -> usize {
        let seen = |(taken, refused): (&u64, &u64)| *taken + *refused > 0;
        self.taken
            .iter()
            .zip(&self.refused)
            .filter(|pair| seen(*pair))
            .count()
    }

    /// How many pairs were seen here and not by `other`.
    pub fn only_here(&self, other: &Self) -> usize {
        (0..self.taken.len())
            .filter(|cell| {
                self.taken[*cell] + self.refused[*cell] > 0 && other.taken[*cell] + other.refused[*cell] == 0
            })
            .count()
    }

    /// How many pairs `other` saw that were seen here fewer than `rare` times.
    pub fn rare_in(&self, other: &Self, rare: u64) -> usize {
        (0..self.taken.len())
            .filter(|cell| {
                other.taken[*cell] + other.refused[*cell] > 0
                    && self.taken[*cell] + self.refused[*cell] < rare
            })
            .count()
    }

    /// (state, event, taken, refused) of all pairs that were seen.
    pub fn rows(&self) -> impl Iterator<Item = (&'static str, &'static str, u64, u64)> + '_ {
        (0..self.taken.len()).filter_map(|cell| {
            let (taken, refused) = (self.taken[cell], self.refused[cell]);
            (taken + refused > 0).then(|| {
                let (state, event) = (cell / EVENTS.len(), cell % EVENTS.len());
                (STATES[state], EVENTS[event], taken, refused)
            })
        })
    }
}

pub fn state_index(replica: &Replica<SimContent>) -> usize {
    match replica.role() {
        Role::Vacant => 0,
        Role::Amnesiac => 1,
        Role::Stopped => 2,
        Role::Follower(_) => match replica.meta().upkeep {
            Upkeep::Copying { .. } => 3,
            Upkeep::Rewinding { .. } => 4,
            Upkeep::Mending { .. } => 5,
            Upkeep::Whole if replica.is_prepared() => 6,
            Upkeep::Whole => 7,
        },
        Role::Primary(primary) => match primary.stage {
            Stage::Raising => 8,
            Stage::Reconciling => 9,
            Stage::Opening => 10,
            Stage::Serving => 11,
            Stage::Draining => 12,
            Stage::Released => 13,
        },
    }
}

pub fn event_index(event: &Event<SimContent>) -> usize {
    match event {
        Event::Configured(_) => 0,
        Event::Received(frame) => match &frame.message {
            Message::Query(_) => 1,
            Message::Append { .. } => 2,
            Message::KeepAlive { .. } => 3,
            Message::Rewind { .. } => 4,
            Message::Restored { .. } => 5,
            Message::CopyBase { .. } => 6,
            Message::Page { .. } => 7,
            Message::Release { .. } => 8,
            Message::Status(_) => 9,
            Message::Ack { .. } => 10,
            Message::FetchKeys { .. } => 11,
            Message::FetchPage { .. } => 12,
            Message::Digest { .. } => 13,
            Message::Leaving => 14,
            Message::Refused(_) => 15,
        },
        Event::Persisted(_) => 16,
        Event::DiskFailed => 17,
        Event::Append(_) => 18,
        Event::Prepare { .. } => 19,
        Event::Erase { .. } => 20,
        Event::Tick => 21,
        Event::PageRead { .. } => 22,
        Event::KeysCollected { .. } => 23,
        Event::KeysRead { .. } => 24,
        Event::Digested { .. } => 25,
        Event::Verify { .. } => 26,
        Event::MayTrim { .. } => 27,
        Event::Leave => 28,
        Event::Confirmed { .. } => 29,
    }
}
