//! hyper's background work runs in our task groups, so that shutdown waits for it.

use std::future::Future;

use hyper::rt::Executor;
use platform_runtime::TaskGroup;

/// An executor on a task group.
#[derive(Clone)]
pub struct Spawner(pub TaskGroup);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Spawner {
    fn execute(&self, future: F) {
        self.0.spawn("http2", future);
    }
}
