//! Work that keeps a core busy, off the executor and a few at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use platform_model::{Code, Problem};
use tokio::sync::Semaphore;

/// Files that are read at the same time.
pub const AT_ONCE: usize = 2;
/// Files that wait for it; past it `overloaded`. Each holds its bytes in memory.
pub const WAITING_MAX: usize = 32;

/// Cheap to clone; clones share the bounds.
#[derive(Debug, Clone)]
pub struct Gate {
    permits: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::default(),
        }
    }
}

impl Gate {
    /// Runs `work` on a thread of its own when it is its turn. If the caller goes away, work that has begun still ends
    /// before its place is free.
    ///
    /// # Errors
    /// `overloaded` when too many wait, `internal` when the work panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let place = self.wait()?;
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| Code::Unavailable)?;
        drop(place);
        let run = move || {
            let done = work();
            drop(permit);
            done
        };
        let done = tokio::task::spawn_blocking(run).await;
        done.map_err(|_| Problem::new(Code::Internal).detail("reading the file failed"))
    }

    fn wait(&self) -> Result<Place, Problem> {
        let place = Place(Arc::clone(&self.waiting));
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            return Err(Problem::new(Code::Overloaded)
                .retry_after_s(1)
                .detail("too many uploads at once"));
        }
        Ok(place)
    }
}

/// One who waits.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_answer_and_its_place_is_free_again() {
        let gate = Gate::default();
        for _ in 0..AT_ONCE + 1 {
            let problem = gate.run(|| panic!("in a test")).await.expect_err("it panicked");
            assert_eq!(problem.code, Code::Internal);
        }
        assert_eq!(gate.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn too_many_are_refused() {
        let gate = Gate::default();
        let places: Vec<_> = (0..WAITING_MAX).map(|_| gate.wait().expect("room")).collect();
        assert_eq!(gate.run(|| ()).await.expect_err("no room").code, Code::Overloaded);
        drop(places);
        assert_eq!(gate.run(|| ()).await, Ok(()));
    }
}
