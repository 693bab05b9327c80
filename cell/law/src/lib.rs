//! The law at the node that holds the copies: asked before a shard is begun here, before anything leaves or comes in, and
//! told of every copy that is.
//!
//! What is here already goes on being served whatever a later law says (an illegal primary is an alarm, not an
//! outage); nothing new begins without a law that permits it, under one that is too old, or by a catalogue of data
//! classes that the law does not name.

use std::sync::Arc;

use platform_model::matrix::{CLAIM_CLASSES, Crossing, Denied, Destination, Purpose};
use platform_model::{DataClass, Epoch, Jurisdiction, LawInForce, RegionId, RoutingTable, ShardId};
use platform_wire::report::HeldCopy;
use sha2::{Digest, Sha256};

/// Clones share it.
#[derive(Clone)]
pub struct Law {
    /// Where this node stands, by its certificate.
    region: RegionId,
    /// SHA-256 of the catalogue by which this binary stores.
    catalogue: [u8; 32],
    /// Milliseconds since a controller confirmed the table.
    age_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
}

/// What a node is to do with its copy of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Serve it.
    Primary,
    /// Follow its primary.
    Standby,
    /// Take it off the disk: no law forbids that.
    Erase,
}

/// Why something waits or is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Withheld {
    #[error("no law is in force")]
    NoLaw,
    #[error("the law was confirmed {age_ms} ms ago; nothing new begins after {max_ms} ms")]
    TooOld { age_ms: u64, max_ms: u64 },
    #[error("the law names no catalogue of data classes that is this node's")]
    Catalogue,
    #[error("{class} data may go there only with consent, and a backup asks nobody")]
    Consent { class: DataClass },
    #[error(transparent)]
    Denied(#[from] Denied),
}

impl Law {
    pub fn new(region: RegionId, catalogue: &str, age_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self {
            region,
            catalogue: Sha256::digest(catalogue.as_bytes()).into(),
            age_ms: Arc::new(age_ms),
        }
    }

    /// Whether a copy of `shard` may be opened here for its part. `held`: a copy of it lies on this node's disk.
    ///
    /// # Errors
    /// [`Withheld`].
    pub fn may_open(
        &self,
        table: &RoutingTable,
        shard: &ShardId,
        part: Part,
        held: bool,
    ) -> Result<(), Withheld> {
        if planted("no-law-at-node") || part == Part::Erase {
            return Ok(());
        }
        match (&table.law, held) {
            // A world from before there were laws goes on.
            (None, true) => Ok(()),
            (None, false) => Err(Withheld::NoLaw),
            (Some(law), _) if !law.matrix.names_catalogue(&self.catalogue) => Err(Withheld::Catalogue),
            (Some(_), true) => Ok(()),
            (Some(law), false) => {
                self.fresh(law)?;
                self.permits(law, shard, part)?;
                Ok(())
            }
        }
    }

    /// What this node says of a copy that it holds.
    pub fn judge(&self, table: &RoutingTable, shard: &ShardId, part: Part, epoch: Epoch) -> HeldCopy {
        let law = table.law.as_ref().filter(|_| !planted("no-law-at-node"));
        let judged = law.map(|law| self.permits(law, shard, part));
        let (rules, denied) = match judged {
            None => (Vec::new(), None),
            Some(Ok(rules)) => (rules.into_iter().map(str::to_owned).collect(), None),
            Some(Err(denied)) => (Vec::new(), Some(denied.to_string())),
        };
        HeldCopy {
            shard: shard.clone(),
            epoch,
            law_revision: law.map_or(0, |law| law.revision),
            rules,
            denied,
        }
    }

    /// Whether data of people of `subject` may leave a shard of this node for `destination`. Everything that leaves,
    /// other than to a replica of the same shard, asks this; each answer is counted.
    ///
    /// # Errors
    /// [`Withheld`]; what waits for a law may be asked again.
    pub fn egress(
        &self,
        table: &RoutingTable,
        subject: &Jurisdiction,
        class: DataClass,
        purpose: Purpose,
        destination: Destination<'_>,
    ) -> Result<Crossing, Withheld> {
        let crossing = self.crossing(table, subject, class, purpose, destination);
        let outcome = match &crossing {
            Ok(Crossing::Free) => "pass",
            Ok(Crossing::WithConsent(_)) => "with-consent",
            Err(Withheld::Denied(_) | Withheld::Catalogue | Withheld::Consent { .. }) => "refused",
            Err(Withheld::NoLaw | Withheld::TooOld { .. }) => "held",
        };
        metrics::counter!("celld_egress_total", "class" => class.as_str(), "outcome" => outcome).increment(1);
        if let Err(why) = &crossing {
            tracing::warn!(target: "audit", %subject, %class, %purpose, %why, "egress refused");
        }
        crossing
    }

    /// Whether data of people of `subject` may come in here from elsewhere: what [`egress`](Self::egress) asked there,
    /// asked again by whoever would keep it.
    ///
    /// # Errors
    /// [`Withheld`].
    pub fn ingress(
        &self,
        table: &RoutingTable,
        subject: &Jurisdiction,
        class: DataClass,
        purpose: Purpose,
    ) -> Result<Crossing, Withheld> {
        let law = table.law.as_ref().ok_or(Withheld::NoLaw)?;
        self.fresh(law)?;
        Ok(law
            .matrix
            .egress(subject, class, purpose, Destination::Region(&self.region))?)
    }

    /// As [`ingress`](Self::ingress), for what a home of `keeper` would keep: wherever it may hold a copy, not only here.
    ///
    /// # Errors
    /// [`Withheld`].
    pub fn keeps(
        &self,
        table: &RoutingTable,
        subject: &Jurisdiction,
        class: DataClass,
        purpose: Purpose,
        keeper: &Jurisdiction,
    ) -> Result<Crossing, Withheld> {
        let here = self.ingress(table, subject, class, purpose)?;
        let law = table.law.as_ref().ok_or(Withheld::NoLaw)?;
        let there = law
            .matrix
            .egress(subject, class, purpose, Destination::Home(keeper))?;
        Ok(here.min(there))
    }

    /// Whether a backup of `shard` may go to the sink of that name: every class that such a shard holds is asked.
    ///
    /// # Errors
    /// [`Withheld`] for the first class that may not, with the rule.
    pub fn may_back_up(&self, table: &RoutingTable, shard: &ShardId, sink: &str) -> Result<(), Withheld> {
        let classes: &[DataClass] = match shard {
            ShardId::Directory { .. } => &CLAIM_CLASSES,
            ShardId::Root { .. } | ShardId::Keys { .. } => &DataClass::ALL,
        };
        let law = table.law.as_ref().ok_or(Withheld::NoLaw)?;
        if !law.matrix.is_backup_sink(sink) {
            return Err(Denied::UnknownSink(sink.to_owned()).into());
        }
        for class in classes {
            let to = Destination::Sink(sink);
            match self.egress(table, shard.jurisdiction(), *class, Purpose::Service, to)? {
                Crossing::Free => {}
                Crossing::WithConsent(_) => return Err(Withheld::Consent { class: *class }),
            }
        }
        Ok(())
    }

    /// Whether a router in `region` may have seen a request for `shard`: what its own door asks, asked again where the
    /// request arrives. Without a law, what is served goes on.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn may_have_seen(
        &self,
        table: &RoutingTable,
        shard: &ShardId,
        region: &RegionId,
    ) -> Result<(), Denied> {
        match table.matrix() {
            Some(matrix) => matrix.may_process(shard.jurisdiction(), region),
            None => Ok(()),
        }
    }

    fn crossing(
        &self,
        table: &RoutingTable,
        subject: &Jurisdiction,
        class: DataClass,
        purpose: Purpose,
        destination: Destination<'_>,
    ) -> Result<Crossing, Withheld> {
        // Within the place that holds the shard nothing crosses.
        if matches!(destination, Destination::Region(region) if *region == self.region) {
            return Ok(Crossing::Free);
        }
        let law = table.law.as_ref().ok_or(Withheld::NoLaw)?;
        self.fresh(law)?;
        Ok(law.matrix.egress(subject, class, purpose, destination)?)
    }

    /// The rules that permit the copy here. One that is to be erased is judged as what it is until then.
    fn permits<'a>(&self, law: &'a LawInForce, shard: &ShardId, part: Part) -> Result<Vec<&'a str>, Denied> {
        match part {
            Part::Primary => law.matrix.may_serve(shard, &self.region),
            Part::Standby | Part::Erase => law.matrix.may_stand_by(shard, &self.region),
        }
    }

    fn fresh(&self, law: &LawInForce) -> Result<(), Withheld> {
        let (age_ms, max_ms) = ((self.age_ms)(), law.matrix_age_max_ms);
        if age_ms > max_ms {
            return Err(Withheld::TooOld { age_ms, max_ms });
        }
        Ok(())
    }
}

impl Withheld {
    /// Whether the same may be permitted in a moment, under the same law.
    pub fn waits(&self) -> bool {
        matches!(self, Self::NoLaw | Self::TooOld { .. })
    }
}

#[cfg(feature = "failpoints")]
fn planted(name: &str) -> bool {
    fail::eval(name, |_| ()).is_some()
}

#[cfg(not(feature = "failpoints"))]
fn planted(_name: &str) -> bool {
    false
}

#[cfg(test)]
mod tests;
