//! The network between the nodes: it loses, doubles and delays frames, and is cut.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use platform_model::NodeId;
use platform_runtime::TaskGroup;
use tokio::sync::mpsc;

use crate::copy::{Copy, FrameKind};

/// What the network does to frames, per thousand.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weather {
    pub lost: u64,
    pub doubled: u64,
    pub late: u64,
    /// All rows of a copy that is being made come late, behind entries that were sent after them.
    pub pages_late: bool,
    /// One bit of them arrives turned.
    pub garbled: u64,
}

/// How late such pages come.
const PAGES_LATE: Duration = Duration::from_millis(50);

type Sent = (NodeId, NodeId, FrameKind, Bytes);

pub(super) struct Net {
    pub copies: Mutex<BTreeMap<NodeId, Copy>>,
    pub cut: Mutex<BTreeSet<(NodeId, NodeId)>>,
    pub weather: Mutex<Weather>,
    dice: AtomicU64,
    pub frames: AtomicU64,
    pub garbled: AtomicU64,
    pub queue: mpsc::Sender<Sent>,
}

impl Net {
    pub(super) fn new(tasks: &TaskGroup) -> Arc<Self> {
        let (queue, mut sent) = mpsc::channel::<Sent>(4_096);
        let net = Arc::new(Self {
            copies: Mutex::default(),
            cut: Mutex::default(),
            weather: Mutex::default(),
            dice: AtomicU64::new(0x9e37_79b9_7f4a_7c15),
            frames: AtomicU64::new(0),
            garbled: AtomicU64::new(0),
            queue,
        });
        let (carrier, group) = (Arc::clone(&net), tasks.clone());
        tasks.spawn("net", async move {
            while let Some(sent) = sent.recv().await {
                carrier.carry(sent, &group);
            }
        });
        net
    }

    fn throw(&self, bound: u64) -> u64 {
        let seen = self.dice.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        ((seen ^ seen >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32) % bound
    }

    fn carry(self: &Arc<Self>, mut sent: Sent, tasks: &TaskGroup) {
        let weather = *self.weather.lock();
        self.frames.fetch_add(1, Ordering::Relaxed);
        if self.throw(1_000) < weather.garbled {
            sent.3 = self.garble(&sent.3);
        }
        if self.throw(1_000) < weather.lost {
            return;
        }
        if self.throw(1_000) < weather.doubled {
            self.deliver(&sent);
        }
        let late = if weather.pages_late && sent.2 == FrameKind::Pages {
            Some(PAGES_LATE)
        } else if self.throw(1_000) < weather.late {
            Some(Duration::from_millis(self.throw(80)))
        } else {
            None
        };
        if let Some(delay) = late {
            let net = Arc::clone(self);
            tasks.spawn("late frame", async move {
                tokio::time::sleep(delay).await;
                net.deliver(&sent);
            });
        } else {
            self.deliver(&sent);
        }
    }

    fn garble(&self, frame: &Bytes) -> Bytes {
        let mut bytes = frame.to_vec();
        let bit = self.throw(8 * bytes.len() as u64);
        bytes[usize::try_from(bit / 8).expect("in a frame")] ^= 1 << (bit % 8);
        self.garbled.fetch_add(1, Ordering::Relaxed);
        bytes.into()
    }

    fn deliver(&self, (from, to, _, frame): &Sent) {
        if self.cut.lock().contains(&(from.clone(), to.clone())) {
            return;
        }
        let copy = self.copies.lock().get(to).cloned();
        if let Some(copy) = copy {
            copy.receive(from, frame.clone());
        }
    }
}
