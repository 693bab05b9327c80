//! The loops that are timed.

use std::hint::black_box;

use platform_model::UserId;
use platform_runtime::random;
use router_table::decide::{Caller, RequestHead};
use router_table::{Found, Moment, Overrides, decide};
use uuid::Uuid;

use super::world::{COMMON_HOST, World};

/// A time at which everything learned is alive.
const NOW_MS: u64 = 1;
const NOW: Moment = Moment {
    now_ms: NOW_MS,
    table_age_ms: 0,
};

/// One person's request: index of the home, and who.
pub type Traveller = (u32, UserId);

/// Random people of random homes, in the order in which they will be looked up.
pub fn travellers(homes: usize, people: usize) -> Vec<Traveller> {
    let homes = homes as u64;
    let one = |_| {
        let home = u32::try_from(random::below(homes)).expect("a world has fewer homes");
        (home, UserId::from_uuid(Uuid::from_bytes(random::bytes())))
    };
    (0..people).map(one).collect()
}

/// What is done for each person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// Home and user -> node and epoch, by the table.
    Table,
    /// The same, and then what was learned of the shard.
    Learned,
    /// A whole decision on the head of an ordinary request, with nothing learned.
    Decide,
}

impl Walk {
    /// Looks everyone up; answers how many were found.
    pub fn over(self, world: &World, overrides: &Overrides, people: &[Traveller]) -> usize {
        match self {
            Self::Table => count(people, |person| in_table(world, person)),
            Self::Learned => count(people, |person| in_learned(world, overrides, person)),
            Self::Decide => {
                let nothing = Overrides::new(1, 1);
                count(people, |person| in_decision(world, &nothing, person))
            }
        }
    }
}

fn count(people: &[Traveller], mut found: impl FnMut(&Traveller) -> bool) -> usize {
    people.iter().filter(|person| found(black_box(person))).count()
}

fn in_table(world: &World, (home, user): &Traveller) -> bool {
    let found = world.table.find(&world.homes[*home as usize], *user);
    black_box(found.place()).is_some()
}

fn in_learned(world: &World, overrides: &Overrides, (home, user): &Traveller) -> bool {
    match world.table.find(&world.homes[*home as usize], *user) {
        Found::Home(found) => black_box(overrides.find(&world.table, found.shard, NOW_MS)).is_some(),
        Found::UnknownHome => false,
    }
}

fn in_decision(world: &World, overrides: &Overrides, (home, user): &Traveller) -> bool {
    let head = RequestHead {
        method: "GET",
        host: COMMON_HOST,
        path: "/v1/activities",
        caller: Some(Caller {
            home: &world.homes[*home as usize],
            user: *user,
        }),
        idempotency_key: None,
    };
    black_box(decide(&world.table, overrides, &head, NOW))
        .route()
        .is_some()
}

#[cfg(test)]
mod tests {
    use super::super::world::Shape;
    use super::*;

    #[test]
    fn each_walk_finds_everyone_and_no_one_where_nobody_lives() {
        let shape = Shape {
            cells: 4,
            homes: 2,
            shards_per_home: 8,
        };
        let mut world = World::build(shape).expect("sound names");
        let overrides = world.learn_all().expect("followed");
        let people = travellers(2, 100);
        for walk in [Walk::Table, Walk::Learned, Walk::Decide] {
            assert_eq!(walk.over(&world, &overrides, &people), 100, "{walk:?}");
        }
        world.homes = vec!["law-9/mars".parse().expect("a home"); 2];
        for walk in [Walk::Table, Walk::Learned, Walk::Decide] {
            assert_eq!(walk.over(&world, &overrides, &people), 0, "{walk:?}");
        }
        let nothing = Overrides::new(1, 1);
        assert_eq!(
            Walk::Learned.over(&World::build(shape).expect("sound names"), &nothing, &people),
            0
        );
    }
}
