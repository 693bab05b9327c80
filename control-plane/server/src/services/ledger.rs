//! `Ledger`: the record of decisions, read out as this controller holds it. Never forwarded: whoever verifies compares
//! several.

use std::sync::Arc;

use control_plane_ledger::{Head, Sealed};
use platform_wire::ledger::{LedgerHead, PAGE_ENTRIES_MAX, SealedSegment};
use platform_wire::pb::ledger_server::Ledger;
use platform_wire::{FRAME_VERSION, Refusal, RefusalCode, pb};
use tonic::{Request, Response, Status};

use super::Parts;
use crate::authorise::Verb;
use crate::ledger::ReadPage;

pub(super) struct Service(pub(super) Parts);

#[tonic::async_trait]
impl Ledger for Service {
    async fn overview(
        &self,
        request: Request<pb::LedgerOverviewRequest>,
    ) -> Result<Response<pb::LedgerOverview>, Status> {
        let wire = request.get_ref();
        self.0
            .admit(&request, Verb::ReadLedger, wire.version, &wire.world)?;
        let state = Arc::clone(&self.0.raft.state().borrow());
        let chain = state.ledger.chain();
        Ok(Response::new(pb::LedgerOverview {
            version: FRAME_VERSION,
            controller: self.0.name.to_string(),
            begins: Some(head(chain.begins()).into()),
            head: Some(head(chain.head()).into()),
            sealed: chain.sealed().iter().map(sealed).collect(),
            held_from: self.0.ledger.held_from(),
            held_to: self.0.ledger.head().sequence,
        }))
    }

    async fn read(
        &self,
        request: Request<pb::LedgerReadRequest>,
    ) -> Result<Response<pb::LedgerPage>, Status> {
        let wire = request.get_ref();
        self.0
            .admit(&request, Verb::ReadLedger, wire.version, &wire.world)?;
        let (store, from) = (self.0.ledger.clone(), wire.from);
        let entries_max = usize::try_from(wire.entries_max.min(PAGE_ENTRIES_MAX)).unwrap_or(0);
        let end = head(self.0.raft.state().borrow().ledger.head());
        let read = tokio::task::spawn_blocking(move || store.read(from, entries_max)).await;
        let ReadPage { entries, damaged } =
            read.map_err(|e| Refusal::new(RefusalCode::Internal, e.to_string()))?;
        let entries = entries.into_iter().map(|entry| pb::RecordedEntry {
            canonical: entry.canonical,
            hash: entry.hash.as_bytes().to_vec(),
        });
        Ok(Response::new(pb::LedgerPage {
            version: FRAME_VERSION,
            entries: entries.collect(),
            head: Some(end.into()),
            held_from: self.0.ledger.held_from(),
            held_to: self.0.ledger.head().sequence,
            damaged: damaged.unwrap_or(0),
        }))
    }
}

/// A head as it travels.
pub fn head(head: Head) -> LedgerHead {
    LedgerHead {
        sequence: head.sequence,
        hash: *head.hash.as_bytes(),
    }
}

fn sealed(sealed: &Sealed) -> pb::SealedSegment {
    SealedSegment {
        first: sealed.first,
        last: sealed.last,
        previous: *sealed.previous.as_bytes(),
        hash: *sealed.hash.as_bytes(),
        bytes: sealed.bytes,
        digest: *sealed.digest.as_bytes(),
    }
    .into()
}
