//! The simulated control plane: one replicated log of configurations, the driver of whoever leads, controllers that do
//! not know yet that they lead no more, and an operator who wants each shard to have its copies.

use cell_replica::Event;
use cell_replica::action::Action;
use cell_replica::report::{Report, Unusable};
use control_plane_state::shard_config::{
    Candidate, ConfigCommand, ConfigPhase, ConfigPlants, ConfigRules, Driver, DriverAction, DriverEvent,
    DriverSettings, Law, ShardConfig, apply,
};
use platform_model::{Generation, NodeId, ReplicaId};

use super::clients::State;
use super::content::SimContent;
use super::convert;
use super::invariants::law;
use super::parts::Happening;
use super::plant::SimPlant;
use super::world::{CONTROL_TICK_MICROS, World, node_id};

/// Pace of the nodes' reports.
const REPORT_MICROS: u64 = 90_000;

/// Nodes of a mask.
struct Mask(u16);

impl Law for Mask {
    fn may_hold(&self, node: &NodeId) -> bool {
        self.0 & (1 << node.ordinal) != 0
    }
}

impl World {
    pub(crate) fn new_drivers(&self) -> Vec<Driver> {
        let settings = DriverSettings {
            listen_micros: 300_000,
            missing_micros: 300_000,
            prepare_wait_micros: self.prepare_wait_micros,
            handover_micros: 700_000,
            retry_micros: 60_000,
            abandons: self.setting.plant == Some(SimPlant::AbandonedPrepare),
            asks_everyone: self.setting.plant == Some(SimPlant::PromoteTheShorterLog),
        };
        self.shards
            .iter()
            .map(|_| Driver::new(settings, self.now))
            .collect()
    }

    fn is_control_up(&self) -> bool {
        self.now >= self.control.down_until
    }

    /// A node tells the control plane something.
    pub(crate) fn tell_control(&mut self, node: usize, shard: usize, message: Action<SimContent>) {
        let (first, second) = self.net.route(node, self.nodes.len());
        for delay in [first, second].into_iter().flatten() {
            let message = Box::new(message.clone());
            let happening = Happening::ToControl { node, shard, message };
            self.queue.push(self.now + delay, happening);
        }
    }

    pub(crate) fn control_hears(&mut self, node: usize, shard: usize, message: Action<SimContent>) {
        if !self.is_control_up() {
            return;
        }
        let event = match message {
            Action::Propose(proposal) => {
                let command = convert::command(&proposal);
                self.propose(shard, proposal.generation, command);
                return;
            }
            Action::Prepared { epoch, replica, last } => {
                let answer = Candidate {
                    replica,
                    epoch: last.term.epoch,
                    position: last.position,
                };
                DriverEvent::Prepared { epoch, answer }
            }
            Action::Confirm {
                generation, replica, ..
            } => DriverEvent::Confirmed {
                generation,
                target: replica,
            },
            Action::Report(Report::Unusable { replica, why }) => {
                self.see(match why {
                    Unusable::Amnesia => "copy-with-amnesia",
                    Unusable::Trimmed => "copy-behind-the-trimmed-log",
                    Unusable::Misfit => "copy-that-cannot-be-made-to-fit",
                    Unusable::Mismatch => "copy-with-another-digest",
                });
                self.control.next_replica += 1;
                let fresh = ReplicaId(self.control.next_replica);
                DriverEvent::Unusable { replica, fresh }
            }
            Action::Report(Report::CutOff { .. }) => {
                self.see("cut-off-reported");
                return;
            }
            Action::Report(Report::Certified { .. }) => {
                self.see("chunk-certified");
                return;
            }
            _ => return,
        };
        self.hears(node, shard, event);
    }

    fn hears(&mut self, _node: usize, shard: usize, event: DriverEvent) {
        let config = self.shards[shard].config.clone();
        let actions = self.control.drivers[shard].step(self.now, &config, event.clone());
        self.direct(shard, actions, false);
        // Who was deposed hears it too, and goes by what it knows.
        for index in 0..self.control.deposed.len() {
            let (_, drivers, configs) = &mut self.control.deposed[index];
            let actions = drivers[shard].step(self.now, &configs[shard], event.clone());
            self.direct(shard, actions, true);
        }
    }

    pub(crate) fn node_reports(&mut self, node: usize, life: u32) {
        if !self.nodes[node].up || self.nodes[node].life != life {
            return;
        }
        let at = self.now + REPORT_MICROS + self.random.below(REPORT_MICROS / 4);
        self.queue.push(at, Happening::Reports { node, life });
        let arrives = self.net.route(node, self.nodes.len()).0.is_some() && self.is_control_up();
        let now = self.local(node);
        for shard in 0..self.shards.len() {
            let Some(replica) = &self.nodes[node].hosts[shard].replica else {
                continue;
            };
            let report = replica.report(now);
            let known = replica
                .meta()
                .config
                .as_ref()
                .map_or(Generation(0), |config| config.generation);
            if !arrives {
                continue;
            }
            if let Some(report) = report {
                let event = DriverEvent::Reported {
                    replica: report.replica,
                    silent_micros: report.silent_micros,
                };
                self.hears(node, shard, event);
                if !self.shards[shard].config.names(report.replica) {
                    // An order to erase it may have been lost.
                    let (order, replica) = (self.order_index(), report.replica);
                    self.order(node, shard, Event::Erase { order, replica });
                }
            }
            let generation = self.shards[shard].config.generation;
            if known < generation {
                self.tell_configuration(node, shard);
            } else if report.is_some_and(|report| report.leads && !report.serves) {
                let asked = now;
                let event = Box::new(Event::Confirmed { asked, generation });
                if let (Some(delay), _) = self.net.route(self.nodes.len(), node) {
                    let happening = Happening::Order { node, shard, event };
                    self.queue.push(self.now + delay, happening);
                }
            }
        }
    }

    fn direct(&mut self, shard: usize, actions: Vec<DriverAction>, deposed: bool) {
        for action in actions {
            match action {
                DriverAction::Commit { expected, command } => {
                    // What a deposed leader proposes is mostly refused by the others, sometimes already in the log.
                    if !deposed || self.random.chance(400) {
                        self.propose(shard, expected, command);
                    }
                }
                DriverAction::Prepare {
                    node, index, epoch, ..
                } => {
                    let order = cell_replica::OrderIndex(index);
                    self.order(usize::from(node.ordinal), shard, Event::Prepare { order, epoch });
                }
            }
        }
    }

    /// Into the log of the control plane: it takes a moment, and may not take place.
    pub(crate) fn propose(&mut self, shard: usize, expected: Generation, command: ConfigCommand) {
        let at = self.now + self.random.between(1_000, 9_000);
        let command = Box::new(command);
        let happening = Happening::Commit {
            shard,
            expected,
            command,
        };
        self.queue.push(at, happening);
    }

    pub(crate) fn commit(&mut self, shard: usize, expected: Generation, command: &ConfigCommand) {
        // Whoever hears that the primary's volume is gone takes no other copy out, nor goes on with it.
        let primary = self.shards[shard].config.primary.replica;
        let takes_out = matches!(
            command,
            ConfigCommand::RemoveCopy { .. } | ConfigCommand::ReplaceCopy { .. }
        );
        let taken_back = takes_out && self.lost(shard, primary);
        if !self.is_control_up() || taken_back {
            return;
        }
        self.control.index += 1;
        let plant = self.setting.plant;
        let plants = ConfigPlants {
            abandoned_prepare: plant == Some(SimPlant::AbandonedPrepare),
            promote_the_shorter_log: plant == Some(SimPlant::PromoteTheShorterLog),
            law_not_asked: plant == Some(SimPlant::LawNotAsked),
        };
        let world = &mut self.shards[shard];
        let mask = Mask(world.lawful);
        let rules = ConfigRules { law: &mask, plants };
        let before = world.config.clone();
        let index = self.control.index;
        let outcome = apply(&mut world.config, &rules, expected, index, command);
        let lawful = world.lawful;
        let (epoch, generation) = (world.config.epoch, world.config.generation);
        self.line(|| format!("control/s{shard} {command:?}: {outcome:?}, {generation} {epoch}"));
        self.stir(index * 2 + u64::from(outcome.is_ok()));
        if outcome.is_err() {
            return;
        }
        self.committed_command(shard, command, &before);
        if let Err(detail) = law::check(&self.shards[shard].config, |node| lawful & (1 << node) != 0) {
            self.violated(law::NAME, shard, detail);
        }
        self.publish(shard);
        self.check_candidates(shard);
    }

    /// What follows from a committed command beside the new configuration.
    fn committed_command(&mut self, shard: usize, command: &ConfigCommand, before: &ShardConfig) {
        match command {
            ConfigCommand::Propose { change, .. } => self.after_proposal(shard, *change),
            ConfigCommand::BeginPromote => self.see("promotion-began"),
            ConfigCommand::BeginHandover { .. } => self.see("handover-began"),
            ConfigCommand::CancelHandover => self.see("handover-cancelled"),
            ConfigCommand::FinishHandover { .. } => {
                self.numbers.epochs += 1;
                self.see("handover-done");
            }
            ConfigCommand::FinishPromote { .. } => {
                self.numbers.epochs += 1;
                self.see("promotion-done");
                if let ConfigPhase::Promoting { forced: Some(_), .. } = before.phase {
                    self.see("promotion-forced");
                    let node = self.primary_of(shard);
                    let log = &self.nodes[node].hosts[shard].disk.image.log;
                    let world = &mut self.shards[shard];
                    world.oracle.force(log);
                    // What was asked before may be answered by a shard that never heard of the erases that are lost.
                    let asked = world.ops.iter_mut().filter(|op| op.state == State::Asked);
                    asked.for_each(|op| op.erased = [0, 0]);
                    if let Some(cross) = &mut self.cross {
                        cross.god.forced = true;
                    }
                }
            }
            ConfigCommand::ReplaceCopy { replica, .. } | ConfigCommand::RemoveCopy { replica } => {
                self.see("copy-replaced-or-removed");
                let node = before.standby(*replica).map(|copy| copy.node.ordinal);
                if let Some(node) = node {
                    self.erase_later(shard, usize::from(node), *replica);
                }
            }
            _ => {}
        }
    }

    /// The copy that left is erased: a step of its own, whose order may come late or twice.
    fn erase_later(&mut self, shard: usize, node: usize, replica: ReplicaId) {
        let order = self.order_index();
        self.order(node, shard, Event::Erase { order, replica });
        let at = self.now + self.random.between(300_000, 2_000_000);
        let event = Box::new(Event::Erase { order, replica });
        self.queue.push(at, Happening::Order { node, shard, event });
    }

    /// Tells all nodes the newest configuration.
    pub(crate) fn publish(&mut self, shard: usize) {
        for node in 0..self.nodes.len() {
            self.tell_configuration(node, shard);
        }
    }

    fn tell_configuration(&mut self, node: usize, shard: usize) {
        let control = self.nodes.len();
        let (first, second) = self.net.route(control, node);
        for delay in [first, second].into_iter().flatten() {
            let config = Box::new(convert::configuration(&self.shards[shard].config));
            let happening = Happening::Configuration { node, shard, config };
            self.queue.push(self.now + delay, happening);
        }
    }

    pub(crate) fn control_ticks(&mut self) {
        let at = self.now + CONTROL_TICK_MICROS;
        self.queue.push(at, Happening::ControlTick);
        let now = self.now;
        self.control.deposed.retain(|(until, ..)| *until > now);
        if let Some((shard, replica)) = self.control.truce
            && !self.shards[shard].config.is_candidate(replica)
        {
            self.control.truce = None;
        }
        if !self.is_control_up() {
            return;
        }
        for shard in 0..self.shards.len() {
            self.hears(0, shard, DriverEvent::Tick);
            self.operate(shard);
        }
        if self.random.chance(60) {
            self.keep_an_old_image();
        }
    }

    /// The operator's planner: a shard has as many copies as are wanted, in lawful places.
    fn operate(&mut self, shard: usize) {
        let world = &self.shards[shard];
        let config = &world.config;
        if config.phase != ConfigPhase::Steady || config.unborn {
            return;
        }
        let lawful = world.lawful;
        let taken = |node: usize| config.copies().any(|copy| usize::from(copy.node.ordinal) == node);
        let missing = config.standbys.len() + 1 < world.copies_wanted;
        let generation = config.generation;
        let free: Vec<usize> = (0..self.nodes.len()).filter(|node| !taken(*node)).collect();
        let fit: Vec<usize> = free
            .iter()
            .copied()
            .filter(|node| lawful & (1 << node) != 0)
            .collect();
        // Now and then somebody asks for a place that the law does not permit.
        let careless = self.random.chance(20);
        let places = if careless { free } else { fit };
        if !(missing || careless) || places.is_empty() {
            return;
        }
        let node = places[self.random.pick(places.len())];
        self.control.next_replica += 1;
        let replica = ReplicaId(self.control.next_replica);
        let command = ConfigCommand::AddCopy {
            node: node_id(node),
            replica,
        };
        if missing || lawful & (1 << node) == 0 {
            self.propose(shard, generation, command);
        }
    }

    /// Somebody makes a disk image that may come back later.
    fn keep_an_old_image(&mut self) {
        let (node, shard) = (
            self.random.pick(self.nodes.len()),
            self.random.pick(self.shards.len()),
        );
        let host = &mut self.nodes[node].hosts[shard];
        if host.disk.image.meta.replica.is_some() {
            host.old = Some(Box::new(host.disk.image.clone()));
        }
    }

    /// Whether the copy's disk was damaged by a fault and nobody has noticed yet.
    pub(crate) fn is_damaged(&self, shard: usize, replica: ReplicaId) -> bool {
        self.control.truce == Some((shard, replica)) || self.lost(shard, replica)
    }

    /// Whether the disk of the copy was lost: another name is on it, or none.
    pub(crate) fn lost(&self, shard: usize, replica: ReplicaId) -> bool {
        self.shards[shard].lost.contains(&replica)
    }
}
