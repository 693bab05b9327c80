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
/// Load before a fault strikes, and after it has healed.
const CALM: Duration = Duration::from_millis(1_500);
/// After this many rounds a run ends.
const ROUNDS_MAX: usize = 2_000;

/// Fault after fault, by seed, until the time is over.
///
/// # Errors
/// When a fault cannot be begun or healed.
pub async fn strike(options: &Options, scene: &Scene<'_>, progress: &dyn Progress) -> Result<Vec<Value>> {
    let faults = if options.faults.is_empty() {
        FAULTS.to_vec()
    } else {
        options.faults.clone()
    };
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
    }
    clock.sleep(CALM).await;
    Ok(rounds)
}
