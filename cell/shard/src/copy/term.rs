//! A term that serves: it begins with a handle of the shard and a queue of its own, and ends with both. The committer
//! judges what waits, seals the winners as one entry at the machine's tail, and answers when that is durable.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use cell_replica::Refusal;
use platform_model::{Position, ShardId, Term};
use platform_runtime::CancellationToken;
use tokio::sync::mpsc;

use super::core::Core;
use super::faults;
use crate::entry::EntryKind;
use crate::gate::{End, Gate};
use crate::group::{Group, GroupBounds};
use crate::meter::Meter;
use crate::opening::Openings;
use crate::outbox::Emissions;
use crate::plant::Plant;
use crate::request::Ownership;
use crate::shard::{Shard, Shared, TermEnd};
use crate::submission::{Submission, Verdict};
use crate::time::LogClock;
use crate::turn::Turns;
use crate::window::Window;

/// A term that has just begun to serve.
pub(crate) struct Opened {
    pub shared: Arc<Shared>,
    pub inbox: mpsc::Receiver<Submission>,
    pub stop: CancellationToken,
}

impl Core {
    /// The machine serves: whoever comes to the door is let in.
    pub(crate) fn open_term(&mut self, term: Term) {
        let limits = self.settings.limits;
        let meter = Meter::new(&self.settings.shard);
        let log_clock = LogClock::new(self.clock.clone(), self.time_ms, meter.clock_ahead.clone());
        let committed = self.machine.committed().unwrap_or_default();
        let shared = Arc::new(Shared {
            ownership: Ownership {
                shard: self.settings.shard.clone(),
                node: self.settings.node.clone(),
                epoch: term.epoch,
            },
            term,
            store: Arc::clone(&self.store),
            store_limits: self.store_limits,
            keys: self.keys.clone(),
            limits,
            clock: self.clock.clone(),
            history: self.history.clone(),
            gate: Gate::replicated(committed, self.clock.clone()),
            drained: CancellationToken::new(),
            meter,
            plant: Plant::none(),
            log_clock,
            queue_bytes: Arc::default(),
            emissions: Emissions::default(),
            turns: Turns::default(),
            openings: Openings::default(),
            trimmed: AtomicU64::new(self.machine.log().base().position.0),
            wanted: AtomicU64::new(self.wanted_at_first()),
        });
        let (sender, inbox) = mpsc::channel(limits.queue_max);
        let stop = CancellationToken::new();
        let shard = Shard {
            shared: Arc::clone(&shared),
            inbox: sender,
            stop: stop.clone(),
        };
        self.door.write().shard = Some(shard);
        self.term = Some(Arc::clone(&shared));
        (self.blocked, self.leased_until) = (false, 0);
        self.opened = Some(Opened { shared, inbox, stop });
        tracing::info!(shard = %self.settings.shard, %term, %committed, "term serves");
    }

    /// Behind what somebody wants the log, before he has said so.
    fn wanted_at_first(&self) -> u64 {
        let is_kept = self.settings.log_kept_elsewhere;
        if is_kept && !matches!(self.settings.shard, ShardId::Keys { .. }) {
            0
        } else {
            u64::MAX
        }
    }

    /// The machine leads no more, or leads another term: nothing of this one goes on.
    pub(crate) fn close_term(&mut self) {
        self.opens_later = None;
        self.door.write().shard = None;
        self.recent.clear();
        self.lag.clear();
        if let Some(term) = self.term.take() {
            term.gate.finish(if self.failed {
                End::Unavailable
            } else {
                End::Fenced
            });
            self.wake.notify_one();
        }
        if let Some(opened) = self.opened.take() {
            // Never taken up: whoever was let in finds his queue closed.
            drop(TermEnd(opened.shared));
        }
    }
}

/// What the committer of a term holds.
pub(crate) struct Leading {
    shared: Arc<Shared>,
    pub inbox: mpsc::Receiver<Submission>,
    pub stop: CancellationToken,
    waiting: VecDeque<Submission>,
    window: Window,
    bounds: GroupBounds,
    /// Sealed, and not durable yet.
    in_flight: Option<Group>,
    _end: TermEnd,
}

/// What came of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Something was sealed or answered.
    Worked,
    /// Nothing waits.
    Idle,
    /// What waits cannot go on: no lease, or too much under way.
    Blocked,
}

impl Leading {
    pub(crate) fn new(opened: Opened, floor: Position) -> Self {
        let limits = &opened.shared.limits;
        Self {
            window: Window::new(floor, limits.window_entries_max, limits.window_keys_max),
            bounds: GroupBounds::new(limits, &opened.shared.store_limits),
            inbox: opened.inbox,
            stop: opened.stop,
            waiting: VecDeque::new(),
            in_flight: None,
            _end: TermEnd(Arc::clone(&opened.shared)),
            shared: opened.shared,
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.shared.gate.end().is_some()
    }

    /// Whether a transaction waits.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.waiting.is_empty() || !self.inbox.is_empty()
    }

    pub(crate) fn take_in(&mut self, submission: Submission) {
        self.waiting.push_back(submission);
    }

    /// Groups what waits and seals it.
    pub(crate) fn turn(&mut self, core: &mut Core) -> Turn {
        while self.waiting.len() < self.bounds.transactions
            && let Ok(submission) = self.inbox.try_recv()
        {
            self.waiting.push_back(submission);
        }
        self.shared.meter.queue.set(self.inbox.len() as f64);
        if self.waiting.is_empty() || self.in_flight.is_some() {
            return Turn::Idle;
        }
        match core.machine.may_write(core.now()) {
            Ok(()) => {}
            Err(Refusal::Moving) => {
                for submission in self.waiting.drain(..) {
                    // The caller may have gone.
                    let _ = submission.reply.send(while_moving(&self.shared));
                }
                return Turn::Worked;
            }
            Err(_) => {
                core.blocked = true;
                return Turn::Blocked;
            }
        }
        let group = self.judge(core.machine.tail().position.next());
        if !group.is_empty() {
            self.seal(core, group);
        }
        Turn::Worked
    }

    fn judge(&mut self, position: Position) -> Group {
        let mut group = Group::new(position);
        while let Some(submission) = self.waiting.pop_front() {
            if !group.fits(&submission, &self.bounds) {
                self.waiting.push_front(submission);
                break;
            }
            if group.judge(submission, &mut self.window, &self.shared.plant) {
                self.shared.meter.conflicts.increment(1);
            }
        }
        group
    }

    fn seal(&mut self, core: &mut Core, mut group: Group) {
        let epoch = self.shared.term.epoch;
        let posted = group.post(&self.shared.keys, epoch, &mut self.window);
        self.shared.note_bridged(group.position, !posted.is_empty());
        let writes = std::mem::take(&mut group.writes).into_mutations().collect();
        let sealed = core.seal(EntryKind::Data, &group.records, writes, group.sync, group.time_ms);
        match sealed {
            Ok(head) => {
                debug_assert_eq!(head.position, group.position);
                self.shared.emissions.push(posted);
                self.in_flight = Some(group);
            }
            Err(refusal) => {
                tracing::debug!(shard = %self.shared.ownership.shard, %refusal, "a group was not sealed");
                group.answer(if refusal == Refusal::Moving {
                    Verdict::Moving
                } else {
                    Verdict::Unavailable
                });
                self.window.reset(core.machine.tail().position);
            }
        }
    }

    /// Whether a group is being made durable.
    pub(crate) fn is_committing(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Something became durable: answers the group if it was that.
    pub(crate) fn durable_up_to(&mut self, durable: Position) {
        let Some(mut group) = self.in_flight.take_if(|group| group.position <= durable) else {
            return;
        };
        self.shared.meter.committed.increment(group.winners() as u64);
        self.shared.meter.group.record(group.winners() as f64);
        group.answer(Verdict::Committed(group.position));
        self.window.shrink();
    }

    /// Planted in builds that are never released: the answer leaves before the store has anything.
    pub(crate) fn answer_early(&mut self) -> Option<std::time::Duration> {
        if !self.shared.plant.answers_early() {
            return None;
        }
        let mut group = self.in_flight.take()?;
        self.shared.gate.durable(group.position);
        group.answer(Verdict::Committed(group.position));
        Some(self.shared.plant.write_delay())
    }

    /// Answers all that wait: the term is over.
    pub(crate) fn end(mut self, end: End) {
        self.shared.gate.finish(end);
        let end = self.shared.gate.end().unwrap_or(end);
        tracing::info!(shard = %self.shared.ownership.shard, term = %self.shared.term, end = end.as_str(), "term ended");
        if let Some(mut group) = self.in_flight.take() {
            group.answer(Verdict::Unknown);
        }
        self.inbox.close();
        while let Ok(submission) = self.inbox.try_recv() {
            self.waiting.push_back(submission);
        }
        for submission in self.waiting.drain(..) {
            let _ = submission.reply.send(Verdict::Ended(end));
        }
    }
}

/// What is said to who comes while the shard is handed over.
fn while_moving(shared: &Shared) -> Verdict {
    if faults::forgets_while_moving() {
        return Verdict::Committed(shared.gate.committed());
    }
    Verdict::Moving
}
