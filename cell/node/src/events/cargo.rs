//! An event on its way out: opened by its author's key, and cut field by field by what the law lets his jurisdiction's data
//! be where the receiver's home may hold a copy.
//!
//! Within one home nothing crosses. A field that is kept back is left out; an operational one, without which the event
//! would say nothing, keeps the whole event back.

use bytes::Bytes;
use cell_layers::event::{EventField, EventInfo, Posted, select, tags};
use cell_shard::OutboxRow;
use platform_model::matrix::{Crossing, Destination, Purpose};
use platform_model::{Code, DataClass, HomeId, RoutingTable, ShardId, UserId};
use platform_wire::events::Delivery;

use super::{Parts, home_of, jurisdiction_of};

/// Why an event does not go out now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kept {
    /// The same may go in a moment.
    Later(String),
    /// Set aside, with a reason.
    Aside(String),
    /// No domain here tells such an event.
    Unknown,
    /// Its author's key was destroyed: nobody can read it any more.
    Erased,
}

/// An event that is open.
pub(super) struct Opened<'a> {
    /// Where its author lives.
    pub home: &'a HomeId,
    pub author: UserId,
    /// Where he knows its receiver to live.
    known_at: HomeId,
    message: Vec<u8>,
    info: &'static EventInfo,
}

/// Whom something is for, and what for.
#[derive(Clone, Copy)]
pub(super) struct Heading<'a> {
    pub destination: Destination<'a>,
    pub purpose: Purpose,
}

impl Parts {
    /// The event as it may arrive at `to`.
    pub(super) async fn loaded(
        &self,
        source: &ShardId,
        to: &HomeId,
        row: &OutboxRow,
    ) -> Result<Delivery, Kept> {
        let opened = self.opened(source, row).await?;
        let receiver = row.key.to.as_user().ok_or_else(unreadable)?;
        let heading = Heading {
            destination: Destination::Home(&to.jurisdiction),
            purpose: Purpose::Service,
        };
        let (message, classes) = opened.cut(|field| {
            // Within a home nothing crosses.
            Ok(opened.home == to || self.passes(source, heading, field)?)
        })?;
        Ok(Delivery {
            to: receiver,
            key: super::relay::event_at(&row.key),
            low: row.key.at,
            domain: row.domain.clone(),
            name: row.name.clone(),
            event_version: row.version,
            from: opened.author,
            message,
            classes,
            known_at: Some(opened.known_at).filter(|known| known != to),
        })
    }

    /// The event, by its author's key.
    pub(super) async fn opened<'a>(&self, source: &'a ShardId, row: &OutboxRow) -> Result<Opened<'a>, Kept> {
        let posted = Posted::read(&row.payload).ok_or_else(unreadable)?;
        let (home, author) = (home_of(source).ok_or_else(unreadable)?, posted.from.as_user());
        let author = author.ok_or_else(unreadable)?;
        let key = match self.keys.open(&self.followed, home, author).await {
            Ok(key) => key,
            Err(problem) if problem.code == Code::NotFound => return Err(Kept::Erased),
            Err(problem) => return Err(Kept::Later(problem.code.as_str().to_owned())),
        };
        let message = posted.open(&key, &row.domain, &row.name, row.version);
        let message = message.map_err(|_| unreadable())?;
        let info = self.event(&row.domain, &row.name).ok_or(Kept::Unknown)?;
        if row.version > info.version {
            // Told by a later version of this program: its fields have classes that are not known here.
            return Err(Kept::Later("its version is not known here yet".to_owned()));
        }
        Ok(Opened {
            home,
            author,
            known_at: posted.to_home,
            message,
            info,
        })
    }

    /// Whether the field may go; an error keeps the whole event.
    pub(super) fn passes(
        &self,
        source: &ShardId,
        heading: Heading<'_>,
        field: &EventField,
    ) -> Result<bool, Kept> {
        let table = self.followed.current();
        let subject = jurisdiction_of(source);
        let Heading { destination, purpose } = heading;
        let crossing = self
            .law
            .egress(&table, subject, field.class, purpose, destination);
        let kept = match crossing {
            Ok(Crossing::Free) => return Ok(true),
            // No domain has rows of consent yet: none is given.
            Ok(Crossing::WithConsent(purpose)) => format!("only with consent to {purpose}"),
            Err(why) if why.waits() => return Err(Kept::Later(why.to_string())),
            Err(why) => why.to_string(),
        };
        if field.class == DataClass::Operational {
            return Err(Kept::Aside(format!("the law keeps it here: {kept}")));
        }
        metrics::counter!("celld_event_fields_left_out_total", "class" => field.class.as_str()).increment(1);
        tracing::info!(target: "audit", %subject, ?destination, field = field.name, class = %field.class, why = kept, "a field of an event is left out");
        Ok(false)
    }

    pub(super) fn event(&self, domain: &str, name: &str) -> Option<&'static EventInfo> {
        let domain = self.domains.iter().find(|known| known.name() == domain)?;
        domain.events().iter().find(|event| event.name == name)
    }
}

impl Opened<'_> {
    /// What passes of its message, with the class of each field. A field that nobody gave a class never leaves.
    pub(super) fn cut(
        &self,
        passes: impl Fn(&EventField) -> Result<bool, Kept>,
    ) -> Result<(Bytes, Vec<(u32, DataClass)>), Kept> {
        let there = tags(&self.message).map_err(|_| unreadable())?;
        let mut classes = Vec::with_capacity(there.len());
        for field in self.info.fields.iter().filter(|field| there.contains(&field.tag)) {
            if passes(field)? {
                classes.push((field.tag, field.class));
            }
        }
        let passed = |tag| classes.iter().any(|(passed, _)| *passed == tag);
        let message = select(&self.message, passed).map_err(|_| unreadable())?;
        Ok((message.into(), classes))
    }
}

pub(super) fn unreadable() -> Kept {
    Kept::Aside("the event cannot be read".to_owned())
}

/// The revision of the law by which something passes now.
pub(super) fn law_revision(table: &RoutingTable) -> u64 {
    table.law.as_ref().map_or(0, |law| law.revision)
}
