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
const BLOWS: [(Fault, At); 12] = [
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
];
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

/// Blow after blow, until the time is over.
///
/// # Errors
/// When a fault cannot be begun or healed, or nobody moves any more.
pub async fn strike(
    options: &Options,
    scene: &Scene<'_>,
    people: &People,
    progress: &dyn Progress,
) -> Result<Vec<Value>> {
    let wanted = |(fault, _): &&(Fault, At)| options.faults.is_empty() || options.faults.contains(fault);
    let blows: Vec<(Fault, At)> = BLOWS.iter().filter(wanted).copied().collect();
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
    }
    Ok(rounds)
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
    fn both_homes_of_a_move_have_a_cell() {
        for home in super::super::relocate_people::HOMES {
            assert!(seat_of(&home.parse().expect("a home")).is_ok(), "{home}");
        }
    }
}
