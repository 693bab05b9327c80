//! What nodes last reported. In memory only, at whoever leads; nothing of it reaches the log.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use platform_model::NodeId;
use platform_runtime::clock::Clock;
use platform_wire::report::Heartbeat;

pub struct Heartbeats {
    clock: Clock,
    last: Mutex<BTreeMap<NodeId, (Duration, Heartbeat)>>,
}

impl Heartbeats {
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            last: Mutex::default(),
        }
    }

    /// Keeps it in place of the one before. Bounded by the caller, who takes reports of registered nodes only. One
    /// of an earlier start than the last is left out.
    pub fn take(&self, beat: Heartbeat) {
        let now = self.clock.monotonic();
        let mut last = self.last.lock();
        if last
            .get(&beat.node)
            .is_none_or(|(_, known)| beat.incarnation >= known.incarnation)
        {
            last.insert(beat.node.clone(), (now, beat));
        }
    }

    /// Every node's last report and how old it is, in milliseconds.
    pub fn all(&self) -> Vec<(Heartbeat, u64)> {
        let now = self.clock.monotonic();
        let age = |at: Duration| u64::try_from(now.saturating_sub(at).as_millis()).unwrap_or(u64::MAX);
        self.last
            .lock()
            .values()
            .map(|(at, beat)| (beat.clone(), age(*at)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use platform_model::{Generation, Incarnation};

    use super::*;

    #[test]
    fn the_last_report_of_the_latest_start_counts() {
        let (clock, hands) = Clock::manual(0);
        let beats = Heartbeats::new(clock);
        let beat = |incarnation, shards_open| Heartbeat {
            node: "eu-central-1/0".parse().expect("a node"),
            incarnation: Incarnation(incarnation),
            table_generation: Generation(1),
            shards_open,
            copies: Vec::new(),
        };
        beats.take(beat(2, 5));
        hands.advance(Duration::from_millis(40));
        beats.take(beat(1, 9));
        assert_eq!(beats.all(), [(beat(2, 5), 40)]);
    }
}
