//! Backups of the world's nodes: whether what backs itself up is late, logs that are not kept on, and keys that should have
//! left them by now.
//! Asked of every node that answers; of a world that does not answer nothing is said, and nothing of nodes that keep no
//! backups.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use platform_model::{NodeId, RoutingTable, ShardId};
use platform_runtime::clock::Clock;
use platform_runtime::tls::Identity;
use platform_wire::custody::{BackupView, Stored};

use super::Looked;
use super::known::Known;
use crate::command::backup::AtNode;

/// How long a node has to answer, which asks its store for every backup.
const LISTED_WITHIN: Duration = Duration::from_secs(20);
/// Nodes that are asked at once.
const ASKED_MAX: usize = 16;
/// So long the backup of a key shard may hold a key that was destroyed.
const KEYS_MS_MAX: u64 = 30 * 86_400_000;
/// Late shards, or old backups, that are named.
const NAMED_MAX: usize = 3;

/// Findings for every node that keeps backups.
pub async fn all(known: &Known) -> Vec<Looked> {
    let Known { table, identity } = known;
    let asked: Vec<_> = table
        .nodes
        .keys()
        .map(|node| stored(node, table, identity))
        .collect();
    let told: Vec<_> = stream::iter(asked).buffer_unordered(ASKED_MAX).collect().await;
    let told: BTreeMap<NodeId, Stored> = told.into_iter().flatten().collect();
    judged(&told, table, Clock::system().unix_ms())
}

/// Nothing of a node that has no backup store, or does not answer.
async fn stored(node: &NodeId, table: &RoutingTable, identity: &Identity) -> Option<(NodeId, Stored)> {
    let at = AtNode::new(node, table, identity).ok()?;
    let stored = tokio::time::timeout(LISTED_WITHIN, at.client().list(false)).await;
    Some((node.clone(), stored.ok()?.ok()?))
}

fn judged(told: &BTreeMap<NodeId, Stored>, table: &RoutingTable, now_ms: u64) -> Vec<Looked> {
    let mut all = Vec::new();
    for (node, stored) in told {
        let what = format!("backups of {node}");
        if let Some(first) = stored.overdue.first() {
            let late = named(stored.overdue.iter().map(ToString::to_string));
            let found = format!(
                "older than {} h, or none: {late}",
                stored.every_hours.saturating_mul(2)
            );
            let hint = format!("cellctl backup create {first}   says what is in the way");
            all.push(Looked::bad(what, found, hint));
        } else if stored.every_hours > 0 {
            all.push(Looked::ok(
                what,
                format!("every {} h, none late", stored.every_hours),
            ));
        }
        if !stored.log_problems.is_empty() {
            let found = named(stored.log_problems.iter().cloned());
            let hint = "cellctl backup create SHARD   begins another, where a gap is".to_owned();
            all.push(Looked::bad(format!("logs behind backups at {node}"), found, hint));
        }
        let old = stored.backups.iter().filter(|backup| {
            backup.time_ms.saturating_add(KEYS_MS_MAX) < now_ms && is_replaced(backup, node, told, table)
        });
        let old: Vec<&BackupView> = old.collect();
        if let Some(first) = old.first() {
            let names = named(old.iter().map(|backup| backup.name.clone()));
            let found = format!("older than 30 days, with keys that may have been destroyed: {names}");
            let hint = format!(
                "cellctl backup remove {}   once a newer one is there and verified",
                first.name
            );
            all.push(Looked::bad(format!("keys in backups at {node}"), found, hint));
        }
        if let Some(first) = stored.closed_keys.first() {
            let names = named(stored.closed_keys.iter().cloned());
            let found = format!("do not open, with keys that may have been destroyed: {names}");
            let hint = format!("cellctl backup remove {first}   nothing removes it by itself");
            let what = format!("closed backups of keys at {node}");
            all.push(Looked::bad(what, found, hint));
        }
    }
    all
}

/// Whether the keys of that backup are in a newer one, here or at the node that serves their shard, whose store is
/// another.
fn is_replaced(
    backup: &BackupView,
    node: &NodeId,
    told: &BTreeMap<NodeId, Stored>,
    table: &RoutingTable,
) -> bool {
    let Some(shard @ ShardId::Keys { .. }) = &backup.shard else {
        return false;
    };
    let newer = |stored: &Stored| {
        let mut others = stored.backups.iter();
        others.any(|other| {
            other.shard.as_ref() == Some(shard)
                && (other.epoch, other.position) > (backup.epoch, backup.position)
        })
    };
    let serving = table.shards.get(shard).map(|route| &route.node);
    let there = serving.and_then(|serving| told.get(serving));
    told.get(node).is_some_and(newer) || there.is_some_and(newer)
}

fn named(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED_MAX);
    let mut text = names.take(NAMED_MAX).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text = format!("{text} and {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use platform_model::{Epoch, Position, ReplicaId, ReplicaSet, ShardRoute, WorldId};

    use super::super::Verdict;
    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;
    const KEYS: &str = "eu/eu-central/keys";

    fn table() -> RoutingTable {
        let world = WorldId::new(&"a".repeat(64)).expect("an id");
        let mut table = RoutingTable::empty(world);
        let route = ShardRoute {
            node: "eu-central-1/0".parse().expect("a node"),
            epoch: Epoch(1),
            set: Arc::new(ReplicaSet::single(ReplicaId(1))),
        };
        table.shards.insert(KEYS.parse().expect("a shard"), route);
        table
    }

    fn backup(position: u64, days: u64) -> BackupView {
        BackupView {
            name: format!("eu_eu-central_keys.e1.{position}.5f2c9a01"),
            shard: Some(KEYS.parse().expect("a shard")),
            epoch: Epoch(1),
            position: Position(position),
            time_ms: NOW_MS - days * 86_400_000,
            parts: 1,
            rows: 1,
            bytes: 1,
            log: None,
        }
    }

    fn stored(every_hours: u32, backups: Vec<BackupView>) -> Stored {
        Stored {
            sink: "backup-eu".into(),
            backups,
            unfinished: Vec::new(),
            unreadable: Vec::new(),
            closed_keys: Vec::new(),
            every_hours,
            overdue: Vec::new(),
            log_problems: Vec::new(),
        }
    }

    fn found(told: &[(&str, Stored)]) -> Vec<(Verdict, String)> {
        let told = told.iter().cloned();
        let told = told.map(|(node, stored)| (node.parse().expect("a node"), stored));
        let looked = judged(&told.collect(), &table(), NOW_MS);
        looked
            .into_iter()
            .map(|looked| (looked.verdict, looked.found))
            .collect()
    }

    #[test]
    fn what_is_late_is_named_and_nodes_that_keep_none_are_not_spoken_of() {
        assert_eq!(found(&[("eu-central-1/0", stored(0, vec![backup(1, 1)]))]), []);
        let (verdict, _) = found(&[("eu-central-1/0", stored(24, vec![]))]).remove(0);
        assert_eq!(verdict, Verdict::Ok);
        let late = Stored {
            overdue: (0..5)
                .map(|n| format!("eu/eu-central/00{n}").parse().expect("a shard"))
                .collect(),
            ..stored(24, vec![])
        };
        let (verdict, found) = found(&[("eu-central-1/0", late)]).remove(0);
        assert_eq!(verdict, Verdict::Bad);
        assert!(
            found.contains("48 h") && found.ends_with("eu/eu-central/002 and 2 more"),
            "{found}"
        );
    }

    #[test]
    fn a_log_that_is_not_kept_on_is_told() {
        let gap = Stored {
            log_problems: vec!["eu/eu-central/000: a gap".into()],
            ..stored(0, vec![])
        };
        let (verdict, found) = found(&[("eu-central-1/0", gap)]).remove(0);
        assert_eq!(
            (verdict, found.as_str()),
            (Verdict::Bad, "eu/eu-central/000: a gap")
        );
    }

    /// The planted omission: a damaged manifest hides a key that should be gone.
    #[test]
    fn old_backups_of_keys_that_do_not_open_are_told() {
        let closed = Stored {
            closed_keys: vec!["eu_eu-central_keys.e1.5.5f2c9a01".into()],
            ..stored(0, vec![])
        };
        let (verdict, found) = found(&[("eu-central-1/0", closed)]).remove(0);
        assert_eq!(verdict, Verdict::Bad);
        assert!(
            found.contains("do not open") && found.contains("e1.5."),
            "{found}"
        );
    }

    /// The planted omission: a key shard moved away, and nobody looks at what its node before wrote.
    #[test]
    fn old_keys_in_a_store_that_nobody_keeps_any_more_are_told() {
        let serving = ("eu-central-1/0", stored(24, vec![backup(9, 1)]));
        let before = ("eu-west-1/0", stored(24, vec![backup(5, 31)]));
        let all = found(&[serving.clone(), before.clone()]);
        let bad: Vec<&String> = all
            .iter()
            .filter(|(verdict, _)| *verdict == Verdict::Bad)
            .map(|(_, found)| found)
            .collect();
        assert_eq!(bad.len(), 1, "{all:?}");
        assert!(bad[0].contains("e1.5."), "{bad:?}");
        let young = ("eu-west-1/0", stored(24, vec![backup(5, 30)]));
        assert_eq!(found(&[serving, young]).len(), 2, "both well");
        let alone = ("eu-central-1/0", stored(0, vec![backup(9, 400)]));
        assert_eq!(found(&[alone]), [], "nothing takes its place");
    }
}
