//! The control plane: the record and the driver of the real one, with one leader and no log.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};

use control_plane_state::shard_config::{
    Candidate, ConfigCommand, ConfigPlants, ConfigRules, Driver, DriverAction, DriverEvent, Law,
    ProposedChange, ShardConfig, apply,
};
use parking_lot::Mutex;
use platform_model::{NodeId, ReplicaId};
use platform_runtime::Clock;
use uuid::Uuid;

use super::net::Net;
use crate::copy::{Change, Copy, Told};

/// Every node may have a copy; whether all nodes are on one store.
struct Anywhere {
    shared: bool,
}

impl Law for Anywhere {
    fn may_hold(&self, _: &NodeId) -> bool {
        true
    }

    fn shares(&self, _: &NodeId, _: &NodeId) -> bool {
        self.shared
    }
}

/// The control plane.
pub(super) struct Ctl {
    pub told: Mutex<VecDeque<Told>>,
    pub heard: Mutex<Vec<Told>>,
    pub state: Mutex<(ShardConfig, Driver, u64)>,
    /// All nodes are on one store.
    pub shared: AtomicBool,
    /// Cut off from everybody.
    pub silent: AtomicBool,
    /// Nodes that it does not hear and that do not hear it.
    pub isolated: Mutex<BTreeSet<NodeId>>,
}

impl Ctl {
    pub(super) fn config(&self) -> ShardConfig {
        self.state.lock().0.clone()
    }

    pub(super) fn command(&self, command: ConfigCommand) -> bool {
        let state = &mut *self.state.lock();
        let expected = state.0.generation;
        self.apply(state, expected, &command)
    }

    fn apply(
        &self,
        state: &mut (ShardConfig, Driver, u64),
        expected: platform_model::Generation,
        command: &ConfigCommand,
    ) -> bool {
        let rules = ConfigRules {
            law: &Anywhere {
                shared: self.shared.load(Ordering::Relaxed),
            },
            plants: ConfigPlants::default(),
        };
        state.2 += 1;
        apply(&mut state.0, &rules, expected, state.2, command).is_ok()
    }

    pub(super) fn turn(&self, net: &Net, clock: &Clock) {
        if self.silent.load(Ordering::Relaxed) {
            return;
        }
        let now = u64::try_from(clock.monotonic().as_micros()).expect("small");
        let asked = clock.monotonic();
        let told: Vec<Told> = self.told.lock().drain(..).collect();
        let isolated = self.isolated.lock().clone();
        let reached = |(node, _): &(&NodeId, &Copy)| !isolated.contains(node);
        let copies = net.copies.lock();
        let copies: Vec<Copy> = copies
            .iter()
            .filter(reached)
            .map(|(_, copy)| copy.clone())
            .collect();
        let mut events: Vec<DriverEvent> = told.iter().filter_map(|told| self.hear(told)).collect();
        self.heard.lock().extend(told);
        for report in copies.iter().filter_map(Copy::report) {
            events.push(DriverEvent::Reported {
                replica: report.replica,
                silent_micros: report.silent_micros,
            });
        }
        events.push(DriverEvent::Tick);
        let route = {
            let state = &mut *self.state.lock();
            for event in events {
                let actions = state.1.step(now, &state.0.clone(), event);
                for action in actions {
                    if let DriverAction::Commit { expected, command } = action {
                        self.apply(state, expected, &command);
                    }
                }
            }
            state.0.route()
        };
        for copy in copies {
            copy.configure(&route);
            copy.confirmed(asked, route.set.generation);
        }
    }

    fn hear(&self, told: &Told) -> Option<DriverEvent> {
        match *told {
            Told::Proposed(proposal) => {
                let change = match proposal.change {
                    Change::Born => ProposedChange::Born,
                    Change::Complete(replica) => ProposedChange::Complete(replica),
                    Change::Add(replica) => ProposedChange::Add(replica),
                    Change::Drop(replica) => ProposedChange::Drop(replica),
                    Change::Damaged(replica) => ProposedChange::Damaged(replica),
                };
                let command = ConfigCommand::Propose {
                    by: proposal.by,
                    epoch: proposal.epoch,
                    change,
                };
                self.apply(&mut self.state.lock(), proposal.generation, &command);
                None
            }
            Told::Prepared {
                epoch,
                replica,
                last_epoch,
                last_position,
            } => Some(DriverEvent::Prepared {
                epoch,
                answer: Candidate {
                    replica,
                    epoch: last_epoch,
                    position: last_position,
                },
            }),
            Told::Confirmed {
                generation, replica, ..
            } => Some(DriverEvent::Confirmed {
                generation,
                target: replica,
            }),
            Told::Unusable { replica, .. } => Some(DriverEvent::Unusable {
                replica,
                fresh: fresh(),
            }),
            Told::Erased {
                replica,
                order,
                bytes,
                keys,
            } => {
                self.command(ConfigCommand::Erased {
                    replica,
                    order,
                    bytes,
                    keys,
                });
                None
            }
            _ => None,
        }
    }
}

pub(super) fn fresh() -> ReplicaId {
    ReplicaId(Uuid::new_v4().as_u128())
}
