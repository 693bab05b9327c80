//! Reading the record of decisions of one controller. What comes is as it was kept: to verify it is for the reader
//! (`control-plane/ledger`).

use platform_runtime::clock::Clock;
use platform_runtime::tls::Identity;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::channel::InvalidAddress;
use crate::client_protocol::Speaks;
use crate::controllers::{CallError, Controllers, REPORT};
use crate::frame::{FRAME_VERSION, MESSAGE_BYTES_MAX};
use crate::pb;
use crate::pb::ledger_client::LedgerClient as Client;

/// Entries of one page, at most.
pub const PAGE_ENTRIES_MAX: u32 = 1_024;
/// Length of a hash, in bytes.
pub const HASH_BYTES: usize = 32;

/// The end of the ledger after one of its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LedgerHead {
    pub sequence: u64,
    /// SHA-256.
    pub hash: [u8; HASH_BYTES],
}

/// What a controller knows of the ledger, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// Who answered: the name in its certificate.
    pub controller: String,
    /// What the first entry follows.
    pub begins: LedgerHead,
    pub head: LedgerHead,
    /// Oldest first.
    pub sealed: Vec<SealedSegment>,
    /// First and last entry that it can read out; 0 if none.
    pub held_from: u64,
    pub held_to: u64,
}

/// A segment that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedSegment {
    pub first: u64,
    pub last: u64,
    pub previous: [u8; HASH_BYTES],
    pub hash: [u8; HASH_BYTES],
    pub bytes: u64,
    pub digest: [u8; HASH_BYTES],
}

/// Entries in order without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub entries: Vec<RecordedEntry>,
    pub head: LedgerHead,
    pub held_from: u64,
    pub held_to: u64,
    /// An entry that is held there and cannot be read any more.
    pub damaged: Option<u64>,
}

/// An entry as it was kept, not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEntry {
    pub canonical: Vec<u8>,
    pub hash: [u8; HASH_BYTES],
}

/// Bytes that are no hash, or a part that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is not what it should be")]
pub struct InvalidLedger {
    pub field: &'static str,
}

/// Clone: a shared handle.
#[derive(Clone)]
pub struct LedgerClient {
    controllers: Controllers,
}

impl LedgerClient {
    /// A client of one controller: each answers for what it holds itself. Does no I/O.
    ///
    /// # Errors
    /// For an address that is none.
    pub fn of_one(controller: String, identity: Identity, clock: Clock) -> Result<Self, InvalidAddress> {
        Ok(Self {
            controllers: Controllers::new(vec![controller], identity, clock)?,
        })
    }

    /// Where the ledger begins and ends.
    ///
    /// # Errors
    /// When the controller does not answer, or not to the caller's role.
    pub async fn overview(&self) -> Result<Overview, CallError> {
        let request = pb::LedgerOverviewRequest {
            version: FRAME_VERSION,
            world: self.world(),
        };
        let send = |channel| {
            let request = request.clone();
            async move { client(channel).overview(request).await }
        };
        let reply = self.controllers.call(REPORT, send).await?;
        let address = reply.controller.clone();
        reply.try_into().map_err(|e| invalid(address, e))
    }

    /// Entries from the sequence `from` on, [`PAGE_ENTRIES_MAX`] at most.
    ///
    /// # Errors
    /// As [`Self::overview`].
    pub async fn read(&self, from: u64, entries_max: u32) -> Result<Page, CallError> {
        let request = pb::LedgerReadRequest {
            version: FRAME_VERSION,
            world: self.world(),
            from,
            entries_max: entries_max.min(PAGE_ENTRIES_MAX),
        };
        let send = |channel| {
            let request = request.clone();
            async move { client(channel).read(request).await }
        };
        let reply = self.controllers.call(REPORT, send).await?;
        reply
            .try_into()
            .map_err(|e| invalid("the controller".to_owned(), e))
    }

    fn world(&self) -> String {
        self.controllers.world().to_string()
    }
}

fn invalid(address: String, error: InvalidLedger) -> CallError {
    CallError::InvalidAnswer {
        address,
        cause: error.to_string(),
    }
}

fn client(channel: Channel) -> Client<InterceptedService<Channel, Speaks>> {
    Client::with_interceptor(channel, Speaks).max_decoding_message_size(MESSAGE_BYTES_MAX)
}

impl From<LedgerHead> for pb::LedgerHead {
    fn from(head: LedgerHead) -> Self {
        Self {
            sequence: head.sequence,
            hash: head.hash.to_vec(),
        }
    }
}

impl TryFrom<pb::LedgerHead> for LedgerHead {
    type Error = InvalidLedger;

    fn try_from(wire: pb::LedgerHead) -> Result<Self, InvalidLedger> {
        Ok(Self {
            sequence: wire.sequence,
            hash: hash("hash", &wire.hash)?,
        })
    }
}

impl From<SealedSegment> for pb::SealedSegment {
    fn from(sealed: SealedSegment) -> Self {
        Self {
            first: sealed.first,
            last: sealed.last,
            previous: sealed.previous.to_vec(),
            hash: sealed.hash.to_vec(),
            bytes: sealed.bytes,
            digest: sealed.digest.to_vec(),
        }
    }
}

impl TryFrom<pb::SealedSegment> for SealedSegment {
    type Error = InvalidLedger;

    fn try_from(wire: pb::SealedSegment) -> Result<Self, InvalidLedger> {
        Ok(Self {
            first: wire.first,
            last: wire.last,
            previous: hash("previous", &wire.previous)?,
            hash: hash("hash", &wire.hash)?,
            bytes: wire.bytes,
            digest: hash("digest", &wire.digest)?,
        })
    }
}

impl TryFrom<pb::LedgerOverview> for Overview {
    type Error = InvalidLedger;

    fn try_from(wire: pb::LedgerOverview) -> Result<Self, InvalidLedger> {
        Ok(Self {
            controller: wire.controller,
            begins: head("begins", wire.begins)?,
            head: head("head", wire.head)?,
            sealed: wire
                .sealed
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
            held_from: wire.held_from,
            held_to: wire.held_to,
        })
    }
}

impl TryFrom<pb::LedgerPage> for Page {
    type Error = InvalidLedger;

    fn try_from(wire: pb::LedgerPage) -> Result<Self, InvalidLedger> {
        let entry = |wire: pb::RecordedEntry| {
            Ok(RecordedEntry {
                hash: hash("hash", &wire.hash)?,
                canonical: wire.canonical,
            })
        };
        Ok(Self {
            entries: wire.entries.into_iter().map(entry).collect::<Result<_, _>>()?,
            head: head("head", wire.head)?,
            held_from: wire.held_from,
            held_to: wire.held_to,
            damaged: (wire.damaged > 0).then_some(wire.damaged),
        })
    }
}

fn head(field: &'static str, wire: Option<pb::LedgerHead>) -> Result<LedgerHead, InvalidLedger> {
    wire.ok_or(InvalidLedger { field })?.try_into()
}

fn hash(field: &'static str, bytes: &[u8]) -> Result<[u8; HASH_BYTES], InvalidLedger> {
    bytes.try_into().map_err(|_| InvalidLedger { field })
}
