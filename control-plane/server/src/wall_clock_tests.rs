//! A controller whose clock is a year ahead, among two that are right.

use std::time::Duration;

use platform_model::{CellState, Generation, Role};
use platform_runtime::clock::Clock;
use platform_wire::admin::WorldSpec;

use crate::testing::{World, eventually};

const YEAR: Duration = Duration::from_secs(365 * 86_400);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_a_year_ahead_does_not_lead_and_does_not_date_what_is_decided() {
    let world = World::of_with_clock(3, 3, Clock::ahead(YEAR)).await;
    let admin = world.admin(Role::Sre);
    let made = async || admin.init_world(&WorldSpec::dev("meridian.test")).await.ok();
    eventually("a world", made).await;
    // Whoever leads at first: in the end it is one whose clock is right.
    eventually("a leader whose clock is right", async || {
        let leader = world.leader().await;
        (leader != 3 && world.running[&leader].raft().is_leader()).then_some(())
    })
    .await;
    let cell = "eu-central-1".parse().expect("a cell");
    let decided = async || {
        let status = admin.status().await.ok()?;
        let seen = status
            .cells
            .iter()
            .find(|(id, _)| *id == cell)
            .map(|(_, generation)| *generation)?;
        let to = if seen == Generation(1) {
            CellState::Cordoned
        } else {
            CellState::Open
        };
        admin.set_cell_state(&cell, to, seen, "a test").await.ok()
    };
    eventually("a decision", decided).await;
    let state = world.running[&1].raft().state();
    let (time_ms, now_ms) = (state.borrow().time_ms, Clock::system().unix_ms());
    assert!(
        time_ms.abs_diff(now_ms) < 600_000,
        "decided at {time_ms}, now it is {now_ms}"
    );
}
