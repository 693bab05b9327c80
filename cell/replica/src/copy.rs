//! Copy: a new standby from nothing. It stores the log from a base on, durably and unapplied; takes pages, each the
//! whole of its key range from one committed snapshot; when the last is in it applies the log from the base. Values
//! in the log are absolute, so what a page shows already is only written again. Until it has applied the highest
//! position that any page showed it is a prefix of nothing.

use platform_model::ReplicaId;

use crate::action::{Action, Write};
use crate::entry::{Body, Content, Head};
use crate::follower::Follower;
use crate::frame::Message;
use crate::meta::Upkeep;
use crate::moment::Moment;
use crate::peer::PeerPhase;
use crate::persist::Done;
use crate::plant::Plant;
use crate::refusal::Refusal;
use crate::replica::{Out, Replica, Role};

impl<C: Content> Replica<C> {
    /// The primary says from where on the log is stored.
    pub(crate) fn copy_base(&mut self, base: Head, out: &mut Out<C>) -> Result<(), Refusal> {
        let Upkeep::Copying { base: None, .. } = self.meta.upkeep else {
            return Err(self.not_now());
        };
        self.meta.upkeep = Upkeep::Copying {
            base: Some(base.position),
            next_chunk: 0,
            stamp: Head::default(),
        };
        self.reset_log(base);
        let writes = vec![Write::Reset { base }, self.meta_write()];
        self.persist(writes, Done::Based, out);
        Ok(())
    }

    /// Asks for what is missing to become whole.
    pub(crate) fn take_up_work(&mut self, now: Moment, out: &mut Out<C>) {
        if let Role::Follower(follower) = &mut self.role {
            follower.worked = now;
        }
        let leader = match &self.role {
            Role::Follower(Follower { leader, .. }) => *leader,
            _ => return,
        };
        match self.meta.upkeep {
            Upkeep::Rewinding { fork, end } => out.push(Action::CollectKeys { fork, end }),
            Upkeep::Copying {
                base: Some(_),
                next_chunk,
                ..
            } => {
                if let Some((leader, term)) = leader.filter(|(_, term)| self.heeds(*term)) {
                    self.tell_status(out);
                    self.send(leader, term, Message::FetchPage { chunk: next_chunk }, out);
                }
            }
            _ => {}
        }
    }

    pub(crate) fn fetch_page(&mut self, to: ReplicaId, chunk: u32, out: &mut Out<C>) -> Result<(), Refusal> {
        self.may_read_for(to, PeerPhase::Streaming)?;
        out.push(Action::ReadPage { to, chunk });
        Ok(())
    }

    /// Rows were read for a standby: they leave once what they show is committed.
    pub(crate) fn page_read(
        &mut self,
        to: ReplicaId,
        stamp: Head,
        message: Message<C>,
        out: &mut Out<C>,
    ) -> Result<(), Refusal> {
        let phase = match message {
            Message::Restored { .. } => PeerPhase::Rewinding,
            _ => PeerPhase::Streaming,
        };
        self.may_read_for(to, phase)?;
        if !self.shows(stamp) {
            // Read before entries were taken back here.
            let position = stamp.position;
            return Err(Refusal::ChainMisfit { position });
        }
        self.waiting.push_back((to, stamp.position, message));
        self.let_out_pages(out);
        Ok(())
    }

    /// Sends the pages that show nothing uncommitted.
    pub(crate) fn let_out_pages(&mut self, out: &mut Out<C>) {
        if self.waiting.is_empty() {
            return;
        }
        let Role::Primary(primary) = &self.role else {
            return;
        };
        let (committed, term) = (primary.committed, primary.term);
        let mut later = std::collections::VecDeque::new();
        for (to, stamp, message) in std::mem::take(&mut self.waiting) {
            let Some(peer) = primary.peer(to) else { continue };
            if stamp <= committed {
                self.send(peer.member, term, message, out);
            } else {
                later.push_back((to, stamp, message));
            }
        }
        self.waiting = later;
    }

    /// One chunk of the copy.
    pub(crate) fn page(
        &mut self,
        chunk: u32,
        stamp: Head,
        page: C::Page,
        last: bool,
        out: &mut Out<C>,
    ) -> Result<(), Refusal> {
        let Upkeep::Copying {
            base: Some(base),
            next_chunk,
            stamp: before,
        } = self.meta.upkeep
        else {
            return Err(self.not_now());
        };
        if chunk != next_chunk {
            return Err(self.not_now());
        }
        let stamp = if stamp.position > before.position {
            stamp
        } else {
            before
        };
        let mut writes = vec![Write::Page { chunk, page }];
        if last {
            self.meta.upkeep = if self.shows(stamp) {
                Upkeep::Whole
            } else {
                Upkeep::Mending { until: stamp }
            };
            if !self.plants.has(Plant::PageAfterLog) {
                writes.push(Write::ApplyStored { after: base });
                self.trim_applied();
            }
        } else {
            self.meta.upkeep = Upkeep::Copying {
                base: Some(base),
                next_chunk: chunk + 1,
                stamp,
            };
        }
        writes.push(self.meta_write());
        self.persist(writes, Done::Paged, out);
        Ok(())
    }

    /// Whether the log has exactly this entry: it is of the same history. The base counts.
    pub(crate) fn shows(&self, head: Head) -> bool {
        let by_position = self.plants.has(Plant::PagesOfAnotherHistory) && head.position <= self.log.end();
        self.log.head(head.position) == Some(head) || by_position
    }

    /// Does what the stored entries say about trimming, now that they are applied.
    fn trim_applied(&mut self) {
        let trim = |entry: &crate::entry::Entry<C>| match entry.body {
            Body::Trim(upto) => Some(upto),
            _ => None,
        };
        let base = self.log.base().position;
        let last = self.log.after(base).filter_map(trim).last();
        if let Some(upto) = last {
            self.log.trim(upto);
        }
    }

    /// A page or an undo is durable: on with the next, or tell the primary how it stands now.
    pub(crate) fn step_of_copy_done(&mut self, now: Moment, out: &mut Out<C>) {
        match self.meta.upkeep {
            Upkeep::Copying { .. } => self.take_up_work(now, out),
            _ => self.tell_status(out),
        }
    }

    /// The stored, unapplied log parts from the new primary's. Pages that showed more are fetched again.
    pub(crate) fn rewind_copy(&mut self, fork: Head, out: &mut Out<C>) {
        let Upkeep::Copying {
            base,
            next_chunk,
            stamp,
        } = self.meta.upkeep
        else {
            return;
        };
        let after = fork.position;
        self.cut_log(after);
        let again = stamp.position > after;
        self.meta.upkeep = Upkeep::Copying {
            base,
            next_chunk: if again { 0 } else { next_chunk },
            stamp: if again { Head::default() } else { stamp },
        };
        let writes = vec![Write::Truncate { after }, self.meta_write()];
        self.persist(writes, Done::Based, out);
    }
}
