//! An event as the broker gets it, made when its turn has come: the law is the one that is in force then.

use cell_bridge_nats::Message;
use cell_layers::event::EventField;
use cell_shard::{Found, OutboxRow};
use platform_model::matrix::{Destination, SinkKind};
use platform_model::{DataClass, RootRef};

use super::super::cargo::{Heading, Kept, law_revision};
use super::{Bridging, event_of};

/// Who told it and whom it is for stand beside every message: ids, and the law is asked for them as for any field.
const WHO: EventField = EventField {
    tag: 0,
    name: "who",
    class: DataClass::Operational,
};

/// What becomes of an event.
pub(super) enum Prepared {
    Message(Message),
    /// It never goes.
    LeftOut,
    /// It cannot go yet, and why; what is behind it waits too.
    Waits(String),
}

impl Bridging {
    pub(super) async fn prepared(&self, found: &Found) -> Prepared {
        let row = match found {
            Found::Row(row) => row,
            // A later version of this program can read it.
            Found::Unreadable(_) => return Prepared::Waits("it cannot be read here".to_owned()),
        };
        match self.message(row).await {
            Ok(message) => Prepared::Message(message),
            Err(Kept::Later(why)) => Prepared::Waits(why),
            // Told by a later version of this program.
            Err(Kept::Unknown) => Prepared::Waits("no domain here tells such an event".to_owned()),
            Err(Kept::Erased) => left_out("erased"),
            Err(Kept::Aside(why)) => {
                tracing::info!(target: "audit", shard = %self.shard.id(), sink = self.bridge.sink, why, "an event does not go to the broker");
                left_out("law")
            }
        }
    }

    async fn message(&self, row: &OutboxRow) -> Result<Message, Kept> {
        let (parts, bridge, source) = (&self.parts, &self.bridge, self.shard.id());
        // First, for a key may have to be waited for: the law that is asked is the one that is in force after that.
        let opened = parts.opened(source, row).await?;
        let table = parts.followed.current();
        let law = table.law.as_ref();
        let kind = law
            .and_then(|law| law.matrix.sink(&bridge.sink))
            .map(|sink| sink.kind);
        if law.is_some() && kind != Some(SinkKind::Stream) {
            // A law that names it may come: nothing is left out for a word that is missing.
            let why = format!("the law names no sink `{}` of the kind `stream`", bridge.sink);
            return Err(Kept::Later(why));
        }
        let heading = Heading {
            destination: Destination::Sink(&bridge.sink),
            purpose: bridge.purpose,
        };
        parts.passes(source, heading, &WHO)?;
        let (payload, _) = opened.cut(|field| {
            Ok(bridge.classes.contains(&field.class) && parts.passes(source, heading, field)?)
        })?;
        Ok(Message {
            key: event_of(&row.key),
            domain: row.domain.clone(),
            name: row.name.clone(),
            version: row.version,
            from: RootRef::user(opened.author).to_string(),
            to: row.key.to.to_string(),
            law: law_revision(&table),
            payload,
            withheld: None,
        })
    }
}

fn left_out(why: &'static str) -> Prepared {
    metrics::counter!("celld_bridge_left_out_total", "why" => why).increment(1);
    Prepared::LeftOut
}
