//! Follows an operation until it is over: a bar on a terminal, a line for each change elsewhere.
//!
//! Looking changes nothing: whoever stops looking stops nothing. While no controller answers it asks again.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use platform_runtime::clock::Clock;
use platform_runtime::config::HumanDuration;
use platform_wire::admin::AdminClient;
use platform_wire::operation::{OperationView as Operation, RunState};
use platform_wire::{CallError, RefusalCode};

use super::view::{OperationView, progress};
use super::words::{percent, time};
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::operator;

/// How often it looks.
const EVERY: Duration = Duration::from_millis(500);
/// For how long nobody may answer.
const SILENT_MAX: Duration = Duration::from_secs(60);
/// Without a terminal: a line at least so often, so that nobody thinks that it hangs.
const LINE_EVERY: Duration = Duration::from_secs(10);
const BAR_WIDTH: usize = 24;

/// Whether the command waits for what it began.
#[derive(Debug, Clone, Default, Args)]
pub struct Wait {
    /// Waits until it is done; Ctrl-C stops the waiting and nothing else.
    #[arg(long)]
    pub wait: bool,
    /// The longest that it waits; exit code 3 if it is not done by then.
    #[arg(long, value_name = "TIME", requires = "wait")]
    pub timeout: Option<HumanDuration>,
}

/// When looking ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The shard is served where it should be, even if something is left to be cleared away.
    Served,
    /// Nothing changes any more.
    Over,
    /// What it did is taken back.
    Undone,
}

impl Until {
    fn is_reached(self, operation: &Operation) -> bool {
        let served = matches!(operation.state, RunState::Running) && operation.step == "window";
        operation.state.is_over() || (self == Self::Served && served)
    }
}

/// Follows operation `id`, then prints it.
///
/// # Errors
/// When there is no such operation; when nobody answers for long.
pub async fn follow(
    admin: &AdminClient,
    id: u64,
    until: Until,
    timeout: Option<Duration>,
    printer: &Printer,
) -> Result<Ended> {
    let (clock, mut told) = (Clock::system(), Teller::new(printer));
    let began = clock.monotonic();
    let mut heard = began;
    let last = loop {
        let now = clock.monotonic();
        match admin.operation(id).await {
            Ok(operation) => {
                heard = now;
                told.tell(&operation, now, clock.unix_ms());
                let late = timeout.is_some_and(|timeout| now.saturating_sub(began) >= timeout);
                if until.is_reached(&operation) || late {
                    break operation;
                }
            }
            Err(error) if passes(&error) && now.saturating_sub(heard) < SILENT_MAX => {
                told.line("no controller answers; the operation goes on, and so does the asking");
            }
            Err(error) => {
                told.end();
                return Err(unread(error, id));
            }
        }
        clock.sleep(EVERY).await;
    };
    told.end();
    Ok(finish(&last, until, printer))
}

/// A change of leader takes a moment, and nothing was changed by asking.
fn passes(error: &CallError) -> bool {
    match error {
        CallError::Unreachable { .. } | CallError::Unknown { .. } => true,
        CallError::Refused(refusal) => refusal.code.retryable(),
        _ => false,
    }
}

/// How it ended, for people and as a document.
fn finish(operation: &Operation, until: Until, printer: &Printer) -> Ended {
    let view = OperationView::of(operation);
    printer.say(&outcome(operation));
    printer.data(&view, [operation.id]);
    if !operation.state.is_over() {
        view.hint(printer);
        printer.hint(&format!(
            "cellctl operation watch {}   goes on looking",
            operation.id
        ));
    }
    ended(operation, until)
}

fn outcome(operation: &Operation) -> String {
    let Operation { id, kind, shard, .. } = operation;
    let what = format!("operation {id}, {kind} of {shard}");
    match (&operation.state, operation.step.as_str()) {
        (RunState::Done, _) => format!("{what}: done"),
        (RunState::Failed(why), _) => format!("{what}: failed: {why}"),
        (RunState::Running, "window") => {
            let until = operation.window_until_ms.map(control_plane_ledger::time::utc);
            let until = until.unwrap_or_else(|| "?".to_owned());
            format!("{what}: the shard is served at its new place; reversible until {until}")
        }
        (state, step) => format!("{what}: {} at {step}", state.as_str()),
    }
}

fn ended(operation: &Operation, until: Until) -> Ended {
    match &operation.state {
        RunState::Failed(_) => Ended::NotSo,
        RunState::Cancelled | RunState::Reversed if until == Until::Undone => Ended::Ok,
        RunState::Done if until != Until::Undone => Ended::Ok,
        _ if until.is_reached(operation) && !operation.state.is_over() => Ended::Ok,
        _ => Ended::Differs,
    }
}

/// Says what is new.
struct Teller<'a> {
    printer: &'a Printer,
    draws: bool,
    last: Option<String>,
    said: Duration,
}

impl<'a> Teller<'a> {
    fn new(printer: &'a Printer) -> Self {
        Self {
            printer,
            draws: std::io::stderr().is_terminal(),
            last: None,
            said: Duration::ZERO,
        }
    }

    fn tell(&mut self, operation: &Operation, now: Duration, unix_ms: u64) {
        if self.draws {
            return self.printer.bar(&bar(operation, unix_ms));
        }
        let key = key(operation);
        if self.last.as_ref() != Some(&key) || now.saturating_sub(self.said) >= LINE_EVERY {
            self.said = now;
            self.printer.progress(&line(operation));
            self.last = Some(key);
        }
    }

    fn line(&mut self, text: &str) {
        if self.draws {
            self.printer.bar(text);
        } else if self.last.as_deref() != Some(text) {
            self.printer.progress(text);
            self.last = Some(text.to_owned());
        }
    }

    fn end(&self) {
        if self.draws {
            self.printer.bar_over();
        }
    }
}

/// What makes a new line: step, state and blocker; not the bytes.
fn key(operation: &Operation) -> String {
    let blocker = operation
        .blockers
        .first()
        .map_or("", |blocker| blocker.what.as_str());
    format!("{} {} {blocker}", operation.state.as_str(), operation.step)
}

/// `operation 7: copy (2 of 9): 25 % of 24.0 MiB, 2.0 MiB/s, 9s left`.
fn line(operation: &Operation) -> String {
    let at = operation.steps.iter().position(|step| *step == operation.step);
    let at = at.map_or(0, |at| at + 1);
    let state = match operation.state {
        RunState::Running => String::new(),
        ref other => format!(", {}", other.as_str()),
    };
    let head = format!(
        "operation {}: {} ({at} of {}){state}",
        operation.id,
        operation.step,
        operation.steps.len()
    );
    match told(operation) {
        Some(told) => format!("{head}: {told}"),
        None => head,
    }
}

fn told(operation: &Operation) -> Option<String> {
    if let Some(blocker) = operation.blockers.first() {
        return Some(format!("waits for {}: {}", blocker.who, blocker.what));
    }
    progress(&operation.step, operation.progress.as_ref()?)
}

/// The line with a bar, and for how long the step has been going on.
fn bar(operation: &Operation, unix_ms: u64) -> String {
    let known = operation.progress.as_ref().filter(|_| operation.step == "copy");
    let share = known.map(|known| percent(known.bytes_done, known.bytes_left));
    let bar = share.map_or_else(String::new, |share| {
        let full = usize::try_from(share).unwrap_or(0) * BAR_WIDTH / 100;
        format!("[{}{}] ", "#".repeat(full), "-".repeat(BAR_WIDTH - full))
    });
    let since = time(unix_ms.saturating_sub(operation.step_since_ms));
    format!("{bar}{}, for {since}", line(operation))
}

/// A wait that nobody asked for has no end.
pub fn not_waiting(printer: &Printer, id: u64) {
    printer.hint(&format!("cellctl operation watch {id}   follows it"));
}

/// What it means that an operation could not be read.
pub fn unread(error: CallError, id: u64) -> anyhow::Error {
    match &error {
        CallError::Refused(refusal) if refusal.code == RefusalCode::Unknown => {
            let message = format!("there is no operation {id}");
            Hinted::new(message, &["cellctl operation list --all"]).into()
        }
        _ => operator::explain(error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{blocked, copying, failed, in_window};
    use super::*;

    fn over(state: RunState) -> Operation {
        Operation {
            state,
            step: "done".into(),
            ..copying()
        }
    }

    #[test]
    fn lines_and_bars_say_how_far_it_is() {
        let all = [copying(), blocked(), in_window(), failed()];
        let lines: Vec<String> = all.iter().map(line).collect();
        let bars = all
            .iter()
            .map(|operation| bar(operation, operation.step_since_ms + 65_000));
        let shown = [lines, bars.collect(), all.iter().map(outcome).collect()].concat();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn looking_ends_when_it_is_served_or_when_it_is_over() {
        for (operation, served, end) in [
            (copying(), false, false),
            (blocked(), false, false),
            (in_window(), true, false),
            (failed(), true, true),
            (over(RunState::Done), true, true),
            (over(RunState::Cancelled), true, true),
        ] {
            assert_eq!(Until::Served.is_reached(&operation), served, "{operation:?}");
            assert_eq!(Until::Over.is_reached(&operation), end, "{operation:?}");
        }
        let mut reversing = in_window();
        reversing.state = RunState::Reversing;
        assert!(!Until::Served.is_reached(&reversing), "it goes back");
    }

    #[test]
    fn every_end_has_its_exit_code() {
        assert_eq!(ended(&over(RunState::Done), Until::Over), Ended::Ok);
        assert_eq!(ended(&failed(), Until::Over), Ended::NotSo);
        assert_eq!(ended(&over(RunState::Cancelled), Until::Over), Ended::Differs);
        assert_eq!(ended(&over(RunState::Reversed), Until::Served), Ended::Differs);
        assert_eq!(ended(&in_window(), Until::Served), Ended::Ok);
        assert_eq!(ended(&in_window(), Until::Over), Ended::Differs, "out of time");
        assert_eq!(ended(&copying(), Until::Served), Ended::Differs, "out of time");
        assert_eq!(ended(&over(RunState::Cancelled), Until::Undone), Ended::Ok);
        assert_eq!(
            ended(&over(RunState::Done), Until::Undone),
            Ended::Differs,
            "too late"
        );
    }

    #[test]
    fn an_operation_that_is_none_is_told_so_and_a_silence_is_not_taken_for_it() {
        let refused = platform_wire::Refusal::new(RefusalCode::Unknown, "operation 9");
        let text = crate::exit::text(&unread(refused.into(), 9), "");
        let expected = "error: there is no operation 9\nhint: cellctl operation list --all";
        assert_eq!(text, expected);
        let silent = CallError::Unreachable {
            addresses: "h:1".into(),
            last: "refused".into(),
        };
        let text = crate::exit::text(&unread(silent, 9), "");
        assert!(text.starts_with("error: no controller answers"), "{text}");
    }

    #[test]
    fn bytes_alone_make_no_new_line() {
        let mut further = copying();
        if let Some(progress) = &mut further.progress {
            progress.bytes_done += 1;
        }
        assert_eq!(key(&copying()), key(&further));
        assert_ne!(key(&copying()), key(&blocked()));
    }
}
