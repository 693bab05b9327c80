//! What a node tells the controllers. Every call is idempotent and goes to whichever controller takes it.

use platform_model::{
    Epoch, Generation, HomeId, Incarnation, InvalidId, Jurisdiction, NodeId, ShardId, SharedStore, Start,
    TokenKey,
};
use platform_runtime::clock::Clock;
use platform_runtime::tls::Identity;

use crate::channel::InvalidAddress;
use crate::controllers::{Controllers, REPORT};
use crate::frame::FRAME_VERSION;
use crate::pb;
use crate::pb::report_client::ReportClient as Client;

pub use crate::controllers::CallError;

/// Reports of one node. Clone: a shared handle.
#[derive(Clone)]
pub struct ReportClient {
    pub(crate) controllers: Controllers,
}

/// What the leader keeps of a node, in memory only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    pub node: NodeId,
    pub incarnation: Incarnation,
    /// Generation of the table by which the node serves.
    pub table_generation: Generation,
    /// Shards that it holds open.
    pub shards_open: u32,
    /// What it holds, each copy judged by the node itself.
    pub copies: Vec<HeldCopy>,
}

/// A copy on the node's disk, as the node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldCopy {
    pub shard: ShardId,
    pub epoch: Epoch,
    /// Of the law by which the node judged; 0: it asked no law.
    pub law_revision: u64,
    /// Ids of the rules that permit it.
    pub rules: Vec<String>,
    /// Why it may not be here.
    pub denied: Option<String>,
}

/// Most copies that one report tells of.
pub const COPIES_MAX: usize = 16_384;

impl ReportClient {
    /// # Errors
    /// For an empty list, or an address that is none. Does no I/O.
    pub fn new(controllers: Vec<String>, identity: Identity, clock: Clock) -> Result<Self, InvalidAddress> {
        Ok(Self {
            controllers: Controllers::new(controllers, identity, clock)?,
        })
    }

    /// Says where `node` listens and how often it has started; answers the table's generation that says so too.
    ///
    /// # Errors
    /// `old-incarnation` when a later start of the same node has registered: this process must end.
    pub async fn register_node(
        &self,
        node: &NodeId,
        address: &str,
        start: Start,
    ) -> Result<Generation, CallError> {
        self.register_node_on(node, address, start, None).await
    }

    /// As [`Self::register_node`], of a node on a store that others share.
    ///
    /// # Errors
    /// As there; `other-data` when the cell's other nodes are on another store.
    pub async fn register_node_on(
        &self,
        node: &NodeId,
        address: &str,
        start: Start,
        store: Option<&SharedStore>,
    ) -> Result<Generation, CallError> {
        let request = pb::RegisterNodeRequest {
            version: FRAME_VERSION,
            world: self.controllers.world().to_string(),
            node: node.to_string(),
            address: address.to_owned(),
            start: Some((&start).into()),
            store: store.map(Into::into),
        };
        let send = |channel| {
            let request = request.clone();
            async move { Client::new(channel).register_node(request).await }
        };
        self.controllers
            .call(REPORT, send)
            .await
            .map(|reply| Generation(reply.generation))
    }

    /// Publishes the public half of a home's token key.
    ///
    /// # Errors
    /// A refusal when the caller does not serve the home's key shard, or the home is not known.
    pub async fn publish_token_key(&self, home: &HomeId, key: &TokenKey) -> Result<Generation, CallError> {
        let request = pb::PublishTokenKeyRequest {
            version: FRAME_VERSION,
            world: self.controllers.world().to_string(),
            home: home.to_string(),
            key: Some(key.into()),
        };
        let send = |channel| {
            let request = request.clone();
            async move { Client::new(channel).publish_token_key(request).await }
        };
        self.controllers
            .call(REPORT, send)
            .await
            .map(|reply| Generation(reply.generation))
    }

    /// Notes that a home is about to keep data of people of another jurisdiction. Idempotent.
    ///
    /// # Errors
    /// A refusal when the caller serves no shard of people of that home, or the law lets nothing come.
    pub async fn admit_foreign(
        &self,
        home: &HomeId,
        jurisdiction: &Jurisdiction,
    ) -> Result<Generation, CallError> {
        let request = pb::AdmitForeignRequest {
            version: FRAME_VERSION,
            world: self.controllers.world().to_string(),
            home: home.to_string(),
            jurisdiction: jurisdiction.to_string(),
        };
        let send = |channel| {
            let request = request.clone();
            async move { Client::new(channel).admit_foreign(request).await }
        };
        self.controllers
            .call(REPORT, send)
            .await
            .map(|reply| Generation(reply.generation))
    }

    /// # Errors
    /// As every call; a heartbeat that is lost may be left out.
    pub async fn heartbeat(&self, beat: &Heartbeat) -> Result<(), CallError> {
        let request = pb::HeartbeatRequest {
            version: FRAME_VERSION,
            world: self.controllers.world().to_string(),
            node: beat.node.to_string(),
            incarnation: beat.incarnation.0,
            table_generation: beat.table_generation.0,
            shards_open: beat.shards_open,
            copies: beat.copies.iter().take(COPIES_MAX).map(Into::into).collect(),
        };
        let send = |channel| {
            let request = request.clone();
            async move { Client::new(channel).heartbeat(request).await }
        };
        self.controllers.call(REPORT, send).await.map(|_| ())
    }
}

impl From<&HeldCopy> for pb::HeldCopy {
    fn from(copy: &HeldCopy) -> Self {
        Self {
            shard: copy.shard.to_string(),
            epoch: copy.epoch.0,
            law_revision: copy.law_revision,
            rules: copy.rules.clone(),
            denied: copy.denied.clone().unwrap_or_default(),
        }
    }
}

impl TryFrom<pb::HeldCopy> for HeldCopy {
    type Error = InvalidId;

    fn try_from(wire: pb::HeldCopy) -> Result<Self, InvalidId> {
        Ok(Self {
            shard: wire.shard.parse()?,
            epoch: Epoch(wire.epoch),
            law_revision: wire.law_revision,
            rules: wire.rules,
            denied: Some(wire.denied).filter(|denied| !denied.is_empty()),
        })
    }
}
