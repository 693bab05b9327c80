//! No copy, claim or crossing outside the law, at any step of random worlds, laws and requests; and with the check of
//! one place left out, another place, or the evidence, raises the alarm.
//!
//! The places are the real ones: `apply` of the controllers, the node's `Law`, the router's `decide`.

mod laws;
mod world;

use proptest::prelude::*;
use world::{Plant, World};

const CATALOGUE: &str = "a catalogue of classes";
const HOMES: [(&str, &str); 4] = [
    ("eu", "eu-central"),
    ("eu", "eu-west"),
    ("us", "us-east"),
    ("in", "in-west"),
];
const COUNTRIES: [(&str, &str); 3] = [("DE", "eu"), ("US", "us"), ("IN", "in")];
/// In the year 2010.
const BEGIN_MS: u64 = 40 * 365 * 86_400_000;

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Step {
    /// A law is proposed and approved; its answers come from the seed.
    Enact {
        seed: u64,
        days_ahead: u16,
    },
    /// Time passes, and what is due comes into force.
    Pass {
        ms: u32,
    },
    Register {
        home: usize,
    },
    Place {
        shard: usize,
        cell: usize,
    },
    /// A node or router hears of the newest table.
    Hear {
        who: usize,
    },
    Forward {
        home: usize,
        router: usize,
        user: u128,
    },
    Cross {
        home: usize,
        to: usize,
        class: usize,
        purpose: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (any::<u64>(), 0_u16..3).prop_map(|(seed, days_ahead)| Step::Enact { seed, days_ahead }),
        (0_u32..400_000_000).prop_map(|ms| Step::Pass { ms }),
        (0..HOMES.len()).prop_map(|home| Step::Register { home }),
        (any::<usize>(), 0..HOMES.len()).prop_map(|(shard, cell)| Step::Place { shard, cell }),
        (0..HOMES.len()).prop_map(|who| Step::Hear { who }),
        (0..HOMES.len(), 0..HOMES.len(), any::<u128>()).prop_map(|(home, router, user)| Step::Forward {
            home,
            router,
            user
        }),
        (0..HOMES.len(), 0..HOMES.len(), any::<usize>(), any::<usize>()).prop_map(
            |(home, to, class, purpose)| Step::Cross {
                home,
                to,
                class,
                purpose
            }
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_copy_and_no_crossing_outside_the_law_at_any_step(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new(None);
        for step in &steps {
            world.take(step)?;
        }
        prop_assert!(world.alarms.is_empty());
    }
}

/// With one place's check left out, somebody else notices, in each of many worlds that do a few things.
#[test]
fn with_one_check_left_out_another_place_or_the_evidence_raises_the_alarm() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    for plant in [Plant::Apply, Plant::Node, Plant::Door, Plant::Egress] {
        let mut runner = TestRunner::deterministic();
        let steps = prop::collection::vec(step(), 60..61);
        let mut caught = 0;
        for _ in 0..20 {
            let steps = steps.new_tree(&mut runner).expect("steps").current();
            let mut world = World::new(Some(plant));
            for step in &steps {
                world
                    .take(step)
                    .unwrap_or_else(|error| panic!("{plant:?}: {error}"));
            }
            caught += usize::from(!world.alarms.is_empty());
        }
        assert!(caught >= 10, "{plant:?}: noticed in {caught} of 20 worlds");
    }
}

/// The property would hold of worlds in which nothing happens, too.
#[test]
fn in_these_worlds_shards_are_placed_and_data_crosses() {
    let mut world = World::new(None);
    let steps = [
        Step::Register { home: 0 },
        Step::Register { home: 2 },
        Step::Enact {
            seed: 7,
            days_ahead: 0,
        },
        Step::Hear { who: 0 },
        Step::Hear { who: 2 },
        Step::Forward {
            home: 0,
            router: 0,
            user: 1,
        },
    ];
    for step in &steps {
        world.take(step).expect("lawful");
    }
    assert!(world.placed >= 4, "{} primaries", world.placed);
    assert!(world.disks[0].len() >= 3, "{:?}", world.disks[0]);
}
