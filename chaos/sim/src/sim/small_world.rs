//! The state of a small world, what may happen in it next, and what must hold.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use cell_replica::action::{Action, Write};
use cell_replica::{
    Body, Configuration, Durable, Event, Frame, Member, Message, Moment, NodeKey, OrderIndex, Phase, Plants,
    Replica, Standby, StandbyState, Ticket,
};
use platform_model::{Epoch, Generation, Position, ReplicaId};

use super::content::{SimContent, Tx, seal};
use super::exhaustive::{Bounds, write};
use super::world::group;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Small {
    replica: Option<Replica<SimContent>>,
    durable: Durable<SimContent>,
    under_way: VecDeque<(Ticket, Vec<Write<SimContent>>)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    nodes: [Small; 2],
    frames: Vec<(u8, Frame<SimContent>)>,
    config: Configuration,
    epoch_max: u64,
    /// Answers to `Prepare`: who, with which last epoch and position.
    answers: Vec<(ReplicaId, u64, u64)>,
    /// What is committed, by chain.
    committed: Vec<u64>,
    now: Moment,
    left: [u8; 4],
    pub(crate) broken: Option<&'static str>,
}

/// One thing that may happen next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Next {
    Deliver { index: u8, again: bool },
    Flush(u8),
    Crash { node: u8, keeps: bool },
    Start(u8),
    Write(u8),
    Configure(u8),
    Promote,
    Prepare(u8),
    Choose,
    Jump,
}

fn member(node: u16) -> Member {
    Member {
        node: NodeKey(node),
        replica: ReplicaId(u128::from(node) + 1),
    }
}

/// Frames under way at most: one more pushes the oldest out, which is a loss.
const FRAMES_MAX: usize = 3;

const LEASE: u64 = 400_000;

impl State {
    /// Node 0 leads epoch 1 with node 1 in-sync; both have just started.
    pub(crate) fn start(bounds: Bounds) -> Self {
        let config = Configuration {
            generation: Generation(5),
            epoch: Epoch(1),
            primary: member(0),
            standbys: vec![Standby {
                member: member(1),
                state: StandbyState::InSync,
            }],
            lease_micros: LEASE,
            phase: Phase::Steady,
            unborn: false,
        };
        let node = |index: u16| {
            let mut durable = Durable::default();
            durable.meta.replica = Some(member(index).replica);
            durable.meta.candidate = Epoch(1);
            durable.meta.config = Some(config.clone());
            if index == 0 {
                durable.meta.effective = vec![member(1).replica];
            }
            Small {
                replica: None,
                durable,
                under_way: VecDeque::new(),
            }
        };
        let mut state = Self {
            nodes: [node(0), node(1)],
            frames: Vec::new(),
            config: config.clone(),
            epoch_max: 1,
            answers: Vec::new(),
            committed: Vec::new(),
            now: Moment(1_000_000),
            left: [bounds.crashes, bounds.writes, bounds.jumps, bounds.promotions],
            broken: None,
        };
        for node in 0..2 {
            state.boot(node, bounds.plants);
        }
        // Until it serves: the search begins where something can be lost.
        for _ in 0..12 {
            for node in 0..2 {
                state.take(Next::Flush(node), bounds.plants);
            }
            while !state.frames.is_empty() {
                let index = 0;
                state.take(Next::Deliver { index, again: false }, bounds.plants);
            }
        }
        state
    }

    pub(crate) fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }

    pub(crate) fn choices(&self) -> Vec<Next> {
        let mut choices = Vec::new();
        for index in 0..u8::try_from(self.frames.len()).unwrap_or(0) {
            choices.push(Next::Deliver { index, again: false });
            choices.push(Next::Deliver { index, again: true });
        }
        for node in 0..2u8 {
            let small = &self.nodes[usize::from(node)];
            let Some(replica) = &small.replica else {
                choices.push(Next::Start(node));
                continue;
            };
            if !small.under_way.is_empty() {
                choices.push(Next::Flush(node));
            }
            if self.left[0] > 0 {
                choices.push(Next::Crash { node, keeps: false });
                if !small.under_way.is_empty() {
                    choices.push(Next::Crash { node, keeps: true });
                }
            }
            if self.left[1] > 0 && replica.may_write(self.now).is_ok() {
                choices.push(Next::Write(node));
            }
            let known = replica.meta().config.as_ref().map(|config| config.generation);
            if known < Some(self.config.generation) {
                choices.push(Next::Configure(node));
            }
            if matches!(self.config.phase, Phase::Promoting { .. }) {
                choices.push(Next::Prepare(node));
            }
        }
        match self.config.phase {
            Phase::Steady if self.left[3] > 0 => choices.push(Next::Promote),
            Phase::Promoting { .. } if !self.answers.is_empty() => choices.push(Next::Choose),
            _ => {}
        }
        if self.left[2] > 0 {
            choices.push(Next::Jump);
        }
        choices
    }

    pub(crate) fn take(&mut self, next: Next, plants: Plants) {
        match next {
            Next::Deliver { index, again } => {
                let index = usize::from(index);
                let (node, frame) = if again {
                    self.frames[index].clone()
                } else {
                    self.frames.remove(index)
                };
                self.drive(usize::from(node), Event::Received(frame));
            }
            Next::Flush(node) => self.flush(usize::from(node)),
            Next::Crash { node, keeps } => {
                self.left[0] -= 1;
                let small = &mut self.nodes[usize::from(node)];
                small.replica = None;
                let batches = std::mem::take(&mut small.under_way);
                if keeps {
                    for (_, writes) in batches {
                        write(&mut small.durable, writes);
                    }
                }
            }
            Next::Start(node) => self.boot(usize::from(node), plants),
            Next::Write(node) => {
                self.left[1] -= 1;
                let tx = Tx {
                    id: u32::from(self.left[1]) + 1,
                    sync: true,
                    count: 1,
                    writes: [(0, 1), (0, 0)],
                    time: 0,
                };
                self.seal(usize::from(node), Body::Data(tx));
            }
            Next::Configure(node) => {
                let config = self.config.clone();
                self.drive(usize::from(node), Event::Configured(config));
            }
            Next::Promote => {
                self.left[3] -= 1;
                self.epoch_max += 1;
                self.answers.clear();
                self.config.generation = self.config.generation.next();
                self.config.phase = Phase::Promoting {
                    epoch: Epoch(self.epoch_max),
                };
            }
            Next::Prepare(node) => {
                let event = Event::Prepare {
                    order: OrderIndex(self.config.generation.0),
                    epoch: Epoch(self.epoch_max),
                };
                self.drive(usize::from(node), event);
            }
            Next::Choose => self.choose(),
            Next::Jump => {
                self.left[2] -= 1;
                self.now = self.now.plus(LEASE * 11 / 10);
                for node in 0..2 {
                    self.drive(node, Event::Tick);
                }
            }
        }
        self.check();
    }

    /// The longest log of those that answered leads; the other is in-sync if it answered.
    pub(crate) fn choose(&mut self) {
        let longest = |answer: &&(ReplicaId, u64, u64)| (answer.1, answer.2);
        let Some(chosen) = self.answers.iter().max_by_key(longest).map(|answer| answer.0) else {
            return;
        };
        let leads = if member(0).replica == chosen { 0 } else { 1 };
        let other = member(1 - leads);
        let answered = self.answers.iter().any(|answer| answer.0 == other.replica);
        self.config.generation = self.config.generation.next();
        self.config.epoch = Epoch(self.epoch_max);
        self.config.phase = Phase::Steady;
        self.config.primary = member(leads);
        self.config.standbys = vec![Standby {
            member: other,
            state: if answered {
                StandbyState::InSync
            } else {
                StandbyState::CatchingUp
            },
        }];
    }

    pub(crate) fn boot(&mut self, node: usize, plants: Plants) {
        let small = &mut self.nodes[node];
        let key = NodeKey(u16::try_from(node).unwrap_or(0));
        let (replica, actions) = Replica::start(self.now, key, group(0), small.durable.clone(), plants);
        small.replica = Some(replica);
        self.perform(node, actions);
    }

    pub(crate) fn flush(&mut self, node: usize) {
        let small = &mut self.nodes[node];
        let Some(upto) = small.under_way.back().map(|(ticket, _)| *ticket) else {
            return;
        };
        for (_, writes) in std::mem::take(&mut small.under_way) {
            write(&mut small.durable, writes);
        }
        self.drive(node, Event::Persisted(upto));
    }

    pub(crate) fn seal(&mut self, node: usize, body: Body<SimContent>) {
        let Some(replica) = &self.nodes[node].replica else {
            return;
        };
        let Some(term) = replica.term() else { return };
        let entry = seal(replica.tail(), term, body);
        self.drive(node, Event::Append(entry));
    }

    pub(crate) fn drive(&mut self, node: usize, event: Event<SimContent>) {
        let now = self.now;
        let Some(replica) = &mut self.nodes[node].replica else {
            return;
        };
        let frame = match &event {
            Event::Received(frame) => Some(frame.clone()),
            _ => None,
        };
        match replica.step(now, event) {
            Ok(actions) => self.perform(node, actions),
            Err(refusal) => {
                let key = NodeKey(u16::try_from(node).unwrap_or(0));
                if let Some((to, answer)) = frame.and_then(|frame| frame.refused(key, refusal)) {
                    self.post(to, answer);
                }
            }
        }
    }

    pub(crate) fn post(&mut self, to: NodeKey, frame: Frame<SimContent>) {
        let to = u8::try_from(to.0).unwrap_or(0);
        // What only says that nothing is new is left out where it could come again at any time.
        let known = self
            .frames
            .iter()
            .any(|(node, other)| *node == to && *other == frame);
        if known || matches!(frame.message, Message::Refused(_)) {
            return;
        }
        if self.frames.len() >= FRAMES_MAX {
            self.frames.remove(0);
        }
        self.frames.push((to, frame));
    }

    pub(crate) fn perform(&mut self, node: usize, actions: Vec<Action<SimContent>>) {
        for action in actions {
            match action {
                Action::Persist { ticket, writes } => self.nodes[node].under_way.push_back((ticket, writes)),
                Action::Send { node: to, frame } => self.post(to, frame),
                Action::Seal(body) => self.seal(node, body),
                Action::Committed(position) => self.committed(node, position),
                Action::Serving(_) => self.serving(node),
                Action::Prepared { epoch, replica, last } if epoch.0 == self.epoch_max => {
                    self.answers.retain(|answer| answer.0 != replica);
                    self.answers.push((replica, last.term.epoch.0, last.position.0));
                }
                _ => {}
            }
        }
    }

    pub(crate) fn committed(&mut self, node: usize, upto: Position) {
        let Some(replica) = &self.nodes[node].replica else {
            return;
        };
        let log = replica.log();
        for position in 1..=upto.0 {
            let chain = log.head(Position(position)).map(|head| head.chain);
            let index = usize::try_from(position - 1).unwrap_or(0);
            match (self.committed.get(index), chain) {
                (Some(known), Some(chain)) if *known != chain => {
                    self.broken = Some("logs-agree-up-to-committed");
                }
                (None, Some(chain)) => self.committed.push(chain),
                _ => {}
            }
        }
    }

    pub(crate) fn serving(&mut self, node: usize) {
        if !self.has_all(&self.nodes[node].durable) {
            self.broken = Some("no-acknowledged-write-lost");
        }
    }

    pub(crate) fn has_all(&self, durable: &Durable<SimContent>) -> bool {
        let end = Position(self.committed.len() as u64);
        let has = durable.log.head(end).map(|head| head.chain);
        self.committed.is_empty() || has == self.committed.last().copied()
    }

    pub(crate) fn check(&mut self) {
        let now = self.now;
        let serve = |small: &Small| {
            small
                .replica
                .as_ref()
                .is_some_and(|replica| replica.may_answer(now))
        };
        if self.nodes.iter().filter(|small| serve(small)).count() > 1 {
            self.broken = Some("one-server-of-reads");
        }
        let in_sync: Vec<ReplicaId> = std::iter::once(self.config.primary.replica)
            .chain(self.config.in_sync())
            .collect();
        for small in &self.nodes {
            let named = small
                .durable
                .meta
                .replica
                .is_some_and(|replica| in_sync.contains(&replica));
            if named && !self.has_all(&small.durable) {
                self.broken = Some("in-sync-means-in-sync");
            }
        }
    }
}
