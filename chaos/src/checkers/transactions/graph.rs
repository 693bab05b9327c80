//! Who must stand before whom, and why.

use super::Transaction;
use crate::history::Outcome;

/// Why one must stand before another. Each is a bit, so that a search can leave some out.
pub(super) const OVERWRITTEN: u8 = 1;
pub(super) const READ: u8 = 2;
pub(super) const NOT_SEEN: u8 = 4;
pub(super) const TIME: u8 = 8;
/// The second half of a way through a node that is no transaction: says nothing by itself, and is never left out.
pub(super) const ON: u8 = 16;

/// An edge to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) to: u32,
    pub(super) why: u8,
    /// The number of the key that it is about; without meaning for time.
    pub(super) key: u32,
}

/// Edges as they are found. Nodes below the number of transactions are those; others are only ways between them.
#[derive(Debug, Default)]
pub(super) struct Graph {
    edges: Vec<(u32, Edge)>,
    hubs: u32,
    pub(super) keys: Vec<String>,
}

/// All edges, by where they begin.
#[derive(Debug)]
pub(super) struct Finished {
    first: Vec<u32>,
    edges: Vec<Edge>,
    pub(super) keys: Vec<String>,
}

impl Graph {
    pub(super) fn add(&mut self, from: u32, to: u32, why: u8, key: u32) {
        if from != to {
            self.edges.push((from, Edge { to, why, key }));
        }
    }

    /// A node that is no transaction: one way in, one way out, for whole groups. `transactions`: how many there are.
    pub(super) fn hub(&mut self, transactions: usize) -> u32 {
        self.hubs += 1;
        number(transactions) + self.hubs - 1
    }

    /// Whoever was answered stands before whoever was asked for later: by a chain of the answers. Gives the number of
    /// nodes.
    pub(super) fn add_time(&mut self, history: &[Transaction]) -> usize {
        let mut events: Vec<(u64, bool, u32)> = Vec::new();
        for (i, transaction) in history.iter().enumerate() {
            if transaction.outcome == Outcome::Failed {
                continue;
            }
            // At one time, a call does not come after an answer: `false` before `true`.
            events.push((transaction.invoked, false, number(i)));
            if transaction.outcome == Outcome::Done {
                events.push((transaction.completed, true, number(i)));
            }
        }
        events.sort_unstable();
        let mut last = None;
        for (_, is_answer, i) in events {
            match (is_answer, last) {
                (false, Some(before)) => self.add(before, i, TIME, 0),
                (false, None) => {}
                (true, before) => {
                    let hub = self.hub(history.len());
                    self.add(i, hub, TIME, 0);
                    if let Some(before) = before {
                        self.add(before, hub, TIME, 0);
                    }
                    last = Some(hub);
                }
            }
        }
        history.len() + self.hubs as usize
    }

    pub(super) fn finish(mut self, nodes: usize) -> Finished {
        let nodes = nodes
            + if self.edges.is_empty() {
                0
            } else {
                self.hubs as usize
            };
        self.edges
            .sort_unstable_by_key(|(from, edge)| (*from, edge.to, edge.why));
        self.edges.dedup();
        let mut first = vec![0u32; nodes + 1];
        for (from, _) in &self.edges {
            first[*from as usize + 1] += 1;
        }
        for i in 0..nodes {
            first[i + 1] += first[i];
        }
        Finished {
            first,
            edges: self.edges.into_iter().map(|(_, edge)| edge).collect(),
            keys: self.keys,
        }
    }
}

impl Finished {
    pub(super) fn nodes(&self) -> usize {
        self.first.len() - 1
    }

    pub(super) fn from(&self, node: u32) -> &[Edge] {
        let node = node as usize;
        &self.edges[self.first[node] as usize..self.first[node + 1] as usize]
    }
}

pub(super) fn number(i: usize) -> u32 {
    u32::try_from(i).expect("a history has fewer than 2^32 transactions")
}
