//! Look-ups in the compiled routing table: one thread, random people in random order.
//!
//! The same 12,800 shards are laid out over 10, 100 and 1,000 cells ([`world`]) and looked up in turn; a look-up is
//! what the router does for each request once it knows the caller: home and user -> shard -> node and epoch.
//! [`figures`] makes the document.

mod figures;
mod walk;
mod world;

use std::time::Duration;

use anyhow::{Result, ensure};
use platform_report::Document;
use platform_runtime::Clock;
use router_table::Overrides;

use crate::output;
use walk::{Walk, travellers};
use world::{Shape, World};

/// Worlds of 12,800 shards, growing in cells and homes.
const SHAPES: [Shape; 3] = [
    Shape {
        cells: 10,
        homes: 2,
        shards_per_home: 6_400,
    },
    Shape {
        cells: 100,
        homes: 20,
        shards_per_home: 640,
    },
    Shape {
        cells: 1_000,
        homes: 200,
        shards_per_home: 64,
    },
];
/// A small world in every respect: what caches hold without effort.
const SMALL: Shape = Shape {
    cells: 10,
    homes: 2,
    shards_per_home: 64,
};
/// 10^6 shards over the homes and cells of the largest of [`SHAPES`]: its shards are among them.
const LEARNED: Shape = Shape {
    cells: 1_000,
    homes: 200,
    shards_per_home: 5_000,
};

/// How much is measured.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Look-ups of one pass, each of another person.
    pub people: usize,
    /// Passes over each world.
    pub passes: usize,
    /// Shards of each home that were learned to be elsewhere.
    pub learned_per_home: u16,
}

impl Plan {
    /// About 15 s.
    pub fn full() -> Self {
        Self {
            people: 1_000_000,
            passes: 20,
            learned_per_home: LEARNED.shards_per_home,
        }
    }

    /// About 3 s.
    pub fn quick() -> Self {
        Self {
            people: 200_000,
            passes: 10,
            learned_per_home: 640,
        }
    }
}

/// What is walked, over and over.
struct Track {
    name: String,
    world: World,
    kind: Walk,
    /// Nanoseconds for each look-up, one value a pass.
    passes: Vec<f64>,
}

/// Measures and says what came out.
///
/// # Errors
/// A look-up found nothing: then the numbers would mean nothing.
pub fn run(plan: &Plan) -> Result<Document> {
    let mut tracks = Vec::new();
    for (name, shape, kind) in courses() {
        output::progress(&format!("route: compiling {name}"));
        tracks.push(Track {
            name,
            world: World::build(shape)?,
            kind,
            passes: Vec::with_capacity(plan.passes),
        });
    }
    let overrides = learn(plan)?;
    let people: Vec<_> = tracks
        .iter()
        .map(|track| travellers(track.world.homes.len(), plan.people))
        .collect();
    let clock = Clock::system();
    output::progress(&format!(
        "route: {} passes over {} people in each world",
        plan.passes, plan.people
    ));
    for pass in 0..=plan.passes {
        for (track, people) in tracks.iter_mut().zip(&people) {
            let started = clock.monotonic();
            let found = track.kind.over(&track.world, &overrides, people);
            let took = clock.monotonic() - started;
            ensure!(
                found == people.len(),
                "{}: {found} of {} look-ups found a place",
                track.name,
                people.len()
            );
            // The first pass only warms up.
            if pass > 0 {
                track.passes.push(nanos_each(took, found));
            }
        }
    }
    figures::document(plan, &tracks, overrides.len())
}

/// Name, world and walk of each track; the names are those of the figures.
fn courses() -> Vec<(String, Shape, Walk)> {
    let [few, some, many] = SHAPES;
    vec![
        ("route-lookup-ns".to_owned(), many, Walk::Table),
        ("route-lookup-10-cells-ns".to_owned(), few, Walk::Table),
        ("route-lookup-100-cells-ns".to_owned(), some, Walk::Table),
        ("route-lookup-small-world-ns".to_owned(), SMALL, Walk::Table),
        ("route-lookup-learned-ns".to_owned(), many, Walk::Learned),
        ("route-decide-ns".to_owned(), many, Walk::Decide),
    ]
}

/// What a router knows that was told of this many shards that they moved.
fn learn(plan: &Plan) -> Result<Overrides> {
    let shape = Shape {
        shards_per_home: plan.learned_per_home,
        ..LEARNED
    };
    output::progress(&format!("route: learning {} places", shape.shards()));
    World::build(shape)?.learn_all()
}

fn nanos_each(took: Duration, count: usize) -> f64 {
    took.as_secs_f64() * 1e9 / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_walk_runs_and_every_figure_is_there() {
        let plan = Plan {
            people: 2_000,
            passes: 2,
            learned_per_home: 64,
        };
        let document = run(&plan).expect("runs");
        for name in ["route-lookup-ns", "route-flatness"] {
            let figure = document
                .figures
                .iter()
                .find(|figure| figure.name == name)
                .expect(name);
            assert!(figure.goal.is_some() && figure.value > 0.0, "{figure:?}");
        }
        for (name, ..) in courses() {
            assert!(
                document.figures.iter().any(|figure| figure.name == name),
                "{name}"
            );
        }
    }

    #[test]
    fn the_worlds_have_the_shards_of_the_goal() {
        assert!(SHAPES.iter().all(|shape| shape.shards() == 12_800));
        assert_eq!(SHAPES.map(|shape| shape.cells), [10, 100, 1_000]);
        assert_eq!(LEARNED.shards(), 1_000_000);
    }
}
