//! The faults of the scenario `relocate`: each strikes at a moment drawn by seed after somebody has asked to move, at whoever
//! has a part in it: the home that he leaves, the one that takes him in, the controllers, the router.

use std::time::Duration;

use anyhow::{Context, Result};
use chaos::synthetic::Random;
use cli_world::seats::{places, seat_of_cell};
use cli_world::{Progress, Seat};
use platform_model::HomeId;
use platform_runtime::clock::Clock;
use serde_json::{Value, json};

use super::relocate_people::People;
use crate::faults::{Fault, Scene, Strike};
use crate::run::Options;

/// Whose part is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Source,
    Target,
    Others,
}

/// One after the other, over and over.
const BLOWS: [(Fault, At); 13] = [
    (Fault::KillCell, At::Source),
    (Fault::KillCell, At::Target),
    (Fault::KillLeader, At::Others),
    (Fault::KillRouter, At::Others),
    (Fault::CutNodes, At::Source),
    (Fault::StopCell, At::Source),
    (Fault::StopCell, At::Target),
    (Fault::KillControllers, At::Others),
    (Fault::CutNodeControllers, At::Source),
    (Fault::CutNodeControllers, At::Target),
    (Fault::CutAnswers, At::Target),
    (Fault::SlowLink, At::Source),
    (Fault::SlowNodes, At::Source),
];
/// Where none are named and a fault is planted: it is long from the first page to the fence, and meanwhile he is served as ever.
const WHILE_HE_WRITES: Fault = Fault::SlowNodes;
/// So long then, from the answer to his request on.
const ALL_THE_WAY: Duration = Duration::from_millis(3_000);
/// From the answer to the request that asks for it: a small person has moved within it, one way or the other.
const AFTER_MS_MAX: u64 = 700;
const LASTS: Duration = Duration::from_millis(500);
const LONGER_MS_MAX: u64 = 2_500;
/// Load after a fault has healed.
const CALM: Duration = Duration::from_millis(1_500);
/// For somebody to begin to move.
const BEGINS_WITHIN: Duration = Duration::from_secs(60);
/// After this many rounds a run ends.
const ROUNDS_MAX: usize = 2_000;

/// Blow after blow, until the time is over, or what is planted is seen.
///
/// # Errors
/// When a fault cannot be begun or healed, or nobody moves any more.
pub async fn strike(
    options: &Options,
    scene: &Scene<'_>,
    people: &People,
    progress: &dyn Progress,
) -> Result<Vec<Value>> {
    let blows = blows(options);
    anyhow::ensure!(!blows.is_empty(), "this scenario has none of those faults");
    let (clock, mut random) = (Clock::system(), Random::new(options.seed));
    let due = clock.monotonic() + options.minutes;
    let mut rounds = Vec::new();
    for (fault, at) in blows.into_iter().cycle().take(ROUNDS_MAX) {
        if clock.monotonic() >= due {
            break;
        }
        let begins = tokio::time::timeout(BEGINS_WITHIN, people.next_that_moves()).await;
        let (from, to) = begins.context("nobody asks to move any more")?;
        let after = Duration::from_millis(random.below(AFTER_MS_MAX));
        let lasts = LASTS + Duration::from_millis(random.below(LONGER_MS_MAX));
        let (after, lasts) = match &options.plant {
            Some(_) => (Duration::ZERO, lasts.max(ALL_THE_WAY)),
            None => (after, lasts),
        };
        clock.sleep(after).await;
        let node = match at {
            At::Source => Some(seat_of(&from)?),
            At::Target => Some(seat_of(&to)?),
            At::Others => None,
        };
        let mut strike = Strike::new(fault, node);
        strike.begin(scene).await?;
        clock.sleep(lasts).await;
        strike.heal(scene).await?;
        let (name, target) = (fault.name(), strike.target());
        let round = rounds.len();
        progress.progress(&format!(
            "round {round}: {name} at {target}, {after:.1?} after somebody asked to move from {from}, for {lasts:.1?}"
        ));
        rounds.push(json!({
            "fault": name,
            "target": target,
            "part": format!("{at:?}").to_lowercase(),
            "after_ms": after.as_millis(),
            "lasted_s": lasts.as_secs_f64(),
        }));
        clock.sleep(CALM).await;
        if let Some(plant) = &options.plant
            && people.anybody_shows(plant, scene.world).await
        {
            break;
        }
    }
    Ok(rounds)
}

fn blows(options: &Options) -> Vec<(Fault, At)> {
    let is_wanted = |fault: &Fault| match options.faults.as_slice() {
        [] => options.plant.is_none() || *fault == WHILE_HE_WRITES,
        named => named.contains(fault),
    };
    let wanted = BLOWS.into_iter().filter(|(fault, _)| is_wanted(fault));
    wanted.collect()
}

fn seat_of(home: &HomeId) -> Result<Seat> {
    let place = places().into_iter().find(|place| place.home == *home);
    let seat = place.and_then(|place| seat_of_cell(&place.cell));
    seat.with_context(|| format!("no cell holds {home}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Means;

    #[test]
    fn whoever_has_a_part_in_a_move_is_killed_in_it() {
        for part in [At::Source, At::Target] {
            assert!(BLOWS.contains(&(Fault::KillCell, part)), "{part:?}");
        }
        for fault in [Fault::KillLeader, Fault::KillControllers, Fault::KillRouter] {
            assert!(BLOWS.contains(&(fault, At::Others)), "{fault:?}");
        }
        for (fault, at) in BLOWS {
            assert_eq!(fault.is_at_a_node(), at != At::Others, "{fault:?}");
            assert_eq!(Means::default().lacks(fault), None);
        }
    }

    #[test]
    fn what_is_planted_shows_while_the_way_to_the_other_home_is_long_and_that_to_the_own_is_not() {
        let options = |plant: Option<&str>, faults: &[Fault]| Options {
            minutes: Duration::from_secs(60),
            seed: 1,
            faults: faults.to_vec(),
            plant: plant.map(str::to_owned),
            survival: None,
            every_fault: false,
            moves: false,
            no_build: true,
            keep: false,
            histories: None,
        };
        let planted = blows(&options(Some("relocation-without-tail"), &[]));
        assert_eq!(planted, [(Fault::SlowNodes, At::Source)]);
        assert_eq!(blows(&options(None, &[])), BLOWS);
        assert_eq!(blows(&options(Some("x"), &[Fault::KillCell])).len(), 2);
    }

    #[test]
    fn both_homes_of_a_move_have_a_cell() {
        for home in super::super::relocate_people::HOMES {
            assert!(seat_of(&home.parse().expect("a home")).is_ok(), "{home}");
        }
    }
}
