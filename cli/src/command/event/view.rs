//! A parked event as it is shown: ids and reasons, never what it says.

use platform_wire::events::ParkedEvent;
use serde::Serialize;

use crate::printer::{Column, Listed};

#[derive(Debug, Serialize)]
pub struct ParkedView {
    id: String,
    /// `training/workout_shared`.
    event: String,
    version: u32,
    /// The shard that told it.
    source: String,
    /// `e2/701/0/3`: epoch, position, transaction, event.
    place: String,
    to: String,
    /// Where it lies.
    shard: String,
    /// It could not be delivered, and never left its source.
    undelivered: bool,
    reason: String,
    since_ms: u64,
}

impl From<&ParkedEvent> for ParkedView {
    fn from(event: &ParkedEvent) -> Self {
        let at = event.at;
        Self {
            id: event.id.clone(),
            event: format!("{}/{}", event.domain, event.name),
            version: event.event_version,
            source: event.source.to_string(),
            place: format!("{}/{}/{}/{}", at.at.epoch, at.at.position, at.index, at.event),
            to: event.to.to_string(),
            shard: event.shard.to_string(),
            undelivered: event.undelivered,
            reason: event.reason.clone(),
            since_ms: event.since_ms,
        }
    }
}

impl Listed for ParkedView {
    const COLUMNS: &'static [Column] = &[
        Column::new("id"),
        Column::new("event"),
        Column::new("lies in"),
        Column::wide("told by"),
        Column::wide("place"),
        Column::wide("for"),
        Column::new("why"),
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            format!("{} v{}", self.event, self.version),
            self.shard.clone(),
            self.source.clone(),
            self.place.clone(),
            self.to.clone(),
            self.reason.clone(),
        ]
    }

    fn name(&self) -> String {
        self.id.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform_model::{Epoch, EpochPosition, Position, UserId};
    use platform_wire::events::EventAt;

    #[test]
    fn the_document_is_this() {
        let at = EpochPosition {
            epoch: Epoch(2),
            position: Position(701),
        };
        let event = ParkedEvent {
            id: "3f9a01bc22d45e10".into(),
            shard: "eu/eu-central/000".parse().expect("a shard"),
            undelivered: false,
            to: UserId::from_uuid(uuid::Uuid::from_u128(1)),
            source: "us/us-east/001".parse().expect("a shard"),
            at: EventAt {
                at,
                index: 0,
                event: 3,
            },
            domain: "training".into(),
            name: "workout_shared".into(),
            event_version: 7,
            reason: "it is of version 7, and up to 1 is understood here".into(),
            since_ms: 1_800_000_000_000,
        };
        let document = serde_json::to_string_pretty(&ParkedView::from(&event)).expect("a document");
        insta::assert_snapshot!(document);
    }
}
