//! A page's entries, as they are stored.

use bytes::Bytes;
use uuid::Uuid;

use super::{Entry, LAYER};
use crate::error::LayerError;
use crate::root_tx::RootTx;
use crate::stored::{self, TimelineEntry, TimelinePage};

const DIRECTORY: u64 = 0;
const PAGE: u64 = 1;

pub(super) fn directory_key(tx: &RootTx, name: &str) -> Bytes {
    tx.prefix(LAYER).str(name).u64(DIRECTORY).pack()
}

pub(super) fn key(tx: &RootTx, name: &str, number: u64) -> Bytes {
    tx.prefix(LAYER).str(name).u64(PAGE).u64(number).pack()
}

pub(super) async fn read(tx: &RootTx, name: &str, number: u64) -> Result<Vec<Entry>, LayerError> {
    let missing = LayerError::Damaged {
        layer: LAYER,
        what: "a page is not there",
    };
    let page: TimelinePage = stored::get(tx, LAYER, &key(tx, name, number))
        .await?
        .ok_or(missing)?;
    page.entries
        .iter()
        .map(|entry| {
            Ok(Entry {
                at: entry.at,
                id: id(&entry.id)?,
            })
        })
        .collect()
}

pub(super) fn write(tx: &RootTx, name: &str, number: u64, entries: &[Entry]) -> Result<(), LayerError> {
    let entries = entries
        .iter()
        .map(|e| TimelineEntry {
            at: e.at,
            id: e.id.as_bytes().to_vec(),
        })
        .collect();
    stored::put(tx, LAYER, key(tx, name, number), &TimelinePage { entries })
}

pub(super) fn id(bytes: &[u8]) -> Result<Uuid, LayerError> {
    Uuid::from_slice(bytes).map_err(|_| LayerError::Damaged {
        layer: LAYER,
        what: "an id is no UUID",
    })
}
