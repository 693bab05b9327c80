//! The copies of a shard as they are shown: who leads, who follows and how far, what is to be erased, and the change of
//! primary that is under way.

use platform_model::{CopyState, ReplicaSet, SetPhase, ShardRoute};
use serde::Serialize;

use crate::printer::{Column, Listed};

/// One copy.
#[derive(Debug, Serialize)]
pub struct CopyView {
    node: String,
    /// `primary`, `standby` or `erased`: one that is to go and is not gone yet.
    role: &'static str,
    state: &'static str,
    copy: String,
}

/// All of one shard, the primary first.
pub fn copies(route: &ShardRoute) -> Vec<CopyView> {
    let set = &route.set;
    let primary = CopyView {
        node: route.node.to_string(),
        role: "primary",
        state: if set.unborn { "forming" } else { "leads" },
        copy: set.primary.to_string(),
    };
    let standbys = set.standbys.iter().map(|copy| CopyView {
        node: copy.node.to_string(),
        role: "standby",
        state: word(copy.state),
        copy: copy.replica.to_string(),
    });
    let erased = set.erased.iter().map(|copy| CopyView {
        node: copy.node.to_string(),
        role: "erased",
        state: "no receipt yet",
        copy: copy.replica.to_string(),
    });
    std::iter::once(primary).chain(standbys).chain(erased).collect()
}

fn word(state: CopyState) -> &'static str {
    match state {
        CopyState::Damaged => "damaged",
        CopyState::Copying => "copying",
        CopyState::CatchingUp => "catching-up",
        CopyState::InSync => "in-sync",
    }
}

/// `in-sync 1, copying 1`: the standbys, in a few words.
pub fn standbys(set: &ReplicaSet) -> String {
    let states = [
        CopyState::InSync,
        CopyState::CatchingUp,
        CopyState::Copying,
        CopyState::Damaged,
    ];
    let counted = states.into_iter().filter_map(|state| {
        let count = set.standbys.iter().filter(|copy| copy.state == state).count();
        (count > 0).then(|| format!("{} {count}", word(state)))
    });
    let told: Vec<String> = counted.collect();
    if told.is_empty() {
        return "none".to_owned();
    }
    told.join(", ")
}

/// The change of primary that is under way; nothing while there is none.
pub fn phase(route: &ShardRoute) -> Option<String> {
    match route.set.phase {
        SetPhase::Steady => None,
        SetPhase::Promoting { epoch, .. } => Some(format!("a primary of {epoch} is being chosen")),
        SetPhase::Handover { target, epoch, .. } => {
            let node = route.set.standby(target).map(|copy| copy.node.to_string());
            let to = node.unwrap_or_else(|| target.to_string());
            Some(format!("hands over to {to} in {epoch}"))
        }
    }
}

impl Listed for CopyView {
    const COLUMNS: &'static [Column] = &[
        Column::new("node"),
        Column::new("role"),
        Column::new("state"),
        Column::wide("copy"),
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.node.clone(),
            self.role.to_owned(),
            self.state.to_owned(),
            self.copy.clone(),
        ]
    }

    fn name(&self) -> String {
        self.copy.clone()
    }
}

#[cfg(test)]
pub mod tests {
    use std::sync::Arc;

    use platform_model::{CopyRoute, Epoch, ErasedCopy, NodeId, ReplicaId};

    use super::*;

    fn node(name: &str) -> NodeId {
        name.parse().expect("a node")
    }

    /// A primary, a standby of each kind, and one that is to go.
    pub fn route() -> ShardRoute {
        let standby = |name: &str, replica, state| CopyRoute {
            node: node(name),
            replica: ReplicaId(replica),
            state,
        };
        let mut set = ReplicaSet::single(ReplicaId(1));
        set.standbys = vec![
            standby("eu-central-2/0", 2, CopyState::InSync),
            standby("eu-central-3/0", 3, CopyState::Copying),
            standby("eu-central-4/0", 4, CopyState::InSync),
        ];
        set.erased = vec![ErasedCopy {
            node: node("eu-central-5/0"),
            replica: ReplicaId(5),
            order: 9,
        }];
        ShardRoute {
            node: node("eu-central-1/0"),
            epoch: Epoch(4),
            set: Arc::new(set),
        }
    }

    #[test]
    fn copies_are_shown_like_this() {
        let titles: Vec<&str> = CopyView::COLUMNS.iter().map(Column::title).collect();
        let rows: Vec<Vec<String>> = copies(&route()).iter().map(Listed::cells).collect();
        insta::assert_snapshot!(crate::printer::render(&titles, &rows));
    }

    #[test]
    fn standbys_and_what_is_under_way_are_told_in_a_few_words() {
        let mut route = route();
        assert_eq!(standbys(&route.set), "in-sync 2, copying 1");
        assert_eq!(standbys(&ReplicaSet::single(ReplicaId(1))), "none");
        assert_eq!(phase(&route), None);
        let mut phases = |phase: SetPhase| {
            Arc::make_mut(&mut route.set).phase = phase;
            self::phase(&route).expect("under way")
        };
        let (epoch, order) = (Epoch(5), 1);
        assert_eq!(
            phases(SetPhase::Promoting { epoch, order }),
            "a primary of e5 is being chosen"
        );
        let target = ReplicaId(2);
        assert_eq!(
            phases(SetPhase::Handover { target, epoch, order }),
            "hands over to eu-central-2/0 in e5"
        );
    }
}
