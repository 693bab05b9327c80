//! Concurrent clients with random transactions on few keys, everything recorded: counters that are read and
//! written, rows that are inserted if absent, ranges that decide what is written, clears, refusals; on one root and on
//! a shared table; by clients that wait, that go away in the middle, and whose time is up.

mod dice;
mod noted;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chaos::history::{History, Operation, Outcome, Recorder};
use parking_lot::Mutex;
use platform_model::{Position, RequestId};
use tokio::task::JoinSet;

use crate::{Answer, Mode, Shard, Tx, WriteError};
use dice::{Kind, Patience, Random, throw};
use noted::{Noted, Notes, Place, ROOT, Refused, SHARED};

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
