//! What an operation does next, or what it waits for. Pure, and the same for whoever carries it on and whoever looks at
//! it: what is shown as a blocker is why nothing is done.
//!
//! Each step looks at what is, never at what was done: whoever begins to lead in the middle of one finds out the same.

use control_plane_state::State;
use control_plane_state::operation::{
    Certified, OperationCommand, OperationId, OperationKind, OperationRecord, OperationState, Step,
};
use control_plane_state::shard_config::{
    Certificate, ConfigCommand, CopyState, Proof, ShardConfig, ShardCopy,
};
use platform_model::{NodeId, ReplicaId};

use super::watched::{self, Watched};

mod leave;
mod waits;

/// Everything that an operation is judged by.
pub struct Look<'a> {
    pub state: &'a State,
    pub id: OperationId,
    pub record: &'a OperationRecord,
    pub config: &'a ShardConfig,
    /// Whether its primary has just told that it serves.
    pub serves: bool,
    /// How long the configuration has stood as it is, as far as whoever leads saw.
    pub stands_ms: u64,
    pub watched: Option<&'a Watched>,
    /// Whether a node reports.
    pub heard: &'a dyn Fn(&NodeId) -> bool,
    /// Whether a node has been silent for so long that what lies there is replaced.
    pub gone: &'a dyn Fn(&NodeId) -> bool,
    /// What a node's disk still takes, if it tells.
    pub free_bytes: &'a dyn Fn(&NodeId) -> Option<u64>,
    /// A name that was never given to a copy.
    pub fresh: ReplicaId,
    /// Milliseconds since 1970.
    pub now_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Something is under way that takes its time.
    Wait,
    /// Somebody or something has to change first.
    Blocked(Blocked),
    Configure(ConfigCommand, String),
    Operation(OperationCommand, String),
}

/// Why an operation does not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    pub code: &'static str,
    pub what: String,
    pub who: String,
    /// When it ends by itself, milliseconds since 1970.
    pub until_ms: Option<u64>,
    /// A command that may help.
    pub fix: Option<String>,
}

pub fn next(look: &Look<'_>) -> Next {
    match look.record.state {
        OperationState::Paused => look.blocked("paused", "it is paused", "a person", Some("resume")),
        OperationState::Cancelling => look.made_leads().unwrap_or_else(|| look.take_back()),
        OperationState::Reversing => look.made_leads().unwrap_or_else(|| look.reverse()),
        OperationState::Running => {
            let ends = look.made_leads().or_else(|| look.overdue());
            let ends = ends.or_else(|| look.lost_target());
            ends.unwrap_or_else(|| look.step())
        }
        _ => Next::Wait,
    }
}

impl Look<'_> {
    /// A repair whose target is gone, or has no room for what is not begun yet, or may not take it any more, is given
    /// up: another is planned.
    fn lost_target(&self) -> Option<Next> {
        let is_repair = matches!(self.record.kind, OperationKind::Repair { .. });
        let node = self.record.kind.target().filter(|_| is_repair)?;
        let begun = self.record.step > Step::AddStandby
            || self
                .record
                .replica
                .is_some_and(|replica| self.config.names(replica));
        let why = if (self.gone)(node) {
            "its target is gone"
        } else if !begun && self.no_room(node).is_some() {
            "its target has no room"
        } else if !begun && self.not_taken(node).is_some() {
            "its target takes it no more"
        } else {
            return None;
        };
        (self.record.may_cancel() && self.is_steady()).then(|| self.cancel(why))
    }

    fn cancel(&self, why: &str) -> Next {
        let (id, expected) = (self.id, self.record.generation);
        Next::Operation(OperationCommand::Cancel { id, expected }, why.to_owned())
    }

    fn step(&self) -> Next {
        match self.record.step {
            Step::AddStandby => self.add(),
            Step::Copy => self.until(CopyState::CatchingUp),
            Step::CatchUp => self.until(CopyState::InSync),
            Step::Verify => self.verify(),
            Step::Promote => self.promote(),
            Step::Switchover => self.switch_over(),
            Step::Window => self.window(),
            Step::RemoveStandby => self.remove(),
            Step::Erase => self.erase(),
            Step::Done => Next::Wait,
        }
    }

    /// Cancels what has not come to its end in time, while it can be.
    fn overdue(&self) -> Option<Next> {
        let over = self
            .record
            .deadline_ms
            .is_some_and(|deadline| self.now_ms >= deadline);
        if !over || !self.record.may_cancel() || !self.is_steady() {
            return None;
        }
        Some(self.cancel("its deadline is over"))
    }

    fn add(&self) -> Next {
        let (Some(replica), Some(node)) = (self.record.replica, self.record.kind.target()) else {
            return self.leave(Vec::new());
        };
        if self.config.names(replica) {
            return self.leave(Vec::new());
        }
        let waits = self.unsteady().or_else(|| self.silent("target", node));
        let waits = waits.or_else(|| self.no_room(node));
        if let Some(waits) = waits.or_else(|| self.not_taken(node)) {
            return waits;
        }
        let node = node.clone();
        Next::Configure(ConfigCommand::AddCopy { node, replica }, self.reason())
    }

    /// Until the copy is that far.
    fn until(&self, state: CopyState) -> Next {
        let made = self
            .record
            .replica
            .and_then(|replica| self.config.standby(replica));
        let Some(copy) = made else {
            return self.fail("the copy stands in the configuration no more");
        };
        if copy.state >= state {
            return self.leave(Vec::new());
        }
        if let Some(waits) = self
            .silent("target", &copy.node)
            .or_else(|| self.primary_silent())
        {
            return waits;
        }
        if copy.state == CopyState::Damaged
            && let None = self.unsteady()
        {
            if let Some(waits) = self.not_serving() {
                return waits;
            }
            let (replica, by) = (copy.replica, self.fresh);
            let reason = "its data differs from its primary's".into();
            return Next::Configure(ConfigCommand::ReplaceCopy { replica, by }, reason);
        }
        Next::Wait
    }

    fn verify(&self) -> Next {
        let compared: Vec<ReplicaId> = match self.record.replica {
            Some(replica) => vec![replica],
            None => self
                .config
                .candidates()
                .skip(1)
                .map(|copy| copy.replica)
                .collect(),
        };
        let found = self.watched.and_then(|watched| watched.compared(self.id));
        let differs = found.as_ref().and_then(|found| found.differs);
        if let (OperationKind::Verify, Some((replica, chunk))) = (&self.record.kind, differs) {
            return self.fail(&format!(
                "copy {replica} differs from its primary in chunk {chunk}"
            ));
        }
        let certified = |replica: &ReplicaId| {
            let known = found.as_ref()?.certified.get(replica)?;
            self.certified(*replica, known)
        };
        let certificates: Option<Vec<Certified>> = compared.iter().map(certified).collect();
        match certificates {
            Some(certificates) if !compared.is_empty() => self.leave(certificates),
            _ if compared.is_empty() => self.fail("no standby is in sync any more"),
            _ => self.primary_silent().unwrap_or(Next::Wait),
        }
    }

    /// A copy of which every chunk was found equal, in this epoch.
    fn certified(&self, replica: ReplicaId, known: &watched::Certified) -> Option<Certified> {
        let epoch = self.config.epoch;
        (known.is_whole() && known.term.epoch == epoch).then_some(Certified {
            replica,
            epoch,
            chunks: known.chunks,
        })
    }

    fn switch_over(&self) -> Next {
        let Some(target) = self.record.replica else {
            return self.leave(Vec::new());
        };
        if let Some(waits) = self.unsteady() {
            return waits;
        }
        if self.config.primary.replica == target {
            return self.leave(Vec::new());
        }
        let waits = self.config.standby(target).and_then(|copy| {
            let silent = self.silent("target", &copy.node);
            silent.or_else(|| self.may_not_lead(&copy.node, "cancel"))
        });
        if let Some(waits) = waits.or_else(|| self.primary_silent()) {
            return waits;
        }
        let epoch = self.config.epoch;
        let certificate = Certificate {
            replica: target,
            epoch,
        };
        let handover = ConfigCommand::BeginHandover {
            target,
            certificate: Some(certificate),
            needs_certificate: true,
        };
        Next::Configure(handover, self.reason())
    }

    fn promote(&self) -> Next {
        let OperationKind::Failover { to, force } = &self.record.kind else {
            return self.leave(Vec::new());
        };
        if let Some(waits) = self.unsteady()
            && !self.may_cut_in(*to, force.as_ref())
        {
            return if self.is_unanswered() { waits } else { Next::Wait };
        }
        if self.config.epoch > self.record.epoch {
            return self.leave(Vec::new());
        }
        if let (Some(target), Some(force)) = (*to, force) {
            let proof = Proof::Person {
                reason: self.record.reason.clone(),
            };
            let begin = ConfigCommand::BeginForce {
                target,
                proof,
                loss_entries_max: force.loss_entries_max,
            };
            return Next::Configure(begin, self.reason());
        }
        let able = |copy: &&ShardCopy| {
            let wanted = copy.state == CopyState::InSync && to.is_none_or(|to| to == copy.replica);
            wanted && self.may_lead(copy)
        };
        let mut able = self.config.standbys.iter().filter(able).peekable();
        if able.peek().is_none() {
            return self.fail("no copy that was to lead is in sync any more, and may lead where it is");
        }
        let reports = able.find(|copy| (self.heard)(&copy.node));
        match reports {
            // Who can still be asked hands over, and nothing is cut off.
            Some(copy) if (self.heard)(&self.config.primary.node) => {
                let handover = ConfigCommand::BeginHandover {
                    target: copy.replica,
                    certificate: None,
                    needs_certificate: false,
                };
                Next::Configure(handover, self.reason())
            }
            _ => Next::Configure(ConfigCommand::BeginPromote, self.reason()),
        }
    }

    fn window(&self) -> Next {
        if let Some(waits) = self.unsteady().or_else(|| self.source_leads()) {
            return waits;
        }
        match self.record.window_until_ms {
            Some(until_ms) if self.now_ms < until_ms => {
                let blocked = self.blocked(
                    "window",
                    "the old copy is kept for a way back",
                    "time",
                    Some("finish"),
                );
                match blocked {
                    Next::Blocked(blocked) => Next::Blocked(Blocked {
                        until_ms: Some(until_ms),
                        ..blocked
                    }),
                    other => other,
                }
            }
            _ => self.leave(Vec::new()),
        }
    }

    /// This step is done.
    fn leave(&self, certificates: Vec<Certified>) -> Next {
        let to = self.record.kind.after(self.record.step).unwrap_or(Step::Done);
        self.advance(to, certificates)
    }

    /// What turned back has arrived.
    fn end(&self) -> Next {
        self.advance(Step::Done, Vec::new())
    }

    fn advance(&self, to: Step, certificates: Vec<Certified>) -> Next {
        let advance = OperationCommand::Advance {
            id: self.id,
            expected: self.record.generation,
            to,
            certificates,
        };
        Next::Operation(advance, String::new())
    }

    fn fail(&self, why: &str) -> Next {
        let fail = OperationCommand::Fail {
            id: self.id,
            expected: self.record.generation,
            why: why.to_owned(),
        };
        Next::Operation(fail, String::new())
    }
}
