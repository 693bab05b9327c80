//! An operation on its way, as whoever started it sees it.

use std::time::Duration;

use anyhow::{Context, Result};
use platform_runtime::clock::Clock;
use platform_wire::admin::AdminClient;
use platform_wire::operation::{OperationView, Progress, RunState, Started};
use serde_json::json;

use super::story::{Row, Story};

/// Between two looks.
const POLL: Duration = Duration::from_millis(40);
/// For what is waited for, however slow the machine is.
const WITHIN: Duration = Duration::from_secs(60);

/// What was seen of an operation.
pub struct Followed {
    pub last: OperationView,
    /// The steps that were seen, in order.
    pub steps: Vec<Seen>,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub step: String,
    pub state: String,
    /// Since the operation was first looked at.
    pub at: Duration,
    pub lasted: Duration,
    /// The furthest that was told.
    pub progress: Option<Progress>,
}

/// The header of [`Followed::rows`].
pub const HEADER: [&str; 7] = ["what", "step", "state", "lasted", "bytes", "rate", "behind"];

/// The number of what was started.
///
/// # Errors
/// When it has none.
pub fn number(started: &Started) -> Result<u64> {
    started.operation.context("the controllers started nothing")
}

/// Looks at an operation until it is `there`, and says each new step.
///
/// # Errors
/// When it fails, or is not there in time: with what it waits for.
pub async fn until(
    admin: &AdminClient,
    id: u64,
    there: impl Fn(&OperationView) -> bool,
    story: &Story<'_>,
) -> Result<Followed> {
    let clock = Clock::system();
    let begun = clock.monotonic();
    let mut steps: Vec<Seen> = Vec::new();
    loop {
        let passed = clock.monotonic().saturating_sub(begun);
        let waits = match admin.operation(id).await {
            Ok(view) => {
                if note(&mut steps, &view, passed) {
                    story.printer().progress(&format!(
                        "operation {id}: {} {}, {}",
                        view.kind,
                        view.state.as_str(),
                        view.step
                    ));
                }
                if let RunState::Failed(why) = &view.state {
                    anyhow::bail!("operation {id} ({} of {}) failed: {why}", view.kind, view.shard);
                }
                if there(&view) {
                    return Ok(Followed { last: view, steps });
                }
                waits(&view)
            }
            // A new leader is being chosen, say.
            Err(error) => error.to_string(),
        };
        anyhow::ensure!(
            passed < WITHIN,
            "operation {id} is not there after {} s: {waits}",
            WITHIN.as_secs()
        );
        clock.sleep(POLL).await;
    }
}

fn waits(view: &OperationView) -> String {
    let blockers: Vec<String> = view
        .blockers
        .iter()
        .map(|blocker| format!("{}: {}", blocker.code, blocker.what))
        .collect();
    let state = view.state.as_str();
    format!("{state} at `{}`; blockers: {}", view.step, blockers.join("; "))
}

/// Takes in what was seen; whether it is another step, or state, than before.
fn note(steps: &mut Vec<Seen>, view: &OperationView, passed: Duration) -> bool {
    let state = view.state.as_str();
    match steps.last_mut() {
        Some(last) if last.step == view.step && last.state == state => {
            last.lasted = passed.saturating_sub(last.at);
            last.progress = further(last.progress, view.progress);
            false
        }
        last => {
            if let Some(last) = last {
                last.lasted = passed.saturating_sub(last.at);
            }
            steps.push(Seen {
                step: view.step.clone(),
                state: state.to_owned(),
                at: passed,
                lasted: Duration::ZERO,
                progress: view.progress,
            });
            true
        }
    }
}

fn further(known: Option<Progress>, told: Option<Progress>) -> Option<Progress> {
    match (known, told) {
        (Some(known), Some(told)) => Some(Progress {
            bytes_done: known.bytes_done.max(told.bytes_done),
            bytes_per_second: known.bytes_per_second.max(told.bytes_per_second),
            lag_entries: known.lag_entries.max(told.lag_entries),
            ..told
        }),
        (known, told) => told.or(known),
    }
}

impl Followed {
    /// A row for each step.
    pub fn rows(&self, what: &str) -> Vec<Row> {
        self.steps.iter().map(|seen| row(what, seen)).collect()
    }
}

fn row(what: &str, seen: &Seen) -> Row {
    let ms = seen.lasted.as_millis();
    let told = |of: fn(&Progress) -> String| seen.progress.as_ref().map(of).unwrap_or_default();
    Row {
        text: vec![
            what.to_owned(),
            seen.step.clone(),
            seen.state.clone(),
            format!("{ms} ms"),
            told(|progress| progress.bytes_done.to_string()),
            told(|progress| format!("{} /s", progress.bytes_per_second)),
            told(|progress| progress.lag_entries.to_string()),
        ],
        json: json!({
            "what": what,
            "step": seen.step,
            "state": seen.state,
            "lasted_ms": u64::try_from(ms).unwrap_or(u64::MAX),
            "bytes": seen.progress.map(|progress| progress.bytes_done),
            "bytes_per_second_max": seen.progress.map(|progress| progress.bytes_per_second),
            "lag_entries_max": seen.progress.map(|progress| progress.lag_entries),
            "chunks": seen.progress.map(|progress| progress.chunks_done),
        }),
    }
}

#[cfg(test)]
mod tests {
    use platform_model::Generation;

    use super::*;

    fn view(step: &str, bytes_done: u64) -> OperationView {
        OperationView {
            id: 1,
            generation: Generation(1),
            kind: "move".into(),
            shard: "eu/eu-central/000".parse().expect("a shard"),
            steps: Vec::new(),
            step: step.into(),
            state: RunState::Running,
            by: String::new(),
            reason: String::new(),
            started_ms: 0,
            step_since_ms: 0,
            deadline_ms: None,
            ended_ms: None,
            from: None,
            to: None,
            replica: None,
            source: None,
            window_until_ms: None,
            certificate: None,
            receipt: None,
            plan_hash: Vec::new(),
            allowed: Vec::new(),
            progress: Some(Progress {
                bytes_done,
                bytes_left: 0,
                bytes_per_second: 5,
                seconds_left: None,
                lag_entries: 0,
                chunks_done: 0,
                chunks: 0,
            }),
            blockers: Vec::new(),
        }
    }

    #[test]
    fn each_step_is_seen_once_with_the_furthest_that_was_told() {
        let mut steps = Vec::new();
        let ms = Duration::from_millis;
        assert!(note(&mut steps, &view("copy", 10), ms(0)));
        assert!(!note(&mut steps, &view("copy", 90), ms(40)));
        assert!(!note(&mut steps, &view("copy", 0), ms(80)));
        assert!(note(&mut steps, &view("catch-up", 0), ms(100)));
        let seen: Vec<_> = steps
            .iter()
            .map(|seen| (seen.step.as_str(), seen.lasted))
            .collect();
        assert_eq!(seen, [("copy", ms(100)), ("catch-up", ms(0))]);
        assert_eq!(steps[0].progress.map(|progress| progress.bytes_done), Some(90));
    }
}
