//! An operation as it is shown: one document for all commands about it, a row of a list, and a page for people.

use control_plane_ledger::time as clock;
use platform_wire::operation::{Blocker, OperationView as Operation, Progress, RunState};
use serde::Serialize;

use super::words::{bytes, percent, time};
use crate::command::audit::short;
use crate::printer::{Column, Listed, Printer};

/// One operation.
#[derive(Debug, Serialize)]
pub struct OperationView {
    operation: u64,
    kind: String,
    shard: String,
    state: &'static str,
    step: String,
    steps: Vec<String>,
    from: Option<String>,
    to: Option<String>,
    by: String,
    reason: String,
    started: String,
    step_since: String,
    deadline: Option<String>,
    ended: Option<String>,
    /// Until when it can be reversed.
    window_until: Option<String>,
    failure: Option<String>,
    certificate: Option<String>,
    receipt: Option<String>,
    /// The copy that is made, and the one that it is made from.
    replica: Option<String>,
    source: Option<String>,
    progress: Option<ProgressView>,
    blockers: Vec<BlockerView>,
    /// What may be asked of it now.
    allowed: Vec<&'static str>,
    plan_hash: String,
    record: u64,
}

#[derive(Debug, Serialize)]
struct ProgressView {
    bytes_done: u64,
    bytes_left: u64,
    bytes_per_second: u64,
    seconds_left: Option<u64>,
    lag_entries: u64,
    chunks_done: u32,
    chunks: u32,
}

#[derive(Debug, Serialize)]
struct BlockerView {
    code: String,
    what: String,
    who: String,
    since: String,
    next_retry: Option<String>,
    fix: Option<String>,
}

impl OperationView {
    pub fn of(operation: &Operation) -> Self {
        let failure = match &operation.state {
            RunState::Failed(why) => Some(why.clone()),
            _ => None,
        };
        let text = |node: &Option<platform_model::NodeId>| node.as_ref().map(ToString::to_string);
        let copy = |copy: &Option<platform_model::ReplicaId>| copy.map(|copy| copy.to_string());
        Self {
            operation: operation.id,
            kind: operation.kind.clone(),
            shard: operation.shard.to_string(),
            state: operation.state.as_str(),
            step: operation.step.clone(),
            steps: operation.steps.clone(),
            from: text(&operation.from),
            to: text(&operation.to),
            by: operation.by.clone(),
            reason: operation.reason.clone(),
            started: clock::utc(operation.started_ms),
            step_since: clock::utc(operation.step_since_ms),
            deadline: operation.deadline_ms.map(clock::utc),
            ended: operation.ended_ms.map(clock::utc),
            window_until: operation.window_until_ms.map(clock::utc),
            failure,
            certificate: operation.certificate.clone(),
            receipt: operation.receipt.clone(),
            replica: copy(&operation.replica),
            source: copy(&operation.source),
            progress: operation.progress.as_ref().map(ProgressView::of),
            blockers: operation.blockers.iter().map(BlockerView::of).collect(),
            allowed: operation.allowed.iter().map(|change| change.as_str()).collect(),
            plan_hash: operation.plan_hash.iter().map(|b| format!("{b:02x}")).collect(),
            record: operation.generation.0,
        }
    }

    /// The row, the steps, what it waits for, and what may be asked of it.
    pub fn page(&self, printer: &Printer) {
        printer.rows(std::slice::from_ref(self));
        printer.say("");
        printer.say(&self.text());
        if !self.blockers.is_empty() {
            printer.say("");
            printer.rows(&self.blockers);
        }
    }

    fn text(&self) -> String {
        let mut lines = vec![("steps", self.marked())];
        lines.push(("by", format!("{}: {}", short(&self.by), self.reason)));
        let mut told = |name, value: &Option<String>| {
            if let Some(value) = value {
                lines.push((name, value.clone()));
            }
        };
        told("failed", &self.failure);
        told("compared", &self.certificate);
        told("reversible until", &self.window_until);
        told("erased", &self.receipt);
        told("deadline", &self.deadline);
        told("ended", &self.ended);
        let told: Vec<String> = lines
            .iter()
            .map(|(name, value)| format!("  {name:<17} {value}"))
            .collect();
        told.join("\n")
    }

    /// `add-standby, copy, [catch-up], verify`: the one in brackets is where it is.
    fn marked(&self) -> String {
        let mark = |step: &String| match *step == self.step {
            true => format!("[{step}]"),
            false => step.clone(),
        };
        self.steps.iter().map(mark).collect::<Vec<_>>().join(", ")
    }

    /// The commands that may follow.
    pub fn hint(&self, printer: &Printer) {
        if self.blockers.iter().all(|blocker| blocker.fix.is_none()) {
            for change in &self.allowed {
                printer.hint(&format!(
                    "cellctl operation {change} {} --reason TEXT",
                    self.operation
                ));
            }
        }
        for fix in self.blockers.iter().filter_map(|blocker| blocker.fix.as_ref()) {
            printer.hint(fix);
        }
    }
}

impl ProgressView {
    fn of(progress: &Progress) -> Self {
        Self {
            bytes_done: progress.bytes_done,
            bytes_left: progress.bytes_left,
            bytes_per_second: progress.bytes_per_second,
            seconds_left: progress.seconds_left,
            lag_entries: progress.lag_entries,
            chunks_done: progress.chunks_done,
            chunks: progress.chunks,
        }
    }
}

impl BlockerView {
    fn of(blocker: &Blocker) -> Self {
        Self {
            code: blocker.code.clone(),
            what: blocker.what.clone(),
            who: blocker.who.clone(),
            since: clock::utc(blocker.since_ms),
            next_retry: blocker.next_retry_ms.map(clock::utc),
            fix: blocker.fix.clone(),
        }
    }
}

/// How far the step is: what there is to say of it, and nothing if there is nothing.
pub fn progress(step: &str, progress: &Progress) -> Option<String> {
    let Progress {
        bytes_done: done,
        bytes_left: left,
        ..
    } = *progress;
    match step {
        "copy" if done + left > 0 => {
            let (share, all) = (percent(done, left), done.saturating_add(left));
            let rate = format!("{}/s", bytes(progress.bytes_per_second));
            let rest = progress.seconds_left.map(|s| time(s.saturating_mul(1_000)));
            let rest = rest.map(|rest| format!(", {rest} left")).unwrap_or_default();
            Some(format!("{share} % of {}, {rate}{rest}", bytes(all)))
        }
        "catch-up" => Some(format!("{} entries behind", progress.lag_entries)),
        "verify" if progress.chunks > 0 => Some(format!(
            "{} of {} chunks equal",
            progress.chunks_done, progress.chunks
        )),
        _ => None,
    }
}

impl Listed for OperationView {
    const COLUMNS: &'static [Column] = &[
        Column::new("operation"),
        Column::new("kind"),
        Column::new("shard"),
        Column::new("from"),
        Column::new("to"),
        Column::new("state"),
        Column::new("step"),
        Column::new("progress"),
        Column::wide("started"),
        Column::wide("by"),
        Column::wide("reason"),
    ];

    fn cells(&self) -> Vec<String> {
        let node = |node: &Option<String>| node.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.operation.to_string(),
            self.kind.clone(),
            self.shard.clone(),
            node(&self.from),
            node(&self.to),
            self.state.to_owned(),
            self.step.clone(),
            self.told().unwrap_or_else(|| "-".to_owned()),
            self.started.clone(),
            short(&self.by).to_owned(),
            self.reason.clone(),
        ]
    }

    fn name(&self) -> String {
        self.operation.to_string()
    }
}

impl OperationView {
    fn told(&self) -> Option<String> {
        if let Some(blocker) = self.blockers.first() {
            return Some(format!("waits: {}", blocker.what));
        }
        let view = self.progress.as_ref()?;
        let known = Progress {
            bytes_done: view.bytes_done,
            bytes_left: view.bytes_left,
            bytes_per_second: view.bytes_per_second,
            seconds_left: view.seconds_left,
            lag_entries: view.lag_entries,
            chunks_done: view.chunks_done,
            chunks: view.chunks,
        };
        progress(&self.step, &known)
    }
}

impl Listed for BlockerView {
    const COLUMNS: &'static [Column] = &[
        Column::new("waits for"),
        Column::new("what"),
        Column::new("since"),
        Column::new("next try"),
        Column::wide("code"),
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.who.clone(),
            self.what.clone(),
            self.since.clone(),
            self.next_retry
                .clone()
                .unwrap_or_else(|| "all the time".to_owned()),
            self.code.clone(),
        ]
    }

    fn name(&self) -> String {
        self.code.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{blocked, copying, failed};
    use super::*;

    #[test]
    fn an_operation_is_shown_like_this() {
        let shown = [copying(), blocked(), failed()].map(|operation| {
            let view = OperationView::of(&operation);
            let rows = crate::printer::render(
                &OperationView::COLUMNS
                    .iter()
                    .map(Column::title)
                    .collect::<Vec<_>>(),
                &[view.cells()],
            );
            format!("{rows}\n{}", view.text())
        });
        insta::assert_snapshot!(shown.join("\n\n"));
    }

    #[test]
    fn the_document_is_this() {
        let documents = [copying(), blocked(), failed()].map(|operation| OperationView::of(&operation));
        insta::assert_snapshot!(serde_json::to_string_pretty(&documents).expect("writes"));
    }
}
