//! What the nodes of a shared cell have counted: commits whose outcome nobody heard. A node that does not answer has
//! counted nothing; one that was started again begins anew.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use cli_world::people::OPERATOR;
use cli_world::sharing::Sharing;
use cli_world::{Seat, World, operator};
use platform_model::NodeId;
use platform_runtime::tls::Expect;
use platform_wire::inside;

/// The counter, and what its lines must have.
const CALLS: &str = "cell_store_tikv_calls_total{";
const UNKNOWN: [&str; 2] = ["call=\"commit\"", "outcome=\"unknown\""];

/// Of each node that answers.
pub(super) async fn of(world: &World, sharing: &Sharing) -> BTreeMap<NodeId, u64> {
    let mut counted = BTreeMap::new();
    for seat in &sharing.seats() {
        let Some(node) = seat.node() else { continue };
        if let Ok(unknown) = of_node(world, seat, node).await {
            counted.insert(node.clone(), unknown);
        }
    }
    counted
}

/// How many came to it.
pub(super) fn since(before: &BTreeMap<NodeId, u64>, now: &BTreeMap<NodeId, u64>) -> u64 {
    let more = now.iter().map(|(node, now)| {
        let before = before.get(node).copied().unwrap_or(0);
        // Less than before: it was started again.
        now.checked_sub(before).unwrap_or(*now)
    });
    more.sum()
}

async fn of_node(world: &World, seat: &Seat, node: &NodeId) -> Result<u64> {
    let table = world.wait_for_leader().await?.table;
    let known = table.nodes.get(node).context("the controllers do not know it")?;
    let identity = operator::identity(&world.layout, &world.id, &OPERATOR)?;
    let expect = Expect::Node {
        node: node.clone(),
        region: seat.region.clone(),
    };
    let answer = inside::get(&known.address, &identity, expect, inside::METRICS).await?;
    Ok(unknown(&String::from_utf8_lossy(&answer.body)))
}

fn unknown(metrics: &str) -> u64 {
    let of_it = metrics.lines().filter_map(|line| {
        let (labels, value) = line.strip_prefix(CALLS)?.rsplit_once(' ')?;
        let fits = UNKNOWN.iter().all(|label| labels.contains(label));
        fits.then(|| value.trim().parse::<u64>().ok()).flatten()
    });
    of_it.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_commits_are_counted_and_nothing_else() {
        let metrics = "# TYPE cell_store_tikv_calls_total counter\n\
            cell_store_tikv_calls_total{call=\"commit\",outcome=\"unknown\"} 3\n\
            cell_store_tikv_calls_total{call=\"commit\",outcome=\"ok\"} 70\n\
            cell_store_tikv_calls_total{call=\"get\",outcome=\"unknown\"} 5\n\
            cell_store_tikv_conflicts_total 9\n";
        assert_eq!(unknown(metrics), 3);
        assert_eq!(unknown(""), 0);
    }

    #[test]
    fn a_node_that_was_started_again_begins_anew() {
        let counted = |counts: [u64; 3]| -> BTreeMap<NodeId, u64> {
            let node = |ordinal: usize| format!("eu-central-1/{ordinal}").parse().expect("a node");
            (0..3).map(node).zip(counts).collect()
        };
        assert_eq!(since(&counted([1, 5, 0]), &counted([4, 2, 0])), 3 + 2);
        assert_eq!(since(&BTreeMap::new(), &counted([1, 1, 1])), 3);
        assert_eq!(since(&counted([1, 1, 1]), &BTreeMap::new()), 0);
    }
}
