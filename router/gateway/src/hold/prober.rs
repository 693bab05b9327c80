//! The one task of a held shard: asks the node that is known to serve it whether it does, and lets the line go.
//!
//! It asks at once when the table, or a node, names another primary or a later epoch; else with growing pauses. The door
//! may keep it waiting until the shard is served: then the answer comes in that moment, and no pause is between. It
//! sends no request of an app: whoever waits loses nothing by a node that is not ready. At most a few shards ask one
//! node at once, and its breaker keeps all of them off while it is dead.

use std::sync::Arc;
use std::time::Duration;

use platform_model::{Epoch, NodeId};
use router_table::Place;

use super::Holds;
use super::held::{Held, Stage};
use crate::moved::{self, Verdict};
use crate::snapshot::Snapshot;
use crate::upstream::NodePool;

/// From one question about a shard to the next, if nothing is known meanwhile.
const PAUSE_MIN: Duration = Duration::from_millis(25);
const PAUSE_MAX: Duration = Duration::from_millis(400);
/// For one answer; a node that takes longer serves nobody.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Whom was asked last.
type Asked = Option<(NodeId, Epoch)>;

/// Keeps `held` until its hold is over or the process ends.
pub(super) fn keep(holds: Arc<Holds>, held: Arc<Held>) {
    let token = holds.tasks.token();
    let tasks = holds.tasks.clone();
    tasks.spawn("held-shard", async move {
        let _ = token.run_until_cancelled(run(&holds, &held)).await;
    });
}

async fn run(holds: &Holds, held: &Arc<Held>) {
    let (mut pause, mut asked, mut opened) = (PAUSE_MIN, None, false);
    let mut changes = holds.known.changes();
    loop {
        match held.stage() {
            Stage::Open => open(holds, held).await,
            Stage::Idle if holds.end(held) => return,
            // Who asks while nobody waits is told soon whether it is served again.
            Stage::Closed | Stage::Idle => {
                changes.borrow_and_update();
                let place = place(holds, held);
                let now = place.as_ref().map(|(snapshot, place)| name(snapshot, *place));
                if now != asked {
                    (pause, asked, opened) = (PAUSE_MIN, now, false);
                }
                // A door that passes us and then refuses is not asked again at once: each time costs one his turn.
                let begun = holds.clock.monotonic();
                let serves = !opened && serves_there(holds, held, place, &asked, &mut changes).await;
                tracing::debug!(shard = %held.shard, ?asked, again = opened, serves, "asked whether it is served");
                if serves {
                    opened = true;
                    held.open();
                    continue;
                }
                opened = false;
                let waited = holds.clock.monotonic().saturating_sub(begun);
                rest(holds, held, &asked, pause.saturating_sub(waited), &mut changes).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

/// Those who went are answered, or are slow: then more go all the same.
async fn open(holds: &Holds, held: &Arc<Held>) {
    tokio::select! {
        () = holds.clock.sleep(holds.limits.pace) => held.widen(),
        () = held.stirred.notified() => {}
    }
}

/// Until the pause is over, or another primary is known.
async fn rest(
    holds: &Holds,
    held: &Held,
    asked: &Asked,
    pause: Duration,
    changes: &mut tokio::sync::watch::Receiver<u64>,
) {
    tokio::select! {
        () = holds.clock.sleep(pause) => {}
        () = another(holds, held, asked, changes) => {}
    }
}

/// Until another primary, or a later epoch, is known than the one that was asked.
async fn another(holds: &Holds, held: &Held, asked: &Asked, changes: &mut tokio::sync::watch::Receiver<u64>) {
    loop {
        if place(holds, held).map(|(snapshot, place)| name(&snapshot, place)) != *asked {
            return;
        }
        if changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Whether the shard is served at `at`; no answer is waited for once another place is known.
async fn serves_there(
    holds: &Holds,
    held: &Held,
    at: Option<(Arc<Snapshot>, Place)>,
    asked: &Asked,
    changes: &mut tokio::sync::watch::Receiver<u64>,
) -> bool {
    tokio::select! {
        biased;
        serves = serves(holds, at) => serves,
        () = another(holds, held, asked, changes) => false,
    }
}

fn place(holds: &Holds, held: &Held) -> Option<(Arc<Snapshot>, Place)> {
    holds.known.place(&held.shard, holds.clock.unix_ms())
}

fn name(snapshot: &Snapshot, place: Place) -> (NodeId, Epoch) {
    (snapshot.table.node(place.node).id.clone(), place.epoch)
}

/// Whether the door at `place` lets requests of the shard pass. A node that names another is believed as ever.
async fn serves(holds: &Holds, at: Option<(Arc<Snapshot>, Place)>) -> bool {
    let Some((snapshot, place)) = at else {
        return false;
    };
    let pool: &NodePool = snapshot.pool(place.node);
    pool.cell.meters.probes.increment(1);
    let answer = pool.probe(snapshot.shard_header(place.shard), place.epoch);
    match tokio::time::timeout(ANSWER_WITHIN, answer).await {
        Ok(Some(answer)) => match moved::read(answer).await {
            Verdict::Moving => false,
            // Said of a person, from behind the door.
            Verdict::HomeMoved(_) => true,
            Verdict::Moved(said) => {
                if let Some(said) = said {
                    // Refused or learned: either way the next question goes where the shard is known to be.
                    let _ = holds
                        .known
                        .learn(&snapshot.table, place.shard, said, holds.clock.unix_ms());
                }
                false
            }
            Verdict::Other(answer) => passed(answer.status()),
            Verdict::Whole(parts, _) => passed(parts.status),
        },
        Ok(None) => false,
        Err(_) => {
            pool.failed();
            false
        }
    }
}

/// A door that says that it cannot serve was not passed; whatever else is said comes from behind it.
fn passed(status: http::StatusCode) -> bool {
    status != http::StatusCode::SERVICE_UNAVAILABLE
}
