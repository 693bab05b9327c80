//! A node of a cell whose nodes share a TiKV cluster is killed (kill -9) under load: how long until the next write of
//! people whose shard was there is acknowledged, and that nothing acknowledged is lost. Nothing is copied meanwhile.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chaos::checkers::linearizable;
use cli_world::operator;
use cli_world::sharing::Sharing;
use platform_model::NodeId;
use platform_report::{Document, Figure};
use platform_runtime::clock::Clock;
use serde_json::json;

use super::Plan;
use super::stand::Stand;
use super::writers::Writers;
use crate::output;
use crate::statistics::{Spread, millis};
use crate::versions;

/// Where a TiKV cluster on this machine is; it must be empty, for it becomes this world's.
const TIKV_PD: &str = "MERIDIAN_TIKV_PD";
const NODES: u16 = 3;
const PEOPLE: usize = 4;
const CLIENTS_EACH: u64 = 2;
const CALM: Duration = Duration::from_millis(1_000);
/// For the next acknowledgement, and for a node that was killed to be back.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);
const P50_MS_MOST: f64 = 1_500.0;

/// Milliseconds from the kill.
#[derive(Debug, Clone, Copy)]
struct Round {
    /// Until the table names another node.
    given: f64,
    /// Until the next acknowledgement.
    acked: f64,
}

/// # Errors
/// When a round could not be made.
pub async fn run(plan: Plan) -> Result<Document> {
    let Some(pd) = std::env::var(TIKV_PD).ok().filter(|pd| !pd.is_empty()) else {
        let mut document = Document::new("takeover");
        document
            .notes
            .push(format!("skipped: takeover on TiKV: set {TIKV_PD}"));
        return Ok(document);
    };
    let sharing = Sharing {
        pd: pd.split(',').map(str::to_owned).collect(),
        nodes: NODES,
    };
    let stand = Stand::up_sharing(PEOPLE, &sharing).await?;
    let writers = Writers::new();
    let rounds = async {
        let rounds = rounds(&stand, &sharing, &writers, plan.rounds).await;
        writers.stop();
        rounds
    };
    let (rounds, ()) = tokio::join!(rounds, writers.write(&stand.app, &stand.people, CLIENTS_EACH));
    let rounds = rounds?;
    writers.read_back(&stand.app, &stand.people).await;
    let cluster = versions::cluster(&sharing.pd).await?;
    let document = document(&rounds, &writers, &cluster)?;
    stand.down().await?;
    Ok(document)
}

async fn rounds(stand: &Stand, sharing: &Sharing, writers: &Writers, count: usize) -> Result<Vec<Round>> {
    let mut rounds = Vec::new();
    for number in 1..=count {
        let round = one(stand, sharing, writers).await;
        let round = round.with_context(|| format!("round {number}"))?;
        output::progress(&format!(
            "takeover {number} of {count}: given to another node after {:.0} ms, acknowledged after {:.0} ms",
            round.given, round.acked
        ));
        rounds.push(round);
    }
    Ok(rounds)
}

async fn one(stand: &Stand, sharing: &Sharing, writers: &Writers) -> Result<Round> {
    let clock = Clock::system();
    clock.sleep(CALM).await;
    let node = stand.route().await?.node;
    let seats = sharing.seats();
    let victim = seats.iter().find(|seat| seat.node() == Some(&node));
    let victim = victim.with_context(|| format!("{node} has a seat"))?;
    let start = start_of(stand, &node).await?;
    let killed_at = writers.now();
    stand.world.kill(victim).await?;
    let gone_at = writers.now();
    let (mut given, mut acked) = (None, None);
    while given.is_none() || acked.is_none() {
        let now = writers.now();
        ensure!(now < gone_at + PATIENCE, "no other node acknowledges a write");
        if given.is_none() && stand.route().await?.node != node {
            given = Some(now);
        }
        // Only what was asked for after the end of the process is surely of its successor.
        let next = writers.acked().into_iter();
        let next = next.filter(|one| one.asked >= gone_at || one.acked > gone_at + POLL * 2);
        acked = next.map(|one| one.acked).min();
        clock.sleep(POLL).await;
    }
    stand.world.spawn(victim)?;
    while start_of(stand, &node).await? <= start {
        ensure!(writers.now() < gone_at + PATIENCE, "{node} does not come back");
        clock.sleep(POLL * 10).await;
    }
    let since = |at: Option<Duration>| millis(at.unwrap_or_default().saturating_sub(killed_at));
    Ok(Round {
        given: since(given),
        acked: since(acked),
    })
}

/// Which start of the node the leader has heard of; 0: none.
async fn start_of(stand: &Stand, node: &NodeId) -> Result<u64> {
    let status = stand.world.admin()?.status().await.map_err(operator::explain)?;
    let report = status.reports.iter().find(|report| report.node == *node);
    Ok(report.map_or(0, |report| report.incarnation.0))
}

/// `cluster`: its release, as it says itself.
fn document(rounds: &[Round], writers: &Writers, cluster: &str) -> Result<Document> {
    let acked = Spread::of(rounds.iter().map(|round| round.acked));
    let given = Spread::of(rounds.iter().map(|round| round.given));
    let verdict = linearizable(&writers.operations());
    let (failed, samples) = writers.failed();
    let mut document = Document::new("takeover");
    document.versions = versions::versions(&["tikv-client"])?;
    document.versions["tikv"] = json!(cluster);
    document.figures = vec![
        Figure::at_most("takeover-p50", acked.median, "ms", P50_MS_MOST),
        Figure::info("takeover-max", acked.most, "ms"),
        Figure::info("given-to-another-node-p50", given.median, "ms"),
        Figure::info("takeovers", rounds.len() as f64, "rounds"),
        Figure::at_most("acknowledged-lost", verdict.found as f64, "people", 0.0),
        Figure::info("client-errors", failed as f64, "requests"),
        Figure::info("writes", writers.acked().len() as f64, "writes"),
    ];
    let rows = json!([
        acked.row("kill to the next acknowledged write"),
        given.row("kill to the table that names another node"),
    ]);
    document.tables.insert("times-ms".into(), rows);
    document.notes.extend(samples);
    let wrong = (!verdict.is_clean()).then(|| verdict.to_string());
    document.notes.extend(wrong);
    document.notes.push(format!(
        "{NODES} nodes of one cell; TiKV: whatever speaks its protocol at {TIKV_PD}; a stand-in says nothing of TiKV's own \
         speed"
    ));
    document.notes.extend(versions::profile_note());
    Ok(document)
}
