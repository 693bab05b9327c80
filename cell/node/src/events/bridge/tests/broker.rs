//! A broker in memory that keeps what it takes as the real one does, and whose calls come to grief: before it took anything,
//! after some, after all with the answer lost, or with the rest still on its way when it is asked again.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use cell_bridge_nats::{BridgeError, Broker, Channel, Last, Message, Published, Tail};
use cell_relay::EventKey;
use parking_lot::Mutex;
use platform_model::ShardId;

/// Of ten calls, how many end so.
#[derive(Debug, Clone, Copy)]
pub struct Trouble {
    pub loses_calls_of_ten: u64,
    pub takes_some_of_ten: u64,
    pub loses_answers_of_ten: u64,
    pub takes_rest_late_of_ten: u64,
}

impl Default for Trouble {
    fn default() -> Self {
        Self {
            loses_calls_of_ten: 1,
            takes_some_of_ten: 1,
            loses_answers_of_ten: 2,
            takes_rest_late_of_ten: 2,
        }
    }
}

impl Trouble {
    pub fn none() -> Self {
        Self {
            loses_calls_of_ten: 0,
            takes_some_of_ten: 0,
            loses_answers_of_ten: 0,
            takes_rest_late_of_ten: 0,
        }
    }
}

#[derive(Default)]
struct Streams {
    of: BTreeMap<ShardId, Vec<EventKey>>,
    /// On its way still: behind which number, and what.
    late: Vec<(ShardId, u64, EventKey)>,
    random: u64,
    asked: u64,
    troubles: u64,
}

impl Streams {
    fn take(&mut self, shard: &ShardId, after: u64, key: EventKey) -> bool {
        let stream = self.of.entry(shard.clone()).or_default();
        let next = stream.len() as u64 == after;
        if next {
            stream.push(key);
        }
        next
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
    trouble: Trouble,
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
            trouble,
        }
    }

    pub fn keys(&self, shard: &ShardId) -> Vec<EventKey> {
        self.streams.lock().of.get(shard).cloned().unwrap_or_default()
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
            last: stream.last().map_or(Last::Nothing, |last| Last::Event(*last)),
        };
        // What was on its way arrives once the answer has left.
        for (shard, after, key) in std::mem::take(&mut streams.late) {
            streams.take(&shard, after, key);
        }
        Ok(tail)
    }

    async fn publish(&self, after: u64, messages: &[Message]) -> Result<(), BridgeError> {
        let mut streams = self.broker.streams.lock();
        let (trouble, chance) = (self.broker.trouble, streams.below(10));
        let lost = trouble.loses_calls_of_ten;
        let some = lost + trouble.takes_some_of_ten;
        let late = some + trouble.takes_rest_late_of_ten;
        let unanswered = late + trouble.loses_answers_of_ten;
        streams.troubles += u64::from(chance < unanswered);
        let taken = match chance {
            _ if chance < lost => 0,
            _ if chance < late => usize::try_from(streams.below(messages.len() as u64 + 1)).unwrap_or(0),
            _ => messages.len(),
        };
        for ((message, at), number) in messages.iter().zip(after..).zip(0..) {
            if number < taken {
                if !streams.take(&self.shard, at, message.key) {
                    let reason = format!("{at} is not its end");
                    return Err(BridgeError::OutOfStep { reason });
                }
            } else if chance >= some && chance < late {
                streams.late.push((self.shard.clone(), at, message.key));
            }
        }
        if chance < unanswered { Err(away()) } else { Ok(()) }
    }

    async fn read(&self, _sequence: u64) -> Result<Option<Published>, BridgeError> {
        Err(away())
    }
}
