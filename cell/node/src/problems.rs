//! What the node itself tells apps: the shard is elsewhere, not open yet, or its keys are.

use cell_shard::Standing;
use platform_model::{Code, Epoch, HomeId, NodeId, Problem, RoutingTable, SetPhase, ShardId, ShardRoute};

use crate::hosted::Hosted;

/// Seconds after which a request should be sent again while a shard is being opened.
const RETRY_AFTER_S: u32 = 1;

/// The shard is not served here: who serves it, as far as this node knows, or that it will be known in a moment. Nothing
/// of the request was executed.
pub fn not_here(table: &RoutingTable, hosted: &Hosted, shard: &ShardId) -> Problem {
    not_here_in(table, hosted, shard, Epoch(0))
}

/// [`not_here`], to one who knows of that epoch: of an earlier one he is not told.
pub fn not_here_in(table: &RoutingTable, hosted: &Hosted, shard: &ShardId, asked: Epoch) -> Problem {
    let standing = hosted.standing(shard);
    elsewhere(table, hosted.node(), (shard, asked), standing.as_ref())
}

fn elsewhere(
    table: &RoutingTable,
    me: &NodeId,
    (shard, asked): (&ShardId, Epoch),
    standing: Option<&Standing>,
) -> Problem {
    let route = table.shards.get(shard);
    // A copy hears of a new primary from that primary, perhaps before the table says it.
    let heard = match standing {
        Some(Standing::Elsewhere {
            node: Some(node),
            epoch,
        }) => Some((node, *epoch)),
        _ => None,
    };
    let named = route.map(|route| (&route.node, route.epoch));
    let newest = heard.into_iter().chain(named).max_by_key(|(_, epoch)| *epoch);
    match newest {
        None => moving("the shard has no node yet"),
        Some((node, _)) if node == me => moving("the shard is being opened"),
        Some((_, epoch)) if epoch < asked => moving("this node's table is older than the router's"),
        Some((_, epoch)) if is_being_chosen(route, epoch) => moving("a new primary is being chosen"),
        Some((node, epoch)) => Problem::new(Code::Moved)
            .with("shard", shard.to_string())
            .with("epoch", epoch.0)
            .with("node", node.to_string()),
    }
}

/// Whether the table says that whoever served in that epoch is being replaced.
fn is_being_chosen(route: Option<&ShardRoute>, served: Epoch) -> bool {
    let phase = route.map(|route| route.set.phase);
    matches!(phase, Some(SetPhase::Promoting { epoch, .. }) if epoch > served)
}

/// The person lives in another home. Nothing of the request was executed.
pub fn home_moved(home: &HomeId, user_epoch: u64) -> Problem {
    Problem::new(Code::HomeMoved)
        .with("home", home.to_string())
        .with("user_epoch", user_epoch)
}

/// This node, or another, will serve it in a moment: nothing of the request was executed.
pub fn moving(detail: &str) -> Problem {
    Problem::new(Code::Moving)
        .detail(detail)
        .retry_after_s(RETRY_AFTER_S)
}

/// The shard is served here, in a later epoch than the caller knows.
pub fn newer_epoch(me: &NodeId, shard: &ShardId, epoch: Epoch) -> Problem {
    Problem::new(Code::Moved)
        .with("shard", shard.to_string())
        .with("epoch", epoch.0)
        .with("node", me.to_string())
}

pub fn unavailable(detail: &str) -> Problem {
    Problem::new(Code::Unavailable)
        .detail(detail)
        .retry_after_s(RETRY_AFTER_S)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use platform_model::{ReplicaId, ReplicaSet, WorldId};

    fn table(node: &NodeId, epoch: u64, phase: SetPhase) -> RoutingTable {
        let mut table = RoutingTable::empty(WorldId::new(&"a".repeat(64)).expect("an id"));
        let set = ReplicaSet {
            phase,
            ..ReplicaSet::single(ReplicaId(7))
        };
        let route = ShardRoute {
            node: node.clone(),
            epoch: Epoch(epoch),
            set: Arc::new(set),
        };
        table.shards.insert(shard(), route);
        table
    }

    fn shard() -> ShardId {
        "eu/eu-central/003".parse().expect("a shard")
    }

    fn node(text: &str) -> NodeId {
        text.parse().expect("a node")
    }

    #[test]
    fn a_caller_is_told_who_serves_the_shard_or_to_wait_until_it_is_known() {
        let (me, other) = (node("eu-central-1/0"), node("eu-west-1/0"));
        let ask_in = |epoch, table: &RoutingTable, standing: Option<&Standing>| {
            let problem = elsewhere(table, &me, (&shard(), Epoch(epoch)), standing);
            let place = problem.members.get("node").cloned();
            (problem.code, place, problem.members.get("epoch").cloned())
        };
        let ask = |table: &RoutingTable, standing: Option<&Standing>| ask_in(0, table, standing);
        let waits = (Code::Moving, None, None);
        let none = RoutingTable::empty(WorldId::new(&"a".repeat(64)).expect("an id"));
        assert_eq!(ask(&none, None), waits, "nobody serves it");
        assert_eq!(
            ask(&table(&me, 4, SetPhase::Steady), None),
            waits,
            "ours, not open"
        );
        let moved = (Code::Moved, Some("eu-west-1/0".into()), Some(5.into()));
        assert_eq!(ask(&table(&other, 5, SetPhase::Steady), None), moved);
        let served = table(&other, 5, SetPhase::Steady);
        assert_eq!(ask_in(5, &served, None), moved);
        assert_eq!(
            ask_in(6, &served, None),
            waits,
            "who knows of the next primary is not sent to the last"
        );
        // A new primary told the copy here of itself before the table did.
        let heard = Standing::Elsewhere {
            node: Some(other.clone()),
            epoch: Epoch(5),
        };
        assert_eq!(ask(&table(&me, 4, SetPhase::Steady), Some(&heard)), moved);
        assert_eq!(
            ask(&table(&me, 6, SetPhase::Steady), Some(&heard)),
            waits,
            "that was before"
        );
        let promoting = SetPhase::Promoting {
            epoch: Epoch(6),
            order: 1,
        };
        assert_eq!(
            ask(&table(&other, 5, promoting), None),
            waits,
            "it is being replaced"
        );
    }
}
