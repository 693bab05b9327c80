//! The frames that wait for one lane to one peer. Bounded; shards take turns, by bytes, so that one that has much to
//! send holds no other up; frames of one shard stay in order.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use parking_lot::Mutex;
use platform_model::ShardId;
use platform_wire::replication::{FRAMES_MAX, Parcel};
use tokio::sync::Notify;

use crate::lane::Bounds;

/// Bytes after which another shard has its turn.
const TURN_BYTES: usize = 64 << 10;
/// Bytes after which a message is full. One frame may be longer.
const MESSAGE_BYTES: usize = 256 << 10;

/// Why a frame was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// The queue, or the shard's part of it.
    Queue,
    /// The peer cannot be reached at the moment.
    Unreachable,
}

pub(crate) struct Queue {
    bounds: Bounds,
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Default)]
struct Waiting {
    flows: BTreeMap<ShardId, Flow>,
    /// Shards that have frames, in the order of their turns.
    turns: VecDeque<ShardId>,
    frames: usize,
    bytes: usize,
    /// Nothing is taken in while the peer is not reached.
    refuses: bool,
}

#[derive(Default)]
struct Flow {
    frames: VecDeque<Bytes>,
    bytes: usize,
}

impl Queue {
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            waiting: Mutex::default(),
            filled: Notify::new(),
        }
    }

    /// Takes a frame to be sent. Never waits.
    pub fn push(&self, shard: &ShardId, frame: Bytes) -> Result<(), Full> {
        let mut waiting = self.waiting.lock();
        if waiting.refuses {
            return Err(Full::Unreachable);
        }
        let bytes = frame.len();
        if waiting.frames >= self.bounds.frames || waiting.bytes + bytes > self.bounds.bytes {
            return Err(Full::Queue);
        }
        match waiting.flows.get_mut(shard) {
            Some(flow) if flow.bytes + bytes > self.bounds.shard_bytes => return Err(Full::Queue),
            Some(flow) => flow.push(frame),
            None => {
                let mut flow = Flow::default();
                flow.push(frame);
                waiting.flows.insert(shard.clone(), flow);
                waiting.turns.push_back(shard.clone());
            }
        }
        waiting.frames += 1;
        waiting.bytes += bytes;
        drop(waiting);
        self.filled.notify_one();
        Ok(())
    }

    /// Waits until there is something to send. Cancel-safe; one waits at a time.
    pub async fn filled(&self) {
        while self.is_empty() {
            self.filled.notified().await;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.lock().frames == 0
    }

    /// What goes into the next message; empty if nothing waits.
    pub fn take(&self) -> Vec<Parcel> {
        let mut waiting = self.waiting.lock();
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while bytes < MESSAGE_BYTES && taken.len() < FRAMES_MAX {
            let Some(shard) = waiting.turns.pop_front() else {
                break;
            };
            bytes += waiting.turn_of(shard, &mut taken);
        }
        taken
    }

    /// Drops what waits and takes nothing until [`Queue::open`]; how many frames were lost.
    pub fn refuse(&self) -> usize {
        let mut waiting = self.waiting.lock();
        let lost = waiting.frames;
        *waiting = Waiting {
            refuses: true,
            ..Waiting::default()
        };
        lost
    }

    pub fn open(&self) {
        self.waiting.lock().refuses = false;
    }
}

impl Waiting {
    /// Moves one turn's frames of a shard to `taken`: their bytes.
    fn turn_of(&mut self, shard: ShardId, taken: &mut Vec<Parcel>) -> usize {
        let Some(flow) = self.flows.get_mut(&shard) else {
            return 0;
        };
        let mut bytes = 0;
        while bytes < TURN_BYTES
            && taken.len() < FRAMES_MAX
            && let Some(frame) = flow.frames.pop_front()
        {
            bytes += frame.len();
            flow.bytes -= frame.len();
            self.frames -= 1;
            self.bytes -= frame.len();
            taken.push((shard.clone(), frame));
        }
        if flow.frames.is_empty() {
            self.flows.remove(&shard);
        } else {
            self.turns.push_back(shard);
        }
        bytes
    }
}

impl Flow {
    fn push(&mut self, frame: Bytes) {
        self.bytes += frame.len();
        self.frames.push_back(frame);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Bounds = Bounds {
        frames: 4,
        bytes: 100,
        shard_bytes: 60,
    };

    fn shard(index: u32) -> ShardId {
        format!("eu/eu-central/{index:03}").parse().expect("a shard")
    }

    fn frame(bytes: usize, mark: u8) -> Bytes {
        vec![mark; bytes].into()
    }

    #[test]
    fn it_takes_no_more_than_its_bounds_of_all_and_of_one_shard() {
        let queue = Queue::new(SMALL);
        assert_eq!(queue.push(&shard(0), frame(50, 0)), Ok(()));
        assert_eq!(queue.push(&shard(0), frame(11, 0)), Err(Full::Queue), "its part");
        assert_eq!(queue.push(&shard(1), frame(51, 0)), Err(Full::Queue), "bytes");
        assert_eq!(queue.push(&shard(1), frame(50, 0)), Ok(()));
        assert_eq!(queue.push(&shard(2), frame(0, 0)), Ok(()));
        assert_eq!(queue.push(&shard(2), frame(0, 0)), Ok(()));
        assert_eq!(queue.push(&shard(2), frame(0, 0)), Err(Full::Queue), "frames");
        assert_eq!(queue.take().len(), 4);
        assert_eq!(queue.push(&shard(0), frame(60, 0)), Ok(()), "there is room again");
    }

    #[test]
    fn shards_take_turns_and_each_keeps_its_order() {
        let queue = Queue::new(Bounds {
            frames: 1_000,
            bytes: 64 << 20,
            shard_bytes: 32 << 20,
        });
        let much = 40;
        for mark in 0..much {
            queue.push(&shard(0), frame(TURN_BYTES, mark)).expect("room");
        }
        queue.push(&shard(1), frame(10, 0)).expect("room");
        queue.push(&shard(1), frame(10, 1)).expect("room");
        let first = queue.take();
        let of_other = first.iter().filter(|(id, _)| *id == shard(1)).count();
        assert_eq!(
            of_other, 2,
            "a small shard waits for one turn, not for all of the large one"
        );
        let mut marks: Vec<u8> = Vec::new();
        let mut batch = first;
        while !batch.is_empty() {
            let bytes: usize = batch.iter().map(|(_, frame)| frame.len()).sum();
            assert!(bytes <= MESSAGE_BYTES + TURN_BYTES);
            marks.extend(
                batch
                    .iter()
                    .filter(|(id, _)| *id == shard(0))
                    .map(|(_, frame)| frame[0]),
            );
            batch = queue.take();
        }
        assert_eq!(marks, (0..much).collect::<Vec<u8>>());
    }

    #[test]
    fn while_the_peer_is_away_nothing_is_kept() {
        let queue = Queue::new(SMALL);
        queue.push(&shard(0), frame(5, 0)).expect("room");
        assert_eq!(queue.refuse(), 1);
        assert!(queue.is_empty());
        assert_eq!(queue.push(&shard(0), frame(5, 0)), Err(Full::Unreachable));
        queue.open();
        assert_eq!(queue.push(&shard(0), frame(5, 0)), Ok(()));
    }
}
