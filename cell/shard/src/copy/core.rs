//! The machine and all that is decided together with it, behind one lock: whoever steps it (the copy's task, the clock's
//! thread, a stream's task) also does what it wants, in order. Nothing here waits: what takes time is queued.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use cell_replica::action::Action;
use cell_replica::shared::SharedHolder;
use cell_replica::{Configuration, Event, Frame, Message, Moment, Refusal, Replica, Role, Stage};
use cell_store::{Limits, Store};
use parking_lot::RwLock;
use platform_model::{Position, ReplicaId, Term};
use platform_runtime::Clock;
use tokio::sync::{Notify, mpsc, watch};

use super::codec::{Beside, Incoming};
use super::content::ShardContent;
use super::faults;
use super::item::{Item, Written};
use super::job::{EntriesJob, Job};
use super::lag::Lag;
use super::nodes::Nodes;
use super::notes::{ChunkStart, Receipt};
use super::payload::Payload;
use super::progress::Pace;
use super::recent::Recent;
use super::settings::{Control, CopySettings, Peers};
use super::term::Opened;
use super::told::{Standing, Told};
use super::verify::Verification;
use crate::gate::{ALWAYS, Progress, micros};
use crate::history::EpochHistory;
use crate::keys::ShardKeys;
use crate::shard::{Shard, Shared};

/// Bytes of entries that a standby takes while they are not durable; past it they are dropped and sent again.
const PENDING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes that one store batch is filled with.
const BATCH_BYTES: usize = 3_500_000;
const BATCH_MUTATIONS: usize = 30_000;

pub(crate) struct Core {
    pub settings: Arc<CopySettings>,
    pub keys: ShardKeys,
    pub clock: Clock,
    pub store: Arc<dyn Store>,
    pub store_limits: Limits,
    pub machine: Replica<ShardContent>,
    pub nodes: Nodes,
    pub peers: Arc<dyn Peers>,
    pub control: Arc<dyn Control>,
    pub entry_jobs: mpsc::Sender<EntriesJob>,
    pub jobs: mpsc::Sender<Job>,
    pub wake: Arc<Notify>,
    /// What waits for the disk.
    pub items: VecDeque<Item>,
    pub item_bytes: usize,
    /// Entries of the step that is under way: sealed here, or come in.
    pub arriving: BTreeMap<Position, Payload>,
    pub recent: Recent,
    pub lag: Lag,
    /// Frames of entries that are being read from the store, by node: later ones wait behind them.
    pub reading: BTreeMap<cell_replica::NodeKey, usize>,
    pub history: EpochHistory,
    /// Of the newest entry that was sealed or came in.
    pub time_ms: u64,
    /// The term that serves.
    pub term: Option<Arc<Shared>>,
    /// A term that has begun to serve and whose committer has not taken it up.
    pub opened: Option<Opened>,
    pub door: Arc<RwLock<Door>>,
    /// Until when the term's lease held, as it was published last; 0: it was not held.
    pub leased_until: u64,
    /// It follows, and has heard nobody serve for a lease: the control plane knows.
    pub fell_silent: bool,
    /// Transactions wait for the lease, or for room.
    pub blocked: bool,
    /// Where chunks begin that standbys ask for.
    pub starts: BTreeMap<ReplicaId, (u32, Bytes)>,
    /// Standbys for which a page is about to be read.
    pub paging: BTreeSet<ReplicaId>,
    /// Where the next chunk of the copy that is made here begins.
    pub chunk: ChunkStart,
    pub pace: Pace,
    pub verification: Verification,
    pub erasing: Option<(ReplicaId, u64)>,
    pub receipt: Option<Receipt>,
    /// Another is on its way to the disk.
    pub receipt_comes: bool,
    pub nameless: bool,
    /// In a shared store: until when this node may read by the fence.
    pub holder: Option<SharedHolder>,
    /// A term that serves, to which nobody is let in yet: whoever held the shard before may still read.
    pub opens_later: Option<Term>,
    /// A handover that begins only then.
    pub put_off: Option<Configuration>,
    pub failed: bool,
    /// Nothing more is taken in.
    pub closing: bool,
}

/// What the door of the shard needs to know, without the lock of the machine.
pub(crate) struct Door {
    pub standing: watch::Sender<Standing>,
    pub shard: Option<Shard>,
}

impl Core {
    pub(crate) fn now(&self) -> Moment {
        Moment(micros(&self.clock))
    }

    /// Lets an event happen and does all that follows.
    pub(crate) fn step(&mut self, event: Event<ShardContent>) -> Result<(), Refusal> {
        let outcome = self.step_quietly(event);
        self.publish();
        outcome
    }

    /// What the machine wants as it starts.
    pub(crate) fn begin(&mut self, actions: Vec<Action<ShardContent>>) {
        self.perform(actions);
        self.publish();
    }

    fn step_quietly(&mut self, event: Event<ShardContent>) -> Result<(), Refusal> {
        let mut actions = Vec::new();
        let now = self.now();
        self.machine.step_into(now, event, &mut actions)?;
        self.perform(actions);
        Ok(())
    }

    /// A frame came in. What is refused is answered, except where nobody could use the answer.
    pub(crate) fn receive(&mut self, incoming: Incoming) {
        let Incoming { frame, beside } = incoming;
        if !self.has_room_for(&beside) {
            metrics::counter!("shard_frames_dropped_total", "reason" => "full").increment(1);
            return;
        }
        let header = Frame {
            group: frame.group,
            term: frame.term,
            from: frame.from,
            to: frame.to,
            message: Message::Leaving,
        };
        let answers = !matches!(frame.message, Message::Refused(_));
        self.note_beside(&frame, beside);
        let outcome = self.step_quietly(Event::Received(frame));
        self.arriving.clear();
        if let Err(refusal) = outcome {
            metrics::counter!("shard_frames_refused_total").increment(1);
            let me = self.nodes.key(&self.settings.node);
            let answer = me.filter(|_| answers).and_then(|me| header.refused(me, refusal));
            if let Some((to, frame)) = answer {
                self.send(to, frame);
            }
        }
        self.publish();
    }

    fn has_room_for(&self, beside: &Beside) -> bool {
        match beside {
            Beside::Entries(entries) => {
                let bytes: usize = entries.iter().map(|(stored, _)| stored.len()).sum();
                self.item_bytes == 0 || self.item_bytes + bytes <= PENDING_BYTES_MAX
            }
            _ => true,
        }
    }

    fn note_beside(&mut self, frame: &Frame<ShardContent>, beside: Beside) {
        match beside {
            Beside::Nothing => {}
            Beside::Entries(entries) => {
                for (stored, entry) in entries {
                    let payload = Payload::read(&self.keys, stored, entry);
                    self.arriving.insert(payload.head.position, payload);
                }
            }
            Beside::BaseTime(time_ms) => self.time_ms = self.time_ms.max(time_ms),
            Beside::PageStart(start) => {
                if let Message::FetchPage { chunk } = frame.message
                    && self.is_standby(frame.from.replica)
                {
                    self.starts.insert(frame.from.replica, (chunk, start));
                }
            }
        }
    }

    fn is_standby(&self, replica: ReplicaId) -> bool {
        let config = self.machine.meta().config.as_ref();
        config.is_some_and(|config| config.standby(replica).is_some())
    }

    fn perform(&mut self, actions: Vec<Action<ShardContent>>) {
        for action in actions {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action<ShardContent>) {
        match action {
            Action::Persist { ticket, writes } => self.enqueue(ticket, writes),
            Action::Send { node, frame } => self.send(node, frame),
            Action::Seal(body) => self.seal_own(body),
            // Published at the end of the step.
            Action::Committed(_) | Action::Durable(_) => {}
            Action::Serving(term) => self.open_in_turn(term),
            Action::TermEnded(_) => self.close_term(),
            Action::ReadPage { to, chunk } => self.read_page(to, chunk),
            Action::ReadKeys { to, fork, keys } => self.job(Job::ReadKeys { to, fork, keys }),
            Action::CollectKeys { fork, end } => self.job(Job::CollectKeys { fork, end }),
            Action::Export { fork, end } => self.items.push_back(Item::Export { fork, end }),
            Action::Propose(proposal) => self.tell(Told::Proposed(proposal)),
            Action::Report(report) => self.tell_report(report),
            Action::Prepared { epoch, replica, last } => self.tell(Told::Prepared {
                epoch,
                replica,
                last_epoch: last.term.epoch,
                last_position: last.position,
            }),
            Action::Confirm {
                generation,
                epoch,
                replica,
                last,
            } => self.tell(Told::Confirmed {
                generation,
                epoch,
                replica,
                position: last.position,
            }),
        }
    }

    pub(crate) fn tell(&self, told: Told) {
        self.control.tell(&self.settings.shard, told);
    }

    /// What takes time; asked for again when it is lost.
    pub(crate) fn job(&mut self, job: Job) {
        if self.jobs.try_send(job).is_err() {
            metrics::counter!("shard_copy_jobs_dropped_total").increment(1);
        }
    }

    /// One page is read for a standby at a time, whichever it asked for last: it asks again and again while the foreground
    /// holds a page back.
    fn read_page(&mut self, to: ReplicaId, chunk: u32) {
        let asked = self.starts.get(&to).is_some_and(|(asked, _)| *asked == chunk);
        if asked && self.paging.insert(to) && self.jobs.try_send(Job::ReadPage { to }).is_err() {
            self.paging.remove(&to);
        }
    }

    /// As much of what waits as goes into one store batch.
    pub(crate) fn take_items(&mut self) -> Vec<Item> {
        let mut taken: Vec<Item> = Vec::new();
        let (mut bytes, mut mutations) = (0, 0);
        while let Some(item) = self.items.front() {
            let alone = item.goes_alone();
            let full = bytes + item.bytes() > BATCH_BYTES || mutations + item.mutations() > BATCH_MUTATIONS;
            if !taken.is_empty() && (alone || full) {
                break;
            }
            bytes += item.bytes();
            mutations += item.mutations();
            let item = self.items.pop_front().expect("seen above");
            taken.push(item);
            if alone {
                break;
            }
        }
        taken
    }

    /// What was taken is durable.
    pub(crate) fn written(&mut self, bytes: usize, written: Written) {
        self.item_bytes = self.item_bytes.saturating_sub(bytes);
        if let Some(history) = written.history {
            self.history = history;
        }
        if let Some(receipt) = written.receipt {
            self.receipt = Some(receipt);
            self.receipt_comes = false;
            self.tell_receipt();
        }
        if let Some(ticket) = written.upto {
            // A ticket that the machine does not know any more is of before a failure.
            let _ = self.step(Event::Persisted(ticket));
        }
        for digest in written.digests {
            self.job(Job::Digest(Box::new(digest)));
        }
    }

    pub(crate) fn tell_receipt(&self) {
        if let Some(receipt) = self.receipt {
            self.tell(Told::Erased {
                replica: receipt.replica,
                order: receipt.order,
                bytes: receipt.bytes,
                keys: receipt.keys,
            });
        }
    }

    /// Tells gate, door and task how it stands now.
    pub(crate) fn publish(&mut self) {
        let now = self.now();
        if let Some(term) = &self.term {
            let durable = self.machine.durable();
            let committed = self.machine.committed().unwrap_or_default();
            self.lag.committed(committed);
            let leased = self.machine.answers_until(now).map_or(0, |until| until.0);
            let leased = leased.min(self.held_until());
            let before = std::mem::replace(&mut self.leased_until, leased);
            if before != 0 && before <= now.0 {
                metrics::counter!("shard_lease_lapses_total").increment(1);
                let late_ms = (now.0 - before) / 1_000;
                tracing::warn!(shard = %self.settings.shard, late_ms, "its lease had lapsed");
            }
            term.gate.publish(Progress {
                committed,
                answered: if self.machine.async_open() && self.lag.is_within(now) {
                    durable
                } else {
                    committed
                },
                leased_until: if leased == u64::MAX { ALWAYS } else { leased },
                moving: self.is_moving(),
            });
            self.recent.forget(self.oldest_needed());
        }
        let standing = self.standing();
        self.door.read().standing.send_if_modified(|before| {
            let changes = *before != standing;
            if changes {
                let (shard, state) = (&self.settings.shard, self.machine.state());
                tracing::debug!(%shard, state, ?standing, "stands otherwise");
                *before = standing;
            }
            changes
        });
        let unblocked =
            self.blocked && !matches!(self.machine.may_write(now), Err(Refusal::NoLease | Refusal::Busy));
        if unblocked || !self.items.is_empty() || self.opened.is_some() {
            self.blocked = self.blocked && !unblocked;
            self.wake.notify_one();
        }
    }

    /// Entries up to here no standby will ask for again.
    fn oldest_needed(&self) -> Position {
        match self.machine.role() {
            Role::Primary(primary) => {
                let acked = primary.peers.iter().map(|peer| peer.acked).min();
                acked.unwrap_or_else(|| self.machine.durable())
            }
            _ => Position(0),
        }
    }

    fn is_moving(&self) -> bool {
        matches!(self.machine.role(), Role::Primary(primary) if primary.stage >= Stage::Draining)
    }

    fn standing(&self) -> Standing {
        if self.failed {
            return Standing::Failed;
        }
        match self.machine.role() {
            Role::Stopped => Standing::Failed,
            Role::Primary(primary) => match primary.stage {
                Stage::Serving if self.term.is_some() => Standing::Serving,
                // A cell that forgets what comes now must be sent it.
                Stage::Draining | Stage::Released if faults::forgets_while_moving() => Standing::Serving,
                Stage::Draining | Stage::Released => Standing::Moving,
                _ => Standing::Opening,
            },
            _ => self.elsewhere(),
        }
    }

    fn elsewhere(&self) -> Standing {
        let config = self.machine.meta().config.as_ref();
        let node = config
            .and_then(|config| self.nodes.name(config.primary.node))
            .cloned();
        let epoch = config.map(|config| config.epoch).unwrap_or_default();
        match &node {
            Some(node) if *node == self.settings.node => Standing::Opening,
            _ => Standing::Elsewhere { node, epoch },
        }
    }
}
