//! What an operation waits for, in words.

use control_plane_state::operation::{Force, OperationKind, Step, may_begin_copy, may_lead_on};
use control_plane_state::shard_config::{ConfigPhase, CopyState, Forced, ShardCopy};
use platform_model::thresholds::{HANDOVER_MS, ROOM_LEFT_MIB};
use platform_model::{NodeId, ReplicaId};

use super::{Blocked, Look, Next};

/// What is left when no copy is.
const RESTORE: &str = "cellctl backup restore NAME --to NODE --copies-are-lost";

impl Look<'_> {
    pub(super) fn is_steady(&self) -> bool {
        self.config.phase == ConfigPhase::Steady
    }

    pub(super) fn unsteady(&self) -> Option<Next> {
        let what = match &self.config.phase {
            ConfigPhase::Steady => return None,
            ConfigPhase::Promoting { forced, .. } if self.is_unanswered() => {
                return Some(self.unanswered(forced.as_ref()));
            }
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

    /// Whether a promotion has been under way for longer than any takes to which somebody answers.
    pub(super) fn is_unanswered(&self) -> bool {
        matches!(self.config.phase, ConfigPhase::Promoting { .. }) && self.stands_ms >= HANDOVER_MS
    }

    /// It ends when one of those answers who may lead. If none ever does, a person says who leads, or what is restored:
    /// once the operation gives way to that.
    fn unanswered(&self, forced: Option<&Forced>) -> Next {
        let target = forced.map(|forced| forced.target);
        let asked = self.config.copies().filter(|copy| match target {
            Some(target) => copy.replica == target,
            None => self.config.is_candidate(copy.replica),
        });
        let who: Vec<String> = asked.map(|copy| copy.node.to_string()).collect();
        let is_failover = matches!(self.record.kind, OperationKind::Failover { .. });
        let fix = if !is_failover && self.record.may_cancel() {
            format!("cellctl operation cancel {}", self.id)
        } else if self.record.step == Step::Window && self.record.may_reverse() {
            format!("cellctl operation reverse {}", self.id)
        } else {
            let whole =
                |copy: &&ShardCopy| copy.state == CopyState::CatchingUp && Some(copy.replica) != target;
            let others = self.config.standbys.iter().filter(whole);
            let others = others.filter(|copy| self.may_lead(copy));
            let best = others.max_by_key(|copy| (self.heard)(&copy.node));
            best.map_or_else(|| RESTORE.to_owned(), |copy| self.force(copy))
        };
        Next::Blocked(Blocked {
            code: "nobody-answers",
            what: "a new primary is being chosen, and nobody answers who may lead".to_owned(),
            who: who.join(", "),
            until_ms: None,
            fix: Some(fix),
        })
    }

    /// A promotion to which nobody answers never ends: after a while the one that a person forces takes its place. Of the
    /// promotion, not of the operation: one that has only just begun may be answered, and then nothing is lost.
    pub(super) fn may_cut_in(&self, to: Option<ReplicaId>, force: Option<&Force>) -> bool {
        let (ConfigPhase::Promoting { forced, .. }, Some(force)) = (&self.config.phase, force) else {
            return false;
        };
        let is_own = forced.as_ref().is_some_and(|forced| {
            Some(forced.target) == to && forced.loss_entries_max == force.loss_entries_max
        });
        !is_own && self.is_unanswered()
    }

    /// A failover has let the copy lead that was to go: the operation has come to nothing, and ends, for until then
    /// nothing else can be begun on the shard. What it made stays a standby: nobody has asked that it be erased, and it
    /// may hold what the one that leads loses next.
    pub(super) fn source_leads(&self) -> Option<Next> {
        let leads = self.record.source == Some(self.config.primary.replica);
        leads.then(|| self.fail("a failover has let the copy lead that was to go"))
    }

    /// A failover has let the copy lead that a repair makes, or takes back: there is nothing to do any more. What it
    /// was to take out goes once the new copy counts, whoever leads.
    pub(super) fn made_leads(&self) -> Option<Next> {
        let is_repair = matches!(self.record.kind, OperationKind::Repair { .. });
        let leads = self.record.replica == Some(self.config.primary.replica);
        let takes_out = self.record.step >= Step::RemoveStandby;
        (is_repair && leads && !takes_out).then(|| self.fail("a failover has let the copy lead that it made"))
    }

    /// What is to leave may be all that there is, unless who leads has just told that it serves.
    pub(super) fn not_serving(&self) -> Option<Next> {
        if self.serves {
            return None;
        }
        let waits = self.primary_silent().unwrap_or_else(|| {
            let what = "the primary's node reports, but not that it serves the shard";
            let node = self.config.primary.node.to_string();
            self.blocked("primary-not-serving", what, &node, None)
        });
        Some(match waits {
            Next::Blocked(blocked) => Next::Blocked(Blocked {
                fix: Some(self.way_out()),
                ..blocked
            }),
            other => other,
        })
    }

    /// By what a person gives the shard a primary again: a failover and a restore end what cannot be cancelled.
    fn way_out(&self) -> String {
        if self.record.may_cancel() {
            return format!("cellctl operation cancel {}", self.id);
        }
        let shard = &self.record.shard;
        let whole = |copy: &&ShardCopy| copy.state >= CopyState::CatchingUp && self.may_lead(copy);
        let best = self
            .config
            .standbys
            .iter()
            .filter(whole)
            .max_by_key(|copy| (copy.state, (self.heard)(&copy.node)));
        match best {
            Some(copy) if copy.state == CopyState::InSync => {
                format!("cellctl shard failover {shard} --to {}", copy.node)
            }
            Some(copy) => self.force(copy),
            None => RESTORE.to_owned(),
        }
    }

    pub(super) fn may_lead(&self, copy: &ShardCopy) -> bool {
        may_lead_on(self.state, &self.record.shard, &copy.node).is_ok()
    }

    fn force(&self, copy: &ShardCopy) -> String {
        let (shard, node) = (&self.record.shard, &copy.node);
        format!("cellctl shard failover {shard} --to {node} --force --loss-max ENTRIES")
    }

    pub(super) fn primary_silent(&self) -> Option<Next> {
        self.silent("primary", &self.config.primary.node)
    }

    pub(super) fn silent(&self, who: &str, node: &NodeId) -> Option<Next> {
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

    /// Nothing is begun on a disk that cannot hold it. What nobody has told keeps nothing back.
    pub(super) fn no_room(&self, node: &NodeId) -> Option<Next> {
        let free = (self.free_bytes)(node)?;
        let primary = self.watched?.copy(self.config.primary.replica);
        let bytes = primary.map_or(0, |seen| seen.report.bytes);
        let needed = bytes.saturating_add(ROOM_LEFT_MIB << 20);
        let (free_mib, needed_mib) = (free >> 20, needed.div_ceil(1 << 20));
        let what = format!("its disk takes {free_mib} MiB more, and {needed_mib} are needed");
        let fix = self.record.may_cancel().then_some("cancel");
        (free < needed).then(|| self.blocked("no-room", &what, &node.to_string(), fix))
    }

    /// What the state would refuse is not asked of it again and again: a cell was closed meanwhile, or a copy lies in
    /// the store that the node shares.
    pub(super) fn not_taken(&self, node: &NodeId) -> Option<Next> {
        let rule = may_begin_copy(self.state, &self.record.shard, node).err()?;
        let fix = self.record.may_cancel().then_some("cancel");
        Some(self.blocked("target-refused", &rule.to_string(), &node.to_string(), fix))
    }

    /// Nor is what the law forbids by now.
    pub(super) fn may_not_lead(&self, node: &NodeId, fix: &str) -> Option<Next> {
        let rule = may_lead_on(self.state, &self.record.shard, node).err()?;
        Some(self.blocked("may-not-lead", &rule.to_string(), &node.to_string(), Some(fix)))
    }

    pub(super) fn blocked(&self, code: &'static str, what: &str, who: &str, fix: Option<&str>) -> Next {
        Next::Blocked(Blocked {
            code,
            what: what.to_owned(),
            who: who.to_owned(),
            until_ms: None,
            fix: fix.map(|verb| format!("cellctl operation {verb} {}", self.id)),
        })
    }

    pub(super) fn target(&self) -> String {
        self.record
            .kind
            .target()
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    pub(super) fn reason(&self) -> String {
        format!("operation {}, {}", self.id, self.record.step)
    }
}
