//! A broker in memory that keeps what it takes as the real one does, and whose calls come to grief: before it took anything,
//! after it did with the answer lost, or with the message still on its way when it is asked again.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use cell_bridge_nats::{BridgeError, Broker, Channel, Last, Message, Published, Tail, Withheld};
use cell_relay::EventKey;
use parking_lot::Mutex;
use platform_model::ShardId;

/// Of ten calls, how many end so.
#[derive(Debug, Clone, Copy)]
pub struct Trouble {
    pub loses_calls_of_ten: u64,
    pub comes_late_of_ten: u64,
    pub loses_answers_of_ten: u64,
}

impl Trouble {
    pub const NONE: Self = Self {
        loses_calls_of_ten: 0,
        comes_late_of_ten: 0,
        loses_answers_of_ten: 0,
    };
    pub const SOME: Self = Self {
        loses_calls_of_ten: 1,
        comes_late_of_ten: 2,
        loses_answers_of_ten: 2,
    };
    pub const AWAY: Self = Self {
        loses_calls_of_ten: 10,
        ..Self::NONE
    };
}

/// What is in a stream of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub key: EventKey,
    pub payload: Vec<u8>,
    pub withheld: Option<Withheld>,
}

#[derive(Default)]
struct Streams {
    of: BTreeMap<ShardId, Vec<Kept>>,
    /// On its way still: behind which number, and what.
    late: Vec<(ShardId, u64, Kept)>,
    random: u64,
    asked: u64,
    troubles: u64,
}

impl Streams {
    fn take(&mut self, fenced: bool, shard: &ShardId, after: u64, kept: Kept) -> bool {
        let stream = self.of.entry(shard.clone()).or_default();
        let next = !fenced || stream.len() as u64 == after;
        if next {
            stream.push(kept);
        }
        next
    }

    fn late_ones_arrive(&mut self, fenced: bool) {
        for (shard, after, kept) in std::mem::take(&mut self.late) {
            self.take(fenced, &shard, after, kept);
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % bound
    }
}

#[derive(Clone)]
pub struct Unsure {
    streams: Arc<Mutex<Streams>>,
    trouble: Arc<Mutex<Trouble>>,
    /// It looks whether a message is the next one.
    fenced: bool,
    /// Of one message.
    bytes_max: usize,
}

struct OfShard {
    broker: Unsure,
    shard: ShardId,
}

impl Unsure {
    pub fn new(seed: u64, trouble: Trouble) -> Self {
        let streams = Streams {
            random: seed,
            ..Streams::default()
        };
        Self {
            streams: Arc::new(Mutex::new(streams)),
            trouble: Arc::new(Mutex::new(trouble)),
            fenced: true,
            bytes_max: usize::MAX,
        }
    }

    /// A bug for tests of tests: it takes whatever comes.
    pub fn unfenced(self) -> Self {
        Self {
            fenced: false,
            ..self
        }
    }

    pub fn taking(self, bytes_max: usize) -> Self {
        Self { bytes_max, ..self }
    }

    pub fn set_trouble(&self, trouble: Trouble) {
        *self.trouble.lock() = trouble;
    }

    pub fn stream_of(&self, shard: &ShardId) -> Vec<Kept> {
        self.streams.lock().of.get(shard).cloned().unwrap_or_default()
    }

    pub fn keys(&self, shard: &ShardId) -> Vec<EventKey> {
        self.stream_of(shard).into_iter().map(|kept| kept.key).collect()
    }

    /// How often it was asked how a stream ends.
    pub fn asked(&self) -> u64 {
        self.streams.lock().asked
    }

    pub fn troubles(&self) -> u64 {
        self.streams.lock().troubles
    }

    pub fn forget(&self) {
        self.streams.lock().of.clear();
    }
}

#[async_trait]
impl Broker for Unsure {
    fn stream(&self, shard: &ShardId) -> String {
        shard.to_string()
    }

    async fn open(&self, shard: &ShardId) -> Result<Box<dyn Channel>, BridgeError> {
        Ok(Box::new(OfShard {
            broker: self.clone(),
            shard: shard.clone(),
        }))
    }
}

fn away() -> BridgeError {
    BridgeError::Unreachable {
        reason: "no answer".to_owned(),
    }
}

#[async_trait]
impl Channel for OfShard {
    async fn tail(&self) -> Result<Tail, BridgeError> {
        let mut streams = self.broker.streams.lock();
        streams.asked += 1;
        let stream = streams.of.get(&self.shard).cloned().unwrap_or_default();
        let tail = Tail {
            sequence: stream.len() as u64,
            last: stream.last().map_or(Last::Nothing, |last| Last::Event(last.key)),
        };
        // What was on its way arrives once the answer has left, or later still.
        if streams.below(2) == 0 {
            streams.late_ones_arrive(self.broker.fenced);
        }
        Ok(tail)
    }

    async fn publish(&self, after: u64, message: &Message) -> Result<(), BridgeError> {
        let fenced = self.broker.fenced;
        let mut streams = self.broker.streams.lock();
        let trouble = *self.broker.trouble.lock();
        if message.payload.len() > self.broker.bytes_max {
            let reason = format!("{} bytes", message.payload.len());
            return Err(BridgeError::TooLarge { reason });
        }
        if streams.below(2) == 0 {
            streams.late_ones_arrive(fenced);
        }
        let kept = Kept {
            key: message.key,
            payload: message.payload.to_vec(),
            withheld: message.withheld,
        };
        let chance = streams.below(10);
        let lost = trouble.loses_calls_of_ten;
        let late = lost + trouble.comes_late_of_ten;
        let unanswered = late + trouble.loses_answers_of_ten;
        streams.troubles += u64::from(chance < unanswered);
        if chance < lost {
            return Err(away());
        }
        if chance < late {
            streams.late.push((self.shard.clone(), after, kept));
            return Err(away());
        }
        let taken = streams.take(fenced, &self.shard, after, kept);
        if chance < unanswered {
            return Err(away());
        }
        taken.then_some(()).ok_or_else(|| BridgeError::OutOfStep {
            reason: format!("{after} is not its end"),
        })
    }

    async fn read(&self, _sequence: u64) -> Result<Option<Published>, BridgeError> {
        Err(away())
    }
}
