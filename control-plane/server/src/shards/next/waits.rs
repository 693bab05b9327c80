//! What an operation waits for, in words.

use control_plane_state::operation::OperationCommand;
use control_plane_state::shard_config::ConfigPhase;
use platform_model::NodeId;
use platform_model::thresholds::ROOM_LEFT_MIB;

use super::{Blocked, Look, Next};

impl Look<'_> {
    pub(super) fn is_steady(&self) -> bool {
        self.config.phase == ConfigPhase::Steady
    }

    pub(super) fn unsteady(&self) -> Option<Next> {
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

    /// A failover has let the copy lead that was to go. A move has turned back by that, a repair has come to nothing;
    /// either ends, for until then nothing else can be begun on the shard, not even the same once more.
    pub(super) fn source_leads(&self) -> Option<Next> {
        if self.record.source != Some(self.config.primary.replica) {
            return None;
        }
        if !self.record.may_reverse() {
            return Some(self.fail("a failover has let the copy lead that was to go"));
        }
        let (id, expected) = (self.id, self.record.generation);
        let reverse = OperationCommand::Reverse { id, expected };
        let reason = "a failover has let the old copy lead again".to_owned();
        Some(Next::Operation(reverse, reason))
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
