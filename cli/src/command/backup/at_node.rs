//! A node, asked under the operator's certificate, and what its refusals mean for whoever typed the command.

use std::time::Duration;

use anyhow::{Context, Result};
use platform_model::{NodeId, RoutingTable};
use platform_runtime::clock::Clock;
use platform_runtime::tls::Identity;
use platform_wire::CallError;
use platform_wire::custody::{CustodyClient, JobState, JobStatus};

use crate::exit::Hinted;
use crate::printer::Printer;
use crate::world::operator;

/// How often a job is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// Looks between two lines of progress.
const TOLD_EVERY: u32 = 20;
/// Looks that may fail one after the other: a node that is asked too much at the moment.
const LOST_MAX: u32 = 40;

/// One node.
pub struct AtNode {
    pub node: NodeId,
    client: CustodyClient,
}

impl AtNode {
    /// # Errors
    /// For a node that the table does not know.
    pub fn new(node: &NodeId, table: &RoutingTable, identity: &Identity) -> Result<Self> {
        let known = table.nodes.get(node);
        let known = known.with_context(|| format!("there is no node {node}"))?;
        let cell = table.cells.get(&node.cell);
        let cell = cell.with_context(|| format!("there is no cell {}", node.cell))?;
        let client = CustodyClient::new(node, &cell.region, &known.address, identity).map_err(explain)?;
        Ok(Self {
            node: node.clone(),
            client,
        })
    }

    pub fn client(&self) -> &CustodyClient {
        &self.client
    }

    /// Waits until a job has ended well.
    ///
    /// # Errors
    /// How it failed; when the node is not heard for long.
    pub async fn wait(&self, mut job: JobStatus, what: &str, printer: &Printer) -> Result<JobStatus> {
        let (clock, mut lost) = (Clock::system(), 0);
        for look in 0_u32.. {
            match &job.state {
                JobState::Done => return Ok(job),
                JobState::Failed { code, why } => {
                    let message = format!("{what}: {why}");
                    let code = format!("the node calls it `{code}`");
                    return Err(Hinted::new(message, &[&code, "cellctl backup list"]).into());
                }
                JobState::Running if look % TOLD_EVERY == TOLD_EVERY - 1 => {
                    printer.progress(&format!("{what}: {}", so_far(&job)));
                }
                JobState::Running => {}
            }
            clock.sleep(LOOK_EVERY).await;
            match self.client.job(job.job).await {
                Ok(status) => (job, lost) = (status, 0),
                Err(error) if error.refusal().is_none() && lost < LOST_MAX => lost += 1,
                Err(error) => return Err(explain(error)),
            }
        }
        unreachable!("a job is looked at until it ends")
    }
}

fn so_far(job: &JobStatus) -> String {
    let mib = |bytes: u64| bytes >> 20;
    let (rows, done) = (job.backup.rows, mib(job.backup.bytes));
    match job.bytes_of {
        Some(of) => format!("{rows} rows, {done} of {} MiB", mib(of)),
        None => format!("{rows} rows, {done} MiB"),
    }
}

/// What a node's refusal means.
pub fn explain(error: CallError) -> anyhow::Error {
    match error {
        CallError::Unreachable { .. } => {
            let hinted = Hinted::new(
                "the node does not answer",
                &["cellctl node list", "cellctl shard list"],
            );
            anyhow::Error::new(error).context(hinted)
        }
        other => operator::explain(other),
    }
}
