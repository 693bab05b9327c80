//! What files may take of this node: work that keeps a core busy, off the executor and a few at a time; and memory, of
//! files that come and of files that go.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use platform_model::{Code, Problem};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Files that are read at the same time.
pub const AT_ONCE: usize = 2;
/// Files that wait for it; past it `overloaded`. Each holds its bytes in memory.
pub const WAITING_MAX: usize = 32;

/// Bytes of files that are in memory at the same time; past it `overloaded`.
pub const FILE_MEMORY_BYTES_MAX: usize = 256 << 20;
/// Bytes of one permit: a semaphore counts to less than there are bytes.
const ROOM_UNIT_BYTES: usize = 1 << 10;

/// Cheap to clone; clones share the bounds.
#[derive(Debug, Clone)]
pub struct Gate {
    permits: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            memory: Arc::new(Semaphore::new(FILE_MEMORY_BYTES_MAX / ROOM_UNIT_BYTES)),
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

    /// Room for so many bytes of a file, until it is dropped. Never waits: who held a part of his file while he waited for
    /// the rest would keep others from theirs.
    ///
    /// # Errors
    /// `overloaded`.
    pub fn room(&self, bytes: usize) -> Result<Room, Problem> {
        let mut room = Room {
            memory: Arc::clone(&self.memory),
            bytes: 0,
            held: None,
        };
        room.grow(bytes)?;
        Ok(room)
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

/// A part of the memory for files.
#[derive(Debug)]
pub struct Room {
    memory: Arc<Semaphore>,
    bytes: usize,
    held: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Room for `bytes` more.
    ///
    /// # Errors
    /// `overloaded`; what there was stays.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        let total = self.bytes + bytes;
        let units = total.div_ceil(ROOM_UNIT_BYTES) - self.bytes.div_ceil(ROOM_UNIT_BYTES);
        let overloaded = || {
            Problem::new(Code::Overloaded)
                .retry_after_s(1)
                .detail("too many files at once")
        };
        let units = u32::try_from(units).map_err(|_| overloaded())?;
        let more = Arc::clone(&self.memory).try_acquire_many_owned(units);
        let more = more.map_err(|_| overloaded())?;
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        self.bytes = total;
        Ok(())
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

    #[test]
    fn memory_for_files_is_bounded_and_given_back() {
        let gate = Gate::default();
        let mut room = gate.room(0).expect("nothing");
        room.grow(FILE_MEMORY_BYTES_MAX - 1).expect("room");
        assert_eq!(
            gate.room(ROOM_UNIT_BYTES).expect_err("full").code,
            Code::Overloaded
        );
        assert_eq!(
            room.grow(ROOM_UNIT_BYTES).expect_err("full").code,
            Code::Overloaded
        );
        room.grow(1).expect("the last byte");
        drop(room);
        gate.room(FILE_MEMORY_BYTES_MAX).expect("all of it");
    }
}
