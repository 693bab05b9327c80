//! The shell around [`Leader`]: one lock, one task that ticks, commands through Raft.

use std::sync::Arc;
use std::time::Duration;

use control_plane_planner::Observed;
use control_plane_raft::{Part, RaftNode};
use control_plane_state::{Author, Envelope, State};
use parking_lot::Mutex;
use platform_model::thresholds::{COMMANDS_AT_ONCE_MAX, OPERATION_TICK_MS, TICK_MS};
use platform_model::{ReplicaId, ShardId};
use platform_runtime::clock::Clock;
use platform_runtime::tls::SpiffeId;
use platform_runtime::{TaskGroup, random};
use platform_wire::replicas::{ReplicasReply, ReplicasReport};
use platform_wire::{Refusal, RefusalCode};
use tokio::sync::Semaphore;

use super::act::{Act, By};
use super::leader::{Leader, micros};
use crate::proposer::{Proposer, done};
use crate::refuse;

/// Shards, as this controller leads them. Clone: a shared handle.
#[derive(Clone)]
pub struct Shards {
    shared: Arc<Shared>,
}

struct Shared {
    raft: RaftNode,
    proposer: Proposer,
    clock: Clock,
    name: SpiffeId,
    tasks: TaskGroup,
    /// Commands that may be under way at once; the others wait in the state, where they are found again.
    commands: Arc<Semaphore>,
    leading: Mutex<Option<Leading>>,
}

/// One term of leadership.
struct Leading {
    term: u64,
    leader: Leader,
    /// The state that was looked over last.
    seen: Option<Arc<State>>,
    /// Whether all that was committed before this term has been applied here. Until then what nodes ask for may have
    /// been granted.
    is_caught_up: bool,
    operations_micros: u64,
}

impl Shards {
    /// Starts the task that ticks.
    pub fn start(
        raft: RaftNode,
        proposer: Proposer,
        clock: Clock,
        name: SpiffeId,
        tasks: &TaskGroup,
    ) -> Self {
        let commands = usize::try_from(COMMANDS_AT_ONCE_MAX).unwrap_or(usize::MAX);
        let shards = Self {
            shared: Arc::new(Shared {
                raft,
                proposer,
                clock,
                name,
                tasks: tasks.clone(),
                commands: Arc::new(Semaphore::new(commands)),
                leading: Mutex::new(None),
            }),
        };
        let (ticking, token) = (shards.clone(), tasks.token());
        tasks.spawn("shards", async move {
            let pause = Duration::from_millis(TICK_MS);
            while token
                .run_until_cancelled(ticking.shared.clock.sleep(pause))
                .await
                .is_some()
            {
                if unless_it_panics(|| ticking.tick()).is_none() {
                    // What this leader remembers may be half a change: it listens and finds out anew, as a new one would.
                    *ticking.shared.leading.lock() = None;
                }
            }
        });
        shards
    }

    /// Takes a node's report; answers once it is sure that this controller leads.
    ///
    /// # Errors
    /// `no-leader` and `not-leader`: another may know more.
    pub async fn hear(&self, report: &ReplicasReport) -> Result<ReplicasReply, Refusal> {
        let heard = self.with(|leading, state, now| {
            let mut acts = leading.leader.hear(now, state, report);
            if !leading.is_caught_up {
                leading.leader.put_off(&mut acts);
            }
            let verify = leading.leader.to_verify(now, state, &report.node);
            (acts, verify, leading.leader.asks(state, report), leading.term)
        });
        let (acts, verify, tell, term) = heard.ok_or_else(refuse::no_leader)?;
        self.carry_out(acts);
        // Whoever leads no more must not vouch for what is newest.
        let state = self
            .shared
            .raft
            .read_linearizable()
            .await
            .map_err(|error| Refusal::new(RefusalCode::NoLeader, error.to_string()))?;
        self.with(|leading, _, _| leading.is_caught_up |= leading.term == term);
        Ok(ReplicasReply {
            newest: newest(&state, report),
            verify,
            tell,
        })
    }

    /// Looks at what the leader knows, if this controller leads.
    pub fn look<T>(&self, look: impl FnOnce(&Leader, &State, u64) -> T) -> Option<T> {
        self.with(|leading, state, now| look(&leading.leader, state, now))
    }

    /// What a repair by hand goes by, as far as this controller knows: nobody tells one that does not lead.
    pub fn observed_by_hand(&self) -> Observed {
        let observed = self.look(|leader, state, now| leader.observed_by_hand(now, state));
        observed.unwrap_or_default()
    }

    fn tick(&self) {
        let acts = self.with(|leading, state, now| {
            let mut acts = leading.leader.tick(now, state);
            let since = now.saturating_sub(leading.operations_micros);
            if since >= OPERATION_TICK_MS * 1_000 {
                leading.operations_micros = now;
                acts.extend(leading.leader.relieve_suspects(now, state));
                acts.extend(leading.leader.balance(now, state));
                acts.extend(leading.leader.tidy(now, state));
                acts.extend(leading.leader.repair(now, state));
                acts.extend(leading.leader.operate(now, self.shared.clock.unix_ms(), state));
            }
            acts
        });
        self.carry_out(acts.unwrap_or_default());
    }

    /// Under the lock, with a leader of this very term; `None` if this controller does not lead.
    fn with<T>(&self, f: impl FnOnce(&mut Leading, &State, u64) -> T) -> Option<T> {
        let mut leading = self.shared.leading.lock();
        // Under the lock: neither time nor what is decided goes back for whoever is behind it.
        let now = micros(self.shared.clock.monotonic());
        let status = self.shared.raft.status();
        let state = Arc::clone(&self.shared.raft.state().borrow());
        if status.part != Part::Leader {
            *leading = None;
            return None;
        }
        let leading = match &mut *leading {
            Some(leading) if leading.term == status.term => leading,
            other => other.insert(Leading {
                term: status.term,
                leader: Leader::new(now, fresh),
                seen: None,
                is_caught_up: false,
                operations_micros: now,
            }),
        };
        if leading
            .seen
            .as_ref()
            .is_none_or(|seen| !Arc::ptr_eq(seen, &state))
        {
            leading.leader.look_over(&state);
            leading.seen = Some(Arc::clone(&state));
        }
        Some(f(leading, &state, now))
    }

    /// Proposes each, in tasks of their own: a report is not held up by Raft.
    fn carry_out(&self, acts: Vec<Act>) {
        for act in acts {
            let Ok(permit) = Arc::clone(&self.shared.commands).try_acquire_owned() else {
                metrics::counter!("controld_commands_put_off_total").increment(1);
                self.settled(&act.shard);
                continue;
            };
            let shards = self.clone();
            self.shared.tasks.spawn("shard-command", async move {
                if shards.propose(&act).await == Settled::Yes {
                    shards.settled(&act.shard);
                }
                drop(permit);
            });
        }
    }

    async fn propose(&self, act: &Act) -> Settled {
        let author = match &act.by {
            By::Controller => Author::Controller {
                id: self.shared.name.to_string(),
            },
            By::Node(node) => {
                let state = Arc::clone(&self.shared.raft.state().borrow());
                let Some(cell) = state.cells.get(&node.cell) else {
                    return Settled::Yes;
                };
                Author::Node {
                    id: node.clone(),
                    region: cell.region.clone(),
                }
            }
        };
        let name = act.command.name();
        let envelope = Envelope::new(
            author,
            self.shared.clock.unix_ms(),
            act.reason.clone(),
            act.command.clone(),
        );
        let outcome = self.shared.proposer.propose_here(envelope).await.and_then(done);
        let code = outcome
            .as_ref()
            .err()
            .map_or("ok", |refusal| refusal.code.as_str());
        metrics::counter!("controld_commands_total", "command" => name, "outcome" => code).increment(1);
        match &outcome {
            Ok(_) => tracing::info!(shard = %act.shard, command = name, reason = %act.reason, "committed"),
            // Whatever it was, the state shows what is to be done, and it is looked at again.
            Err(refusal) => tracing::info!(shard = %act.shard, command = name, %refusal, "not committed"),
        }
        Settled::of(outcome.err().map(|refusal| refusal.code))
    }

    fn settled(&self, shard: &ShardId) {
        if let Some(leading) = &mut *self.shared.leading.lock() {
            leading.leader.settled(shard);
        }
    }
}

/// Whether another command may be given for the shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settled {
    Yes,
    /// It may still be committed: given again it would be refused, on record. The state shows what came of it, or it is
    /// given up after a while.
    NotYet,
}

impl Settled {
    fn of(refused: Option<RefusalCode>) -> Self {
        match refused {
            Some(RefusalCode::OutcomeUnknown) => Self::NotYet,
            _ => Self::Yes,
        }
    }
}

/// A name that was never given to a copy.
fn fresh() -> ReplicaId {
    let random = u128::from_be_bytes(random::bytes::<16>());
    ReplicaId(random.max(1))
}

/// The newest configurations of the shards that the node told of, and of which it holds a copy.
pub(super) fn newest(state: &State, report: &ReplicasReport) -> Vec<(ShardId, platform_model::Generation)> {
    // Of what may have changed since the backup nobody is told that it is the newest.
    if !state.is_recovered() {
        return Vec::new();
    }
    let told = report.copies.iter().map(|copy| &copy.shard);
    let known = told.filter_map(|shard| {
        let config = state.shards.get(shard)?.config.as_ref()?;
        let holds = config.copies().any(|copy| copy.node == report.node);
        holds.then(|| (shard.clone(), config.generation))
    });
    known.collect()
}

/// None if it panicked: whoever looks after all shards must not end by one that is not as it was thought to be.
fn unless_it_panics<T>(f: impl FnOnce() -> T) -> Option<T> {
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
    if done.is_err() {
        metrics::counter!("controld_ticks_panicked_total").increment(1);
        tracing::error!("a look at the shards panicked: what this leader remembers is forgotten");
    }
    done.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_whose_outcome_nobody_knows_is_not_given_again_at_once() {
        assert_eq!(Settled::of(Some(RefusalCode::OutcomeUnknown)), Settled::NotYet);
        for code in [RefusalCode::NotLeader, RefusalCode::GenerationMismatch] {
            assert_eq!(Settled::of(Some(code)), Settled::Yes);
        }
        assert_eq!(Settled::of(None), Settled::Yes);
    }

    #[test]
    fn a_panic_is_told_and_goes_no_further() {
        assert_eq!(unless_it_panics(|| 7), Some(7));
        let empty: [u8; 0] = [];
        assert_eq!(
            unless_it_panics(|| empty.iter().max().copied().expect("none")),
            None
        );
    }
}
