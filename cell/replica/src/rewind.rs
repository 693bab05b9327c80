//! Rejoin and rewind (KIP-279). Entries past the fork were never committed. The replica notes durably that it
//! rewinds, keeps the cut-off entries in a file, fetches what they wrote or cleared as it is at the primary, and then
//! in one batch takes them back. Until it has applied what those rows already show it is no prefix.
//!
//! A restart begins again: nothing was taken back before that one batch.

use platform_model::ReplicaId;

use crate::action::{Action, Write};
use crate::entry::{Content, Head};
use crate::frame::Message;
use crate::meta::Upkeep;
use crate::moment::Moment;
use crate::peer::PeerPhase;
use crate::persist::Done;
use crate::plant::Plant;
use crate::primary::Stage;
use crate::refusal::Refusal;
use crate::replica::{Out, Replica, Role};
use crate::report::{Report, Unusable};

impl<C: Content> Replica<C> {
    /// The primary says where the logs part.
    pub(crate) fn rewind(
        &mut self,
        now: Moment,
        fork: Head,
        told: Head,
        out: &mut Out<C>,
    ) -> Result<(), Refusal> {
        if self.log.last() != told {
            return Err(self.not_now());
        }
        let Some(replica) = self.meta.replica else {
            return Err(self.not_now());
        };
        let why = self.cannot_rewind(fork);
        if let Some(why) = why {
            out.push(Action::Report(Report::Unusable { replica, why }));
            return Ok(());
        }
        if !self.pending.is_empty() {
            return Err(Refusal::Busy);
        }
        let end = self.log.last();
        match self.meta.upkeep {
            Upkeep::Copying { base: None, .. } => Err(self.not_now()),
            Upkeep::Copying { .. } => {
                self.rewind_copy(fork, out);
                Ok(())
            }
            _ if fork == end => {
                self.meta.upkeep = match self.meta.upkeep {
                    Upkeep::Rewinding { .. } => Upkeep::Whole,
                    other => other,
                };
                self.persist_meta(Done::Restored, out);
                Ok(())
            }
            Upkeep::Rewinding { fork: begun, .. } if begun == fork => {
                self.take_up_work(now, out);
                Ok(())
            }
            _ => {
                self.meta.upkeep = Upkeep::Rewinding { fork, end };
                self.persist_meta(Done::Rewinding, out);
                Ok(())
            }
        }
    }

    fn cannot_rewind(&self, fork: Head) -> Option<Unusable> {
        if fork.position < self.log.base().position {
            return Some(Unusable::Trimmed);
        }
        if self
            .log
            .head(fork.position)
            .is_none_or(|own| own.chain != fork.chain)
        {
            return Some(Unusable::Misfit);
        }
        match self.meta.upkeep {
            // Data shows what is past the fork, and nobody knows which rows.
            Upkeep::Mending { until } if fork.position < until.position => Some(Unusable::Misfit),
            _ => None,
        }
    }

    /// What the entries to be undone wrote or cleared.
    pub(crate) fn keys_collected(
        &mut self,
        fork: Head,
        end: Head,
        keys: C::Keys,
        out: &mut Out<C>,
    ) -> Result<(), Refusal> {
        if self.meta.upkeep != (Upkeep::Rewinding { fork, end }) {
            return Err(self.not_now());
        }
        let Role::Follower(follower) = &self.role else {
            return Err(self.not_now());
        };
        if let Some((leader, term)) = follower.leader {
            self.send(leader, term, Message::FetchKeys { fork, keys }, out);
        }
        Ok(())
    }

    /// The primary reads them, if the fork lies in its own history: the standby may ask for one that a primary before
    /// told it.
    pub(crate) fn fetch_keys(
        &mut self,
        to: ReplicaId,
        fork: Head,
        keys: C::Keys,
        out: &mut Out<C>,
    ) -> Result<(), Refusal> {
        self.may_read_for(to, PeerPhase::Rewinding)?;
        if !self.shows(fork) {
            let position = fork.position;
            return Err(Refusal::ChainMisfit { position });
        }
        out.push(Action::ReadKeys { to, fork, keys });
        Ok(())
    }

    /// Whether rows are read for a standby now: pages for one whose log is known, in this term, to be a prefix of this
    /// one, what undoes entries for one that was told in this term where its log parts from this one. Before that is
    /// known rows of this history would be put beside a log of another.
    pub(crate) fn may_read_for(&self, to: ReplicaId, phase: PeerPhase) -> Result<(), Refusal> {
        let Role::Primary(primary) = &self.role else {
            return Err(self.not_now());
        };
        let known = primary.peer(to).is_some_and(|peer| peer.phase == phase);
        let planted = self.plants.has(Plant::PagesOfAnotherHistory);
        if primary.stage != Stage::Serving || !(known || planted) {
            return Err(self.not_now());
        }
        let waiting = self.waiting.iter().filter(|(other, ..)| *other == to).count();
        if waiting >= crate::limits::PAGES_WAITING_MAX {
            return Err(Refusal::Busy);
        }
        Ok(())
    }

    /// The rows are here: undo, in one batch.
    pub(crate) fn restored(
        &mut self,
        fork: Head,
        stamp: Head,
        page: C::Page,
        out: &mut Out<C>,
    ) -> Result<(), Refusal> {
        let Upkeep::Rewinding { fork: wanted, end } = self.meta.upkeep else {
            return Err(self.not_now());
        };
        if wanted != fork {
            return Err(self.not_now());
        }
        let cut = (fork.position, end.position);
        out.push(Action::Export {
            fork: cut.0,
            end: cut.1,
        });
        self.cut_log(fork.position);
        self.meta.upkeep = if stamp != fork {
            Upkeep::Mending { until: stamp }
        } else {
            Upkeep::Whole
        };
        let writes = vec![
            Write::Restore { page },
            Write::Truncate { after: fork.position },
            self.meta_write(),
        ];
        self.persist(writes, Done::Restored, out);
        if let Some(replica) = self.meta.replica {
            let (fork, end) = cut;
            out.push(Action::Report(Report::CutOff { replica, fork, end }));
        }
        Ok(())
    }

    /// Planted: a restart takes the rewind for done.
    pub(crate) fn forget_a_rewind(&mut self, out: &mut Out<C>) {
        if let Upkeep::Rewinding { fork, .. } = self.meta.upkeep
            && self.plants.has(Plant::CrashInsideARewind)
        {
            let after = fork.position;
            self.cut_log(after);
            self.meta.upkeep = Upkeep::Whole;
            let writes = vec![Write::Truncate { after }, self.meta_write()];
            self.persist(writes, Done::Nothing, out);
        }
    }
}
