//! How a copy leaves: the old one at the end of a move, the new one when it is taken back.

use control_plane_state::operation::{OperationCommand, OperationKind};
use control_plane_state::shard_config::{ConfigCommand, ConfigPhase, CopyState, ShardCopy};
use platform_model::{NodeId, ReplicaId};

use super::{Blocked, Look, Next};
use crate::shards::takeover::holder_there;

impl Look<'_> {
    pub(super) fn remove(&self) -> Next {
        let Some(source) = self.record.source.filter(|source| self.config.names(*source)) else {
            // Past this step there is no way back.
            return self.not_serving().unwrap_or_else(|| self.leave(Vec::new()));
        };
        let waits = self.unsteady().or_else(|| self.source_leads());
        if let Some(waits) = waits.or_else(|| self.not_serving()) {
            return waits;
        }
        // Nothing leaves before what was made in its place counts.
        let made = self.record.replica;
        if let Some(replica) = made.filter(|replica| !self.config.is_candidate(*replica)) {
            let is_repair = matches!(self.record.kind, OperationKind::Repair { .. });
            let lost = |copy: &ShardCopy| self.is_lost(copy);
            // A repair cannot be reversed, and until it ends no other begins.
            if is_repair && self.config.standby(replica).is_none_or(lost) {
                return self.fail("the copy that it made is lost");
            }
            let what = format!("the new copy {replica} is not in sync");
            let fix = self.record.may_reverse().then_some("reverse");
            return self.blocked("new-copy-not-in-sync", &what, &self.target(), fix);
        }
        self.take_out(source)
    }

    /// Whether a copy comes in sync no more, or is made anew.
    fn is_lost(&self, copy: &ShardCopy) -> bool {
        copy.state < CopyState::CatchingUp || (self.gone)(&copy.node)
    }

    pub(super) fn erase(&self) -> Next {
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
            Some(erasing) => self.elsewhere(&erasing.node).unwrap_or(Next::Wait),
            None if self.config.erased.contains(&source) => self.leave(Vec::new()),
            None => self.not_serving().unwrap_or_else(|| self.order_erasure(source)),
        }
    }

    /// The copy that was made goes again. It may be the last: whoever leads may be gone meanwhile.
    pub(super) fn take_back(&self) -> Next {
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
        let (stands, left) = (
            self.config.standby(replica).is_some(),
            self.config.left.contains_key(&replica),
        );
        if !stands && !left {
            return self.end();
        }
        self.not_serving().unwrap_or_else(|| {
            if stands {
                self.take_out(replica)
            } else {
                self.order_erasure(replica)
            }
        })
    }

    /// The old primary leads again, then the copy that was made goes.
    pub(super) fn reverse(&self) -> Next {
        let Some(source) = self.record.source else {
            return self.take_back();
        };
        if self.config.primary.replica == source {
            return self.take_back();
        }
        if let Some(waits) = self.unsteady().or_else(|| self.not_serving()) {
            return waits;
        }
        let made_leads = self.record.replica == Some(self.config.primary.replica);
        let hopeless = |copy: &ShardCopy| {
            let retired = self.config.retiring.contains(&copy.replica);
            retired || self.is_lost(copy) || !self.may_lead(copy)
        };
        if !made_leads && self.config.standby(source).is_none_or(hopeless) {
            // Nor can it go on: what it made leads no more. One that only fell behind is waited for.
            return self.fail("a failover has let another copy lead, and the old one cannot");
        }
        let Some(copy) = self.config.standby(source) else {
            let what = "the old copy is no copy of the shard any more";
            return self.blocked("no-way-back", what, &self.record.from.to_string(), Some("resume"));
        };
        if copy.state != CopyState::InSync {
            let what = "the old copy is not in sync";
            let fix = made_leads.then_some("resume");
            return self.blocked("source-not-in-sync", what, &copy.node.to_string(), fix);
        }
        let waits = self.silent("source", &copy.node);
        if let Some(waits) = waits.or_else(|| self.may_not_lead(&copy.node, "resume")) {
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
    pub(super) fn take_out(&self, replica: ReplicaId) -> Next {
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

    pub(super) fn order_erasure(&self, replica: ReplicaId) -> Next {
        let node = self.config.left.get(&replica);
        let waits = node.and_then(|node| self.elsewhere(node));
        waits.unwrap_or_else(|| Next::Configure(ConfigCommand::EraseCopy { replica }, self.reason()))
    }

    /// What is left in a store where another node holds the shard goes to that one first. The controllers see to it,
    /// unless they are paused.
    fn elsewhere(&self, node: &NodeId) -> Option<Next> {
        let holder = holder_there(self.state, self.config, node).filter(|holder| *holder != node)?;
        if let Some(waits) = self.unsteady() {
            return Some(waits);
        }
        let is_paused = self.state.automation.paused.is_some();
        Some(Next::Blocked(Blocked {
            code: "left-elsewhere",
            what: "what is left goes first to the node that holds the shard in its store".to_owned(),
            who: holder.to_string(),
            until_ms: None,
            fix: is_paused.then(|| "cellctl automation resume".to_owned()),
        }))
    }
}
