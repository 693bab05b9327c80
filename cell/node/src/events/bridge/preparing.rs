//! An event as the broker gets it, made when its turn has come: the law is the one that is in force then.

use bytes::Bytes;
use cell_bridge_nats::{Message, Withheld};
use cell_layers::event::{EventField, Posted};
use cell_shard::{Found, OutboxRow};
use platform_model::DataClass;
use platform_model::matrix::{Destination, SinkKind};

use super::super::cargo::{Heading, Kept, law_revision, unreadable};
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
            Err(Kept::Erased) => left_out("erased"),
            Err(Kept::Unknown) => Prepared::Waits("no domain here tells such an event".to_owned()),
            Err(Kept::Aside(why)) => {
                tracing::info!(target: "audit", shard = %self.shard.id(), sink = self.bridge.sink, why, "an event does not go to the broker");
                left_out("law")
            }
        }
    }

    async fn message(&self, row: &OutboxRow) -> Result<Message, Kept> {
        let (parts, bridge, source) = (&self.parts, &self.bridge, self.shard.id());
        let posted = Posted::read(&row.payload);
        let author = posted.ok_or_else(unreadable)?.from;
        // First, for a key may have to be waited for: the law that is asked is the one that is in force after that.
        let opened = match parts.opened(source, row).await {
            Ok(opened) => Some(opened),
            // Nobody here can say what its fields are: it is named alone.
            Err(Kept::Unknown) => None,
            Err(kept) => return Err(kept),
        };
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
        let passes = |field: &EventField| {
            Ok(bridge.classes.contains(&field.class) && parts.passes(source, heading, field)?)
        };
        let payload = match &opened {
            Some(opened) => opened.cut(passes)?.0,
            None => Bytes::new(),
        };
        Ok(Message {
            key: event_of(&row.key),
            domain: row.domain.clone(),
            name: row.name.clone(),
            version: row.version,
            from: author.to_string(),
            to: row.key.to.to_string(),
            law: law_revision(&table),
            payload,
            withheld: opened.is_none().then_some(Withheld::Unknown),
        })
    }
}

fn left_out(why: &'static str) -> Prepared {
    metrics::counter!("celld_bridge_left_out_total", "why" => why).increment(1);
    Prepared::LeftOut
}
