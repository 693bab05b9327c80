//! A page of rows, made into what the broker gets.

use cell_bridge_nats::Message;
use cell_shard::{BridgePage, Found, OutboxKey, OutboxRow};
use futures::future::join_all;
use platform_model::RootRef;
use platform_model::matrix::{Destination, SinkKind};

use super::super::cargo::{Heading, Kept, law_revision};
use super::{Bridging, event_of};

/// What becomes of a page.
pub(super) struct Prepared {
    /// To be published, in order.
    pub messages: Vec<Message>,
    /// To be removed once they are: these, and what is there already or never goes.
    pub gone: Vec<OutboxKey>,
    /// Why what follows waits; none: nothing does.
    pub waits: Option<String>,
}

impl Bridging {
    /// Up to the first event that has to wait: nothing overtakes it.
    pub(super) async fn prepared(&self, page: &BridgePage, there: impl Fn(&OutboxKey) -> bool) -> Prepared {
        let made = page.found.iter().map(|found| async {
            match found {
                Found::Row(row) if there(&row.key) => (row.key, Ok(None)),
                Found::Row(row) => (row.key, self.message(row).await.map(Some)),
                // A later version of this program can read it.
                Found::Unreadable(key) => (*key, Err(Kept::Later("it cannot be read here".to_owned()))),
            }
        });
        let mut prepared = Prepared {
            messages: Vec::new(),
            gone: Vec::new(),
            waits: None,
        };
        for (key, made) in join_all(made).await {
            match made {
                Ok(message) => prepared.messages.extend(message),
                Err(Kept::Later(why)) => {
                    prepared.waits = Some(why);
                    break;
                }
                Err(Kept::Unknown) => {
                    prepared.waits = Some("no domain here tells such an event".to_owned());
                    break;
                }
                Err(Kept::Erased) => left_out("erased"),
                Err(Kept::Aside(why)) => {
                    tracing::info!(target: "audit", shard = %self.shard.id(), sink = self.bridge.sink, why, "an event does not go to the broker");
                    left_out("law");
                }
            }
            prepared.gone.push(key);
        }
        prepared
    }

    async fn message(&self, row: &OutboxRow) -> Result<Message, Kept> {
        let (parts, bridge) = (&self.parts, &self.bridge);
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
        let source = self.shard.id();
        let opened = parts.opened(source, row).await?;
        let (payload, _) = opened.cut(|field| parts.passes(source, heading, field))?;
        Ok(Message {
            key: event_of(&row.key),
            domain: row.domain.clone(),
            name: row.name.clone(),
            version: row.version,
            from: RootRef::user(opened.author).to_string(),
            to: row.key.to.to_string(),
            law: law_revision(&table),
            payload,
        })
    }
}

fn left_out(why: &'static str) {
    metrics::counter!("celld_bridge_left_out_total", "why" => why).increment(1);
}
