//! Controllers of one world in one process: each with its directory, certificate, port and task group.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use platform_model::{Role, WorldId};
use platform_runtime::serve::{Limits, bind, serve_mtls};
use platform_runtime::tls::authority::Authority;
use platform_runtime::tls::{Identity, SpiffeId, SpiffeKind, install_ring};
use platform_runtime::{Clock, TaskGroup};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, MutexGuard};

use super::{Add, Register, Sum};
use crate::config::{Compaction, RaftConfig};
use crate::error::StartError;
use crate::node::Node;
use crate::status::NodeStatus;

/// Longest wait for anything; what is waited for takes seconds.
pub const WITHIN: Duration = Duration::from_secs(60);

/// One world at a time: two cores are not enough for the timers of several.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

pub struct World {
    pub dir: TempDir,
    authority: Authority,
    pub compaction: Compaction,
    pub running: BTreeMap<u64, Running>,
    pub addresses: BTreeMap<u64, String>,
    _one: MutexGuard<'static, ()>,
}

pub struct Running {
    pub node: Node<Register>,
    tasks: TaskGroup,
}

impl World {
    pub async fn new() -> Self {
        let one = ONE_AT_A_TIME.lock().await;
        install_ring();
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::create(&dir.path().join("authority")).unwrap();
        let compaction = Compaction::default();
        Self {
            dir,
            authority,
            compaction,
            running: BTreeMap::new(),
            addresses: BTreeMap::new(),
            _one: one,
        }
    }

    /// A world of `count` controllers with a leader.
    pub async fn of(count: u64) -> Self {
        let mut world = Self::new().await;
        for id in 1..=count {
            world.start(id).await;
        }
        world.node(1).initialize(world.addresses.clone()).await.unwrap();
        world.leader().await;
        world
    }

    pub fn id(&self) -> WorldId {
        self.authority.world()
    }

    pub fn identity(&self, kind: SpiffeKind) -> Identity {
        let trust_domain = self.id().trust_domain().to_owned();
        let id = SpiffeId {
            trust_domain,
            region: "eu-central".parse().unwrap(),
            kind,
        };
        let into = self
            .dir
            .path()
            .join(format!("identity-{}", id.to_string().replace(['/', ':'], "-")));
        self.authority
            .issue(&id, &["localhost".to_owned()], 1, &into)
            .unwrap();
        Identity::load(&into, &self.id()).unwrap()
    }

    pub fn controller(&self, id: u64) -> Identity {
        self.identity(SpiffeKind::Controller(format!("c{id}")))
    }

    pub fn operator(&self) -> Identity {
        self.identity(SpiffeKind::Operator {
            role: Role::Sre,
            name: "o-1".to_owned(),
        })
    }

    pub fn data_dir(&self, id: u64) -> PathBuf {
        self.dir.path().join(format!("controller-{id}"))
    }

    pub fn config(&self, id: u64) -> RaftConfig {
        let mut config = RaftConfig::new(id, self.id(), self.data_dir(id));
        config.compaction = self.compaction;
        config
    }

    pub async fn try_start(&self, config: RaftConfig) -> Result<Running, StartError> {
        let (tasks, identity) = (TaskGroup::new(), self.controller(config.node_id));
        let node = Node::start_machine(config, Register, identity, Clock::system(), &tasks).await?;
        Ok(Running { node, tasks })
    }

    /// Starts a controller, on the port that it had before.
    pub async fn start(&mut self, id: u64) {
        let listener = self.listen(id).await;
        let running = self.try_start(self.config(id)).await.unwrap();
        let routes = running.node.routes().into_service();
        serve_mtls(
            listener,
            self.controller(id),
            Limits::default(),
            routes,
            &running.tasks,
        );
        self.running.insert(id, running);
    }

    /// A port for a controller: the one that it had before.
    pub async fn listen(&mut self, id: u64) -> TcpListener {
        let address = self.addresses.get(&id).map_or("127.0.0.1:0", String::as_str);
        let listener = bind(address).await.unwrap();
        self.addresses
            .insert(id, listener.local_addr().unwrap().to_string());
        listener
    }

    /// Ends a controller with nobody told.
    pub async fn kill(&mut self, id: u64) {
        let running = self.running.remove(&id).unwrap();
        assert!(running.tasks.shutdown(WITHIN).await);
        running.node.stop().await;
    }

    /// Ends a controller in order.
    pub async fn shut_down(&mut self, id: u64) {
        let running = self.running.remove(&id).unwrap();
        running.node.shutdown().await;
        assert!(running.tasks.shutdown(WITHIN).await);
    }

    pub fn node(&self, id: u64) -> &Node<Register> {
        &self.running[&id].node
    }

    /// Waits until one of those that run leads and all of them agree.
    pub async fn leader(&self) -> u64 {
        let mut leader = None;
        for running in self.running.values() {
            let follows = |s: &NodeStatus| {
                s.leader
                    .as_ref()
                    .is_some_and(|(id, _)| self.running.contains_key(id))
            };
            leader = until(&running.node, follows).await.leader;
        }
        let (id, address) = leader.expect("a controller runs");
        assert_eq!(Some(&address), self.addresses.get(&id));
        until(self.node(id), |s| {
            s.leader.as_ref().is_some_and(|(l, _)| *l == id)
        })
        .await;
        id
    }

    /// Proposes where the leader is, again while nothing was written.
    pub async fn add(&self, id: u64) -> u64 {
        for _ in 0..20 {
            let leader = self.leader().await;
            match self.node(leader).propose(Add { id, by: 1 }).await {
                Ok(total) => return total,
                Err(error) => assert!(error.retryable(), "{error}"),
            }
        }
        panic!("no leader took the command");
    }

    /// Waits until `id` has applied the commands `ids`, each once.
    pub async fn has_applied(&self, id: u64, ids: impl IntoIterator<Item = u64>) {
        let wanted: BTreeMap<u64, u64> = ids.into_iter().map(|id| (id, 1)).collect();
        let mut state = self.node(id).state();
        let applied = state.wait_for(|state: &Arc<Sum>| state.times == wanted);
        let waited = tokio::time::timeout(WITHIN, applied)
            .await
            .map(|ended| ended.is_ok());
        assert_eq!(
            waited,
            Ok(true),
            "controller {id} did not apply them: {:?}",
            self.node(id).status()
        );
    }
}

/// Waits for a status.
pub async fn until(node: &Node<Register>, condition: impl FnMut(&NodeStatus) -> bool) -> NodeStatus {
    let mut changes = node.status_changes();
    let waited = tokio::time::timeout(WITHIN, changes.wait_for(condition)).await;
    let status = waited.unwrap_or_else(|_| panic!("waited too long: {:?}", node.status()));
    status.expect("the node runs").clone()
}
