//! Small worlds searched wholly: one shard, two replicas, few messages, every interleaving up to a depth.
//!
//! Where the simulator walks far along few paths, this walks a little way along all of them: each message may be
//! delivered now, later, twice or never; each node may flush, crash with or without what was under way, and start; the
//! control plane may begin a promotion and choose among those that answered; time may jump past all promises. States
//! that were seen are not searched again. The machines are the real ones.

use std::collections::HashSet;

use cell_replica::{Durable, Log, Plants, Write};

use super::content::SimContent;
use super::small_world::{Next, State};

/// How far to search.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub depth: u32,
    pub states_max: u64,
    pub crashes: u8,
    pub writes: u8,
    pub jumps: u8,
    pub promotions: u8,
    pub plants: Plants,
}

/// What was searched.
#[derive(Debug, Clone, Default)]
pub struct Searched {
    pub states: u64,
    pub steps: u64,
    /// Every interleaving up to this many steps.
    pub depth: u32,
    /// The first path that breaks something, step by step, and what it breaks.
    pub broken: Option<(String, Vec<String>)>,
}

/// Searches breadth first.
pub fn search(bounds: Bounds) -> Searched {
    let mut searched = Searched::default();
    let start = State::start(bounds);
    let mut seen = HashSet::new();
    seen.insert(start.key());
    let mut paths: Vec<(u32, Next)> = Vec::new();
    let mut level: Vec<(State, u32)> = vec![(start, u32::MAX)];
    for depth in 1..=bounds.depth {
        let mut deeper = Vec::new();
        for (state, path) in &level {
            for next in state.choices() {
                searched.steps += 1;
                let mut after = state.clone();
                after.take(next, bounds.plants);
                if !seen.insert(after.key()) {
                    continue;
                }
                searched.states += 1;
                let at = u32::try_from(paths.len()).unwrap_or(u32::MAX);
                paths.push((*path, next));
                if let Some(what) = after.broken {
                    searched.broken = Some((what.to_owned(), trace(&paths, at)));
                    return searched;
                }
                deeper.push((after, at));
            }
            if searched.states >= bounds.states_max {
                return searched;
            }
        }
        searched.depth = depth;
        level = deeper;
        if level.is_empty() {
            break;
        }
    }
    searched
}

fn trace(paths: &[(u32, Next)], mut at: u32) -> Vec<String> {
    let mut steps = Vec::new();
    while let Some((before, next)) = paths.get(at as usize) {
        steps.push(format!("{next:?}"));
        at = *before;
    }
    steps.reverse();
    steps
}

impl State {}

/// What a batch does to the durable log; rows are not looked at here.
pub(crate) fn write(durable: &mut Durable<SimContent>, writes: Vec<Write<SimContent>>) {
    for write in writes {
        match write {
            Write::Meta(meta) => durable.meta = *meta,
            Write::Entry { entry, .. } => durable.log.push(entry),
            Write::Truncate { after } => durable.log.truncate(after),
            Write::Reset { base } => durable.log = Log::from_base(base),
            Write::Page { .. } | Write::Restore { .. } | Write::ApplyStored { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cell_replica::Plant;

    fn bounds(depth: u32, plants: Plants) -> Bounds {
        Bounds {
            depth,
            states_max: 300_000,
            crashes: 1,
            writes: 1,
            jumps: 1,
            promotions: 1,
            plants,
        }
    }

    #[test]
    fn no_interleaving_breaks_anything() {
        let searched = search(bounds(7, Plants::none()));
        assert!(searched.broken.is_none(), "{:#?}", searched.broken);
        assert!(searched.states > 1_000, "{searched:?}");
        assert_eq!(searched.depth, 7);
    }

    #[test]
    fn planted_bugs_are_found_with_the_shortest_path() {
        for plant in [Plant::AcknowledgeBeforeTheStandby, Plant::AckBeforeDurable] {
            let searched = search(bounds(9, Plants::one(plant)));
            assert!(searched.broken.is_some(), "{}", plant.name());
        }
    }
}
