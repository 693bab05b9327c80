//! The faults of a scenario: one after the other, by seed, until the time is over.

use std::time::Duration;

use anyhow::Result;
use cli_world::Progress;
use platform_runtime::clock::Clock;
use serde_json::{Value, json};

use crate::faults::{Fault, Scene};
use crate::run::Options;
use crate::schedule::Schedule;

/// Where none are named: those that come between two homes.
const FAULTS: [Fault; 7] = [
    Fault::KillCell,
    Fault::StopCell,
    Fault::CutNodes,
    Fault::CutNodeControllers,
    Fault::KillLeader,
    Fault::SlowLink,
    Fault::CutAnswers,
];
/// Where none are named and a fault is planted: those that lose the answer to what took effect, so that it comes again.
const LOSE_ANSWERS: [Fault; 2] = [Fault::CutFromNode, Fault::KillCell];
/// With a planted fault a strike lasts at least so long: past the time for which a node waits for another's answer.
const PAST_A_CALL: Duration = Duration::from_secs(5);
/// Load before a fault strikes, and after it has healed.
const CALM: Duration = Duration::from_millis(1_500);
/// After this many rounds a run ends.
const ROUNDS_MAX: usize = 2_000;

/// Fault after fault, by seed, until the time is over, or what is planted `is_seen`.
///
/// # Errors
/// When a fault cannot be begun or healed.
pub async fn strike(
    options: &Options,
    scene: &Scene<'_>,
    progress: &dyn Progress,
    is_seen: impl AsyncFn() -> bool,
) -> Result<Vec<Value>> {
    let (faults, lasts_at_least) = faults(options);
    let clock = Clock::system();
    let due = clock.monotonic() + options.minutes;
    let mut schedule = Schedule::new(options.seed, faults, None, true);
    let mut rounds = Vec::new();
    while clock.monotonic() < due && rounds.len() < ROUNDS_MAX {
        let Some((mut strike, lasts)) = schedule.next() else {
            break;
        };
        if let Some(why) = scene.means.lacks(strike.fault) {
            progress.progress(&format!("skipped: {}: {why}", strike.fault.name()));
            continue;
        }
        let lasts = lasts.max(lasts_at_least);
        clock.sleep(CALM).await;
        strike.begin(scene).await?;
        clock.sleep(lasts).await;
        strike.heal(scene).await?;
        let (fault, target) = (strike.fault.name(), strike.target());
        progress.progress(&format!(
            "round {}: {fault} at {target} for {lasts:.1?}",
            rounds.len()
        ));
        rounds.push(json!({ "fault": fault, "target": target, "lasted_s": lasts.as_secs_f64() }));
        if options.plant.is_some() && is_seen().await {
            break;
        }
    }
    clock.sleep(CALM).await;
    Ok(rounds)
}

/// Which faults, and how long each lasts at least.
fn faults(options: &Options) -> (Vec<Fault>, Duration) {
    let is_planted = options.plant.is_some();
    let faults = match (options.faults.as_slice(), is_planted) {
        ([], true) => LOSE_ANSWERS.to_vec(),
        ([], false) => FAULTS.to_vec(),
        (named, _) => named.to_vec(),
    };
    let at_least = if is_planted { PAST_A_CALL } else { Duration::ZERO };
    (faults, at_least)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(plant: Option<&str>, faults: &[Fault]) -> Options {
        Options {
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
        }
    }

    #[test]
    fn what_is_planted_in_a_receiver_has_answers_lost_for_longer_than_anybody_waits_for_them() {
        let (planted, lasts) = faults(&options(Some("event-without-mark"), &[]));
        assert_eq!(planted, LOSE_ANSWERS);
        assert!(lasts > platform_wire::CALL_TIMEOUT);
        assert_eq!(faults(&options(None, &[])), (FAULTS.to_vec(), Duration::ZERO));
        let named = [Fault::StopCell];
        assert_eq!(faults(&options(Some("x"), &named)).0, named);
    }
}
