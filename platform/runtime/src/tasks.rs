//! Tasks that belong to a group, so that shutdown can ask all of them to end and wait until they have.
//!
//! The only place that spawns. A task that panics is counted and logged, and takes nothing else down.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use parking_lot::Mutex;
use tokio::runtime::Handle;
pub use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A set of running tasks. Clones are handles on the same group.
#[derive(Clone, Debug)]
pub struct TaskGroup {
    shared: Arc<Shared>,
    /// Where tasks run; none: where whoever spawns them runs.
    runtime: Option<Handle>,
}

#[derive(Debug)]
struct Shared {
    cancelled: CancellationToken,
    /// Set once waiting is over: what still runs is dropped at its next `await`.
    dropped: CancellationToken,
    tracker: TaskTracker,
    /// Trackers of the groups above, which wait for our tasks too.
    above: Vec<TaskTracker>,
    running: Mutex<BTreeMap<&'static str, usize>>,
}

impl Default for TaskGroup {
    fn default() -> Self {
        Self::new()
    }
}

impl TaskGroup {
    pub fn new() -> Self {
        Self::with(CancellationToken::new(), CancellationToken::new(), Vec::new())
    }

    fn with(cancelled: CancellationToken, dropped: CancellationToken, above: Vec<TaskTracker>) -> Self {
        let tracker = TaskTracker::new();
        let running = Mutex::new(BTreeMap::new());
        Self {
            shared: Arc::new(Shared {
                cancelled,
                dropped,
                tracker,
                above,
                running,
            }),
            runtime: None,
        }
    }

    /// The same group; what is spawned by this handle runs on that runtime.
    #[must_use]
    pub fn on(&self, runtime: &Handle) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            runtime: Some(runtime.clone()),
        }
    }

    /// A group that ends with this one, and that may be ended before it.
    #[must_use]
    pub fn child(&self) -> Self {
        let mut above = self.shared.above.clone();
        above.push(self.shared.tracker.clone());
        let child = Self::with(
            self.shared.cancelled.child_token(),
            self.shared.dropped.child_token(),
            above,
        );
        Self {
            runtime: self.runtime.clone(),
            ..child
        }
    }

    /// Runs `f` until it ends by itself. It should watch [`Self::token`] and end soon after that is cancelled; a
    /// task that has not ended when shutdown's time is over is dropped at its next `await`.
    ///
    /// `name` says in logs and metrics what runs.
    pub fn spawn(&self, name: &'static str, f: impl Future<Output = ()> + Send + 'static) {
        let dropped = self.shared.dropped.clone();
        self.spawn_tracked(name, async move {
            tokio::select! {
                biased;
                () = dropped.cancelled() => {}
                () = f => {}
            }
        });
    }

    /// Like [`Self::spawn`] for many short tasks: waited for, but not dropped when the time is over.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that spawns")]
    pub(crate) fn spawn_tracked(&self, name: &'static str, f: impl Future<Output = ()> + Send + 'static) {
        let running = Running::new(Arc::clone(&self.shared), name);
        let runs = async move {
            if AssertUnwindSafe(f).catch_unwind().await.is_err() {
                metrics::counter!("runtime_task_panics_total", "task" => name).increment(1);
                tracing::error!(task = name, "a task panicked");
            }
            drop(running);
        };
        match &self.runtime {
            Some(runtime) => runtime.spawn(runs),
            None => tokio::spawn(runs),
        };
    }

    /// Cancelled when the group is asked to end.
    pub fn token(&self) -> CancellationToken {
        self.shared.cancelled.clone()
    }

    /// Waits until the group is asked to end.
    pub async fn cancelled(&self) {
        self.shared.cancelled.cancelled().await;
    }

    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.is_cancelled()
    }

    /// Asks every task to end and waits for them, `within` at most. `false` when some had not ended by then: they
    /// are named in the log and dropped.
    pub async fn shutdown(&self, within: Duration) -> bool {
        self.shared.cancelled.cancel();
        self.shared.tracker.close();
        let ended = tokio::time::timeout(within, self.shared.tracker.wait())
            .await
            .is_ok();
        if !ended {
            tracing::warn!(still_running = ?self.running(), "tasks did not end in time");
            self.shared.dropped.cancel();
        }
        ended
    }

    /// What runs in this group itself: name and number.
    pub fn running(&self) -> BTreeMap<&'static str, usize> {
        self.shared.running.lock().clone()
    }
}

/// Counts one task while it lives, here and in the groups above.
struct Running {
    shared: Arc<Shared>,
    name: &'static str,
    _tokens: Vec<tokio_util::task::task_tracker::TaskTrackerToken>,
}

impl Running {
    fn new(shared: Arc<Shared>, name: &'static str) -> Self {
        *shared.running.lock().entry(name).or_default() += 1;
        let tokens = shared
            .above
            .iter()
            .chain([&shared.tracker])
            .map(TaskTracker::token)
            .collect();
        Self {
            shared,
            name,
            _tokens: tokens,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = self.shared.running.lock();
        if let Some(count) = running.get_mut(self.name) {
            *count -= 1;
            if *count == 0 {
                running.remove(self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn shutdown_waits_for_tasks_of_children_too() {
        let group = TaskGroup::new();
        let child = group.child();
        let token = child.token();
        child.spawn("waits", async move { token.cancelled().await });
        assert!(group.shutdown(LONG).await);
        assert!(child.is_cancelled() && child.running().is_empty());
    }

    #[tokio::test]
    async fn a_child_ends_alone() {
        let group = TaskGroup::new();
        let child = group.child();
        let token = child.token();
        child.spawn("waits", async move { token.cancelled().await });
        assert!(child.shutdown(LONG).await);
        assert!(!group.is_cancelled());
    }

    #[tokio::test]
    async fn a_task_that_does_not_end_is_named_and_dropped() {
        let group = TaskGroup::new();
        group.spawn("deaf", std::future::pending());
        assert_eq!(group.running().get("deaf"), Some(&1));
        assert!(!group.shutdown(SHORT).await);
        tokio::time::timeout(LONG, group.shared.tracker.wait())
            .await
            .expect("dropped");
    }

    #[tokio::test]
    async fn a_panic_ends_one_task_only() {
        let group = TaskGroup::new();
        group.spawn("panics", async { panic!("planted") });
        let token = group.token();
        group.spawn("waits", async move { token.cancelled().await });
        assert!(group.shutdown(LONG).await);
    }
}
