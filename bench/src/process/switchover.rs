//! A shard hands over to its standby under load: how long nobody's write is acknowledged.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chaos::checkers::linearizable;
use cli_world::operator;
use platform_report::{Document, Figure};
use platform_runtime::clock::Clock;
use platform_wire::operation::{FailoverShard, RunState};
use serde_json::json;

use super::Plan;
use super::stand::Stand;
use super::writers::{Acked, Writers, longest_pause, pause};
use crate::output;
use crate::statistics::{Spread, millis};
use crate::versions;

const PEOPLE: usize = 4;
const CLIENTS_EACH: u64 = 2;
/// For one switchover.
const DONE_WITHIN: Duration = Duration::from_secs(30);
/// Load before the first and after the last.
const CALM: Duration = Duration::from_millis(1_000);
const P50_MS_MOST: f64 = 20.0;
const P99_MS_MOST: f64 = 60.0;

/// # Errors
/// When a switchover could not be made.
pub async fn run(plan: Plan) -> Result<Document> {
    let stand = Stand::up(PEOPLE).await?;
    stand.survive("region").await?;
    let fsync = stand.fsyncs("probe-before")?;
    let writers = Writers::new();
    let rounds = async {
        let rounds = rounds(&stand, &writers, plan.rounds).await;
        writers.stop();
        rounds
    };
    let (times, ()) = tokio::join!(rounds, writers.write(&stand.app, &stand.people, CLIENTS_EACH));
    let times = times?;
    writers.read_back(&stand.app, &stand.people).await;
    let document = document(&times, &writers, fsync)?;
    stand.down().await?;
    Ok(document)
}

/// One switchover: when it was asked for, when its operation was done, and the end of the calm after it.
struct Round {
    asked: Duration,
    done: Duration,
    ended: Duration,
}

impl Round {
    /// The longest pause of those that began while the shard was handed over.
    fn pause(&self, acked: &[Acked]) -> (Duration, Duration) {
        let first_after = acked
            .iter()
            .map(|one| one.acked)
            .filter(|at| *at > self.done)
            .min();
        longest_pause(acked, self.asked, first_after.unwrap_or(self.ended))
    }
}

async fn rounds(stand: &Stand, writers: &Writers, count: usize) -> Result<Vec<Round>> {
    let (clock, admin, mut times) = (Clock::system(), stand.world.admin()?, Vec::new());
    clock.sleep(CALM).await;
    for round in 1..=count {
        stand.whole().await?;
        let to = stand
            .route()
            .await?
            .set
            .standbys
            .first()
            .context("a standby")?
            .replica;
        let given = FailoverShard {
            shard: stand.shard.clone(),
            to: Some(to),
            expected: None,
            force: None,
        };
        let asked = writers.now();
        let started = admin
            .failover_shard(&given, "bench")
            .await
            .map_err(operator::explain)?;
        let id = started.operation.context("an operation")?;
        let view = stand.world.wait_for_operation(id, DONE_WITHIN).await?;
        ensure!(
            view.state == RunState::Done,
            "switchover {round}: {:?}",
            view.state
        );
        let done = writers.now();
        clock.sleep(CALM / 2).await;
        let one = Round {
            asked,
            done,
            ended: writers.now(),
        };
        let (from, to) = one.pause(&writers.acked());
        output::progress(&format!(
            "switchover {round} of {count}: writes paused for {:.1} ms, {:.1} ms after it was asked for",
            millis(to - from),
            millis(from.saturating_sub(asked)),
        ));
        times.push(one);
    }
    Ok(times)
}

fn document(rounds: &[Round], writers: &Writers, fsync: Spread) -> Result<Document> {
    let acked = writers.acked();
    let pauses = rounds.iter().map(|round| round.pause(&acked));
    let pauses: Vec<f64> = pauses.map(|(from, to)| millis(to - from)).collect();
    let spread = Spread::of(pauses.iter().copied());
    let after = rounds.iter().map(|round| pause(&acked, round.done, round.ended));
    let after = Spread::of(after.map(millis));
    let (failed, samples) = writers.failed();
    let verdict = linearizable(&writers.operations());
    let mut document = Document::new("switchover");
    document.versions = versions::versions(&[])?;
    document.figures = vec![
        Figure::at_most("switchover-pause-p50", spread.median, "ms", P50_MS_MOST),
        Figure::at_most(
            "switchover-pause-p99",
            Spread::quantile(&pauses, 0.99),
            "ms",
            P99_MS_MOST,
        ),
        Figure::info("switchover-pause-max", spread.most, "ms"),
        Figure::at_most("client-errors", failed as f64, "requests", 0.0),
        Figure::at_most("not-linearizable", verdict.found as f64, "people", 0.0),
        Figure::info("switchovers", rounds.len() as f64, "rounds"),
        Figure::info("writes", acked.len() as f64, "writes"),
        Figure::info("fsync-p50", fsync.median, "ms"),
    ];
    document.tables.insert(
        "pauses-ms".into(),
        json!([
            spread.row("pause"),
            after.row("longest pause in the half second after"),
            fsync.row("fsync"),
        ]),
    );
    document.notes.extend(samples);
    document
        .notes
        .extend((!verdict.is_clean()).then(|| verdict.to_string()));
    document.notes.extend(versions::profile_note());
    Ok(document)
}
