//! The handle of a copy.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use cell_replica::{Configuration, Event, Meta, Moment, OrderIndex, Replica};
use cell_store::Store;
use parking_lot::{Mutex, RwLock};
use platform_model::{Epoch, Generation, NodeId, ReplicaId, ShardRoute};
use platform_runtime::{Clock, TaskGroup};
use tokio::sync::{Notify, mpsc};

use super::codec;
use super::core::{Core, Door};
use super::fingerprint::group;
use super::inner::Inner;
use super::job::{JOBS_MAX, run_entries, run_jobs};
use super::load::{Loaded, Loading};
use super::nodes::Nodes;
use super::route;
use super::settings::{Control, CopySettings, Peers};
use super::stored::encode_meta;
use super::told::{CopyStatus, Standing};
use super::writer::Writer;
use super::{task, ticks};
use crate::error::OpenError;
use crate::keys::ShardKeys;
use crate::meter::Meter;
use crate::shard::Shard;

/// A standby that leaves looks so often whether it is left out, and so many times.
const LEAVE_LOOK: Duration = Duration::from_millis(25);
const LEAVE_LOOKS: usize = 40;

/// One copy of a shard on this node. Cheap to clone; lives until [`Copy::close`] or until its tasks' group ends.
#[derive(Clone)]
pub struct Copy {
    pub(crate) inner: Arc<Inner>,
}

impl Copy {
    /// Opens what lies in the store, or an empty copy. Takes the fence first: whatever an earlier opening on this store
    /// still has under way is fenced out. Serves nothing before it is configured.
    ///
    /// # Errors
    /// See [`OpenError`]; damaged state is refused, never repaired.
    pub async fn open(
        store: Arc<dyn Store>,
        settings: CopySettings,
        clock: Clock,
        tasks: &TaskGroup,
        peers: Arc<dyn Peers>,
        control: Arc<dyn Control>,
    ) -> Result<Self, OpenError> {
        let keys = ShardKeys::new(&settings.shard);
        let mut nodes = Nodes::default();
        let loading = Loading {
            store: &*store,
            keys: &keys,
            shard: &settings.shard,
            node: &settings.node,
        };
        let mut loaded = loading.load(&mut nodes).await?;
        let mut writer = writer(&store, &settings, &keys, &clock, &mut loaded);
        if loaded.wiping {
            finish_wipe(&mut writer, &mut loaded, &nodes).await?;
        }
        Self::start(
            store, settings, clock, tasks, peers, control, keys, nodes, loaded, writer,
        )
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one opening")]
    fn start(
        store: Arc<dyn Store>,
        settings: CopySettings,
        clock: Clock,
        tasks: &TaskGroup,
        peers: Arc<dyn Peers>,
        control: Arc<dyn Control>,
        keys: ShardKeys,
        mut nodes: Nodes,
        loaded: Loaded,
        writer: Writer,
    ) -> Result<Self, OpenError> {
        let settings = Arc::new(settings);
        let unavailable = || OpenError::Unavailable {
            reason: "too many nodes are named in its state".to_owned(),
        };
        let me = nodes.key(&settings.node).ok_or_else(unavailable)?;
        let now = Moment(crate::gate::micros(&clock));
        let (machine, actions) = Replica::start(
            now,
            me,
            group(&settings.world, &settings.shard),
            loaded.durable,
            settings.plants.protocol,
        );
        let (entry_jobs, entry_inbox) = mpsc::channel(JOBS_MAX);
        let (jobs, job_inbox) = mpsc::channel(JOBS_MAX);
        let wake = Arc::new(Notify::new());
        let door = Arc::new(RwLock::new(Door {
            standing: Standing::Opening,
            shard: None,
        }));
        let mut core = Core {
            settings: Arc::clone(&settings),
            keys: keys.clone(),
            clock: clock.clone(),
            store: Arc::clone(&store),
            store_limits: store.limits(),
            machine,
            nodes,
            peers,
            control,
            entry_jobs,
            jobs,
            wake: Arc::clone(&wake),
            items: Default::default(),
            item_bytes: 0,
            arriving: Default::default(),
            recent: Default::default(),
            reading: Default::default(),
            history: loaded.history,
            time_ms: loaded.applied.time_ms.max(writer.index.base.time_ms),
            term: None,
            opened: None,
            door: Arc::clone(&door),
            blocked: false,
            starts: Default::default(),
            chunk: loaded.chunk,
            pace: Default::default(),
            verification: Default::default(),
            erasing: None,
            receipt: loaded.receipt,
            nameless: loaded.nameless,
            failed: false,
            closing: false,
        };
        core.pace.copied_bytes = core.chunk.bytes;
        core.begin(actions);
        let stop = tasks.token().child_token();
        let inner = Arc::new(Inner {
            settings,
            core: Mutex::new(core),
            door,
            store,
            keys,
            clock,
            wake,
            stop: stop.clone(),
            ended: platform_runtime::CancellationToken::new(),
            tick_micros: AtomicU64::new(0),
        });
        tasks.spawn("shard copy", task::run(Arc::clone(&inner), writer));
        tasks.spawn(
            "shard copy entries",
            run_entries(Arc::clone(&inner), entry_inbox, stop.clone()),
        );
        tasks.spawn("shard copy jobs", run_jobs(Arc::clone(&inner), job_inbox, stop));
        ticks::register(&inner);
        Ok(Self { inner })
    }

    /// The newest route that is known. Does what it orders: to prepare, to erase. May be handed the same one again.
    pub fn configure(&self, route: &ShardRoute) {
        let mut core = self.inner.core.lock();
        let Some(config) = route::configuration(route, &mut core.nodes) else {
            return;
        };
        core.configured(config);
        for order in route::orders(route, &self.inner.settings.node) {
            match order {
                route::Order::Prepare { order, epoch } => core.prepare(order, epoch),
                route::Order::Erase { order, replica } => core.erase(order, replica),
            }
        }
    }

    /// The control plane has answered a report that was made at `asked` (by [`Clock::monotonic`]): no configuration is
    /// newer than this.
    pub fn confirmed(&self, asked: Duration, generation: Generation) {
        let asked = Moment(u64::try_from(asked.as_micros()).unwrap_or(u64::MAX));
        // Refused unless it is news.
        let _ = self
            .inner
            .core
            .lock()
            .step(Event::Confirmed { asked, generation });
    }

    /// A frame came in over a stream of that node. Never waits.
    pub fn receive(&self, from: &NodeId, frame: Bytes) {
        let mut core = self.inner.core.lock();
        if core.closing {
            return;
        }
        match codec::decode(frame, &mut core.nodes) {
            Ok(incoming) if core.nodes.name(incoming.frame.from.node) == Some(from) => core.receive(incoming),
            Ok(_) => refused("sender"),
            Err(error) => {
                refused(error.as_str());
                tracing::debug!(shard = %self.inner.settings.shard, %from, %error, "a frame was refused");
            }
        }
    }

    /// Begins to verify all chunks, if it leads and that is not under way.
    pub fn verify(&self) {
        self.inner.core.lock().verify();
    }

    /// While a term serves: the handle that domains write and read through.
    pub fn shard(&self) -> Option<Shard> {
        self.inner.door.read().shard.clone()
    }

    /// What the door answers.
    pub fn standing(&self) -> Standing {
        self.inner.door.read().standing.clone()
    }

    /// How it stands, for the control plane; none for an empty disk.
    pub fn report(&self) -> Option<CopyStatus> {
        let core = self.inner.core.lock();
        let now = self.inner.clock.monotonic();
        let report = core.machine.report(core.now())?;
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Some(CopyStatus {
            replica: report.replica,
            generation: report.generation,
            term: report.term,
            last: report.last.position,
            chain: report.last.chain,
            committed: core.machine.committed().unwrap_or_default(),
            leads: report.leads,
            serves: report.serves,
            silent_micros: report.silent_micros,
            state: core.machine.state(),
            copied_bytes: core.pace.copied_bytes,
            copy_bytes_per_second: core.pace.copy_bytes_per_second(now),
            copy_left_bytes: core.pace.left_bytes,
            commits_per_second: core.pace.commits_per_second(now),
            p99_micros: u32::try_from(core.pace.p99().as_micros()).unwrap_or(u32::MAX),
            stalled_micros: micros(core.pace.stalled(now)),
        })
    }

    /// The process is about to stop on purpose: a standby asks its primary to leave it out, and waits a little until the
    /// configuration does, so that the shard need not wait for its promise.
    pub async fn leave(&self) {
        for _ in 0..LEAVE_LOOKS {
            let counted = {
                let mut core = self.inner.core.lock();
                // Refused by one that follows nobody.
                core.step(Event::Leave).is_ok() && core.is_counted()
            };
            if !counted {
                return;
            }
            self.inner.clock.sleep(LEAVE_LOOK).await;
        }
    }

    /// Writes what waits, answers who waits, ends. Idempotent.
    pub async fn close(&self) {
        self.inner.core.lock().closing = true;
        self.inner.stop.cancel();
        self.inner.ended.cancelled().await;
    }

    /// Waits until it has ended: closed, or its store failed (then [`Standing::Failed`], and it may be opened again).
    pub async fn ended(&self) {
        self.inner.ended.cancelled().await;
    }
}

impl Core {
    /// Whether the newest configuration calls this copy an in-sync standby.
    fn is_counted(&self) -> bool {
        let meta = self.machine.meta();
        let own = |config: &Configuration| config.in_sync().any(|replica| Some(replica) == meta.replica);
        meta.config.as_ref().is_some_and(own)
    }

    pub(crate) fn configured(&mut self, config: Configuration) {
        self.adopt_a_name(&config);
        // Refused unless it is newer.
        let _ = self.step(Event::Configured(config));
    }

    /// A shard of the time when there was one copy takes the name that it is given, if it is alone in the set.
    fn adopt_a_name(&mut self, config: &Configuration) {
        let here = self.nodes.key(&self.settings.node) == Some(config.primary.node);
        let named = config.primary.replica;
        if !std::mem::take(&mut self.nameless) || !here || !config.standbys.is_empty() {
            return;
        }
        let meta = Meta {
            replica: Some(named),
            candidate: config.epoch,
            ..self.machine.meta().clone()
        };
        let durable = cell_replica::Durable {
            meta,
            log: self.machine.log().clone(),
        };
        let (now, group) = (self.now(), group(&self.settings.world, &self.settings.shard));
        let (machine, actions) = Replica::start(
            now,
            config.primary.node,
            group,
            durable,
            self.settings.plants.protocol,
        );
        self.machine = machine;
        self.begin(actions);
    }

    pub(crate) fn prepare(&mut self, order: OrderIndex, epoch: Epoch) {
        // Refused where it was carried out, or is late: the configuration says what came of it.
        let _ = self.step(Event::Prepare { order, epoch });
    }

    pub(crate) fn erase(&mut self, order: OrderIndex, replica: ReplicaId) {
        if self.receipt.is_some_and(|receipt| receipt.replica == replica) {
            self.tell_receipt();
            return;
        }
        self.erasing = Some((replica, order.0));
        // Refused unless it is this copy, and in no configuration any more.
        let _ = self.step(Event::Erase { order, replica });
        self.erasing = None;
    }
}

fn writer(
    store: &Arc<dyn Store>,
    settings: &CopySettings,
    keys: &ShardKeys,
    clock: &Clock,
    loaded: &mut Loaded,
) -> Writer {
    Writer {
        store: Arc::clone(store),
        shard: settings.shard.clone(),
        export_folder: settings.export_folder.clone(),
        limits: store.limits(),
        keys: keys.clone(),
        clock: clock.clone(),
        settle_max: settings.limits.settle_max,
        fence: loaded.fence.clone(),
        number: loaded.number,
        index: std::mem::take(&mut loaded.index),
        applied: loaded.applied,
        meter: Meter::new(&settings.shard),
        skips_fence: settings.plants.skips_fence,
    }
}

async fn finish_wipe(writer: &mut Writer, loaded: &mut Loaded, nodes: &Nodes) -> Result<(), OpenError> {
    let meta = encode_meta(&loaded.durable.meta, nodes);
    let failed = |error: super::writer::Failed| OpenError::Unavailable {
        reason: error.to_string(),
    };
    writer.finish_wipe(meta).await.map_err(failed)?;
    loaded.durable.log = Default::default();
    loaded.history = Default::default();
    Ok(())
}

fn refused(reason: &'static str) {
    metrics::counter!("shard_frames_invalid_total", "reason" => reason).increment(1);
}
