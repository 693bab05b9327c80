//! What an operation does next, or what it waits for. Pure, and the same for whoever carries it on and whoever looks at
//! it: what is shown as a blocker is why nothing is done.
//!
//! Each step looks at what is, never at what was done: whoever begins to lead in the middle of one finds out the same.

use control_plane_state::State;
use control_plane_state::operation::{
    Certified, OperationCommand, OperationId, OperationKind, OperationRecord, OperationState, Step,
};
use control_plane_state::shard_config::{
    Certificate, ConfigCommand, ConfigPhase, CopyState, Proof, ShardConfig, ShardCopy,
};
use platform_model::{NodeId, ReplicaId};

use super::watched::{self, Watched};

/// Everything that an operation is judged by.
pub struct Look<'a> {
    pub state: &'a State,
    pub id: OperationId,
    pub record: &'a OperationRecord,
    pub config: &'a ShardConfig,
    pub watched: Option<&'a Watched>,
    /// Whether a node reports.
    pub heard: &'a dyn Fn(&NodeId) -> bool,
    /// Whether a node has been silent for so long that what lies there is replaced.
    pub gone: &'a dyn Fn(&NodeId) -> bool,
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
        OperationState::Cancelling => look.take_back(),
        OperationState::Reversing => look.reverse(),
        OperationState::Running => {
            let ends = look.overdue().or_else(|| look.lost_target());
            ends.unwrap_or_else(|| look.step())
        }
        _ => Next::Wait,
    }
}

impl Look<'_> {
    /// A repair whose target is gone is given up: another is planned.
    fn lost_target(&self) -> Option<Next> {
        let is_repair = matches!(self.record.kind, OperationKind::Repair { .. });
        let gone = self.record.kind.target().is_some_and(|node| (self.gone)(node));
        if !is_repair || !gone || !self.record.may_cancel() || !self.is_steady() {
            return None;
        }
        Some(self.cancel("its target is gone"))
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
        if let Some(waits) = self.unsteady().or_else(|| self.silent("target", node)) {
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
        let stay = (self.id, self.record.step_since_ms);
        let found = self.watched.and_then(|watched| watched.compared(stay));
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
        let silent = self
            .config
            .standby(target)
            .and_then(|copy| self.silent("target", &copy.node));
        if let Some(waits) = silent.or_else(|| self.primary_silent()) {
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
        if self.unsteady().is_some() {
            return Next::Wait;
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
        let able =
            |copy: &&ShardCopy| copy.state == CopyState::InSync && to.is_none_or(|to| to == copy.replica);
        let mut able = self.config.standbys.iter().filter(able).peekable();
        if able.peek().is_none() {
            return self.fail("the copy that was to lead is not in sync any more");
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
        if let Some(waits) = self.source_leads() {
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

    fn remove(&self) -> Next {
        let Some(source) = self.record.source.filter(|source| self.config.names(*source)) else {
            return self.leave(Vec::new());
        };
        if let Some(waits) = self.source_leads().or_else(|| self.unsteady()) {
            return waits;
        }
        // Nothing leaves before what was made in its place counts.
        let made = self.record.replica;
        if let Some(replica) = made.filter(|replica| !self.config.is_candidate(*replica)) {
            let what = format!("the new copy {replica} is not in sync");
            return self.blocked("new-copy-not-in-sync", &what, &self.target(), Some("reverse"));
        }
        self.take_out(source)
    }

    fn erase(&self) -> Next {
        let Some(source) = self.record.source else {
            return self.leave(Vec::new());
        };
        match self.config.erasing.get(&source) {
            // Most of what a repair replaces is on a node that never answers; its order waits for it in the table.
            Some(erasing)
                if matches!(self.record.kind, OperationKind::Repair { .. }) && (self.gone)(&erasing.node) =>
            {
                let (id, expected) = (self.id, self.record.generation);
                let finish = OperationCommand::Finish { id, expected };
                Next::Operation(finish, "the replaced copy's node is gone".into())
            }
            Some(erasing) if !(self.heard)(&erasing.node) => {
                let what = "its node has been told to erase the old copy and does not report";
                self.blocked("source-silent", what, &erasing.node.to_string(), Some("finish"))
            }
            Some(_) => Next::Wait,
            None if self.config.erased.contains(&source) => self.leave(Vec::new()),
            None => self.order_erasure(source),
        }
    }

    /// The copy that was made goes again.
    fn take_back(&self) -> Next {
        let Some(replica) = self.record.replica else {
            return self.end();
        };
        match self.config.phase {
            ConfigPhase::Handover { target, .. } if target == replica => {
                return Next::Configure(ConfigCommand::CancelHandover, self.reason());
            }
            _ => {}
        }
        if let Some(waits) = self.unsteady() {
            return waits;
        }
        if self.config.standby(replica).is_some() {
            return self.take_out(replica);
        }
        if self.config.left.contains_key(&replica) {
            return self.order_erasure(replica);
        }
        self.end()
    }

    /// The old primary leads again, then the copy that was made goes.
    fn reverse(&self) -> Next {
        let Some(source) = self.record.source else {
            return self.take_back();
        };
        if self.config.primary.replica == source {
            return self.take_back();
        }
        if let Some(waits) = self.unsteady() {
            return waits;
        }
        let Some(copy) = self.config.standby(source) else {
            let what = "the old copy is no copy of the shard any more";
            return self.blocked("no-way-back", what, &self.record.from.to_string(), Some("resume"));
        };
        if copy.state != CopyState::InSync {
            let what = "the old copy is not in sync";
            return self.blocked("source-not-in-sync", what, &copy.node.to_string(), Some("resume"));
        }
        if let Some(waits) = self
            .silent("source", &copy.node)
            .or_else(|| self.primary_silent())
        {
            return waits;
        }
        let handover = ConfigCommand::BeginHandover {
            target: source,
            certificate: None,
            needs_certificate: false,
        };
        Next::Configure(handover, self.reason())
    }

    /// A standby leaves: first nobody counts on it, then it is out.
    fn take_out(&self, replica: ReplicaId) -> Next {
        let in_sync = self
            .config
            .standby(replica)
            .is_some_and(|copy| copy.state == CopyState::InSync);
        let command = if in_sync {
            ConfigCommand::Retire { replica }
        } else {
            ConfigCommand::RemoveCopy { replica }
        };
        Next::Configure(command, self.reason())
    }

    fn order_erasure(&self, replica: ReplicaId) -> Next {
        Next::Configure(ConfigCommand::EraseCopy { replica }, self.reason())
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

    fn is_steady(&self) -> bool {
        self.config.phase == ConfigPhase::Steady
    }

    fn unsteady(&self) -> Option<Next> {
        let what = match self.config.phase {
            ConfigPhase::Steady => return None,
            ConfigPhase::Promoting { .. } => "a new primary is being chosen",
            ConfigPhase::Handover { .. } => "the primary hands over",
        };
        Some(self.blocked(
            "change-under-way",
            what,
            &self.config.primary.node.to_string(),
            None,
        ))
    }

    fn source_leads(&self) -> Option<Next> {
        let leads = self.record.source == Some(self.config.primary.replica);
        let what = "a failover has let the old copy lead again";
        leads.then(|| {
            self.blocked(
                "source-leads",
                what,
                &self.record.from.to_string(),
                Some("reverse"),
            )
        })
    }

    fn primary_silent(&self) -> Option<Next> {
        self.silent("primary", &self.config.primary.node)
    }

    fn silent(&self, who: &str, node: &NodeId) -> Option<Next> {
        if (self.heard)(node) {
            return None;
        }
        let code = match who {
            "primary" => "primary-silent",
            "source" => "source-silent",
            _ => "target-silent",
        };
        let known = self.state.nodes.contains_key(node);
        let what = if known {
            format!("the {who}'s node does not report")
        } else {
            format!("the {who}'s node is no node of the world any more")
        };
        let fix = self.record.may_cancel().then_some("cancel");
        Some(self.blocked(code, &what, &node.to_string(), fix))
    }

    fn blocked(&self, code: &'static str, what: &str, who: &str, fix: Option<&str>) -> Next {
        Next::Blocked(Blocked {
            code,
            what: what.to_owned(),
            who: who.to_owned(),
            until_ms: None,
            fix: fix.map(|verb| format!("cellctl operation {verb} {}", self.id)),
        })
    }

    fn target(&self) -> String {
        self.record
            .kind
            .target()
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    fn reason(&self) -> String {
        format!("operation {}, {}", self.id, self.record.step)
    }
}
