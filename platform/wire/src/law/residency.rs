//! Where every copy of every shard is: what the state intends beside what the nodes see. Signed by the controller that
//! tells it.

use platform_model::{CellId, Epoch, Generation, LawInForce, NodeId, RegionId, ShardId};
use platform_runtime::tls::{Identity, Signed, TlsError};
use prost::Message;

use super::InvalidLaw;
use crate::frame::FRAME_VERSION;
use crate::pb;

/// For what a report is signed.
pub const REPORT_PURPOSE: &str = "report of residency";

/// A report as it was signed: these bytes, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedResidency {
    pub bytes: Vec<u8>,
    pub signature: Signed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Residency {
    pub world: String,
    /// SPIFFE id of who tells it.
    pub controller: String,
    pub time_ms: u64,
    pub table_generation: Generation,
    pub in_force: Option<LawInForce>,
    /// What is intended, with what is seen of it.
    pub copies: Vec<ShardCopy>,
    /// What nodes hold and nothing intends.
    pub unintended: Vec<ShardCopy>,
    /// Where the ledger ended.
    pub ledger_sequence: u64,
    pub ledger_hash: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardCopy {
    pub shard: ShardId,
    /// `primary`, `standby`, or what a copy is that could not stand in yet: `copying`, `catching-up`, `damaged`.
    pub role: String,
    pub cell: CellId,
    pub region: RegionId,
    /// None: waits for its first primary.
    pub node: Option<NodeId>,
    pub epoch: Epoch,
    pub since_ms: u64,
    /// Ids of the rules that permit it, as the controller reads the law in force.
    pub rules: Vec<String>,
    /// Why it may not be there.
    pub denied: Option<String>,
    /// None: its node has not reported it.
    pub seen: Option<SeenCopy>,
    /// Oldest first.
    pub earlier: Vec<EarlierHolder>,
}

/// What the node itself says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenCopy {
    pub node: NodeId,
    pub age_ms: u64,
    pub epoch: Epoch,
    /// 0: it asked no law.
    pub law_revision: u64,
    pub rules: Vec<String>,
    pub denied: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierHolder {
    pub node: NodeId,
    /// Empty if its cell is not known any more.
    pub region: String,
    pub epoch: Epoch,
    pub since_ms: u64,
}

/// The report as it is answered: encoded once, and signed as encoded.
///
/// # Errors
/// When the identity's key cannot sign.
pub fn signed(report: &pb::ResidencyReport, identity: &Identity) -> Result<pb::ResidencyReply, TlsError> {
    let report = report.encode_to_vec();
    let signature = identity.sign(REPORT_PURPOSE, &report)?;
    Ok(pb::ResidencyReply {
        version: FRAME_VERSION,
        report,
        signature: Some(signature.into()),
    })
}

impl TryFrom<pb::ResidencyReply> for SignedResidency {
    type Error = InvalidLaw;

    fn try_from(wire: pb::ResidencyReply) -> Result<Self, InvalidLaw> {
        let signature = wire.signature.ok_or(InvalidLaw::Missing("signature"))?;
        Ok(Self {
            bytes: wire.report,
            signature: signature.try_into()?,
        })
    }
}

impl SignedResidency {
    /// What the bytes say. Who signed them is for [`Identity::signer`](platform_runtime::tls::Identity::signer).
    ///
    /// # Errors
    /// [`InvalidLaw`].
    pub fn read(&self) -> Result<Residency, InvalidLaw> {
        let wire = pb::ResidencyReport::decode(self.bytes.as_slice())?;
        let read = |copies: Vec<pb::ShardCopy>| copies.into_iter().map(copy).collect::<Result<_, _>>();
        Ok(Residency {
            world: wire.world,
            controller: wire.controller,
            time_ms: wire.time_ms,
            table_generation: Generation(wire.table_generation),
            in_force: wire.in_force.map(TryInto::try_into).transpose()?,
            copies: read(wire.copies)?,
            unintended: read(wire.unintended)?,
            ledger_sequence: wire.ledger_sequence,
            ledger_hash: wire.ledger_hash,
        })
    }
}

fn copy(wire: pb::ShardCopy) -> Result<ShardCopy, InvalidLaw> {
    let node = match wire.node.as_str() {
        "" => None,
        node => Some(node.parse()?),
    };
    Ok(ShardCopy {
        shard: wire.shard.parse()?,
        role: wire.role,
        cell: wire.cell.parse()?,
        region: wire.region.parse()?,
        node,
        epoch: Epoch(wire.epoch),
        since_ms: wire.since_ms,
        rules: wire.rules,
        denied: said(wire.denied),
        seen: wire.seen.map(seen).transpose()?,
        earlier: wire.earlier.into_iter().map(earlier).collect::<Result<_, _>>()?,
    })
}

fn seen(wire: pb::SeenCopy) -> Result<SeenCopy, InvalidLaw> {
    Ok(SeenCopy {
        node: wire.node.parse()?,
        age_ms: wire.age_ms,
        epoch: Epoch(wire.epoch),
        law_revision: wire.law_revision,
        rules: wire.rules,
        denied: said(wire.denied),
    })
}

fn earlier(wire: pb::EarlierHolder) -> Result<EarlierHolder, InvalidLaw> {
    Ok(EarlierHolder {
        node: wire.node.parse()?,
        region: wire.region,
        epoch: Epoch(wire.epoch),
        since_ms: wire.since_ms,
    })
}

fn said(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
