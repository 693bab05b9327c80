//! Long work beside requests: walks over a shard, digests, the sealing of backups, pages on their way. It runs on few
//! threads of its own that give way to all others: where every processor is wanted, a request does not share it with a
//! walk in equal parts.
//!
//! What waits there, for a pace, a page or a clock, holds no thread. What it computes between two waits should be
//! short: a page, a part.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;

use futures::FutureExt;
use rustix::process::setpriority_process;
use rustix::thread::gettid;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::task::AbortOnDropHandle;

/// However much long work there is, it keeps no more processors busy.
const THREADS: usize = 2;
/// What its threads are given, as `nice(2)` counts: about a ninth of the share of one like any other, so that long
/// work gets on even where requests never end. A thread that is started there inherits it.
const NICE: i32 = 10;

/// Runs `work` on those threads. Dropped, `work` is dropped at its next `await`. None: it panicked, or the process
/// ends.
pub async fn run<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Option<T> {
    run_on(&handle(), "background", work).await
}

/// The same on a runtime of the caller's: for what long work asks for, and what requests wait for, too. Whatever `work`
/// spawns, a connection say, stays there. `name` says in logs and metrics what runs.
pub async fn run_on<T: Send + 'static>(
    runtime: &Handle,
    name: &'static str,
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let done = AbortOnDropHandle::new(runtime.spawn(work)).await;
    done.inspect_err(|error| {
        if error.is_panic() {
            note_panic(name);
        }
    })
    .ok()
}

/// The same, but as a part of the caller's own task where that runs there already: a task more has to be handed over, and
/// its answer back.
pub async fn run_there<T: Send + 'static>(
    runtime: &Handle,
    name: &'static str,
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    if Handle::current().id() != runtime.id() {
        return run_on(runtime, name, work).await;
    }
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.inspect_err(|_| note_panic(name)).ok()
}

fn note_panic(name: &'static str) {
    metrics::counter!("runtime_task_panics_total", "task" => name).increment(1);
    tracing::error!(task = name, "work panicked");
}

/// For tasks of a group that are long work: [`TaskGroup::on`](crate::TaskGroup::on). Made when it is first asked for,
/// and kept until the process ends.
pub fn handle() -> Handle {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| {
        let built = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("background")
            .on_thread_start(give_way)
            .enable_all()
            .build();
        built
            .inspect_err(|error| tracing::error!(%error, "no threads for long work: it runs beside requests"))
            .ok()
    });
    made.as_ref()
        .map_or_else(Handle::current, |made| made.handle().clone())
}

/// Of the calling thread alone: on Linux each has a priority of its own, `setpriority(2)`. Everybody may give way.
fn give_way() {
    if let Err(error) = setpriority_process(Some(gettid()), NICE) {
        tracing::warn!(%error, "a thread for long work runs like any other");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use rustix::process::getpriority_process;
    use tokio::sync::{Barrier, oneshot};

    use super::*;

    const FOR_EVER: Duration = Duration::from_secs(20);

    fn nice() -> i32 {
        getpriority_process(Some(gettid())).expect("it tells")
    }

    #[tokio::test]
    async fn long_work_gives_way_and_so_does_what_it_starts_and_nobody_else() {
        let before = nice();
        let here = run(async { nice() }).await;
        let inherited = run(async { std::thread::spawn(nice).join().expect("it ends") }).await;
        assert_eq!((here, inherited), (Some(NICE), Some(NICE)));
        assert_eq!(nice(), before, "who waits for it");
    }

    /// More than there are threads, and none goes on before all have begun.
    #[tokio::test]
    async fn what_waits_holds_no_thread() {
        let all = Arc::new(Barrier::new(4 * THREADS));
        let works = (0..4 * THREADS).map(|_| {
            let all = Arc::clone(&all);
            run(async move {
                all.wait().await;
            })
        });
        let works = tokio::time::timeout(FOR_EVER, futures::future::join_all(works));
        let ended = works.await.expect("they hold each other up");
        assert!(ended.iter().all(Option::is_some));
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_dropped() {
        let (begins, begun) = oneshot::channel();
        let (held, dropped) = oneshot::channel::<()>();
        let mut work = Box::pin(run(async move {
            let _ = begins.send(());
            std::future::pending::<()>().await;
            drop(held);
        }));
        tokio::select! {
            _ = &mut work => panic!("it never ends by itself"),
            begun = begun => begun.expect("it has begun"),
        }
        drop(work);
        let told = tokio::time::timeout(FOR_EVER, dropped).await;
        assert!(told.expect("it goes on for ever").is_err());
    }

    #[tokio::test]
    async fn a_panic_ends_one_work_only() {
        assert_eq!(run::<()>(async { panic!("planted") }).await, None);
        assert_eq!(run(async { 7 }).await, Some(7));
    }

    #[tokio::test]
    async fn work_whose_place_is_here_is_no_task_of_its_own() {
        let home = Handle::current();
        let here = run_there(&home, "test", async { tokio::task::try_id() }).await;
        assert_eq!(here, Some(tokio::task::try_id()));
        let apart = run_on(&home, "test", async { tokio::task::try_id() }).await;
        assert_ne!(here, apart, "else this shows nothing");
        let (elsewhere, before) = (handle(), nice());
        let there = run_there(&elsewhere, "test", async { nice() }).await;
        assert_eq!((there, nice()), (Some(NICE), before));
        assert_eq!(
            run_there::<()>(&home, "test", async { panic!("planted") }).await,
            None
        );
    }
}
