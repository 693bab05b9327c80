//! Nodes of one world that listen, and what the table says of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use platform_model::{NodeId, ShardId};
use platform_runtime::serve::{self, Limits};
use platform_runtime::tls::authority::Authority;
use platform_runtime::tls::{Identity, install_ring};
use platform_runtime::{Clock, TaskGroup};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::inbound::{self, Inbound};
use crate::{Known, Place, Streams};

/// For whatever must happen in the end: wide, for machines that do much else.
pub const WITHIN: Duration = Duration::from_secs(60);

pub const REGION: &str = "eu-central";

/// What the table says: shared by all nodes here.
#[derive(Default)]
pub struct Table {
    places: Mutex<BTreeMap<NodeId, Place>>,
    sets: Mutex<BTreeSet<(NodeId, ShardId)>>,
}

impl Known for Table {
    fn place(&self, node: &NodeId) -> Option<Place> {
        self.places.lock().get(node).cloned()
    }

    fn holds(&self, node: &NodeId, shard: &ShardId) -> bool {
        self.sets.lock().contains(&(node.clone(), shard.clone()))
    }
}

impl Table {
    pub fn put(&self, node: &NodeId, address: &str, region: &str) {
        let place = Place {
            address: address.to_owned(),
            region: region.parse().expect("a region"),
        };
        self.places.lock().insert(node.clone(), place);
    }

    pub fn give(&self, node: &NodeId, shard: &ShardId) {
        self.sets.lock().insert((node.clone(), shard.clone()));
    }
}

/// One frame as it came in.
pub type Heard = (NodeId, ShardId, Bytes);

/// Keeps what came in.
pub struct Ear(watch::Sender<Vec<Heard>>);

impl Inbound for Ear {
    fn receive(&self, from: &NodeId, shard: &ShardId, frame: Bytes) {
        self.0
            .send_modify(|heard| heard.push((from.clone(), shard.clone(), frame)));
    }
}

impl Ear {
    pub fn heard(&self) -> Vec<Heard> {
        self.0.borrow().clone()
    }

    /// Waits until so many frames came in.
    pub async fn until(&self, frames: usize) -> Vec<Heard> {
        let mut changes = self.0.subscribe();
        let enough = changes.wait_for(|heard| heard.len() >= frames);
        let heard = tokio::time::timeout(WITHIN, enough).await.expect("in time");
        heard.expect("the ear is there").clone()
    }
}

pub struct Scene {
    pub dir: TempDir,
    pub authority: Authority,
    pub table: Arc<Table>,
    pub tasks: TaskGroup,
}

/// A node that listens.
pub struct Listening {
    pub address: String,
    pub ear: Arc<Ear>,
    pub tasks: TaskGroup,
}

pub fn node(ordinal: u16) -> NodeId {
    format!("eu-central-1/{ordinal}").parse().expect("a node")
}

pub fn shard(index: u32) -> ShardId {
    format!("eu/eu-central/{index:03}").parse().expect("a shard")
}

pub fn identity_of(authority: &Authority, dir: &TempDir, region: &str, path: &str) -> Identity {
    let world = authority.world();
    let id = format!("spiffe://{}/region/{region}/{path}", world.trust_domain());
    let into = dir.path().join(format!("{region}-{}", path.replace('/', "-")));
    authority
        .issue(&id.parse().expect("an id"), &[], 1, &into)
        .expect("issued");
    Identity::load(&into, &world).expect("good")
}

impl Scene {
    pub fn new() -> Self {
        install_ring();
        let dir = tempfile::tempdir().expect("a folder");
        let authority = Authority::create(&dir.path().join("ca")).expect("a world");
        Self {
            dir,
            authority,
            table: Arc::default(),
            tasks: TaskGroup::new(),
        }
    }

    pub fn identity(&self, node: &NodeId) -> Identity {
        let path = format!("cell/{}/node/{}", node.cell, node.ordinal);
        identity_of(&self.authority, &self.dir, REGION, &path)
    }

    /// The sending end of a node. It need not listen: the table places it somewhere.
    pub fn streams(&self, node: &NodeId) -> Streams {
        if self.table.place(node).is_none() {
            self.table.put(node, "127.0.0.1:1", REGION);
        }
        let known = Arc::clone(&self.table) as Arc<dyn Known>;
        Streams::new(self.identity(node), known, Clock::system(), &self.tasks)
    }

    /// A node that listens, where the table says from now on.
    pub async fn listen(&self, node: &NodeId) -> Listening {
        let tasks = self.tasks.child();
        let listener = serve::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("bound").to_string();
        let ear = Arc::new(Ear(watch::Sender::new(Vec::new())));
        let (known, inbound) = (
            Arc::clone(&self.table) as Arc<dyn Known>,
            Arc::clone(&ear) as Arc<dyn Inbound>,
        );
        let routes = inbound::routes(self.authority.world(), known, inbound, tasks.token());
        let identity = self.identity(node);
        serve::serve_mtls(
            listener,
            identity,
            Limits::default(),
            routes.into_axum_router(),
            &tasks,
        );
        self.table.put(node, &address, REGION);
        Listening { address, ear, tasks }
    }
}

impl Listening {
    /// Ends as a process would: nothing listens, every stream breaks.
    pub async fn end(self) {
        assert!(self.tasks.shutdown(WITHIN).await, "streams outlive the node");
    }
}
