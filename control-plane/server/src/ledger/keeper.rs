//! What is due for the ledger, looked at every second: files are synced, gaps filled, sealed segments archived, and,
//! by the leader, repeated refusals put on record.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use control_plane_raft::{Journal, RaftNode};
use control_plane_state::{Author, Command, State};
use platform_runtime::tls::Identity;
use platform_runtime::{Clock, TaskGroup};

use super::{LedgerStore, catch_up};
use crate::proposer::Proposer;

const EVERY: Duration = Duration::from_secs(1);

/// What it works with.
pub struct Keeper {
    pub store: LedgerStore,
    pub raft: RaftNode,
    pub proposer: Proposer,
    pub identity: Identity,
    pub clock: Clock,
    /// This controller's Raft id.
    pub id: u64,
}

impl Keeper {
    /// Runs until the group ends.
    pub fn start(self, tasks: &TaskGroup) {
        let ended = tasks.token();
        tasks.spawn("ledger-keeper", async move {
            let mut tick = tokio::time::interval(EVERY);
            let (mut archived, mut attempt) = (None, 0);
            loop {
                tokio::select! { () = ended.cancelled() => break, _ = tick.tick() => {} }
                let state = Arc::clone(&self.raft.state().borrow());
                archived = self.keep_files(&state, archived).await;
                self.settle(&state).await;
                self.activate(&state).await;
                tokio::select! {
                    () = ended.cancelled() => break,
                    () = self.fill_gap(&mut attempt) => {}
                }
            }
        });
    }

    /// Syncs and archives. Answers with the last archived segment.
    async fn keep_files(&self, state: &Arc<State>, archived: Option<u64>) -> Option<u64> {
        let (store, state) = (self.store.clone(), Arc::clone(state));
        let kept = tokio::task::spawn_blocking(move || {
            // A controller that has applied nothing yet knows no ledger.
            if state.ledger.head().sequence > state.ledger.chain().begins().sequence {
                store.require_beginning(state.ledger.chain())?;
            }
            store.sync()?;
            store.archive_after(archived)
        });
        match kept.await {
            Ok(Ok(archived)) => archived,
            Ok(Err(error)) => {
                metrics::counter!("controld_ledger_keeping_failed_total").increment(1);
                tracing::error!(%error, "the ledger could not be kept");
                archived
            }
            Err(error) => {
                tracing::error!(%error, "keeping the ledger panicked");
                archived
            }
        }
    }

    /// Puts repetitions on record whose minute is over, if this controller leads.
    async fn settle(&self, state: &State) {
        if !self.raft.is_leader() || !state.ledger.is_due(self.clock.unix_ms()) {
            return;
        }
        let author = Author::Controller {
            id: self.identity.spiffe_id().to_string(),
        };
        let settled = self
            .proposer
            .propose(author, String::new(), Command::SettleRefusals)
            .await;
        if let Err(refusal) = settled {
            tracing::debug!(%refusal, "repeated refusals wait");
        }
    }

    /// Lets the approved law hold wholly once its day has come, if this controller leads.
    async fn activate(&self, state: &State) {
        if !self.raft.is_leader() || !state.law.is_due(self.clock.unix_ms()) {
            return;
        }
        let author = Author::Controller {
            id: self.identity.spiffe_id().to_string(),
        };
        let activated = self
            .proposer
            .propose(author, String::new(), Command::ActivateLaw)
            .await;
        if let Err(refusal) = activated {
            tracing::warn!(%refusal, "the law of this day waits");
        }
    }

    /// Fetches until nothing lacks or no peer helps.
    async fn fill_gap(&self, attempt: &mut usize) {
        loop {
            let state = Arc::clone(&self.raft.state().borrow());
            let gap = self.store.gap(state.ledger.head());
            let lacks = gap.map_or(0, |gap| gap.to.sequence - gap.from.sequence);
            metrics::gauge!("controld_ledger_gap_entries").set(lacks as f64);
            let Some(gap) = gap else { return };
            let Some(peer) = catch_up::peer(&self.raft.members(), self.id, *attempt) else {
                return;
            };
            let (identity, clock) = (self.identity.clone(), self.clock.clone());
            let chain = state.ledger.chain();
            match catch_up::piece(&self.store, chain, gap, peer.clone(), identity, clock).await {
                Ok(count) => {
                    tracing::info!(%peer, count, from = gap.from.sequence, "entries of the ledger fetched")
                }
                Err(error) => {
                    *attempt += 1;
                    tracing::warn!(error = &error as &dyn Error, %peer, lacks, "the ledger has a gap");
                    return;
                }
            }
        }
    }
}
