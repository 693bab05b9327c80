//! A runtime of its own for what other processes wait for: what nodes say to each other, reports, the routing table. Its
//! threads do little, so that the operating system lets them run soon, however much requests of apps keep the others
//! busy; where it is allowed they run before all others. A promise that comes late is a lease that lapses. Pages of copies are
//! much, and leave by threads that give way (`cell_stream`); they arrive here.

use std::io;

use platform_runtime::urgent;
use tokio::runtime::{Builder, Handle, Runtime};

/// So that one that waits for a lock does not keep the rest.
const THREADS: usize = 2;

/// Ends with this value, without waiting: by then the tasks have been waited for.
#[derive(Debug)]
pub struct Wire {
    runtime: Option<Runtime>,
    handle: Handle,
}

impl Wire {
    /// # Errors
    /// No thread can be started.
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("celld-wire")
            .on_thread_start(|| {
                urgent::this_thread();
            })
            .enable_all()
            .build()?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // It may be dropped where nothing may wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use platform_runtime::TaskGroup;
    use tokio::sync::oneshot;

    use super::*;

    /// In a runtime that has one thread, and that thread is kept busy.
    #[tokio::test]
    async fn what_runs_on_it_runs_while_the_other_runtime_is_busy() {
        let wire = Wire::start().expect("threads");
        let tasks = TaskGroup::new();
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        tasks.on(wire.handle()).spawn("on-the-wire", async move {
            tokio::task::yield_now().await;
            tell.send(std::thread::current().name().map(str::to_owned))
                .expect("somebody listens");
        });
        // Blocks this runtime's only thread until the other has run.
        let on = told.recv().expect("it has run");
        assert_eq!(on.as_deref(), Some("celld-wire"));
        let (here, heard) = oneshot::channel();
        tasks.spawn("here", async move {
            let _ = here.send(());
        });
        heard.await.expect("what is not on it runs here");
    }
}
