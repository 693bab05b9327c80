//! Opening a copy: what lies in the store is read, the machine started on it, the tasks set going.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use cell_replica::{Moment, NodeKey, Replica};
use cell_store::Store;
use parking_lot::{Mutex, RwLock};
use platform_runtime::{CancellationToken, Clock, TaskGroup};
use tokio::sync::{Notify, mpsc, watch};

use super::core::{Core, Door};
use super::fingerprint::group;
use super::inner::Inner;
use super::job::{EntriesJob, JOBS_MAX, Job, run_entries, run_jobs};
use super::load::{Loaded, Loading};
use super::nodes::Nodes;
use super::settings::{Control, CopySettings, Peers};
use super::stored::encode_meta;
use super::told::Standing;
use super::writer::Writer;
use super::{task, ticks};
use crate::error::OpenError;
use crate::keys::ShardKeys;
use crate::meter::Meter;

/// The parts that a copy is opened with.
pub(super) struct Opening {
    pub store: Arc<dyn Store>,
    pub settings: Arc<CopySettings>,
    pub clock: Clock,
    pub peers: Arc<dyn Peers>,
    pub control: Arc<dyn Control>,
}

/// The sending ends of its queues.
struct Queues {
    entries: mpsc::Sender<EntriesJob>,
    jobs: mpsc::Sender<Job>,
    wake: Arc<Notify>,
}

impl Opening {
    pub(super) async fn open(self, tasks: &TaskGroup) -> Result<Arc<Inner>, OpenError> {
        let keys = ShardKeys::new(&self.settings.shard);
        let mut nodes = Nodes::default();
        let loading = Loading {
            store: &*self.store,
            keys: &keys,
            settings: &self.settings,
            clock: &self.clock,
        };
        let mut loaded = loading.load(&mut nodes).await?;
        let mut writer = self.writer(&keys, &mut loaded);
        if let Some(so_far) = loaded.wiping.take() {
            finish_wipe(&mut writer, &mut loaded, &nodes, &so_far).await?;
        }
        let me = nodes
            .key(&self.settings.node)
            .ok_or_else(|| OpenError::Unavailable {
                reason: "too many nodes are named in its state".to_owned(),
            })?;
        Ok(self.start(tasks, me, keys, nodes, loaded, writer))
    }

    fn start(
        self,
        tasks: &TaskGroup,
        me: NodeKey,
        keys: ShardKeys,
        nodes: Nodes,
        loaded: Loaded,
        mut writer: Writer,
    ) -> Arc<Inner> {
        let (entries, entry_inbox) = mpsc::channel(JOBS_MAX);
        let (jobs, job_inbox) = mpsc::channel(JOBS_MAX);
        let wake = Arc::new(Notify::new());
        let queues = Queues {
            entries,
            jobs,
            wake: Arc::clone(&wake),
        };
        let core = self.core(me, &keys, nodes, loaded, queues);
        let stop = tasks.token().child_token();
        let inner = Arc::new(Inner {
            door: Arc::clone(&core.door),
            core: Mutex::new(core),
            settings: self.settings,
            store: self.store,
            keys,
            clock: self.clock,
            wake,
            stop: stop.clone(),
            ended: CancellationToken::new(),
            tick_micros: AtomicU64::new(0),
        });
        writer.stop = stop.clone();
        if let Some(until) = inner.core.lock().waits_until() {
            tasks.spawn(
                "shard copy holds",
                hold_at(Arc::clone(&inner), until, stop.clone()),
            );
        }
        tasks.spawn("shard copy", task::run(Arc::clone(&inner), writer));
        let sending = run_entries(Arc::clone(&inner), entry_inbox, stop.clone());
        tasks.spawn("shard copy entries", sending);
        tasks.spawn("shard copy jobs", run_jobs(Arc::clone(&inner), job_inbox, stop));
        ticks::register(&inner);
        inner
    }

    fn core(&self, me: NodeKey, keys: &ShardKeys, nodes: Nodes, loaded: Loaded, queues: Queues) -> Core {
        let group = group(&self.settings.world, &self.settings.shard);
        let now = Moment(crate::gate::micros(&self.clock));
        let plants = self.settings.plants.protocol;
        let time_ms = loaded.applied.time_ms.max(loaded.base_time_ms);
        let (machine, actions) = Replica::start(now, me, group, loaded.durable, plants);
        let mut core = Core {
            settings: Arc::clone(&self.settings),
            keys: keys.clone(),
            clock: self.clock.clone(),
            store: Arc::clone(&self.store),
            store_limits: self.store.limits(),
            machine,
            nodes,
            peers: Arc::clone(&self.peers),
            control: Arc::clone(&self.control),
            entry_jobs: queues.entries,
            jobs: queues.jobs,
            wake: queues.wake,
            items: Default::default(),
            item_bytes: 0,
            arriving: Default::default(),
            recent: Default::default(),
            lag: Default::default(),
            reading: Default::default(),
            history: loaded.history,
            time_ms,
            term: None,
            opened: None,
            door: Arc::new(RwLock::new(Door {
                standing: watch::Sender::new(Standing::Opening),
                shard: None,
            })),
            leased_until: 0,
            fell_silent: false,
            blocked: false,
            starts: Default::default(),
            paging: Default::default(),
            chunk: loaded.chunk,
            pace: Default::default(),
            verification: Default::default(),
            erasing: None,
            receipt: loaded.receipt,
            receipt_comes: false,
            nameless: loaded.nameless,
            holder: loaded.holder,
            opens_later: None,
            put_off: None,
            failed: false,
            closing: false,
        };
        core.pace.copied_bytes = core.chunk.bytes;
        core.begin(actions);
        core
    }

    fn writer(&self, keys: &ShardKeys, loaded: &mut Loaded) -> Writer {
        Writer {
            store: Arc::clone(&self.store),
            shard: self.settings.shard.clone(),
            export_folder: self.settings.cut_off_folder(),
            limits: self.store.limits(),
            keys: keys.clone(),
            clock: self.clock.clone(),
            settle_max: self.settings.limits.settle_max,
            stop: CancellationToken::new(),
            fence: loaded.fence.clone(),
            number: loaded.number,
            index: std::mem::take(&mut loaded.index),
            applied: loaded.applied,
            meter: Meter::new(&self.settings.shard),
            skips_fence: self.settings.plants.skips_fence,
            proved: None,
            says: loaded.says,
        }
    }
}

/// Holds a shard of a shared store as soon as whoever held it before reads no more.
async fn hold_at(inner: Arc<Inner>, until: Moment, stop: CancellationToken) {
    loop {
        let left = until.since(Moment(crate::gate::micros(&inner.clock)));
        let slept = stop.run_until_cancelled(inner.clock.sleep(Duration::from_micros(left)));
        if slept.await.is_none() {
            return;
        }
        let mut core = inner.core.lock();
        core.renew();
        if core.waits_until().is_none() {
            return;
        }
    }
}

/// Goes on with a wipe that was interrupted.
async fn finish_wipe(
    writer: &mut Writer,
    loaded: &mut Loaded,
    nodes: &Nodes,
    so_far: &[u8],
) -> Result<(), OpenError> {
    let meta = encode_meta(&loaded.durable.meta, nodes);
    let failed = |error: super::writer::Failed| OpenError::Unavailable {
        reason: error.to_string(),
    };
    let receipt = writer.finish_wipe(meta, so_far).await.map_err(failed)?;
    loaded.receipt = receipt.or(loaded.receipt);
    loaded.durable.log = Default::default();
    loaded.history = Default::default();
    Ok(())
}
