//! What one in-sync standby costs: processor time of both nodes beside one, and what it adds to a write at half load.

use std::time::Duration;

use anyhow::{Context, Result};
use cli_world::Seat;
use cli_world::seats::seat_named;
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
/// Clients that find the peak, for each person.
const CLIENTS_EACH: u64 = 8;
/// Of the peak.
const LOAD: f64 = 0.5;
/// Of the peak too: what is added where nothing waits for a processor.
const LOW_LOAD: f64 = 0.1;
/// The nodes of both copies.
const NODES: [&str; 2] = ["celld-eu-central-1", "celld-eu-west-1"];
const CPU_TIMES_MOST: f64 = 2.3;
/// Added to two fsyncs.
const ADDED_MS_MOST: f64 = 1.0;

/// One half of the comparison.
struct Half {
    /// Processor time of both nodes for one write, idle time taken off, in microseconds.
    cpu_us: f64,
    times: Spread,
    writes: usize,
}

/// # Errors
/// When the world does not come up or its home gets no standby.
pub async fn run(plan: Plan) -> Result<Document> {
    let stand = Stand::up(PEOPLE).await?;
    let load = Duration::from_secs(plan.load_s);
    output::progress("the peak of one copy");
    let peak = peak(&stand, load / 2).await;
    let rate = peak * LOAD;
    output::progress(&format!("one copy, {rate:.0} writes a second"));
    let one = half(&stand, rate, load).await?;
    let low = half(&stand, peak * LOW_LOAD, load / 2).await?;
    stand.survive("region").await?;
    output::progress(&format!("with a standby, {rate:.0} writes a second"));
    let two = half(&stand, rate, load).await?;
    output::progress("with a standby, a tenth of the peak");
    let low = [low, half(&stand, peak * LOW_LOAD, load / 2).await?];
    let fsync = stand.fsyncs("probe")?;
    let document = document(&one, &two, &low, peak, fsync)?;
    stand.down().await?;
    Ok(document)
}

/// Writes a second when every client asks as soon as it has its answer.
async fn peak(stand: &Stand, load: Duration) -> f64 {
    let writers = Writers::new();
    let wait = async {
        Clock::system().sleep(load).await;
        writers.stop();
    };
    tokio::join!(wait, writers.write(&stand.app, &stand.people, CLIENTS_EACH));
    writers.acked().len() as f64 / load.as_secs_f64()
}

async fn half(stand: &Stand, rate: f64, load: Duration) -> Result<Half> {
    let clock = Clock::system();
    let before = processor_time(stand)?;
    clock.sleep(load / 2).await;
    let idle = (processor_time(stand)? - before).as_secs_f64() / (load / 2).as_secs_f64();
    let writers = Writers::new();
    let (before, begun) = (processor_time(stand)?, clock.monotonic());
    let wait = async {
        clock.sleep(load).await;
        writers.stop();
    };
    tokio::join!(
        wait,
        writers.write_at(&stand.app, &stand.people, CLIENTS_EACH, rate)
    );
    let took = (clock.monotonic() - begun).as_secs_f64();
    let used = (processor_time(stand)? - before).as_secs_f64() - idle * took;
    let acked = writers.acked();
    Ok(Half {
        cpu_us: used * 1e6 / acked.len().max(1) as f64,
        times: Spread::of(
            acked
                .iter()
                .map(|one| millis(one.acked.saturating_sub(one.asked))),
        ),
        writes: acked.len(),
    })
}

fn processor_time(stand: &Stand) -> Result<Duration> {
    let seat = |name: &str| -> Result<Seat> { seat_named(name).context("a seat") };
    NODES.iter().map(|name| stand.processor_time(&seat(name)?)).sum()
}

fn document(one: &Half, two: &Half, low: &[Half; 2], peak: f64, fsync: Spread) -> Result<Document> {
    let mut document = Document::new("replicate");
    document.versions = versions::versions(&[])?;
    let added = two.times.median - one.times.median;
    let added_most = 2.0 * fsync.median + ADDED_MS_MOST;
    document.figures = vec![
        Figure::at_most(
            "cpu-of-both-over-one",
            two.cpu_us / one.cpu_us,
            "times",
            CPU_TIMES_MOST,
        ),
        Figure::at_most("added-p50", added, "ms", (added_most * 1e3).round() / 1e3),
        Figure::info(
            "added-p50-at-a-tenth",
            low[1].times.median - low[0].times.median,
            "ms",
        ),
        Figure::info("write-p50-one", one.times.median, "ms"),
        Figure::info("write-p50-two", two.times.median, "ms"),
        Figure::info("cpu-us-one", one.cpu_us, "us"),
        Figure::info("cpu-us-two", two.cpu_us, "us"),
        Figure::info("peak-one", peak, "1/s"),
        Figure::info("writes", (one.writes + two.writes) as f64, "writes"),
        Figure::info("fsync-p50", fsync.median, "ms"),
    ];
    let rows = json!([
        one.times.row("one copy"),
        two.times.row("with a standby"),
        low[0].times.row("one copy, a tenth"),
        low[1].times.row("with a standby, a tenth"),
        fsync.row("fsync")
    ]);
    document.tables.insert("times-ms".into(), rows);
    document
        .notes
        .push("the foreground while a shard of 2 GiB is copied: `bench copy`".into());
    document.notes.extend(versions::profile_note());
    Ok(document)
}
