//! Concurrent clients with random transactions on few keys, everything recorded: counters that are read and
//! written, rows that are inserted if absent, ranges that decide what is written, clears, refusals; on one root and on
//! a shared table; by clients that wait, that go away in the middle, and whose time is up.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chaos::history::{History, Operation, Outcome, Read, Recorder, Write};
use parking_lot::Mutex;
use platform_model::{Position, RequestId};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::harness::request_of;
use crate::{Answer, KeyRange, Mode, Request, Scope, Shard, Tx, TxError, WriteError};

const COUNTERS: u64 = 4;
const ROWS: u64 = 12;
/// Turns that a client gives to others while it waits for an owner: some seconds.
const TURNS_MAX: u32 = 1_000_000;

/// More turns than it takes to open a shard anew.
const TURNS_OF_A_TAKEOVER: u32 = 970_000;

/// What a client waits before it asks a shard again that nobody served.
const ASKS_AGAIN: Duration = Duration::from_millis(20);

/// How often it asks before it goes on to its next transaction: some seconds, and more than a failover takes.
const NOBODY_SERVES_MAX: u32 = 500;

/// How much to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub clients: u64,
    pub transactions: u64,
    pub seed: u64,
}

/// Small and seeded; quality does not matter (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Tx(#[from] TxError),
    #[error("refused on purpose")]
    OnPurpose,
}

/// One kind of transaction with its dice thrown, so that each run of its closure does the same.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Increment { counter: u64 },
    Transfer { from: u64, to: u64 },
    InsertIfAbsent { row: u64 },
    InsertByCount { row: u64, reverse: bool },
    Remove { row: u64 },
    RemoveSome { from: u64 },
    Blind { counter: u64 },
    ReadAll,
    ReadMany,
    List { limit: usize, reverse: bool },
    Refuse { counter: u64 },
}

fn throw(random: &mut Random) -> Kind {
    let (counter, row) = (random.below(COUNTERS), random.below(ROWS));
    match random.below(20) {
        0..=3 => Kind::Increment { counter },
        4..=5 => Kind::Transfer {
            from: counter,
            to: random.below(COUNTERS),
        },
        6..=7 => Kind::InsertIfAbsent { row },
        8..=11 => Kind::InsertByCount {
            row,
            reverse: random.below(2) == 0,
        },
        12..=13 => Kind::Remove { row },
        14 => Kind::RemoveSome { from: row },
        15 => Kind::Blind { counter },
        16 => Kind::ReadAll,
        17 => Kind::ReadMany,
        18 => Kind::List {
            limit: 1 + row as usize / 3,
            reverse: random.below(2) == 0,
        },
        _ => Kind::Refuse { counter },
    }
}

/// How the client waits.
#[derive(Debug, Clone, Copy)]
enum Patience {
    ToTheEnd,
    /// Goes away after so many turns of others.
    Turns(u64),
    /// Has a deadline that passes on the way.
    Deadline(Duration),
}

impl Patience {
    fn throw(random: &mut Random) -> Self {
        match random.below(16) {
            0 => Self::Turns(random.below(30)),
            1 => Self::Deadline(Duration::from_micros(random.below(400))),
            _ => Self::ToTheEnd,
        }
    }
}

/// Where a transaction runs: what it reads and writes in one place is never the other's.
#[derive(Debug, Clone, Copy)]
struct Place {
    scope: Option<&'static str>,
    /// In front of the place's keys in the history.
    name: &'static str,
}

const ROOT: Place = Place {
    scope: None,
    name: "",
};
const SHARED: Place = Place {
    scope: Some("workload"),
    name: "shared/",
};

impl Place {
    fn named(self, key: &[u8]) -> Vec<u8> {
        [self.name.as_bytes(), key].concat()
    }

    fn request(self, mode: Mode) -> Request {
        let mut request = request_of(Uuid::new_v4(), 1);
        request.mode = mode;
        if let Some(name) = self.scope {
            request.scope = Scope::Shared(name);
        }
        request
    }
}

/// What the last run of a closure did.
#[derive(Default)]
struct Notes {
    reads: Vec<Read>,
    writes: Vec<Write>,
}

/// A transaction that notes what it does.
struct Noted<'a> {
    tx: Tx,
    notes: &'a Mutex<Notes>,
    place: Place,
    unique: String,
}

fn counter_key(counter: u64) -> Bytes {
    format!("c/{counter}").into()
}

fn row_key(row: u64) -> Bytes {
    format!("r/{row:02}").into()
}

fn rows_range() -> KeyRange {
    KeyRange::new("r/", "r0")
}

impl Noted<'_> {
    async fn get(&self, key: &Bytes) -> Result<Option<Bytes>, TxError> {
        let value = self.tx.get(key).await?;
        self.notes.lock().reads.push(Read::Key {
            key: self.place.named(key),
            value: value.as_ref().map(|v| v.to_vec()),
        });
        Ok(value)
    }

    async fn get_many(&self, keys: &[Bytes]) -> Result<(), TxError> {
        let values = self.tx.get_many(keys).await?;
        let reads = keys.iter().zip(values).map(|(key, value)| Read::Key {
            key: self.place.named(key),
            value: value.map(|v| v.to_vec()),
        });
        self.notes.lock().reads.extend(reads);
        Ok(())
    }

    async fn list(&self, limit: usize, reverse: bool) -> Result<usize, TxError> {
        let range = rows_range();
        let page = self.tx.scan(range.clone(), limit, reverse).await?;
        let rows: Vec<_> = page
            .rows
            .iter()
            .map(|(key, value)| (self.place.named(key), value.to_vec()))
            .collect();
        let (start, end) = (self.place.named(&range.start), self.place.named(&range.end));
        let count = rows.len();
        self.notes.lock().reads.push(Read::Range {
            start,
            end,
            limit,
            reverse,
            rows,
        });
        Ok(count)
    }

    /// Every value is written once in a history, so that who read it read that write.
    fn put(&self, key: Bytes, what: &str) -> Result<(), TxError> {
        let value = format!("{what}:{}", self.unique);
        self.notes.lock().writes.push(Write::Put {
            key: self.place.named(&key),
            value: value.clone().into_bytes(),
        });
        self.tx.put(key, value)
    }

    fn clear(&self, key: Bytes) -> Result<(), TxError> {
        self.notes.lock().writes.push(Write::Clear {
            key: self.place.named(&key),
        });
        self.tx.clear(key)
    }

    async fn count(&self, counter: u64) -> Result<u64, TxError> {
        let value = self.get(&counter_key(counter)).await?;
        let text = value
            .map(|value| String::from_utf8_lossy(&value).into_owned())
            .unwrap_or_default();
        Ok(text
            .split(':')
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or(0))
    }

    async fn run(&self, kind: Kind) -> Result<(), Refused> {
        match kind {
            Kind::Increment { counter } => {
                let next = self.count(counter).await? + 1;
                self.put(counter_key(counter), &next.to_string())?;
            }
            Kind::Transfer { from, to } => {
                let (a, b) = (self.count(from).await?, self.count(to).await?);
                self.put(counter_key(from), &a.saturating_sub(1).to_string())?;
                if from != to {
                    self.put(counter_key(to), &(b + 1).to_string())?;
                }
            }
            Kind::InsertIfAbsent { row } => {
                if self.get(&row_key(row)).await?.is_none() {
                    self.put(row_key(row), "row")?;
                }
            }
            Kind::InsertByCount { row, reverse } => {
                let count = self.list(50, reverse).await?;
                self.put(row_key(row), &format!("one of {count}"))?;
            }
            Kind::Remove { row } => {
                if self.get(&row_key(row)).await?.is_some() {
                    self.clear(row_key(row))?;
                }
            }
            Kind::RemoveSome { from } => {
                let range = KeyRange::new(row_key(from), row_key(from + 4));
                let (start, end) = (self.place.named(&range.start), self.place.named(&range.end));
                self.notes.lock().writes.push(Write::ClearRange { start, end });
                self.tx.clear_range(range)?;
                self.put(row_key(from), "after clear")?;
            }
            Kind::Blind { counter } => self.put(counter_key(counter), "0")?,
            Kind::ReadAll => {
                for counter in 0..COUNTERS {
                    self.count(counter).await?;
                }
                self.list(50, false).await?;
            }
            Kind::ReadMany => {
                let keys: Vec<Bytes> = (0..COUNTERS)
                    .map(counter_key)
                    .chain((0..ROWS).map(row_key))
                    .collect();
                self.get_many(&keys).await?;
            }
            Kind::List { limit, reverse } => drop(self.list(limit, reverse).await?),
            Kind::Refuse { counter } => {
                self.count(counter).await?;
                return Err(Refused::OnPurpose);
            }
        }
        Ok(())
    }
}

/// Runs the load against a shard. The history has the shard's own order of writes, taken from its log.
pub(super) async fn run(shard: &Shard, load: Load) -> History {
    run_on(Arc::new(Mutex::new(shard.clone())), load).await
}

/// As [`run`]; each transaction goes to the owner of that moment.
pub(super) async fn run_on(owner: Arc<Mutex<Shard>>, load: Load) -> History {
    run_in(owner, load, Mode::Async).await
}

/// As [`run_on`], acknowledged as the mode says.
pub(crate) async fn run_in(owner: Arc<Mutex<Shard>>, load: Load, mode: Mode) -> History {
    let recorder = Arc::new(Recorder::new());
    let mut clients = JoinSet::new();
    for client in 0..load.clients {
        let (owner, recorder) = (Arc::clone(&owner), Arc::clone(&recorder));
        clients.spawn(async move {
            let mut random = Random((load.seed << 20) ^ (client << 8) ^ 0x5eed_5eed_5eed);
            let mut ids = Vec::new();
            for n in 0..load.transactions {
                let act = Act {
                    kind: throw(&mut random),
                    place: if random.below(3) == 0 { SHARED } else { ROOT },
                    patience: Patience::throw(&mut random),
                    mode,
                };
                for turn in 0..NOBODY_SERVES_MAX {
                    let shard = serving(&owner).await;
                    let (id, served) =
                        step(&shard, &recorder, client, format!("{client}.{n}.{turn}"), act).await;
                    ids.push(id);
                    if served {
                        break;
                    }
                    // Nobody serves at the moment: a client asks again, and does not use up its load on that.
                    tokio::time::sleep(ASKS_AGAIN).await;
                }
            }
            ids
        });
    }
    let mut ids: HashMap<(u64, u64), RequestId> = clients.join_all().await.into_iter().flatten().collect();
    let shard = serving(&owner).await;
    for place in [ROOT, SHARED] {
        let act = Act {
            kind: Kind::ReadAll,
            place,
            patience: Patience::ToTheEnd,
            mode,
        };
        ids.extend([step(&shard, &recorder, load.clients, "last".into(), act).await.0]);
    }
    let mut history = recorder.history();
    name_order(&shard, &ids, &mut history).await;
    history
}

/// The owner of the moment; while that one has ended, waits (not for ever) for the next.
async fn serving(owner: &Mutex<Shard>) -> Shard {
    for turn in 0..TURNS_MAX {
        if turn > TURNS_OF_A_TAKEOVER {
            // A failover takes a while: others need the machine.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let shard = owner.lock().clone();
        if shard.status().ended.is_none() {
            return shard;
        }
        tokio::task::yield_now().await;
    }
    owner.lock().clone()
}

/// One transaction to run.
#[derive(Debug, Clone, Copy)]
struct Act {
    kind: Kind,
    place: Place,
    patience: Patience,
    mode: Mode,
}

/// Runs one transaction and records it under (client, time of call); and whether there was somebody who could run it.
async fn step(
    shard: &Shard,
    recorder: &Recorder,
    client: u64,
    unique: String,
    act: Act,
) -> (((u64, u64), RequestId), bool) {
    let notes = Mutex::new(Notes::default());
    let Act {
        kind,
        place,
        patience,
        mode,
    } = act;
    let mut request = place.request(mode);
    if let Patience::Deadline(deadline) = patience {
        request.deadline = deadline;
    }
    let closure = |tx: Tx| {
        *notes.lock() = Notes::default();
        let noted = Noted {
            tx,
            notes: &notes,
            place,
            unique: unique.clone(),
        };
        async move { noted.run(kind).await }
    };
    let invoked = recorder.tick();
    let run = async {
        match kind {
            Kind::ReadAll | Kind::ReadMany | Kind::List { .. } => shard.read(&request, closure).await,
            _ => shard.write(&request, closure).await,
        }
    };
    let result: Result<Answer<()>, WriteError<Refused>> = match patience {
        Patience::Turns(turns) => tokio::select! {
            result = run => result,
            // Gone: whoever comes after must assume anything.
            () = yields(turns) => Err(WriteError::Unknown),
        },
        _ => run.await,
    };
    let completed = recorder.tick();
    let Notes { reads, mut writes } = notes.into_inner();
    let served = !matches!(
        result,
        Err(WriteError::Moving | WriteError::Fenced | WriteError::Unavailable)
    );
    let outcome = match result {
        Ok(_) => Outcome::Done,
        Err(WriteError::Rejected(Refused::OnPurpose)) => {
            writes.clear();
            Outcome::Done
        }
        Err(WriteError::Unknown) => Outcome::Unknown,
        Err(WriteError::Rejected(Refused::Tx(error))) => panic!("unexpected: {error}"),
        Err(_) => Outcome::Failed,
    };
    recorder.record(Operation {
        client,
        invoked,
        completed,
        reads,
        writes,
        outcome,
        witness: None,
    });
    (((client, invoked), request.request_id), served)
}

async fn yields(turns: u64) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

/// Gives every operation that stands in the log its place there.
async fn name_order(shard: &Shard, ids: &HashMap<(u64, u64), RequestId>, history: &mut History) {
    let mut places = HashMap::new();
    for entry in shard.log(Position(0), usize::MAX).await.unwrap_or_default() {
        for (index, transaction) in entry.transactions.iter().enumerate() {
            places.insert(transaction.request_id, (entry.position.0, index as u32));
        }
    }
    for operation in &mut history.operations {
        let id = ids[&(operation.client, operation.invoked)];
        // What failed has no place; if it stands in the log all the same, the reads of others will tell.
        if operation.outcome != Outcome::Failed {
            operation.witness = places.get(&id).copied();
        }
    }
}
