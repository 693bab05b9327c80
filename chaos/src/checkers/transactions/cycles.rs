//! Circles, the smallest that are found, and their names.
//!
//! Level by level: first those of the fewest kinds of edges, for these say most. Within a strongly connected part
//! (Tarjan 1972) a breadth-first search gives the shortest circle through a node.

use std::collections::{HashMap, HashSet, VecDeque};

use super::graph::{Edge, Finished, NOT_SEEN, ON, OVERWRITTEN, READ, TIME, number};
use super::{Promise, Transaction, describe};
use crate::history::Outcome;
use crate::verdict::Verdict;

/// Nodes that all searches for the circles of one part may look at; the first is always made whole.
const LOOKS_MAX: usize = 3_000_000;

/// A circle: each node with the edge by which the next is reached.
type Circle = Vec<(u32, Edge)>;

/// Levels: which edges, and the name of a circle of these; of those with anti-dependencies its end.
const LEVELS: [(u8, &str); 3] = [
    (OVERWRITTEN, "g0"),
    (OVERWRITTEN | READ, "g1c"),
    (OVERWRITTEN | READ | NOT_SEEN, ""),
];
const LEVELS_IN_TIME: [(u8, &str); 3] = [
    (OVERWRITTEN | TIME, "g0-realtime"),
    (OVERWRITTEN | READ | TIME, "g1c-realtime"),
    (OVERWRITTEN | READ | NOT_SEEN | TIME, "-realtime"),
];

pub(super) fn find(history: &[Transaction], graph: &Finished, promise: Promise, verdict: &mut Verdict) {
    let mut told: HashSet<u32> = HashSet::new();
    climb(history, graph, &LEVELS, &mut told, verdict);
    if promise == Promise::Strict {
        against_time(history, graph, &mut told, verdict);
        climb(history, graph, &LEVELS_IN_TIME, &mut told, verdict);
    }
}

fn climb(
    history: &[Transaction],
    graph: &Finished,
    levels: &[(u8, &str)],
    told: &mut HashSet<u32>,
    verdict: &mut Verdict,
) {
    for (mask, name) in levels {
        for part in parts(graph, *mask | ON) {
            // A part with a circle that was told before says nothing new.
            if part.iter().any(|node| told.contains(node)) {
                continue;
            }
            let Some((name, circle)) = circle(history.len(), graph, &part, *mask | ON, name) else {
                continue;
            };
            told.extend(circle.iter().map(|(node, _)| *node));
            verdict.add(&name, explain(history, graph, &circle));
        }
    }
}

/// The smallest circles with time: one that must stand before another was asked for only after that was answered.
fn against_time(history: &[Transaction], graph: &Finished, told: &mut HashSet<u32>, verdict: &mut Verdict) {
    for (i, transaction) in history.iter().enumerate() {
        for edge in graph.from(number(i)) {
            // Through a node that is no transaction: to each behind it.
            let behind: Vec<u32> = match history.get(edge.to as usize) {
                Some(_) => vec![edge.to],
                None if edge.why == NOT_SEEN => graph.from(edge.to).iter().map(|on| on.to).collect(),
                None => Vec::new(),
            };
            let earlier = behind.into_iter().filter(|to| {
                let other = &history[*to as usize];
                other.outcome == Outcome::Done && other.completed < transaction.invoked
            });
            for to in earlier {
                if !told.insert(number(i)) {
                    continue;
                }
                told.insert(to);
                let name = match edge.why {
                    OVERWRITTEN => "g0-realtime",
                    READ => "g1c-realtime",
                    _ => "g-single-realtime",
                };
                let back = Edge {
                    to: number(i),
                    why: TIME,
                    key: 0,
                };
                let circle = vec![(number(i), Edge { to, ..*edge }), (to, back)];
                verdict.add(name, explain(history, graph, &circle));
            }
        }
    }
}

/// The circle that says most of a part, and its name.
fn circle(
    transactions: usize,
    graph: &Finished,
    part: &[u32],
    mask: u8,
    name: &str,
) -> Option<(String, Circle)> {
    let inside: HashSet<u32> = part.iter().copied().collect();
    if mask & NOT_SEEN == 0 {
        return Some((
            name.to_owned(),
            shortest(transactions, graph, part, &inside, mask)?,
        ));
    }
    if let Some(circle) = single(graph, part, &inside, mask) {
        return Some((format!("g-single{name}"), circle));
    }
    let circle = shortest(transactions, graph, part, &inside, mask)?;
    let kind = if has_adjacent(&circle) { "g2" } else { "long-fork" };
    Some((format!("{kind}{name}"), circle))
}

/// Whether two anti-dependencies follow each other.
fn has_adjacent(circle: &Circle) -> bool {
    let whys: Vec<u8> = circle
        .iter()
        .map(|(_, edge)| edge.why)
        .filter(|why| *why != TIME && *why != ON)
        .collect();
    (0..whys.len()).any(|i| whys[i] == NOT_SEEN && whys[(i + 1) % whys.len()] == NOT_SEEN)
}

/// A circle with exactly one anti-dependency.
fn single(graph: &Finished, part: &[u32], inside: &HashSet<u32>, mask: u8) -> Option<Circle> {
    let edges = part
        .iter()
        .flat_map(|node| graph.from(*node).iter().map(move |edge| (*node, *edge)));
    let anti = edges.filter(|(_, edge)| edge.why == NOT_SEEN && inside.contains(&edge.to));
    best(graph, inside, mask & !NOT_SEEN, anti)
}

fn shortest(
    transactions: usize,
    graph: &Finished,
    part: &[u32],
    inside: &HashSet<u32>,
    mask: u8,
) -> Option<Circle> {
    let starts = part.iter().filter(|node| (**node as usize) < transactions);
    let edges = starts.flat_map(|node| graph.from(*node).iter().map(move |edge| (*node, *edge)));
    let edges = edges.filter(|(_, edge)| edge.why & mask != 0 && inside.contains(&edge.to));
    best(graph, inside, mask, edges)
}

/// The shortest circle through one of these edges whose other edges are of `mask`, as far as the looks go.
fn best(
    graph: &Finished,
    inside: &HashSet<u32>,
    mask: u8,
    edges: impl Iterator<Item = (u32, Edge)>,
) -> Option<Circle> {
    let (mut best, mut looks): (Option<Circle>, usize) = (None, LOOKS_MAX);
    for (node, edge) in edges {
        let shorter = best.as_ref().map_or(usize::MAX, |best| best.len() - 1);
        if let Some(mut path) = path(graph, inside, mask, (edge.to, node), &mut looks)
            && path.len() < shorter
        {
            path.insert(0, (node, edge));
            best = Some(path);
        }
        // Two is the least that there is.
        if looks == 0 || best.as_ref().is_some_and(|best| best.len() == 2) {
            break;
        }
    }
    best
}

/// The shortest way from one node to another, each node with the edge by which it is left.
fn path(
    graph: &Finished,
    inside: &HashSet<u32>,
    mask: u8,
    (from, to): (u32, u32),
    looks: &mut usize,
) -> Option<Circle> {
    let mut came: HashMap<u32, (u32, Edge)> = HashMap::new();
    let mut waiting = VecDeque::from([from]);
    while let Some(node) = waiting.pop_front() {
        *looks = looks.saturating_sub(1);
        if node == to {
            let (mut at, mut way) = (to, Vec::new());
            while at != from {
                let (before, edge) = came[&at];
                way.push((before, edge));
                at = before;
            }
            way.reverse();
            return Some(way);
        }
        for edge in graph.from(node) {
            let is_new = edge.to != from && !came.contains_key(&edge.to);
            if edge.why & mask != 0 && inside.contains(&edge.to) && is_new {
                came.insert(edge.to, (node, *edge));
                waiting.push_back(edge.to);
            }
        }
    }
    None
}

/// Strongly connected parts of more than one node, over the edges of `mask`.
fn parts(graph: &Finished, mask: u8) -> Vec<Vec<u32>> {
    const NEW: u32 = u32::MAX;
    let nodes = graph.nodes();
    let (mut index, mut low, mut on_stack) = (vec![NEW; nodes], vec![0u32; nodes], vec![false; nodes]);
    let (mut stack, mut parts, mut next) = (Vec::new(), Vec::new(), 0u32);
    // The call stack of the recursion: a node and how many of its edges are done.
    let mut calls: Vec<(u32, usize)> = Vec::new();
    for root in 0..number(nodes) {
        if index[root as usize] != NEW {
            continue;
        }
        calls.push((root, 0));
        while let Some((node, done)) = calls.pop() {
            let at = node as usize;
            if done == 0 {
                (index[at], low[at], on_stack[at]) = (next, next, true);
                next += 1;
                stack.push(node);
            }
            let edges = graph.from(node);
            let mut descends = false;
            for (i, edge) in edges.iter().enumerate().skip(done) {
                let to = edge.to as usize;
                if edge.why & mask == 0 {
                    continue;
                }
                if index[to] == NEW {
                    calls.push((node, i + 1));
                    calls.push((edge.to, 0));
                    descends = true;
                    break;
                }
                if on_stack[to] {
                    low[at] = low[at].min(index[to]);
                }
            }
            if descends {
                continue;
            }
            if low[at] == index[at] {
                let from = stack.iter().rposition(|other| *other == node).unwrap_or(0);
                let part: Vec<u32> = stack.split_off(from);
                part.iter().for_each(|other| on_stack[*other as usize] = false);
                if part.len() > 1 {
                    parts.push(part);
                }
            }
            if let Some((above, _)) = calls.last() {
                let above = *above as usize;
                low[above] = low[above].min(low[at]);
            }
        }
    }
    parts
}

/// A line for each transaction, with why the next must stand behind it.
fn explain(history: &[Transaction], graph: &Finished, circle: &Circle) -> String {
    let is_one = |node: u32| (node as usize) < history.len();
    let begin = circle.iter().position(|(node, _)| is_one(*node)).unwrap_or(0);
    let turned: Vec<&(u32, Edge)> = circle[begin..].iter().chain(&circle[..begin]).collect();
    let ones: Vec<usize> = (0..turned.len()).filter(|i| is_one(turned[*i].0)).collect();
    let mut lines = vec!["each must stand before the next, and the last before the first".to_owned()];
    for (place, i) in ones.iter().enumerate() {
        let (node, edge) = turned[*i];
        let next = turned[ones[(place + 1) % ones.len()]].0;
        let key = graph.keys.get(edge.key as usize).map_or("", String::as_str);
        let why = match edge.why {
            OVERWRITTEN => format!("T{next} wrote `{key}` over it"),
            READ => format!("T{next} read its `{key}`"),
            NOT_SEEN => format!("it did not see the `{key}` of T{next}"),
            _ => format!("it was answered before T{next} was asked for"),
        };
        lines.push(format!("{}: {why}", describe(history, *node as usize)));
    }
    lines.join("\n")
}
