//! How fast the pure machines are: one primary, one in-sync standby, nothing goes wrong, nothing is written anywhere.

use std::collections::VecDeque;

use cell_replica::action::Action;
use cell_replica::{
    Body, Configuration, Durable, Event, Member, Moment, NodeKey, Phase, Plants, Replica, Standby,
    StandbyState,
};
use platform_model::{Epoch, Generation, Position, ReplicaId};

use super::content::{SimContent, Tx, seal};
use super::world::group;

/// The log is trimmed so often, as a node does.
const TRIM_EVERY: u64 = 256;

struct Pair {
    replicas: [Replica<SimContent>; 2],
    queue: VecDeque<(usize, Event<SimContent>)>,
    now: Moment,
}

/// Replicates so many entries one after another, each committed before the next is sealed. Answers with the position
/// that is committed at the end.
pub fn replicate(entries: u64) -> u64 {
    let mut pair = Pair::new();
    for number in 0..entries {
        // Ten entries in a millisecond: keep-alives cost what they cost.
        pair.now = pair.now.plus(100);
        let tx = Tx {
            id: u32::try_from(number % 1_000_000).unwrap_or(0),
            sync: true,
            count: 1,
            writes: [(0, number), (0, 0)],
            time: number,
        };
        pair.seal(Body::Data(tx));
        if number % TRIM_EVERY == TRIM_EVERY - 1 {
            let upto = pair.replicas[0].committed().unwrap_or_default();
            pair.queue.push_back((0, Event::MayTrim { upto }));
            pair.queue.push_back((0, Event::Tick));
        }
        pair.settle();
    }
    pair.replicas[0].committed().unwrap_or(Position(0)).0
}

impl Pair {
    fn new() -> Self {
        let member = |node: u16| Member {
            node: NodeKey(node),
            replica: ReplicaId(u128::from(node) + 1),
        };
        let config = Configuration {
            generation: Generation(5),
            epoch: Epoch(1),
            primary: member(0),
            standbys: vec![Standby {
                member: member(1),
                state: StandbyState::InSync,
            }],
            lease_micros: 400_000,
            phase: Phase::Steady,
            unborn: false,
        };
        let now = Moment(1_000_000);
        let start = |node: u16| {
            let mut durable = Durable::default();
            durable.meta.replica = Some(member(node).replica);
            durable.meta.candidate = Epoch(1);
            durable.meta.config = Some(config.clone());
            Replica::start(now, NodeKey(node), group(0), durable, Plants::none())
        };
        let (primary, actions) = start(0);
        let (standby, others) = start(1);
        let mut pair = Self {
            replicas: [primary, standby],
            queue: VecDeque::new(),
            now,
        };
        pair.perform(0, actions);
        pair.perform(1, others);
        pair.settle();
        pair
    }

    fn seal(&mut self, body: Body<SimContent>) {
        let primary = &self.replicas[0];
        if let Some(term) = primary.term() {
            let entry = seal(primary.tail(), term, body);
            self.drive(0, Event::Append(entry));
        }
    }

    fn settle(&mut self) {
        while let Some((node, event)) = self.queue.pop_front() {
            self.drive(node, event);
        }
    }

    fn drive(&mut self, node: usize, event: Event<SimContent>) {
        // What is refused is not repeated: the count at the end tells.
        if let Ok(actions) = self.replicas[node].step(self.now, event) {
            self.perform(node, actions);
        }
    }

    fn perform(&mut self, node: usize, actions: Vec<Action<SimContent>>) {
        for action in actions {
            match action {
                Action::Persist { ticket, .. } => self.queue.push_back((node, Event::Persisted(ticket))),
                Action::Send { node: to, frame } => {
                    self.queue.push_back((usize::from(to.0), Event::Received(frame)));
                }
                Action::Seal(body) => self.seal(body),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_entry_is_committed() {
        // The term's own entry and one trim for each 256 stand between them.
        let entries = 1_000;
        assert!(super::replicate(entries) >= entries);
    }
}
