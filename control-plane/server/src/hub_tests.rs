//! Tests of [`super`].

use std::pin::pin;

use control_plane_state::command::{CellSpec, WorldSpec};
use control_plane_state::{Author, Command, Envelope, apply};
use futures::StreamExt;
use platform_model::{Role, TableDelta, WorldId};

use super::*;

fn made() -> State {
    let mut state = State::new(WorldId::new(&"a".repeat(64)).expect("an id"));
    let spec = WorldSpec {
        common_host: "example.test".into(),
        countries: [].into(),
        cells: Vec::new(),
        homes: Vec::new(),
        authorities: Vec::new(),
    };
    give(&mut state, Command::InitWorld(spec));
    state
}

fn give(state: &mut State, command: Command) {
    let author = Author::Operator {
        role: Role::Sre,
        id: "o".into(),
    };
    assert!(
        apply(state, &Envelope::new(author, 1, "", command))
            .outcome
            .refusal()
            .is_none()
    );
}

fn grow(state: &mut State, n: usize) {
    let (id, region) = (format!("eu-central-{n}"), "eu-central");
    let spec = CellSpec {
        id: id.parse().expect("a cell"),
        region: region.parse().expect("a region"),
    };
    give(state, Command::CreateCell(spec));
}

fn hub(state: &State) -> Hub {
    let hub = Hub::new(
        RoutingTable::empty(state.world.clone()),
        2,
        CancellationToken::new(),
    );
    hub.publish(state);
    hub
}

fn take(table: &mut RoutingTable, frame: Result<pb::WatchFrame, Status>) {
    match frame.expect("a frame").body.expect("a body") {
        Body::Snapshot(whole) => *table = whole.try_into().expect("our own table"),
        Body::Delta(delta) => {
            let delta: TableDelta = delta.try_into().expect("our own delta");
            table.apply(delta).expect("no gap");
        }
        Body::Current(_) => {}
    }
}

#[tokio::test]
async fn a_watcher_gets_a_snapshot_and_then_every_change() {
    let mut state = made();
    let hub = hub(&state);
    let mut watch = pin!(hub.watch(Generation(0)).expect("a seat"));
    let mut table = RoutingTable::empty(state.world.clone());
    take(&mut table, watch.next().await.expect("a snapshot"));
    assert_eq!(table, state.table());
    for n in 1..4 {
        grow(&mut state, n);
        hub.publish(&state);
        take(&mut table, watch.next().await.expect("a delta"));
        assert_eq!(table, state.table());
    }
}

#[tokio::test]
async fn who_has_the_table_is_told_so_and_who_has_more_is_sent_elsewhere() {
    let state = made();
    let hub = hub(&state);
    hub.attest(true);
    let mut watch = pin!(hub.watch(state.table_generation).expect("a seat"));
    let first = watch.next().await.expect("a frame").expect("a frame");
    assert!(matches!(first.body, Some(Body::Current(_))), "{first:?}");
    let refused = hub.watch(Generation(99)).err().expect("behind");
    assert_eq!(refused.code, RefusalCode::Unavailable);
}

#[tokio::test]
async fn a_watcher_that_falls_behind_is_sent_a_snapshot() {
    let mut state = made();
    let hub = hub(&state);
    let mut watch = pin!(hub.watch(Generation(0)).expect("a seat"));
    let mut table = RoutingTable::empty(state.world.clone());
    take(&mut table, watch.next().await.expect("a snapshot"));
    for n in 0..LAG_MAX + 5 {
        grow(&mut state, n);
        hub.publish(&state);
    }
    take(&mut table, watch.next().await.expect("a snapshot again"));
    assert_eq!(table, state.table());
}

#[tokio::test]
async fn seats_are_bounded_and_given_back() {
    let state = made();
    let hub = hub(&state);
    let first = hub.watch(Generation(0)).expect("a seat");
    let _second = hub.watch(Generation(0)).expect("a seat");
    assert_eq!(
        hub.watch(Generation(0)).err().map(|r| r.code),
        Some(RefusalCode::Overloaded)
    );
    drop(first);
    assert!(hub.watch(Generation(0)).is_ok());
}

#[tokio::test]
async fn a_watch_ends_with_the_controller() {
    let state = made();
    let ended = CancellationToken::new();
    let hub = Hub::new(state.table(), 2, ended.clone());
    let mut watch = pin!(hub.watch(state.table_generation).expect("a seat"));
    ended.cancel();
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn every_frame_says_where_the_ledger_ends_also_when_the_table_stays() {
    let mut state = made();
    let hub = hub(&state);
    let mut watch = pin!(hub.watch(Generation(0)).expect("a seat"));
    let told = |frame: Option<Result<pb::WatchFrame, Status>>| {
        let frame = frame.expect("a frame").expect("a frame");
        frame.ledger.map(|head| (head.sequence, head.hash))
    };
    let end = |state: &State| {
        let head = state.ledger.head();
        Some((head.sequence, head.hash.as_bytes().to_vec()))
    };
    assert_eq!(told(watch.next().await), end(&state), "a snapshot");
    grow(&mut state, 1);
    hub.publish(&state);
    assert_eq!(told(watch.next().await), end(&state), "a delta");
    let author = Author::Operator {
        role: Role::Sre,
        id: "o".into(),
    };
    let again = Command::CreateCell(CellSpec {
        id: "eu-central-1".parse().expect("a cell"),
        region: "eu-central".parse().expect("a region"),
    });
    let before = state.table_generation;
    assert!(
        apply(&mut state, &Envelope::new(author, 1, "", again))
            .outcome
            .refusal()
            .is_some()
    );
    assert_eq!(state.table_generation, before);
    hub.publish(&state);
    hub.attest(true);
    assert_eq!(told(watch.next().await), end(&state), "that all is current");
}

/// The planted omission: nodes that know more are sent back to what the backup says.
#[tokio::test]
async fn a_recovered_world_gives_out_no_table_before_everything_in_it_is_known() {
    let mut state = made();
    let shard = "eu/eu-central/000".parse().expect("a shard");
    state.recovery.unsure.insert(shard);
    let hub = hub(&state);
    hub.attest(true);
    let refused = hub.watch(Generation(1)).err().expect("it has none");
    assert_eq!(refused.code, RefusalCode::Unavailable);
    grow(&mut state, 1);
    hub.publish(&state);
    assert!(hub.watch(Generation(1)).is_err());
    state.recovery.unsure.clear();
    hub.publish(&state);
    let mut watch = pin!(hub.watch(Generation(1)).expect("a seat"));
    let mut table = RoutingTable::empty(state.world.clone());
    take(&mut table, watch.next().await.expect("a snapshot"));
    assert_eq!(table, state.table());
}
