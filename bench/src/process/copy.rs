//! What people notice while a large shard is copied to another region: the 99th percentile of their writes beside that of
//! the same load without a copy.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use cli_world::app::track;
use futures::StreamExt;
use platform_model::CopyState;
use platform_report::{Document, Figure};
use platform_runtime::clock::Clock;
use platform_runtime::random;
use serde_json::json;

use super::Plan;
use super::stand::Stand;
use super::writers::{Acked, Writers};
use crate::output;
use crate::statistics::{Spread, millis};
use crate::versions;

const PEOPLE: usize = 4;
const CLIENTS_EACH: u64 = 2;
/// Writes a second of all clients: a load under which a single slow write is seen.
const RATE: f64 = 40.0;
/// Bytes of one file that fills the shard.
const FILE_BYTES: usize = 1 << 20;
/// Files on their way at a time, and tries of each.
const SENDERS: usize = 4;
const TRIES_MAX: u32 = 20;
/// The load goes on at least so long, with and without a copy.
const LOAD_MIN: Duration = Duration::from_secs(20);
/// For the copy, however slow.
const COPIED_WITHIN: Duration = Duration::from_secs(1_800);
const POLL: Duration = Duration::from_millis(25);
const MIB_PER_SECOND_LEAST: f64 = 20.0;
const P99_TIMES_MOST: f64 = 1.25;

/// # Errors
/// When the world does not come up, the shard cannot be filled, or its copy does not come.
pub async fn run(plan: Plan) -> Result<Document> {
    let stand = Stand::up(PEOPLE).await?;
    output::progress(&format!("{} is filled with {} MiB", stand.shard, plan.copy_mib));
    let bytes = fill(&stand, plan.copy_mib).await?;
    let writers = Writers::new();
    let measured = async {
        let measured = measure(&stand, &writers, plan).await;
        writers.stop();
        measured
    };
    let load = writers.write_at(&stand.app, &stand.people, CLIENTS_EACH, RATE);
    let (measured, ()) = tokio::join!(measured, load);
    let (idle, copy) = measured?;
    let acked = writers.acked();
    let document = document(&of(&acked, idle), &of(&acked, copy), bytes, copy, &writers)?;
    stand.down().await?;
    Ok(document)
}

/// A span of time.
type Span = (Duration, Duration);

/// The load alone, then beside the copy.
async fn measure(stand: &Stand, writers: &Writers, plan: Plan) -> Result<(Span, Span)> {
    let clock = Clock::system();
    // Connections are made and caches filled before anything counts.
    clock.sleep(Duration::from_secs(plan.load_s.div_ceil(4))).await;
    let begun = writers.now();
    output::progress("the load alone");
    clock.sleep(LOAD_MIN.max(Duration::from_secs(plan.load_s))).await;
    let idle = (begun, writers.now());
    output::progress("the same beside a copy");
    stand.world.set_survival(&Stand::home(), "region").await?;
    Ok((idle, copy(stand, writers).await?))
}

/// From the first word of a copy of the shard until it is in sync.
async fn copy(stand: &Stand, writers: &Writers) -> Result<Span> {
    let (clock, begun) = (Clock::system(), writers.now());
    let mut added = None;
    loop {
        let set = stand.route().await?.set;
        let copy = set.standbys.first();
        if copy.is_some() && added.is_none() {
            added = Some(writers.now());
        }
        if copy.is_some_and(|copy| copy.state == CopyState::InSync) {
            return Ok((added.unwrap_or(begun), writers.now()));
        }
        ensure!(
            writers.now().saturating_sub(begun) < COPIED_WITHIN,
            "the shard was not copied in time"
        );
        clock.sleep(POLL).await;
    }
}

/// Sends files of the first person until they have so many MiB. Gives their bytes.
async fn fill(stand: &Stand, mib: usize) -> Result<usize> {
    let files = mib * (1 << 20) / FILE_BYTES;
    let sent = futures::stream::iter(0..files)
        .map(|number| send(stand, number))
        .buffer_unordered(SENDERS);
    let sent: Vec<Result<usize>> = sent.collect().await;
    sent.into_iter().sum()
}

async fn send(stand: &Stand, number: usize) -> Result<usize> {
    let person = stand.people.first().context("somebody lives there")?;
    let mut bytes = track::gpx(&person.name, number as u64);
    bytes.extend_from_slice(b"<!--");
    bytes.resize(FILE_BYTES - 4, b'x');
    bytes.extend_from_slice(b"-->\n");
    let (bytes, key) = (Bytes::from(bytes), random::uuid_v7());
    let mut last = None;
    for _ in 0..TRIES_MAX {
        match stand.app.upload(person, bytes.clone(), key).await {
            Ok(_) => return Ok(bytes.len()),
            Err(failure) => last = Some(failure),
        }
        Clock::system().sleep(POLL).await;
    }
    Err(last.context("it was tried")?.into())
}

/// Milliseconds of the writes that were due in a span.
fn of(acked: &[Acked], (from, to): Span) -> Vec<f64> {
    let own = acked.iter().filter(|one| one.asked >= from && one.asked < to);
    own.map(|one| millis(one.acked.saturating_sub(one.asked)))
        .collect()
}

fn document(idle: &[f64], beside: &[f64], bytes: usize, copy: Span, writers: &Writers) -> Result<Document> {
    let seconds = copy.1.saturating_sub(copy.0).as_secs_f64();
    let mib = bytes as f64 / f64::from(1 << 20);
    let (p99_idle, p99) = (Spread::quantile(idle, 0.99), Spread::quantile(beside, 0.99));
    let mut document = Document::new("copy");
    document.versions = versions::versions(&[])?;
    document.figures = vec![
        Figure::at_most(
            "foreground-p99-over-idle",
            p99 / p99_idle,
            "times",
            P99_TIMES_MOST,
        ),
        Figure::at_least("copy-rate", mib / seconds, "MiB/s", MIB_PER_SECOND_LEAST),
        Figure::info("foreground-p99-idle", p99_idle, "ms"),
        Figure::info("foreground-p99-copying", p99, "ms"),
        Figure::info("copied", mib, "MiB"),
        Figure::info("copied-in", seconds, "s"),
        Figure::info("writes-idle", idle.len() as f64, "writes"),
        Figure::info("writes-copying", beside.len() as f64, "writes"),
        Figure::info("client-errors", writers.failed().0 as f64, "requests"),
    ];
    let rows = json!([
        Spread::of(idle.iter().copied()).row("idle"),
        Spread::of(beside.iter().copied()).row("copying")
    ]);
    document.tables.insert("times-ms".into(), rows);
    document.notes.extend(writers.failed().1);
    document.notes.extend(versions::profile_note());
    Ok(document)
}
