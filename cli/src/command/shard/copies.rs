//! The copies of a shard as they are shown: who leads, who follows and how far, what is to be erased, and the change of
//! primary that is under way.

use platform_model::{CopyState, NodeId, ReplicaId, ReplicaSet, SetPhase, ShardRoute};
use platform_wire::admin::HeardCopy;
use serde::Serialize;

use crate::printer::{Column, Listed};

/// One copy.
#[derive(Debug, Serialize)]
pub struct CopyView {
    node: String,
    /// `primary`, `standby` or `erased`: one that is to go and is not gone yet.
    role: &'static str,
    state: &'static str,
    /// Entries that it is behind its primary, as both were last seen; nothing where one was not.
    lag_entries: Option<u64>,
    /// What its node said last, if the leader has heard it.
    seen: Option<Seen>,
    copy: String,
}

#[derive(Debug, Serialize)]
struct Seen {
    /// Name of the state of its protocol.
    protocol: String,
    serves: bool,
    last: u64,
    committed: u64,
    commits_per_second: u32,
    p99_us: u32,
    report_age_ms: u64,
}

/// All of one shard, the primary first.
pub fn copies(route: &ShardRoute, seen: &[HeardCopy]) -> Vec<CopyView> {
    let set = &route.set;
    let heard = |replica| seen.iter().find(|copy| copy.report.replica == replica);
    let head = heard(set.primary).map(|copy| copy.report.last.0);
    let view = |node: &NodeId, role, state, replica: ReplicaId| {
        let copy = heard(replica);
        let own = copy.map(|copy| copy.report.last.0);
        CopyView {
            node: node.to_string(),
            role,
            state,
            lag_entries: head.zip(own).map(|(head, own)| head.saturating_sub(own)),
            seen: copy.map(Seen::of),
            copy: replica.to_string(),
        }
    };
    let leads = if set.unborn { "forming" } else { "leads" };
    let primary = view(&route.node, "primary", leads, set.primary);
    let standbys = set
        .standbys
        .iter()
        .map(|copy| view(&copy.node, "standby", word(copy.state), copy.replica));
    let erased = set
        .erased
        .iter()
        .map(|copy| view(&copy.node, "erased", "no receipt yet", copy.replica));
    std::iter::once(primary).chain(standbys).chain(erased).collect()
}

impl Seen {
    fn of(copy: &HeardCopy) -> Self {
        let report = &copy.report;
        Self {
            protocol: report.state.clone(),
            serves: report.serves,
            last: report.last.0,
            committed: report.committed.0,
            commits_per_second: report.commits_per_second,
            p99_us: report.p99_micros,
            report_age_ms: copy.age_ms,
        }
    }
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
        Column::new("behind"),
        Column::new("last report"),
        Column::wide("protocol"),
        Column::wide("commits/s"),
        Column::wide("p99"),
        Column::wide("copy"),
    ];

    fn cells(&self) -> Vec<String> {
        let seen = |text: fn(&Seen) -> String| self.seen.as_ref().map_or_else(|| "-".to_owned(), text);
        let lag = self.lag_entries.map(|lag| lag.to_string());
        vec![
            self.node.clone(),
            self.role.to_owned(),
            self.state.to_owned(),
            lag.unwrap_or_else(|| "-".to_owned()),
            seen(|seen| format!("{}ms ago", seen.report_age_ms)),
            seen(|seen| seen.protocol.clone()),
            seen(|seen| seen.commits_per_second.to_string()),
            seen(|seen| format!("{}us", seen.p99_us)),
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

    use platform_model::{CopyRoute, Epoch, ErasedCopy, Generation, Position, Term};
    use platform_wire::replicas::CopyReport;

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

    fn seen(replica: u128, last: u64) -> HeardCopy {
        HeardCopy {
            report: CopyReport {
                shard: "eu/eu-central/003".parse().expect("a shard"),
                replica: ReplicaId(replica),
                generation: Generation(7),
                term: Term::default(),
                last: Position(last),
                chain: 0,
                committed: Position(890),
                leads: replica == 1,
                serves: replica == 1,
                silent_micros: 0,
                state: if replica == 1 { "leading" } else { "following" }.into(),
                copied_bytes: 0,
                copy_bytes_per_second: 0,
                copy_left_bytes: 0,
                commits_per_second: 40,
                p99_micros: 2_500,
                stalled_micros: 0,
                bytes: 0,
            },
            age_ms: 120,
        }
    }

    #[test]
    fn copies_are_shown_like_this() {
        let titles: Vec<&str> = CopyView::COLUMNS.iter().map(Column::title).collect();
        let seen = [seen(1, 900), seen(2, 897)];
        let views = copies(&route(), &seen);
        let rows: Vec<Vec<String>> = views.iter().map(Listed::cells).collect();
        let json = serde_json::to_string_pretty(&views[..2]).expect("writes");
        insta::assert_snapshot!(format!("{}\n\n{json}", crate::printer::render(&titles, &rows)));
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
