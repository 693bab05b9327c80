//! The handle of a copy.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cell_replica::{Configuration, Event, Meta, Moment, OrderIndex, Refusal, Replica, Role};
use cell_store::Store;
use platform_model::{Epoch, Generation, NodeId, Position, ReplicaId, ShardRoute};
use platform_runtime::{Clock, TaskGroup};
use tokio::sync::watch;

use super::codec;
use super::core::Core;
use super::fingerprint::group;
use super::inner::Inner;
use super::item::Item;
use super::notes::Receipt;
use super::opening::Opening;
use super::route;
use super::settings::{Control, CopySettings, Peers};
use super::told::{CopyStatus, Standing};
use crate::error::OpenError;
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
        let opening = Opening {
            store,
            settings: Arc::new(settings),
            clock,
            peers,
            control,
        };
        opening.open(tasks).await.map(|inner| Self { inner })
    }

    /// The newest route that is known. Does what it orders: to prepare, to erase. May be handed the same one again.
    pub fn configure(&self, route: &ShardRoute) {
        let mut core = self.inner.core.lock();
        let Some(config) = route::configuration(route, &mut core.nodes) else {
            return;
        };
        core.configured(config);
        let mut erasures = Vec::new();
        for order in route::orders(route, &self.inner.settings.node) {
            match order {
                route::Order::Prepare { order, epoch } => core.prepare(order, epoch),
                route::Order::Erase { order, replica } => erasures.push((order, replica)),
            }
        }
        core.erase_in_turn(erasures);
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
        self.inner.door.read().standing.borrow().clone()
    }

    /// What the door answers, as it changes.
    pub fn standings(&self) -> watch::Receiver<Standing> {
        self.inner.door.read().standing.subscribe()
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
            bytes: core.pace.bytes,
        })
    }

    /// Asks the engine what the shard takes on disk, for the reports that follow. Cheap where the engine is this
    /// process's own.
    pub async fn measure(&self) {
        let Ok(snapshot) = self.inner.store.snapshot().await else {
            return;
        };
        let bytes = super::pages::bytes_about(&*snapshot, &self.inner.keys);
        self.inner.core.lock().pace.bytes = bytes;
    }

    /// Whether it leads, or is about to, and another copy could lead in its place.
    pub fn leads_others(&self) -> bool {
        let core = self.inner.core.lock();
        let config = core.machine.meta().config.as_ref();
        matches!(core.machine.role(), Role::Primary(_))
            && config.is_some_and(|config| config.in_sync().next().is_some())
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

    /// The same where nothing is waited for: a standby says that it leaves, whatever comes of it.
    pub fn leave_at_once(&self) {
        // Refused by one that follows nobody.
        let _ = self.inner.core.lock().step(Event::Leave);
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
        let Some(config) = self.put_off(config) else {
            return;
        };
        self.adopt_a_name(&config);
        self.starts
            .retain(|replica, _| config.standby(*replica).is_some());
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

    /// One after the other, for one receipt is kept: the one that stands in the way of the next is told until its order is gone
    /// from the route.
    fn erase_in_turn(&mut self, mut orders: Vec<(OrderIndex, ReplicaId)>) {
        if self.receipt_comes {
            return;
        }
        let told = self.receipt.map(|receipt| receipt.replica);
        orders.sort_by_key(|(_, replica)| Some(*replica) != told);
        for (order, replica) in orders {
            if self.erase(order, replica) {
                return;
            }
        }
    }

    /// Whether there is a receipt of it, or is about to be.
    fn erase(&mut self, order: OrderIndex, replica: ReplicaId) -> bool {
        if let Some(receipt) = self.receipt.filter(|receipt| receipt.replica == replica) {
            if receipt.order >= order.0 {
                self.tell_receipt();
                return true;
            }
            // Ordered anew, by a world that was recovered and knows of no receipt: it hears none of another number.
            self.receipt_comes = self.note_gone(Receipt {
                order: order.0,
                ..receipt
            });
            return self.receipt_comes;
        }
        self.erasing = Some((replica, order.0));
        // Refused unless it is this copy, and in no configuration any more.
        let outcome = self.step(Event::Erase { order, replica });
        self.erasing = None;
        self.receipt_comes = match outcome {
            Ok(()) => true,
            // Rows without a name may be its.
            Err(Refusal::Amnesia { have, .. })
                if have.is_some() || self.machine.tail().position == Position(0) =>
            {
                self.note_gone(Receipt::begin(replica, order.0))
            }
            Err(_) => false,
        };
        self.receipt_comes
    }

    /// What was to be erased is not here: another was made over it, or its disk is lost. That is an answer as well, or
    /// whoever waits for the receipt would wait for ever. False: nothing is written any more.
    fn note_gone(&mut self, receipt: Receipt) -> bool {
        if self.closing {
            return false;
        }
        let item = Item::Gone(receipt);
        self.item_bytes += item.bytes();
        self.items.push_back(item);
        self.wake.notify_one();
        true
    }
}

fn refused(reason: &'static str) {
    metrics::counter!("shard_frames_invalid_total", "reason" => reason).increment(1);
}
