//! What the copies here have to tell the controllers, until it has been heard. Each kind of word about one copy is kept
//! once, the newest; so there are never more than a few for each copy.
//!
//! Most of it the protocol says again by itself. What it does not - that a copy is erased, that a candidate is prepared,
//! that the target of a handover has everything - is told with every report until the table shows that it was heard:
//! a leader keeps it in its memory only.

use std::collections::BTreeMap;
use std::sync::Arc;

use cell_shard::{Control, Told};
use parking_lot::Mutex;
use platform_model::{ReplicaId, RoutingTable, SetPhase, ShardId, ShardRoute};
use tokio::sync::Notify;

/// Most words that are kept.
const KEPT_MAX: usize = 65_536;

/// A handle; clones share the words.
#[derive(Clone, Default)]
pub struct Telling {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    words: Mutex<BTreeMap<Key, Word>>,
    /// There is something new.
    news: Notify,
    /// Something is new that a shard waits for.
    urgent: Notify,
}

/// Of one shard, one kind, about one copy.
type Key = (ShardId, &'static str, ReplicaId);

struct Word {
    told: Told,
    /// It replaced nothing that was on its way: forgotten only if it is still the one that was sent.
    number: u64,
    /// A leader has answered a report with it.
    answered: bool,
}

/// Words on their way.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sent {
    numbers: Vec<(Key, u64)>,
    pub told: Vec<(ShardId, Told)>,
}

impl Control for Telling {
    fn tell(&self, shard: &ShardId, told: Told) {
        let key = (shard.clone(), kind(&told), about(&told));
        let mut words = self.shared.words.lock();
        if words.len() >= KEPT_MAX && !words.contains_key(&key) {
            metrics::counter!("celld_told_dropped_total").increment(1);
            return;
        }
        let number = words.get(&key).map_or(0, |word| word.number) + 1;
        let word = Word {
            told,
            number,
            answered: false,
        };
        let urgent = is_urgent(&word.told);
        words.insert(key, word);
        drop(words);
        match urgent {
            true => self.shared.urgent.notify_one(),
            false => self.shared.news.notify_one(),
        }
    }

    fn stir(&self) {
        self.shared.news.notify_one();
    }
}

impl Telling {
    /// Waits until there is something that was not sent yet. Cancel-safe.
    pub async fn news(&self) {
        self.shared.news.notified().await;
    }

    /// Waits until there is something that a shard waits for. Cancel-safe.
    pub async fn urgent(&self) {
        self.shared.urgent.notified().await;
    }

    /// What a shard waits for and no leader has answered, `most` at most: it goes at once, with nothing else.
    pub fn take_urgent(&self, most: usize) -> Sent {
        let words = self.shared.words.lock();
        let urgent = words
            .iter()
            .filter(|(_, word)| is_urgent(&word.told) && !word.answered);
        Sent::of(urgent.take(most))
    }

    /// What goes with the next report, `most` at most; what nobody needs to hear any more is forgotten.
    pub fn take(&self, table: &RoutingTable, most: usize) -> Sent {
        let mut words = self.shared.words.lock();
        words.retain(|(shard, _, replica), word| {
            let route = table.shards.get(shard);
            is_of_use(&word.told, *replica, route) && !(word.answered && is_said_again(&word.told))
        });
        // New words first, so that old ones that are repeated keep none of them back.
        let (new, old): (Vec<_>, Vec<_>) = words.iter().partition(|(_, word)| !word.answered);
        Sent::of(new.into_iter().chain(old).take(most))
    }

    /// A leader answered the report that they went with.
    pub fn answered(&self, sent: &Sent) {
        let mut words = self.shared.words.lock();
        for (key, number) in &sent.numbers {
            if let Some(word) = words.get_mut(key).filter(|word| word.number == *number) {
                word.answered = true;
            }
        }
    }
}

impl Sent {
    fn of<'a>(words: impl Iterator<Item = (&'a Key, &'a Word)>) -> Self {
        let mut sent = Self::default();
        for (key, word) in words {
            sent.numbers.push((key.clone(), word.number));
            sent.told.push((key.0.clone(), word.told.clone()));
        }
        sent
    }

    pub fn is_empty(&self) -> bool {
        self.told.is_empty()
    }
}

/// Whether a shard is not served, or may soon not be, until a leader has heard it.
fn is_urgent(told: &Told) -> bool {
    matches!(
        told,
        Told::Proposed(_) | Told::Prepared { .. } | Told::Confirmed { .. }
    )
}

fn kind(told: &Told) -> &'static str {
    match told {
        Told::Proposed(_) => "proposed",
        Told::Prepared { .. } => "prepared",
        Told::Confirmed { .. } => "confirmed",
        Told::Unusable { .. } => "unusable",
        Told::CutOff { .. } => "cut-off",
        Told::Mismatch { .. } => "mismatch",
        Told::Certified { .. } => "certified",
        Told::Erased { .. } => "erased",
    }
}

fn about(told: &Told) -> ReplicaId {
    match told {
        Told::Proposed(proposal) => proposal.by,
        Told::Prepared { replica, .. }
        | Told::Confirmed { replica, .. }
        | Told::Unusable { replica, .. }
        | Told::CutOff { replica, .. }
        | Told::Mismatch { replica, .. }
        | Told::Certified { replica, .. }
        | Told::Erased { replica, .. } => *replica,
    }
}

/// Whether the protocol says it again by itself, or once is enough.
fn is_said_again(told: &Told) -> bool {
    matches!(
        told,
        Told::Proposed(_) | Told::CutOff { .. } | Told::Mismatch { .. } | Told::Certified { .. }
    )
}

/// Whether anybody would still act on it, by the table that is known here.
fn is_of_use(told: &Told, replica: ReplicaId, route: Option<&ShardRoute>) -> bool {
    let Some(route) = route else {
        return false;
    };
    let set = &route.set;
    match told {
        Told::Prepared { epoch, .. } => match set.phase {
            SetPhase::Promoting { epoch: chosen, .. } => chosen == *epoch,
            _ => false,
        },
        Told::Confirmed { epoch, .. } => match set.phase {
            SetPhase::Handover { epoch: given, .. } => given == *epoch,
            _ => false,
        },
        Told::Unusable { .. } => set.primary == replica || set.standby(replica).is_some(),
        Told::Erased { .. } => set.erased.iter().any(|copy| copy.replica == replica),
        Told::Proposed(proposal) => set.generation <= proposal.generation,
        Told::CutOff { .. } | Told::Mismatch { .. } | Told::Certified { .. } => true,
    }
}
