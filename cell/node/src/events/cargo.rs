//! An event on its way out: opened by its author's key, and cut field by field by what the law lets his jurisdiction's data
//! be where the receiver's home may hold a copy.
//!
//! Within one home nothing crosses. A field that is kept back is left out; an operational one, without which the event
//! would say nothing, keeps the whole event back.

use cell_layers::event::{EventField, EventInfo, Posted, select, tags};
use cell_shard::OutboxRow;
use platform_model::matrix::{Crossing, Destination, Purpose};
use platform_model::{Code, DataClass, HomeId, RoutingTable, ShardId};
use platform_wire::events::Delivery;

use super::{Parts, home_of, jurisdiction_of};

/// Why an event does not go out now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kept {
    /// The same may go in a moment.
    Later(String),
    /// Set aside, with a reason.
    Aside(String),
    /// Its author's key was destroyed: nobody can read it any more.
    Erased,
}

impl Parts {
    /// The event as it may arrive at `to`.
    pub(super) async fn loaded(
        &self,
        source: &ShardId,
        to: &HomeId,
        row: &OutboxRow,
    ) -> Result<Delivery, Kept> {
        let unreadable = || Kept::Aside("the event cannot be read".to_owned());
        let posted = Posted::read(&row.payload).ok_or_else(unreadable)?;
        let (home, author) = (home_of(source).ok_or_else(unreadable)?, posted.from.as_user());
        let (author, receiver) = (author.ok_or_else(unreadable)?, row.key.to.as_user());
        let receiver = receiver.ok_or_else(unreadable)?;
        let key = match self.keys.open(&self.followed, home, author).await {
            Ok(key) => key,
            Err(problem) if problem.code == Code::NotFound => return Err(Kept::Erased),
            Err(problem) => return Err(Kept::Later(problem.code.as_str().to_owned())),
        };
        let message = posted.open(&key, &row.domain, &row.name, row.version);
        let message = message.map_err(|_| unreadable())?;
        let info = self.event(&row.domain, &row.name);
        let info = info.ok_or_else(|| Kept::Aside("no domain here tells such an event".to_owned()))?;
        if row.version > info.version {
            // Told by a later version of this program: its fields have classes that are not known here.
            return Err(Kept::Later("its version is not known here yet".to_owned()));
        }
        let there = tags(&message).map_err(|_| unreadable())?;
        let mut classes = Vec::with_capacity(there.len());
        for field in info.fields.iter().filter(|field| there.contains(&field.tag)) {
            if home == to || self.passes(source, to, field)? {
                classes.push((field.tag, field.class));
            }
        }
        // A field that nobody gave a class never leaves.
        let passed = |tag| classes.iter().any(|(passed, _)| *passed == tag);
        let message = select(&message, passed).map_err(|_| unreadable())?;
        Ok(Delivery {
            to: receiver,
            key: super::relay::event_at(&row.key),
            low: row.key.at,
            domain: row.domain.clone(),
            name: row.name.clone(),
            event_version: row.version,
            from: author,
            message: message.into(),
            classes,
        })
    }

    /// Whether the field may go; an error keeps the whole event.
    pub(super) fn passes(&self, source: &ShardId, to: &HomeId, field: &EventField) -> Result<bool, Kept> {
        let table = self.followed.current();
        let subject = jurisdiction_of(source);
        let destination = Destination::Home(&to.jurisdiction);
        let crossing = self
            .law
            .egress(&table, subject, field.class, Purpose::Service, destination);
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
        tracing::info!(target: "audit", %subject, to = %to, field = field.name, class = %field.class, why = kept, "a field of an event is left out");
        Ok(false)
    }

    pub(super) fn event(&self, domain: &str, name: &str) -> Option<&'static EventInfo> {
        let domain = self.domains.iter().find(|known| known.name() == domain)?;
        domain.events().iter().find(|event| event.name == name)
    }
}

/// The revision of the law by which something passes now.
pub(super) fn law_revision(table: &RoutingTable) -> u64 {
    table.law.as_ref().map_or(0, |law| law.revision)
}
