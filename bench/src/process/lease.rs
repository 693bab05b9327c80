//! Full load for minutes, with something beside it that wants the processor too: how many leases lapsed, how many
//! standbys were dropped, whether anything failed over. By the processes' own counters.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use chaos::checkers::linearizable;
use cli_world::people::OPERATOR;
use cli_world::seats::{SeatKind, seats};
use cli_world::{Seat, operator};
use platform_report::{Document, Figure};
use platform_runtime::clock::Clock;
use platform_runtime::tls::Expect;
use platform_wire::inside;
use tokio::process::{Child, Command};

use super::stand::Stand;
use super::writers::{Writers, pause};
use crate::output;
use crate::statistics::millis;
use crate::versions;

const PEOPLE: usize = 4;
const CLIENTS_EACH: u64 = 4;
/// After it is up, before anything is counted.
const CALM: Duration = Duration::from_secs(2);
/// Between two words about how it goes.
const TELLS: Duration = Duration::from_secs(30);
/// The longest time without a write after which the run still was one under load.
const SILENCE_MAX_MS: f64 = 5_000.0;

/// What the run is.
#[derive(Debug, Clone)]
pub struct Beside {
    pub minutes: f64,
    /// A line for the shell, begun again whenever it ends: a compiler.
    pub command: Option<String>,
}

/// What processes have counted so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counted {
    lapses: u64,
    drops: u64,
    adds: u64,
    failovers: u64,
    handovers: u64,
}

/// # Errors
/// When the world does not come up, or a process does not tell what it counted.
pub async fn run(beside: Beside) -> Result<Document> {
    let stand = Stand::up(PEOPLE).await?;
    stand.survive("region").await?;
    let (clock, writers) = (Clock::system(), Writers::new());
    let measure = async {
        let measured = measure(&stand, &writers, &beside, &clock).await;
        writers.stop();
        measured
    };
    let (measured, ()) = tokio::join!(measure, writers.write(&stand.app, &stand.people, CLIENTS_EACH));
    let (counted, from, to) = measured?;
    writers.read_back(&stand.app, &stand.people).await;
    let document = document(&beside, counted, &writers, (from, to))?;
    stand.down().await?;
    Ok(document)
}

async fn measure(
    stand: &Stand,
    writers: &Writers,
    beside: &Beside,
    clock: &Clock,
) -> Result<(Counted, Duration, Duration)> {
    clock.sleep(CALM).await;
    let (before, from) = (count(stand).await?, writers.now());
    let until = from + Duration::from_secs_f64(beside.minutes * 60.0);
    let mut other = None;
    let mut told = from;
    while writers.now() < until {
        keep_running(beside.command.as_deref(), &mut other)?;
        clock.sleep(Duration::from_millis(200)).await;
        if writers.now() >= told + TELLS {
            told = writers.now();
            let so_far = count(stand).await.map(|now| now.since(before));
            output::progress(&format!("{:.0} s: {so_far:?}", (told - from).as_secs_f64()));
        }
    }
    let counted = count(stand).await?.since(before);
    Ok((counted, from, writers.now()))
}

/// Killed when it is dropped.
fn keep_running(command: Option<&str>, running: &mut Option<Child>) -> Result<()> {
    let Some(command) = command else { return Ok(()) };
    let runs = match running {
        Some(child) => child.try_wait()?.is_none(),
        None => false,
    };
    if !runs {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).kill_on_drop(true);
        shell
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        *running = Some(shell.spawn().with_context(|| format!("cannot run `{command}`"))?);
    }
    Ok(())
}

async fn count(stand: &Stand) -> Result<Counted> {
    let layout = &stand.world.layout;
    let identity = operator::identity(layout, &stand.world.id, &OPERATOR)?;
    let mut counted = Counted::default();
    for seat in seats() {
        let Some(expect) = expects(&seat) else { continue };
        let answer = inside::get(
            &stand.world.ports.address(&seat),
            &identity,
            expect,
            inside::METRICS,
        )
        .await;
        let answer = answer.with_context(|| format!("{seat} does not tell what it counted"))?;
        counted.add(&String::from_utf8_lossy(&answer.body));
    }
    Ok(counted)
}

fn expects(seat: &Seat) -> Option<Expect> {
    match &seat.kind {
        SeatKind::Controller(_) => Some(Expect::Controller),
        SeatKind::Node(node) => Some(Expect::Node {
            node: node.clone(),
            region: seat.region.clone(),
        }),
        SeatKind::Router(_) => None,
    }
}

impl Counted {
    fn add(&mut self, metrics: &str) {
        self.lapses += sum(metrics, "shard_lease_lapses_total", &[]);
        let committed = |command: &str| {
            let command = format!("command=\"{command}\"");
            sum(metrics, "controld_commands_total", &[&command, "outcome=\"ok\""])
        };
        self.drops += committed("drop-copy");
        self.adds += committed("copy-in-sync");
        self.failovers += committed("begin-promote");
        self.handovers += committed("begin-handover");
    }

    fn since(self, before: Self) -> Self {
        Self {
            lapses: self.lapses - before.lapses,
            drops: self.drops - before.drops,
            adds: self.adds - before.adds,
            failovers: self.failovers - before.failovers,
            handovers: self.handovers - before.handovers,
        }
    }
}

/// Of all lines of a counter with these labels.
fn sum(metrics: &str, name: &str, labels: &[&str]) -> u64 {
    let of_it = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let (own, value) = rest.rsplit_once(' ')?;
        let fits = (own.is_empty() || own.starts_with('{')) && labels.iter().all(|label| own.contains(label));
        fits.then(|| value.trim().parse::<u64>().ok()).flatten()
    });
    of_it.sum()
}

fn document(
    beside: &Beside,
    counted: Counted,
    writers: &Writers,
    (from, to): (Duration, Duration),
) -> Result<Document> {
    let (failed, samples) = writers.failed();
    let verdict = linearizable(&writers.operations());
    let acked = writers.acked();
    let mut document = Document::new("lease");
    document.versions = versions::versions(&[])?;
    document.figures = vec![
        Figure::at_most("lease-lapses", counted.lapses as f64, "leases", 0.0),
        Figure::at_most("failovers", counted.failovers as f64, "shards", 0.0),
        Figure::info("standbys-dropped", counted.drops as f64, "standbys"),
        Figure::info("standbys-back", counted.adds as f64, "standbys"),
        Figure::info("handovers", counted.handovers as f64, "shards"),
        // Longer, and it was no full load.
        Figure::at_most(
            "longest-silence",
            millis(pause(&acked, from, to)),
            "ms",
            SILENCE_MAX_MS,
        ),
        Figure::info("minutes", (to - from).as_secs_f64() / 60.0, "minutes"),
        Figure::at_most("acknowledged-lost", verdict.found as f64, "people", 0.0),
        Figure::info("client-errors", failed as f64, "requests"),
        Figure::info("writes", acked.len() as f64, "writes"),
    ];
    document.notes.extend(samples);
    document.notes.push(match &beside.command {
        Some(command) => format!("beside it, again and again: {command}"),
        None => "nothing was run beside it".into(),
    });
    document.notes.extend(versions::profile_note());
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_summed_over_their_labels_and_nothing_else_is() {
        let metrics = "\
# HELP shard_lease_lapses_total shard_lease_lapses_total_is 7
shard_lease_lapses_total 3
shard_lease_lapses_total_of_others 90
controld_commands_total{command=\"drop-copy\",outcome=\"ok\"} 2
controld_commands_total{command=\"drop-copy\",outcome=\"stale\"} 50
controld_commands_total{outcome=\"ok\",command=\"begin-promote\"} 1
";
        let mut counted = Counted::default();
        counted.add(metrics);
        counted.add(metrics);
        let expected = Counted {
            lapses: 6,
            drops: 4,
            failovers: 2,
            ..Counted::default()
        };
        assert_eq!(counted, expected);
        assert_eq!(counted.since(expected), Counted::default());
    }
}
