//! When a world serves: what must be true of its status, and the wait for it.

use std::collections::BTreeMap;
use std::time::Duration;

use platform_model::{Incarnation, NodeId};
use platform_wire::admin::WorldStatus;

/// A report older than this is of a node that may be gone.
const REPORT_AGE_MS_MAX: u64 = 3_000;
/// How often a wait looks again.
pub const POLL: Duration = Duration::from_millis(100);

/// The start that each node must be past: the one that was on record before it was started.
pub type StartedAfter = BTreeMap<NodeId, Incarnation>;

/// The incarnations on record of some nodes.
pub fn incarnations<'a>(status: &WorldStatus, nodes: impl Iterator<Item = &'a NodeId>) -> StartedAfter {
    let known = |node: &NodeId| Some((node.clone(), status.table.nodes.get(node)?.start.incarnation));
    nodes.filter_map(known).collect()
}

/// Why the world does not serve yet; `None` when every shard is served and every home can give tokens.
pub fn not_ready(status: &WorldStatus, after: &StartedAfter) -> Option<String> {
    if status.leader.is_none() {
        return Some("no controller leads".into());
    }
    if let Some(shard) = status.shards.iter().find(|shard| shard.primary.is_none()) {
        return Some(format!("shard {} has no primary", shard.shard));
    }
    if let Some((home, _)) = status
        .table
        .homes
        .iter()
        .find(|(_, home)| home.token_keys.is_empty())
    {
        return Some(format!("home {home} has published no token key"));
    }
    let nodes: std::collections::BTreeSet<&NodeId> = status
        .shards
        .iter()
        .filter_map(|shard| shard.primary.as_ref())
        .collect();
    nodes
        .into_iter()
        .find_map(|node| node_not_ready(status, after, node))
}

/// Why a node does not serve yet what it leads by the record; `None` when it has opened all of it since it was started.
pub fn node_not_ready(status: &WorldStatus, after: &StartedAfter, node: &NodeId) -> Option<String> {
    let Some(report) = status.reports.iter().find(|report| report.node == *node) else {
        return Some(format!("node {node} has not reported"));
    };
    if after
        .get(node)
        .is_some_and(|before| report.incarnation <= *before)
    {
        return Some(format!("node {node} has not reported since it was started"));
    }
    if report.age_ms > REPORT_AGE_MS_MAX {
        return Some(format!("node {node} has not reported for {} ms", report.age_ms));
    }
    let owned = status
        .shards
        .iter()
        .filter(|shard| shard.primary.as_ref() == Some(node))
        .count();
    let open = usize::try_from(report.shards_open).unwrap_or(usize::MAX);
    (open < owned).then(|| format!("node {node} has opened {open} of {owned} shards"))
}

#[cfg(test)]
mod tests {
    use platform_model::{Epoch, Generation, Home, Node, RoutingTable, TokenKey, WorldId};
    use platform_wire::admin::{Member, NodeReport, ShardRecord};

    use super::*;

    fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
        text.parse().expect("well formed")
    }

    fn serving() -> WorldStatus {
        let mut table = RoutingTable::empty(WorldId::new(&"a".repeat(64)).expect("an id"));
        let key = TokenKey {
            kid: "k1".into(),
            public: [0; 32],
        };
        let home = Home {
            shard_count: 1,
            host: "h".into(),
            token_keys: vec![key],
        };
        table.homes.insert(parsed("eu/eu-west"), home);
        let node: NodeId = parsed("eu-west-1/0");
        table.nodes.insert(
            node.clone(),
            Node {
                address: "127.0.0.1:1".into(),
                start: platform_model::Start {
                    incarnation: Incarnation(4),
                    copy: 7,
                    process: 8,
                },
            },
        );
        let report = NodeReport {
            node: node.clone(),
            incarnation: Incarnation(4),
            table_generation: Generation(1),
            shards_open: 1,
            age_ms: 10,
        };
        let shard = ShardRecord {
            shard: parsed("eu/eu-west/000"),
            generation: Generation(1),
            epoch: Epoch(1),
            cell: parsed("eu-west-1"),
            primary: Some(node),
        };
        WorldStatus {
            controller: String::new(),
            controller_id: 1,
            initialized: true,
            world_made: true,
            leader: Some(Member {
                id: 1,
                address: String::new(),
            }),
            members: Vec::new(),
            table,
            reports: vec![report],
            shards: vec![shard],
            cells: Vec::new(),
            insight: None,
            automation: None,
            copies: Vec::new(),
            recovering: None,
        }
    }

    #[test]
    fn a_world_serves_when_all_of_it_does() {
        assert_eq!(not_ready(&serving(), &StartedAfter::new()), None);
        type Change = fn(&mut WorldStatus);
        let changes: [(Change, &str); 6] = [
            (|status| status.leader = None, "no controller leads"),
            (
                |status| status.shards[0].primary = None,
                "shard eu/eu-west/000 has no primary",
            ),
            (
                |status| {
                    status
                        .table
                        .homes
                        .values_mut()
                        .for_each(|home| home.token_keys.clear())
                },
                "home eu/eu-west has published no token key",
            ),
            (
                |status| status.reports.clear(),
                "node eu-west-1/0 has not reported",
            ),
            (
                |status| status.reports[0].age_ms = 9_000,
                "node eu-west-1/0 has not reported for 9000 ms",
            ),
            (
                |status| status.reports[0].shards_open = 0,
                "node eu-west-1/0 has opened 0 of 1 shards",
            ),
        ];
        for (change, expected) in changes {
            let mut status = serving();
            change(&mut status);
            assert_eq!(
                not_ready(&status, &StartedAfter::new()).as_deref(),
                Some(expected)
            );
        }
    }

    #[test]
    fn the_last_report_of_a_killed_process_is_not_taken_for_its_successors() {
        let status = serving();
        let node: NodeId = parsed("eu-west-1/0");
        let after = incarnations(&status, [&node].into_iter());
        let why = not_ready(&status, &after);
        assert_eq!(
            why.as_deref(),
            Some("node eu-west-1/0 has not reported since it was started")
        );
    }
}
