//! Work that keeps a core and much memory busy, off the executor and a few at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use platform_model::{Code, Problem};
use tokio::sync::Semaphore;

/// Cheap to clone; clones share the bounds.
#[derive(Debug, Clone)]
pub struct Gate {
    permits: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    waiting_max: usize,
}

impl Gate {
    /// `at_once` (at least one) that run, `waiting_max` that wait for it.
    pub fn new(at_once: usize, waiting_max: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(at_once.max(1))),
            waiting: Arc::default(),
            waiting_max,
        }
    }

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
        done.map_err(|_| Problem::new(Code::Internal).detail("hashing failed"))
    }

    fn wait(&self) -> Result<Place, Problem> {
        let place = Place(Arc::clone(&self.waiting));
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.waiting_max {
            return Err(Problem::new(Code::Overloaded)
                .retry_after_s(1)
                .detail("too many log-ins at once"));
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
        let gate = Gate::new(1, 1);
        for _ in 0..2 {
            let problem = gate.run(|| panic!("in a test")).await.expect_err("it panicked");
            assert_eq!(problem.code, Code::Internal);
        }
        assert_eq!(gate.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn too_many_are_refused() {
        let gate = Gate::new(1, 3);
        let places: Vec<_> = (0..3).map(|_| gate.wait().expect("room")).collect();
        assert_eq!(gate.run(|| ()).await.expect_err("no room").code, Code::Overloaded);
        drop(places);
        assert_eq!(gate.run(|| ()).await, Ok(()));
    }
}
