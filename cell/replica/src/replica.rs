//! The state machine: what it holds, and which rule takes which event.

use std::collections::VecDeque;

use platform_model::{Position, ReplicaId, Term};

use crate::action::Action;
use crate::config::Member;
use crate::entry::{Content, Head};
use crate::event::Event;
use crate::follower::Follower;
use crate::frame::{Frame, Message};
use crate::limits::PENDING_ENTRIES_MAX;
use crate::log::Log;
use crate::meta::{Durable, Meta, Upkeep};
use crate::moment::Moment;
use crate::names::{Group, NodeKey, Ticket};
use crate::persist::Pending;
use crate::plant::{Plant, Plants};
use crate::prepare::Prepared;
use crate::primary::{Primary, Stage};
use crate::refusal::Refusal;
use crate::report::NodeReport;

/// What a copy is at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Role {
    /// An empty disk, and nothing says what to do with it.
    Vacant,
    /// The configuration names a copy that is not here any more. It answers everything with `Amnesia`.
    Amnesiac,
    /// The disk failed: only a restart helps.
    Stopped,
    Follower(Follower),
    Primary(Box<Primary>),
}

/// One copy of one shard on one node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Replica<C: Content> {
    pub(crate) me: NodeKey,
    pub(crate) group: Group,
    pub(crate) plants: Plants,
    /// As it is or is about to be durable; what depends on that waits for its ticket.
    pub(crate) meta: Meta,
    pub(crate) log: Log<C>,
    /// The end of what is durable of the log.
    pub(crate) durable: Position,
    /// What this copy would be if it started now.
    pub(crate) durable_upkeep: Upkeep,
    pub(crate) role: Role,
    /// Until then it promised not to become primary.
    pub(crate) own_promise: Moment,
    pub(crate) prepared: Option<Prepared>,
    pub(crate) pending: VecDeque<Pending>,
    pub(crate) next_ticket: Ticket,
    /// Pages that wait until what they show is committed: for whom, the stamp, the page.
    pub(crate) waiting: VecDeque<(ReplicaId, Position, Message<C>)>,
    /// When a serving primary was last heard.
    pub(crate) heard: Moment,
    /// When it last told the control plane what it tells again and again.
    pub(crate) told: Moment,
    pub(crate) started: Moment,
    /// The control plane has said since then which configuration is the newest.
    pub(crate) confirmed: bool,
}

pub(crate) type Out<C> = Vec<Action<C>>;

impl<C: Content> Replica<C> {
    /// A copy as its node starts. It counts as having promised at this moment for the longest lease that it promised
    /// under since it led last, for it cannot know what it said before.
    pub fn start(
        now: Moment,
        me: NodeKey,
        group: Group,
        durable: Durable<C>,
        plants: Plants,
    ) -> (Self, Vec<Action<C>>) {
        let Durable { meta, log } = durable;
        let own_promise = if plants.has(Plant::PromiseForgotten) || meta.lease_micros_max == 0 {
            Moment::default()
        } else {
            now.plus(crate::moment::kept(meta.lease_micros_max))
        };
        let mut replica = Self {
            me,
            group,
            plants,
            durable: log.end(),
            durable_upkeep: meta.upkeep,
            meta,
            log,
            role: Role::Vacant,
            own_promise,
            prepared: None,
            pending: VecDeque::new(),
            next_ticket: Ticket(1),
            waiting: VecDeque::new(),
            heard: now,
            told: Moment::default(),
            started: now,
            confirmed: false,
        };
        let mut out = Vec::new();
        replica.forget_a_rewind(&mut out);
        replica.settle(now, &mut out);
        replica.take_up_work(now, &mut out);
        (replica, out)
    }

    /// Lets `event` happen at `now`, which never goes back.
    ///
    /// # Errors
    /// A refused event has changed nothing.
    pub fn step(&mut self, now: Moment, event: Event<C>) -> Result<Vec<Action<C>>, Refusal> {
        let mut out = Vec::new();
        self.step_into(now, event, &mut out)?;
        Ok(out)
    }

    /// [`Replica::step`] into a buffer of the caller.
    ///
    /// # Errors
    /// A refused event has changed nothing and added no action.
    pub fn step_into(
        &mut self,
        now: Moment,
        event: Event<C>,
        out: &mut Vec<Action<C>>,
    ) -> Result<(), Refusal> {
        if self.role == Role::Stopped {
            return Err(Refusal::Stopped);
        }
        self.dispatch(now, event, out)?;
        // An entry is sealed after everything else of the step, or its batch would overtake one that came before.
        if out.iter().any(|action| matches!(action, Action::Seal(_))) {
            out.sort_by_key(|action| matches!(action, Action::Seal(_)));
        }
        Ok(())
    }

    fn dispatch(&mut self, now: Moment, event: Event<C>, out: &mut Out<C>) -> Result<(), Refusal> {
        match event {
            Event::Configured(config) => self.configured(now, config, out),
            Event::Confirmed { asked, generation } => self.confirmed(asked, generation, out),
            Event::Received(frame) => self.received(now, frame, out),
            Event::Persisted(ticket) => self.persisted(now, ticket, out),
            Event::DiskFailed => {
                self.end_term(out);
                self.role = Role::Stopped;
                Ok(())
            }
            Event::Append(entry) => self.sealed(entry, out),
            Event::Prepare { order, epoch } => self.prepare(now, order, epoch, out),
            Event::Erase { order, replica } => self.erase(order, replica, out),
            Event::Tick => {
                self.tick(now, out);
                Ok(())
            }
            Event::PageRead {
                to,
                chunk,
                stamp,
                page,
                last,
            } => self.page_read(
                to,
                stamp,
                Message::Page {
                    chunk,
                    stamp,
                    page,
                    last,
                },
                out,
            ),
            Event::KeysCollected { fork, end, keys } => self.keys_collected(fork, end, keys, out),
            Event::KeysRead {
                to,
                fork,
                stamp,
                page,
            } => self.page_read(to, stamp, Message::Restored { fork, stamp, page }, out),
            Event::Digested {
                chunk,
                position,
                digest,
            } => self.digested(chunk, position, digest, out),
            Event::Verify { chunk } => self.verify(now, chunk, out),
            Event::MayTrim { upto } => self.may_trim(now, upto, out),
            Event::Leave => self.leave(out),
        }
    }

    fn received(&mut self, now: Moment, frame: Frame<C>, out: &mut Out<C>) -> Result<(), Refusal> {
        if frame.group.world != self.group.world {
            return Err(Refusal::ForeignWorld);
        }
        if frame.group.shard != self.group.shard {
            return Err(Refusal::ForeignShard);
        }
        if self.meta.replica != Some(frame.to) || self.role == Role::Amnesiac {
            return Err(Refusal::Amnesia {
                asked: frame.to,
                have: self.meta.replica,
            });
        }
        match frame.message {
            Message::Query(_)
            | Message::Append { .. }
            | Message::KeepAlive { .. }
            | Message::Rewind { .. }
            | Message::Restored { .. }
            | Message::CopyBase { .. }
            | Message::Page { .. }
            | Message::Release { .. } => self.hear_primary(now, frame, out),
            Message::Status(_)
            | Message::Ack { .. }
            | Message::FetchKeys { .. }
            | Message::FetchPage { .. }
            | Message::Digest { .. }
            | Message::Leaving
            | Message::Refused(_) => self.hear_standby(now, frame, out),
        }
    }

    // What a host asks between steps.

    /// Whether a read whose snapshot was opened before may be answered, and an async write that is durable.
    pub fn may_answer(&self, now: Moment) -> bool {
        match &self.role {
            Role::Primary(primary) => {
                matches!(primary.stage, Stage::Serving | Stage::Draining) && self.leased(now)
            }
            _ => false,
        }
    }

    /// Whether transactions may be sealed.
    ///
    /// # Errors
    /// Why not.
    pub fn may_write(&self, now: Moment) -> Result<(), Refusal> {
        let Role::Primary(primary) = &self.role else {
            return Err(self.not_now());
        };
        match primary.stage {
            Stage::Draining | Stage::Released => Err(Refusal::Moving),
            Stage::Serving if !self.leased(now) => Err(Refusal::NoLease),
            Stage::Serving if self.log.end().0 - self.durable.0 >= PENDING_ENTRIES_MAX => Err(Refusal::Busy),
            Stage::Serving => Ok(()),
            _ => Err(self.not_now()),
        }
    }

    /// The highest position that is durable here and acknowledged by the whole effective set; none before the term
    /// has begun to serve.
    pub fn committed(&self) -> Option<Position> {
        match &self.role {
            Role::Primary(primary) => Some(primary.committed),
            _ => None,
        }
    }

    /// Whether async writes that are durable may be answered: no member lags by more than the bound.
    pub fn async_open(&self) -> bool {
        match &self.role {
            Role::Primary(primary) => {
                self.durable.0.saturating_sub(primary.committed.0)
                    <= platform_model::replica_set::ASYNC_LAG_ENTRIES
            }
            _ => false,
        }
    }

    /// What the next entry stands on.
    pub fn tail(&self) -> Head {
        self.log.last()
    }

    /// Whether it follows nothing below a promise, and may be chosen.
    pub fn is_prepared(&self) -> bool {
        self.prepared.is_some()
    }

    /// The end of what is durable of the log.
    pub fn durable(&self) -> Position {
        self.durable
    }

    /// The term that this copy leads, if it does.
    pub fn term(&self) -> Option<Term> {
        match &self.role {
            Role::Primary(primary) => Some(primary.term),
            _ => None,
        }
    }

    pub fn role(&self) -> &Role {
        &self.role
    }

    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    pub fn log(&self) -> &Log<C> {
        &self.log
    }

    /// How it stands, for the control plane. None for an empty disk.
    pub fn report(&self, now: Moment) -> Option<NodeReport> {
        Some(NodeReport {
            replica: self.meta.replica?,
            generation: self
                .meta
                .config
                .as_ref()
                .map(|config| config.generation)
                .unwrap_or_default(),
            term: self.meta.term,
            last: self.log.last(),
            leads: matches!(self.role, Role::Primary(_)),
            serves: self.may_answer(now),
            silent_micros: now.since(self.heard),
        })
    }

    /// The state's name, as refusals, traces and the transition table say it.
    pub fn state(&self) -> &'static str {
        match &self.role {
            Role::Vacant => "vacant",
            Role::Amnesiac => "amnesiac",
            Role::Stopped => "stopped",
            Role::Follower(_) => self.follower_state(),
            Role::Primary(primary) => primary.stage.name(),
        }
    }

    pub(crate) fn not_now(&self) -> Refusal {
        Refusal::NotNow { state: self.state() }
    }

    pub(crate) fn myself(&self) -> Option<Member> {
        Some(Member {
            node: self.me,
            replica: self.meta.replica?,
        })
    }

    /// Sends about `term` to a copy.
    pub(crate) fn send(&self, to: Member, term: Term, message: Message<C>, out: &mut Out<C>) {
        let Some(from) = self.myself() else { return };
        let frame = Frame {
            group: self.group,
            term,
            from,
            to: to.replica,
            message,
        };
        out.push(Action::Send { node: to.node, frame });
    }
}
