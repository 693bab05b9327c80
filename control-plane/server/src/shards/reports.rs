//! The newest that each node told, and when. Bounded: only nodes that have registered, and of each only copies that
//! stand in a configuration.

use std::collections::BTreeMap;

use platform_model::{Incarnation, NodeId};
use platform_wire::replicas::{ReplicasReport, Told};

/// Whether a report says which copies its node has: what a node tells at once it sends without them, and a node that has
/// none has none of these words either.
pub fn lists_copies(report: &ReplicasReport) -> bool {
    let is_word = |told: &Told| {
        matches!(
            told,
            Told::Proposal { .. } | Told::Prepared { .. } | Told::Confirmed { .. }
        )
    };
    let words = !report.told.is_empty() && report.told.iter().all(|(_, told)| is_word(told));
    !report.copies.is_empty() || !words
}

/// What a report says of its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    pub incarnation: Incarnation,
    /// That it is about to stop.
    pub leaving: bool,
    /// What its disk still takes, if it tells.
    pub free_bytes: Option<u64>,
    /// Whether it says which copies the node has.
    pub lists: bool,
}

/// When nodes reported last, as this leader heard it.
#[derive(Debug, Default)]
pub struct NodesHeard {
    last: BTreeMap<NodeId, Heard>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Heard {
    at_micros: u64,
    /// When this start of it said last which copies it has.
    listed_micros: Option<u64>,
    said: Said,
}

impl NodesHeard {
    /// Whether the report counts: one of an earlier start than the last is left out.
    pub fn hear(&mut self, now_micros: u64, node: &NodeId, said: Said) -> bool {
        let before = self.last.get(node);
        if before.is_some_and(|heard| heard.said.incarnation > said.incarnation) {
            return false;
        }
        let same = before.filter(|heard| heard.said.incarnation == said.incarnation);
        let listed_micros = if said.lists {
            Some(now_micros)
        } else {
            same.and_then(|heard| heard.listed_micros)
        };
        let heard = Heard {
            at_micros: now_micros,
            listed_micros,
            said,
        };
        self.last.insert(node.clone(), heard);
        true
    }

    /// How long ago the node reported; `None`: never, since this leader leads.
    pub fn age_micros(&self, now_micros: u64, node: &NodeId) -> Option<u64> {
        let heard = self.last.get(node)?;
        Some(now_micros.saturating_sub(heard.at_micros))
    }

    /// How long ago it said which copies it has; `None`: never, since it started or this leader leads.
    pub fn listed_age_micros(&self, now_micros: u64, node: &NodeId) -> Option<u64> {
        let listed = self.last.get(node)?.listed_micros?;
        Some(now_micros.saturating_sub(listed))
    }

    pub fn is_missing(&self, now_micros: u64, node: &NodeId, missing_micros: u64) -> bool {
        self.age_micros(now_micros, node)
            .is_none_or(|age| age >= missing_micros)
    }

    /// Whether it said last that it is about to stop.
    pub fn is_leaving(&self, node: &NodeId) -> bool {
        self.last.get(node).is_some_and(|heard| heard.said.leaving)
    }

    /// What its disk still takes, as it said last.
    pub fn free_bytes(&self, node: &NodeId) -> Option<u64> {
        self.last.get(node)?.said.free_bytes
    }

    /// The same of every node that has said it.
    pub fn all_free_bytes(&self) -> BTreeMap<NodeId, u64> {
        let said = |(node, heard): (&NodeId, &Heard)| Some((node.clone(), heard.said.free_bytes?));
        self.last.iter().filter_map(said).collect()
    }

    /// Forgets nodes that are none any more.
    pub fn keep(&mut self, known: impl Fn(&NodeId) -> bool) {
        self.last.retain(|node, _| known(node));
    }
}
