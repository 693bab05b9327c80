//! The clock's thread: one for the process, of the operating system's own, so that no load on the runtime keeps a copy from
//! its keep-alives. It steps each copy's machine when its time has come; what that sends leaves at once.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use cell_replica::Event;
use parking_lot::{Condvar, Mutex};
use platform_runtime::urgent;

use super::core::Core;
use super::inner::Inner;
use crate::gate::micros;

/// The thread looks so often whose time has come.
const LOOK: Duration = Duration::from_millis(5);
/// Where somebody else had a copy whose time had come.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// A tick that comes so much too late is counted.
const LATE_MICROS: u64 = 100_000;
/// Ticks within a lease.
const TICKS_PER_LEASE: u64 = 16;
/// Pace of a copy that knows no configuration.
const LEASE_MICROS_UNKNOWN: u64 = 400_000;

#[derive(Default)]
struct Registry {
    copies: Mutex<Vec<Entry>>,
    came: Condvar,
}

struct Entry {
    inner: Weak<Inner>,
    /// Of the last tick, by the copy's clock, in microseconds.
    ticked: u64,
}

/// Ticks the copy until it is gone.
pub(crate) fn register(inner: &Arc<Inner>) {
    static REGISTRY: OnceLock<Arc<Registry>> = OnceLock::new();
    let registry = REGISTRY.get_or_init(|| {
        let registry = Arc::<Registry>::default();
        let shared = Arc::clone(&registry);
        let started = std::thread::Builder::new()
            .name("shard-ticks".to_owned())
            .spawn(move || run(&shared));
        if let Err(error) = started {
            tracing::error!(%error, "no thread for the clock of shards: no lease will be kept");
        }
        registry
    });
    let entry = Entry {
        inner: Arc::downgrade(inner),
        ticked: 0,
    };
    registry.copies.lock().push(entry);
    registry.came.notify_one();
}

fn run(registry: &Registry) {
    urgent::this_thread();
    loop {
        let is_held = {
            let mut copies = registry.copies.lock();
            while copies.is_empty() {
                registry.came.wait(&mut copies);
            }
            copies.retain(|entry| entry.inner.strong_count() > 0);
            let ticked = copies.iter_mut().map(Entry::tick_if_due);
            ticked.fold(false, |held, one| held | (one == Ticked::Held))
        };
        std::thread::sleep(if is_held { LOOK_AGAIN } else { LOOK });
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ticked {
    /// Or its time has not come.
    Done,
    /// Somebody else has the machine: it is not waited for, or one that lost its processor meanwhile would keep every
    /// other copy of the process from its keep-alives.
    Held,
}

impl Entry {
    fn tick_if_due(&mut self) -> Ticked {
        let Some(inner) = self.inner.upgrade().filter(|inner| !inner.ended.is_cancelled()) else {
            return Ticked::Done;
        };
        let now = micros(&inner.clock);
        let every = inner.tick_micros.load(std::sync::atomic::Ordering::Relaxed);
        let at = self.ticked.saturating_add(every);
        if now < at {
            return Ticked::Done;
        }
        let Some(mut core) = inner.core.try_lock() else {
            return Ticked::Held;
        };
        tick(&inner, &mut core);
        if self.ticked != 0 && now - at >= LATE_MICROS {
            // The machine had no processor for it: a lease that lapses now lapses for want of that.
            metrics::counter!("shard_ticks_late_total").increment(1);
        }
        self.ticked = now;
        Ticked::Done
    }
}

/// One tick: what is due by time is done.
fn tick(inner: &Inner, core: &mut Core) {
    // A machine that has stopped refuses.
    let _ = core.step(Event::Tick);
    core.renew();
    core.note_silence();
    let lease = core
        .machine
        .meta()
        .config
        .as_ref()
        .map(|config| config.lease_micros);
    let every = lease.unwrap_or(LEASE_MICROS_UNKNOWN) / TICKS_PER_LEASE;
    inner
        .tick_micros
        .store(every, std::sync::atomic::Ordering::Relaxed);
}

impl Core {
    /// A standby that has heard nobody serve for a lease is a witness: that is told at once.
    fn note_silence(&mut self) {
        let lease = self
            .machine
            .meta()
            .config
            .as_ref()
            .map(|config| config.lease_micros);
        let report = self.machine.report(self.now());
        let silent = report
            .zip(lease)
            .is_some_and(|(report, lease)| !report.leads && report.silent_micros >= lease);
        if silent && !self.fell_silent {
            self.control.stir();
        }
        self.fell_silent = silent;
    }
}
