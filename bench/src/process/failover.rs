//! The cell of a shard's primary is killed (kill -9) under load: how long until the next write is acknowledged, and that
//! nothing acknowledged is lost.

use std::time::Duration;

use anyhow::{Context, Result};
use chaos::checkers::linearizable;
use cli_world::seats::{SeatKind, seats};
use cli_world::{Seat, operator};
use platform_report::{Document, Figure};
use platform_runtime::clock::Clock;
use serde_json::json;

use super::Plan;
use super::stand::Stand;
use super::writers::Writers;
use crate::output;
use crate::statistics::{Spread, millis};
use crate::versions;

const PEOPLE: usize = 4;
const CLIENTS_EACH: u64 = 2;
const CALM: Duration = Duration::from_millis(1_000);
/// For the next acknowledgement, however late.
const ACKED_WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);
/// Of so many rounds one more kills the controllers' leader together with the cell.
const WITH_LEADER_ONE_IN: usize = 6;
const P50_MS_MOST: f64 = 1_000.0;
const MAX_MS_MOST: f64 = 1_500.0;

/// # Errors
/// When a round could not be made.
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
    let (alone, with_leader) = times?;
    writers.read_back(&stand.app, &stand.people).await;
    let document = document(&alone, &with_leader, &writers, fsync)?;
    stand.down().await?;
    Ok(document)
}

/// Milliseconds from the kill to the next acknowledgement: of a cell alone, and of a cell with the leader.
async fn rounds(stand: &Stand, writers: &Writers, count: usize) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mut alone, mut with_leader) = (Vec::new(), Vec::new());
    for round in 1..=count {
        output::progress(&format!("failover {round} of {count}"));
        alone.push(
            one(stand, writers, false)
                .await
                .with_context(|| format!("round {round}"))?,
        );
        if round % WITH_LEADER_ONE_IN == 0 {
            with_leader.push(
                one(stand, writers, true)
                    .await
                    .with_context(|| format!("round {round}"))?,
            );
        }
    }
    Ok((alone, with_leader))
}

async fn one(stand: &Stand, writers: &Writers, with_leader: bool) -> Result<f64> {
    let clock = Clock::system();
    stand.whole().await?;
    clock.sleep(CALM).await;
    let mut victims = vec![stand.primary().await?];
    if with_leader {
        victims.push(leader(stand).await?);
    }
    let killed_at = writers.now();
    for victim in &victims {
        stand.world.kill(victim).await?;
    }
    let gone_at = writers.now();
    let next = loop {
        // Only what was asked for after the end of the process is surely of its successor.
        let next = writers
            .acked()
            .into_iter()
            .filter(|one| one.asked >= gone_at || one.acked > gone_at + POLL * 4);
        if let Some(next) = next.map(|one| one.acked).min() {
            break next;
        }
        anyhow::ensure!(
            writers.now() < gone_at + ACKED_WITHIN,
            "no write was acknowledged any more"
        );
        clock.sleep(POLL).await;
    };
    for victim in &victims {
        stand.world.spawn(victim)?;
    }
    Ok(millis(next.saturating_sub(killed_at)))
}

async fn leader(stand: &Stand) -> Result<Seat> {
    let status = stand.world.admin()?.status().await.map_err(operator::explain)?;
    let id = status.leader.context("no controller leads")?.id;
    let seat = seats()
        .into_iter()
        .find(|seat| matches!(seat.kind, SeatKind::Controller(own) if own == id));
    seat.context("the leader has a seat")
}

fn document(alone: &[f64], with_leader: &[f64], writers: &Writers, fsync: Spread) -> Result<Document> {
    let (spread, both) = (
        Spread::of(alone.iter().copied()),
        Spread::of(with_leader.iter().copied()),
    );
    let verdict = linearizable(&writers.operations());
    let (failed, samples) = writers.failed();
    let mut document = Document::new("failover");
    document.versions = versions::versions(&[])?;
    document.figures = vec![
        Figure::at_most("failover-p50", spread.median, "ms", P50_MS_MOST),
        Figure::at_most("failover-max", spread.most, "ms", MAX_MS_MOST),
        Figure::info("failovers", alone.len() as f64, "rounds"),
        Figure::info("failover-with-leader-p50", both.median, "ms"),
        Figure::info("failover-with-leader-max", both.most, "ms"),
        Figure::at_most("acknowledged-lost", verdict.found as f64, "people", 0.0),
        Figure::info("client-errors", failed as f64, "requests"),
        Figure::info("writes", writers.acked().len() as f64, "writes"),
        Figure::info("fsync-p50", fsync.median, "ms"),
    ];
    let rows = json!([
        spread.row("cell"),
        both.row("cell and leader"),
        fsync.row("fsync")
    ]);
    document.tables.insert("times-ms".into(), rows);
    document.notes.extend(samples);
    document
        .notes
        .extend((!verdict.is_clean()).then(|| verdict.to_string()));
    document
        .notes
        .push("no 30 minutes of full load beside a compiler were run here: that is a run of its own".into());
    document.notes.extend(versions::profile_note());
    Ok(document)
}
