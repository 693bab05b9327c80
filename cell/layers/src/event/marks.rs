//! The marks of one root: per source shard, the last of its events that took effect here. They lie in the root's range, so
//! that they are copied, restored and moved with the effects that they stand for.
//!
//! None is ever let go: there is one for each shard that ever told this root something.

use bytes::Bytes;
use cell_relay::EventKey;
use platform_model::{Epoch, EpochPosition, Position, ShardId};

use super::DOMAIN;
use crate::error::LayerError;
use crate::root_tx::RootTx;
use crate::stored::{self, EventMark};

const LAYER: &str = "#marks";

/// Up to where the events of `source` took effect.
///
/// # Errors
/// The transaction's.
pub async fn mark(tx: &RootTx, source: &ShardId) -> Result<Option<EventKey>, LayerError> {
    let tx = &tx.of_domain(DOMAIN);
    let row: Option<EventMark> = stored::get(tx, LAYER, &key(tx, source)).await?;
    Ok(row.as_ref().map(event_of))
}

/// Whether it was declined, as the last of its source that this root knows.
///
/// # Errors
/// The transaction's.
pub async fn was_declined(tx: &RootTx, source: &ShardId, event: EventKey) -> Result<bool, LayerError> {
    let tx = &tx.of_domain(DOMAIN);
    let row: Option<EventMark> = stored::get(tx, LAYER, &key(tx, source)).await?;
    Ok(row.is_some_and(|row| row.declined && event_of(&row) == event))
}

/// In the transaction of the effect.
///
/// # Errors
/// The transaction's.
pub fn note_mark(tx: &RootTx, source: &ShardId, event: EventKey) -> Result<(), LayerError> {
    note(tx, source, event, false)
}

/// Whether the event took effect, decided for good: if it has not by now, the mark says that it was declined, and whatever
/// of it is under way still is a repeat. For the first event that its source has not got an answer for: of those behind it
/// nothing was sent. Idempotent.
///
/// # Errors
/// The transaction's.
pub async fn decline(tx: &RootTx, source: &ShardId, event: EventKey) -> Result<bool, LayerError> {
    let marks = &tx.of_domain(DOMAIN);
    let row: Option<EventMark> = stored::get(marks, LAYER, &key(marks, source)).await?;
    match row.map(|row| (event_of(&row), row.declined)) {
        Some((last, declined)) if last == event => Ok(!declined),
        Some((last, _)) if last > event => Ok(true),
        _ => {
            note(tx, source, event, true)?;
            Ok(false)
        }
    }
}

fn event_of(row: &EventMark) -> EventKey {
    EventKey {
        at: EpochPosition {
            epoch: Epoch(row.epoch),
            position: Position(row.position),
        },
        index: row.index,
        event: row.event,
    }
}

fn note(tx: &RootTx, source: &ShardId, event: EventKey, declined: bool) -> Result<(), LayerError> {
    let row = EventMark {
        epoch: event.at.epoch.0,
        position: event.at.position.0,
        index: event.index,
        event: event.event,
        declined,
    };
    let tx = &tx.of_domain(DOMAIN);
    stored::put(tx, LAYER, key(tx, source), &row)
}

fn key(tx: &RootTx, source: &ShardId) -> Bytes {
    tx.prefix(LAYER).str(source.to_string()).pack()
}
