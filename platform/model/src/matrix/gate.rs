//! What each place asks before it does something; all of it is [`Matrix::ask_at`], said once.
//!
//! | who | asks |
//! |---|---|
//! | whoever places or opens a copy of a shard | [`Matrix::may_serve`], [`Matrix::may_stand_by`], [`Matrix::may_keep_shard`], [`Matrix::may_hold_claims`] |
//! | the router, before it reads a body | [`Matrix::may_process`] |
//! | the one gate through which bytes leave a shard | [`Matrix::egress`] |
//! | a tool that shows data to a person at work | [`Matrix::may_operate`] |

use std::collections::BTreeSet;

use super::answer::{Answer, Point, RuleIndex, RuleName, Ruling};
use super::stamp::{Sink, SinkKind};
use super::words::{Action, Purpose};
use super::{JurisdictionIndex, Matrix, RegionIndex};
use crate::class::DataClass;
use crate::place::{Jurisdiction, RegionId};
use crate::shard::ShardId;

/// What a directory shard stores.
pub const CLAIM_CLASSES: [DataClass; 2] = [DataClass::Contact, DataClass::Operational];

/// Where bytes would go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination<'a> {
    /// A place that keeps nothing: an answer to a reader there.
    Region(&'a RegionId),
    /// A shard of a home of this jurisdiction: stands for every region where the home may hold a copy.
    Home(&'a Jurisdiction),
    /// A sink of the law, by name.
    Sink(&'a str),
}

/// How bytes may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Crossing {
    /// Only while the person's consent to that purpose stands.
    WithConsent(Purpose),
    Free,
}

/// The law says no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("the law denies {point}: {}", by(.rule.as_ref()))]
    Point {
        point: Point,
        /// None: no rule permits it.
        rule: Option<RuleName>,
    },
    /// Permitted with consent, where consent cannot be asked for.
    #[error("the law permits {point} only with consent, by rule {rule}")]
    NeedsConsent { point: Point, rule: RuleName },
    #[error("the law knows no sink `{0}`")]
    UnknownSink(String),
    #[error("the law knows no region where a home of {0} may be")]
    NoHome(Jurisdiction),
}

fn by(rule: Option<&RuleName>) -> String {
    rule.map_or_else(|| "no rule permits it".to_owned(), |rule| format!("rule {rule}"))
}

impl Matrix {
    /// Whether a copy of a shard of a home of `jurisdiction` may be in `region`: of root or key shards, all classes,
    /// for the service. `action` is one of `store-primary`, `store-standby`, `store-backup`.
    ///
    /// Answers with the rules that permit it.
    ///
    /// # Errors
    /// [`Denied`] for the first class that may not be there.
    pub fn may_keep_shard(
        &self,
        action: Action,
        jurisdiction: &Jurisdiction,
        region: &RegionId,
    ) -> Result<BTreeSet<RuleIndex>, Denied> {
        self.every(&DataClass::ALL, action, jurisdiction, region)
    }

    /// Whether a copy of a directory shard of the authority of `jurisdiction` may be in `region`.
    ///
    /// # Errors
    /// [`Denied`] for the first class that may not be there.
    pub fn may_hold_claims(
        &self,
        jurisdiction: &Jurisdiction,
        region: &RegionId,
    ) -> Result<BTreeSet<RuleIndex>, Denied> {
        self.every(&CLAIM_CLASSES, Action::HoldClaim, jurisdiction, region)
    }

    /// Whether a copy of a shard of a home of `jurisdiction` may be in `region`: [`may_keep_shard`](Self::may_keep_shard)
    /// without the reasons, and without an allocation.
    pub fn keeps(&self, action: Action, jurisdiction: &Jurisdiction, region: &RegionId) -> bool {
        let permits = |class| {
            self.ask(jurisdiction, action, region, class, Purpose::Service)
                .is_permitted()
        };
        DataClass::ALL.into_iter().all(permits)
    }

    /// Whether the primary of this shard may be in `region`: what the law asks of a shard of its kind. Answers with the
    /// ids of the rules that permit it, in the order of the law.
    ///
    /// # Errors
    /// [`Denied`] for the first class that may not be there.
    pub fn may_serve(&self, shard: &ShardId, region: &RegionId) -> Result<Vec<&str>, Denied> {
        self.may_hold_copy(Action::StorePrimary, shard, region)
    }

    /// As [`may_serve`](Self::may_serve), for a standby.
    ///
    /// # Errors
    /// [`Denied`] for the first class that may not be there.
    pub fn may_stand_by(&self, shard: &ShardId, region: &RegionId) -> Result<Vec<&str>, Denied> {
        self.may_hold_copy(Action::StoreStandby, shard, region)
    }

    fn may_hold_copy(&self, action: Action, shard: &ShardId, region: &RegionId) -> Result<Vec<&str>, Denied> {
        let rules = match shard.home() {
            Some(home) => self.may_keep_shard(action, &home.jurisdiction, region)?,
            None => self.may_hold_claims(shard.jurisdiction(), region)?,
        };
        Ok(rules
            .into_iter()
            .filter_map(|rule| Some(self.rule(rule)?.id.as_str()))
            .collect())
    }

    fn every(
        &self,
        classes: &[DataClass],
        action: Action,
        jurisdiction: &Jurisdiction,
        region: &RegionId,
    ) -> Result<BTreeSet<RuleIndex>, Denied> {
        let mut rules = BTreeSet::new();
        for class in classes {
            let ruling = self.ask(jurisdiction, action, region, *class, Purpose::Service);
            if !ruling.is_permitted() {
                return Err(self.denied(jurisdiction, action, region, *class, Purpose::Service));
            }
            rules.extend(ruling.rule);
        }
        Ok(rules)
    }

    /// Whether a machine in `region` may see requests of people of `jurisdiction` in clear: all classes, for the
    /// service. No allocation while it may.
    ///
    /// # Errors
    /// [`Denied`] for the first class that it may not see.
    pub fn may_process(&self, jurisdiction: &Jurisdiction, region: &RegionId) -> Result<(), Denied> {
        let (home, place) = (self.jurisdiction(jurisdiction), self.region(region));
        for class in DataClass::ALL {
            let action = Action::Process;
            let ruling = self.ask_known(home, action, place, class, Purpose::Service);
            if !ruling.is_permitted() {
                return Err(self.denied(jurisdiction, action, region, class, Purpose::Service));
            }
        }
        Ok(())
    }

    /// Whether a person at work in `region` may see such data.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn may_operate(
        &self,
        jurisdiction: &Jurisdiction,
        region: &RegionId,
        class: DataClass,
        purpose: Purpose,
    ) -> Result<Crossing, Denied> {
        self.cross(jurisdiction, Action::OperatorAccess, region, class, purpose)
    }

    /// Whether data of people of `subject` may leave its shard for `destination`. Everything that leaves, other than
    /// to a replica of the same shard, asks this. No allocation while it may.
    ///
    /// # Errors
    /// [`Denied`] for the first region of the destination where it may not be.
    pub fn egress(
        &self,
        subject: &Jurisdiction,
        class: DataClass,
        purpose: Purpose,
        destination: Destination<'_>,
    ) -> Result<Crossing, Denied> {
        let to = |region: &RegionId| self.cross(subject, Action::Transfer, region, class, purpose);
        let keep = |action, region: &RegionId| self.cross(subject, action, region, class, purpose);
        match destination {
            Destination::Region(region) => to(region),
            Destination::Sink(name) => {
                let sink = self
                    .sinks
                    .get(name)
                    .ok_or_else(|| Denied::UnknownSink(name.to_owned()))?;
                let crossing = to(&sink.region)?;
                let kept = sink
                    .kind
                    .keeps()
                    .then(|| keep(Action::StoreBackup, &sink.region))
                    .transpose()?;
                Ok(crossing.min(kept.unwrap_or(Crossing::Free)))
            }
            Destination::Home(home) => {
                let mut crossing = None;
                for region in self.envelope(home) {
                    let here = to(region)?.min(keep(Action::StoreStandby, region)?);
                    crossing = Some(crossing.map_or(here, |before: Crossing| before.min(here)));
                }
                crossing.ok_or_else(|| Denied::NoHome(home.clone()))
            }
        }
    }

    /// Whether the law knows a sink of that name that is for backups.
    pub fn is_backup_sink(&self, name: &str) -> bool {
        self.sinks
            .get(name)
            .is_some_and(|sink| sink.kind == SinkKind::Backup)
    }

    /// The sink of that name; none: the law knows no such sink.
    pub fn sink(&self, name: &str) -> Option<&Sink> {
        self.sinks.get(name)
    }

    /// Every region where a home of `jurisdiction` may hold a copy of a shard, by the order of their names.
    pub fn envelope(&self, jurisdiction: &Jurisdiction) -> impl Iterator<Item = &RegionId> {
        let index = self.jurisdiction(jurisdiction);
        let bits = index
            .and_then(|index| self.envelopes.get(usize::from(index.0)).copied())
            .unwrap_or(0);
        let rest = std::iter::successors(Some(bits), |bits| Some(bits & bits.wrapping_sub(1)));
        let indexes = rest.take_while(|bits| *bits != 0).map(u128::trailing_zeros);
        indexes.map(|index| &self.regions.all()[index as usize])
    }

    fn cross(
        &self,
        jurisdiction: &Jurisdiction,
        action: Action,
        region: &RegionId,
        class: DataClass,
        purpose: Purpose,
    ) -> Result<Crossing, Denied> {
        match self.ask(jurisdiction, action, region, class, purpose).answer {
            Answer::Permit => Ok(Crossing::Free),
            Answer::PermitWithConsent(purpose) if !action.keeps() => Ok(Crossing::WithConsent(purpose)),
            _ => Err(self.denied(jurisdiction, action, region, class, purpose)),
        }
    }

    fn ask_known(
        &self,
        jurisdiction: Option<JurisdictionIndex>,
        action: Action,
        region: Option<RegionIndex>,
        class: DataClass,
        purpose: Purpose,
    ) -> Ruling {
        match (jurisdiction, region) {
            (Some(jurisdiction), Some(region)) => self.ask_at(jurisdiction, action, region, class, purpose),
            _ => Ruling::UNKNOWN_PLACE,
        }
    }

    fn denied(
        &self,
        jurisdiction: &Jurisdiction,
        action: Action,
        region: &RegionId,
        class: DataClass,
        purpose: Purpose,
    ) -> Denied {
        let (jurisdiction, region) = (jurisdiction.clone(), region.clone());
        let point = Point {
            jurisdiction,
            action,
            region,
            class,
            purpose,
        };
        let ruling = self.ruling(&point);
        let rule = ruling.rule.and_then(|rule| self.rule(rule)).cloned();
        match (ruling.answer, rule) {
            (Answer::PermitWithConsent(_), Some(rule)) => Denied::NeedsConsent { point, rule },
            (_, rule) => Denied::Point { point, rule },
        }
    }
}
