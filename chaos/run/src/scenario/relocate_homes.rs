//! What two homes say of a person, each by itself and whomever the router leads where: one of them has him, and no other.

use anyhow::{Context, Result};
use cli_world::people::OPERATOR;
use cli_world::{World, operator};
use platform_model::{HomeId, RoutingTable, UserId};
use platform_runtime::tls::Identity;
use platform_wire::relocation::{RelocationsClient, Told};

/// What each of two homes says of him, in their order.
///
/// # Errors
/// When nobody serves his shard of one of them, or gives no answer.
pub async fn both_say(world: &World, user: UserId, homes: [&HomeId; 2]) -> Result<[Told; 2]> {
    let table = world.wait_for_leader().await?.table;
    let identity = operator::identity(&world.layout, &world.id, &OPERATOR)?;
    let says = |home| says(&table, &identity, home, user);
    Ok([says(homes[0]).await?, says(homes[1]).await?])
}

async fn says(table: &RoutingTable, identity: &Identity, home: &HomeId, user: UserId) -> Result<Told> {
    let shard = table.shard_of_user(home, user);
    let served = shard.as_ref().and_then(|shard| table.primary_of(shard));
    let (route, node) = served.with_context(|| format!("nobody serves {home}"))?;
    let cell = table.cells.get(&route.node.cell).context("a node of no cell")?;
    let client = RelocationsClient::new(&route.node, &cell.region, &node.address, identity)?;
    let told = client.show(home, user).await;
    told.with_context(|| format!("{home} does not say how he stands"))
}

/// He is served there. Without an epoch a home only says that it has never heard of him.
fn serves(told: &Told) -> bool {
    told.user_epoch != 0 && matches!(told.phase.as_str(), "at-home" | "copying")
}

/// Both serve him.
pub fn is_served_twice(both: &[Told; 2]) -> bool {
    both.iter().all(serves)
}

/// What is wrong with what they say, of one who is found in the first, and has lived in the other before if he has `moved`.
pub fn wrong(homes: [&HomeId; 2], both: &[Told; 2], moved: bool) -> Option<String> {
    let [found, other] = both;
    let is_there = serves(found) || (!moved && found.phase.is_empty());
    // A fence holds him until he is served elsewhere for sure.
    let is_elsewhere_too = serves(other) || other.phase == "fenced";
    let has_left = !moved || matches!(other.phase.as_str(), "gone" | "erasing");
    let wrong = !is_there || is_elsewhere_too || !has_left;
    wrong.then(|| {
        let say = |at: usize| {
            let Told {
                phase, user_epoch, ..
            } = &both[at];
            format!("{} says `{phase}` of user epoch {user_epoch}", homes[at])
        };
        format!("{}, and {}", say(0), say(1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told((phase, user_epoch): (&str, u64)) -> Told {
        Told {
            phase: phase.to_owned(),
            user_epoch,
            ..Told::default()
        }
    }

    #[test]
    fn one_home_has_him_and_the_one_that_he_left_says_that_he_is_gone() {
        let homes: [HomeId; 2] = ["eu/eu-west", "eu/eu-central"].map(|home| home.parse().expect("a home"));
        let wrong = |found, other, moved| {
            let both = [told(found), told(other)];
            wrong([&homes[0], &homes[1]], &both, moved)
        };
        let nothing = ("", 0);
        for (found, other, moved) in [
            (("at-home", 2), ("gone", 2), true),
            (("at-home", 2), ("erasing", 2), true),
            // He thought better of it, before or after the copy had come in there.
            (("at-home", 1), nothing, false),
            (("at-home", 1), ("coming-in", 0), false),
            (("at-home", 1), ("gone", 1), false),
            (nothing, nothing, false),
        ] {
            assert_eq!(wrong(found, other, moved), None, "{found:?} {other:?}");
        }
        for (found, other, moved) in [
            (("at-home", 2), ("at-home", 1), true),
            (("at-home", 2), ("copying", 1), true),
            (("at-home", 2), ("fenced", 1), true),
            (("at-home", 2), nothing, true),
            (("at-home", 1), ("at-home", 2), false),
            (("coming-in", 0), ("gone", 2), true),
            (nothing, ("gone", 2), true),
            (("fenced", 1), nothing, false),
        ] {
            assert!(wrong(found, other, moved).is_some(), "{found:?} {other:?}");
        }
        let both = wrong(("at-home", 2), ("at-home", 1), true).expect("wrong");
        assert_eq!(
            both,
            "eu/eu-west says `at-home` of user epoch 2, and eu/eu-central says `at-home` of user epoch 1"
        );
    }

    #[test]
    fn he_is_served_twice_only_where_both_have_an_epoch_of_his() {
        let twice = |old, new| is_served_twice(&[told(old), told(new)]);
        assert!(twice(("at-home", 1), ("at-home", 2)));
        assert!(!twice(("gone", 2), ("at-home", 2)));
        assert!(!twice(("fenced", 1), ("at-home", 2)), "he waits there");
        assert!(
            !twice(("at-home", 1), ("at-home", 0)),
            "it has never heard of him"
        );
    }
}
