//! Tells the controllers how the copies here stand: every [`EVERY`], and at once when one has something to tell. The
//! answer says which configurations are the newest, and whose data is to be compared. What a shard waits for goes by
//! itself, behind no report that is under way.
//!
//! It waits for nobody: while no controller answers, copies go on by the table that is known here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cell_shard::{CopyStatus, Told};
use platform_model::{Generation, RoutingTable, ShardId};
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use platform_wire::follow::Followed;
use platform_wire::replicas::{CopyReport, Knows, ReplicasReply, ReplicasReport, TOLD_MAX};
use platform_wire::report::ReportClient;
use platform_wire::{CallError, RefusalCode};

use crate::convert;
use crate::hosted::Hosted;
use crate::room::Room;
use crate::telling::{Sent, Telling};

/// Pause between two reports.
pub const EVERY: Duration = Duration::from_millis(250);
/// Pause after something was told before the next report may be: several words go together.
const GATHER: Duration = Duration::from_millis(5);

pub struct Replicas {
    pub reports: ReportClient,
    pub hosted: Hosted,
    pub telling: Telling,
    pub followed: Followed,
    pub(crate) room: Room,
    pub clock: Clock,
    /// Whether the controllers ask for the table that is gone by here: their world was recovered.
    pub asked: AtomicBool,
}

impl Replicas {
    /// Reports until the group ends.
    pub fn start(self, tasks: &TaskGroup) {
        let one = Arc::new(self);
        let (urgent, token) = (Arc::clone(&one), tasks.token());
        tasks.spawn("replica-words", async move {
            token.run_until_cancelled(urgent.run_urgent()).await;
        });
        let token = tasks.token();
        tasks.spawn("replica-reports", async move {
            token.run_until_cancelled(one.run()).await;
        });
    }

    /// What comes while a call is under way goes together with the next. What is lost goes with a report.
    async fn run_urgent(&self) {
        loop {
            self.telling.urgent().await;
            let sent = self.telling.take_urgent(TOLD_MAX);
            if !sent.is_empty() {
                let table = self.followed.current().generation;
                self.send(sent, Vec::new(), (table, None)).await;
            }
        }
    }

    async fn run(&self) {
        loop {
            self.report().await;
            tokio::select! {
                () = self.telling.news() => self.clock.sleep(GATHER).await,
                () = self.clock.sleep(EVERY) => {}
            }
        }
    }

    async fn report(&self) {
        let table = self.followed.current();
        let sent = self.telling.take(&table, TOLD_MAX);
        // Before the copies are looked at: whoever is told the table is told with it of every copy that has opened by then.
        let knows = self.knows(&table);
        let copies = self.hosted.reports();
        let copies = copies
            .into_iter()
            .map(|(shard, status)| copy_report(shard, &status));
        self.send(sent, copies.collect(), (table.generation, knows)).await;
    }

    async fn send(
        &self,
        sent: Sent,
        copies: Vec<CopyReport>,
        (table, configured): (Generation, Option<Knows>),
    ) {
        let told = sent
            .told
            .iter()
            .filter(|(_, told)| is_known(told))
            .map(|(shard, told)| (shard.clone(), convert::told(told)));
        let report = ReplicasReport {
            node: self.hosted.node().clone(),
            incarnation: self.hosted.start().incarnation,
            leaving: self.hosted.is_leaving(),
            free_bytes: self.room.free_bytes(),
            copies,
            told: told.collect(),
            table,
            configured,
        };
        // What the answer confirms is true of no moment before the question.
        let asked = self.clock.monotonic();
        match self.reports.replicas(&report).await {
            Ok(reply) => {
                self.telling.answered(&sent);
                self.take(asked, &reply);
            }
            Err(error) => self.judge(&error, &sent),
        }
    }

    /// All that is known here of who holds what, also of shards that have left: where they went, who took them may not be asked.
    /// Not while a copy here may have stored what is newer. A node that has followed no table since it began says that it knows of
    /// nothing only if nothing lies on its disk.
    fn knows(&self, table: &RoutingTable) -> Option<Knows> {
        let tells = self.asked.load(Ordering::Relaxed) && self.hosted.may_tell(table);
        tells.then(|| table.into())
    }

    fn take(&self, asked: Duration, reply: &ReplicasReply) {
        self.asked.store(reply.tell, Ordering::Relaxed);
        for (shard, generation) in &reply.newest {
            if let Some(copy) = self.hosted.copy(shard) {
                copy.confirmed(asked, *generation);
            }
        }
        for shard in &reply.verify {
            if let Some(copy) = self.hosted.copy(shard) {
                copy.verify();
            }
        }
    }

    fn judge(&self, error: &CallError, sent: &Sent) {
        metrics::counter!("celld_replica_reports_lost_total").increment(1);
        tracing::debug!(%error, "a report of copies is lost");
        if error.refusal().is_some_and(|refusal| !refusal.code.retryable()) {
            // Heard, and not understood: what is said again by itself is not sent with every report for ever.
            self.telling.answered(sent);
        }
        let ends = |code| matches!(code, RefusalCode::OldIncarnation | RefusalCode::OtherData);
        if error.refusal().is_some_and(|refusal| ends(refusal.code)) {
            self.hosted.give_way(error);
        }
    }
}

/// Of a certificate it is not known at first of how many chunks it will be; then it says nothing yet.
fn is_known(told: &Told) -> bool {
    match told {
        Told::Certified { chunks, of, .. } => chunks <= of,
        _ => true,
    }
}

fn copy_report(shard: ShardId, status: &CopyStatus) -> CopyReport {
    CopyReport {
        shard,
        replica: status.replica,
        generation: status.generation,
        term: status.term,
        last: status.last,
        chain: status.chain,
        committed: status.committed,
        leads: status.leads,
        serves: status.serves,
        silent_micros: status.silent_micros,
        state: status.state.to_owned(),
        copied_bytes: status.copied_bytes,
        copy_bytes_per_second: status.copy_bytes_per_second,
        copy_left_bytes: status.copy_left_bytes,
        commits_per_second: status.commits_per_second,
        p99_micros: status.p99_micros,
        stalled_micros: status.stalled_micros,
        bytes: status.bytes,
    }
}
