//! What the newest configuration makes of this copy: nothing, a new copy, a follower, the primary, or one that has
//! forgotten.

use platform_model::{Generation, ReplicaId};

use crate::action::{Action, Write};
use crate::config::{Configuration, StandbyState};
use crate::entry::{Content, Head};
use crate::follower::Follower;
use crate::meta::{Meta, Upkeep};
use crate::moment::Moment;
use crate::names::OrderIndex;
use crate::persist::Done;
use crate::plant::Plant;
use crate::refusal::Refusal;
use crate::replica::{Out, Replica, Role};
use crate::report::{Report, Unusable};

impl<C: Content> Replica<C> {
    /// Adopts a configuration if it is newer than the one that is known.
    pub(crate) fn configured(
        &mut self,
        now: Moment,
        config: Configuration,
        out: &mut Out<C>,
    ) -> Result<(), Refusal> {
        if let Some(known) = &self.meta.config
            && config.generation <= known.generation
        {
            return Err(Refusal::OldConfiguration {
                given: config.generation,
                known: known.generation,
            });
        }
        if self.meta.proposal.is_some_and(|(at, _)| at < config.generation) {
            // A compare-and-set on an older generation can never succeed any more.
            self.meta.proposal = None;
        }
        if self
            .prepared
            .as_ref()
            .is_some_and(|prepared| prepared.epoch <= config.epoch)
        {
            self.prepared = None;
        }
        self.meta.config = Some(config);
        self.confirmed = true;
        let ticket = self.next_ticket;
        self.settle(now, out);
        if ticket == self.next_ticket {
            self.persist_meta(Done::Nothing, out);
        }
        self.take_early(out);
        Ok(())
    }

    /// The configuration that is known is the newest, as of a question that was asked since the start.
    pub(crate) fn confirmed(
        &mut self,
        asked: Moment,
        generation: Generation,
        out: &mut Out<C>,
    ) -> Result<(), Refusal> {
        let known = self
            .meta
            .config
            .as_ref()
            .map_or(Generation(0), |config| config.generation);
        if generation != known || asked < self.started || self.confirmed {
            let given = generation;
            return Err(Refusal::OldConfiguration { given, known });
        }
        self.confirmed = true;
        self.reconciled(out);
        Ok(())
    }

    /// Becomes what the configuration says.
    pub(crate) fn settle(&mut self, now: Moment, out: &mut Out<C>) {
        let Some(config) = self.meta.config.clone() else {
            if self.meta.replica.is_some() {
                self.follow(out);
            }
            return;
        };
        match (config.at(self.me), self.meta.replica) {
            (None, None) => self.role = Role::Vacant,
            (None, Some(_)) => self.follow(out),
            (Some(named), Some(own)) if named == own => {
                if self.role == Role::Amnesiac {
                    return;
                }
                if config.primary.replica == own {
                    self.lead(now, &config, out);
                } else {
                    self.follow(out);
                }
            }
            (Some(named), own) => self.under_another_name(now, &config, named, own, out),
        }
    }

    /// The configuration names a copy that is not the one on this disk.
    fn under_another_name(
        &mut self,
        now: Moment,
        config: &Configuration,
        named: ReplicaId,
        own: Option<ReplicaId>,
        out: &mut Out<C>,
    ) {
        let copying = config
            .standby(named)
            .is_some_and(|standby| standby.state == StandbyState::Copying);
        let first = config.unborn && config.primary.replica == named && own.is_none();
        let planted = own.is_none() && self.plants.has(Plant::EmptyDiskUnderAnOldName);
        if copying {
            let upkeep = Upkeep::Copying {
                base: None,
                next_chunk: 0,
                stamp: Head::default(),
            };
            self.form(named, upkeep, out);
        } else if first || planted {
            self.form(named, Upkeep::Whole, out);
        } else {
            self.forgot(now, out);
        }
    }

    /// Begins a copy under a new name: the name is written with the first batch.
    fn form(&mut self, replica: ReplicaId, upkeep: Upkeep, out: &mut Out<C>) {
        self.end_term(out);
        self.meta = Meta {
            replica: Some(replica),
            upkeep,
            order: self.meta.order,
            lease_micros_max: self.meta.lease_micros_max,
            config: self.meta.config.take(),
            ..Meta::default()
        };
        self.reset_log(Head::default());
        self.prepared = None;
        self.role = Role::Follower(Follower::default());
        let reset = Write::Reset {
            base: Head::default(),
        };
        let meta = self.meta_write();
        self.persist(vec![reset, meta], Done::Formed, out);
    }

    /// Follows, whatever it was.
    pub(crate) fn follow(&mut self, out: &mut Out<C>) {
        self.end_term(out);
        if !matches!(self.role, Role::Follower(_)) {
            self.role = Role::Follower(Follower::default());
        }
    }

    /// Erases this copy and no other; never one that the configuration names.
    pub(crate) fn erase(
        &mut self,
        order: OrderIndex,
        replica: ReplicaId,
        out: &mut Out<C>,
    ) -> Result<(), Refusal> {
        if !self.plants.has(Plant::LateErase) {
            if self.meta.replica != Some(replica) {
                return Err(Refusal::Amnesia {
                    asked: replica,
                    have: self.meta.replica,
                });
            }
            if order < self.meta.order {
                return Err(Refusal::LateOrder {
                    given: order,
                    highest: self.meta.order,
                });
            }
            if self
                .meta
                .config
                .as_ref()
                .is_some_and(|config| config.names(replica))
            {
                return Err(Refusal::StillNamed { replica });
            }
        }
        self.end_term(out);
        self.meta = Meta {
            order,
            config: self.meta.config.take(),
            ..Meta::default()
        };
        self.reset_log(Head::default());
        self.prepared = None;
        self.role = Role::Vacant;
        let reset = Write::Reset {
            base: Head::default(),
        };
        let meta = self.meta_write();
        self.persist(vec![reset, meta], Done::Nothing, out);
        Ok(())
    }

    /// Says again and again that the configuration names a copy that is gone.
    pub(crate) fn tell_amnesia(&mut self, now: Moment, out: &mut Out<C>) {
        let Some(config) = &self.meta.config else { return };
        let retry = self.retry_micros();
        if let Some(replica) = config.at(self.me)
            && (self.told == Moment::default() || now.since(self.told) >= retry)
        {
            self.told = now;
            let why = Unusable::Amnesia;
            out.push(Action::Report(Report::Unusable { replica, why }));
        }
    }
}
