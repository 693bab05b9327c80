//! What operators are promised beside the commands themselves: a dry run that leaves no trace, a pause, insight, and a
//! word for a client that is too old.

use platform_model::{CellState, Generation, Role};
use platform_runtime::tls::{Expect, SpiffeKind};
use platform_wire::admin::WorldStatus;
use platform_wire::pb::admin_client::AdminClient as Bare;
use platform_wire::{CallError, FRAME_VERSION, Refusal, RefusalCode, channel, client_protocol, pb};

use crate::testing::{World, eventually};

fn code<T: std::fmt::Debug>(result: Result<T, CallError>) -> RefusalCode {
    let error = result.expect_err("refused");
    error
        .refusal()
        .unwrap_or_else(|| panic!("no refusal: {error}"))
        .code
}

/// What a command would change.
fn seen(status: &WorldStatus) -> (Generation, u64, Vec<u8>) {
    let insight = status.insight.clone().expect("told");
    (status.table.generation, insight.ledger, insight.state_digest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_is_answered_like_the_command_and_leaves_no_trace() {
    let world = World::made(3).await;
    let leader = world.leader().await;
    let (sre, one) = (world.admin(Role::Sre), vec![world.address(leader)]);
    let local = world.admin_of(Role::Viewer, one);
    let before = seen(&local.insight(true).await.expect("answers"));
    let (cell, shard) = ("eu-west-1", "eu/eu-central/000");
    let (cell, shard) = (cell.parse().expect("a cell"), shard.parse().expect("a shard"));
    let dry = sre.dry_run();
    let judged = dry
        .set_cell_state(&cell, CellState::Cordoned, Generation(1), "x")
        .await;
    let judged = judged.expect("it would be accepted");
    assert_eq!(judged.sequence, before.1 + 1);
    let unchanged = dry
        .set_cell_state(&cell, CellState::Open, Generation(1), "x")
        .await;
    assert_eq!(unchanged.expect("it is so").sequence, 0);
    let stale = dry
        .set_cell_state(&cell, CellState::Cordoned, Generation(9), "x")
        .await;
    assert_eq!(code(stale), RefusalCode::GenerationMismatch);
    let abroad = "us-east-1".parse().expect("a cell");
    let place = dry.place_shard(&shard, &abroad, Generation(1), "x").await;
    assert_eq!(code(place), RefusalCode::LawForbids);
    let viewer = world.admin(Role::Viewer).dry_run();
    let denied = viewer
        .set_cell_state(&cell, CellState::Cordoned, Generation(1), "x")
        .await;
    assert_eq!(code(denied), RefusalCode::NotAuthorised);
    assert_eq!(seen(&local.insight(true).await.expect("answers")), before);
    // What was promised is what happens.
    let done = sre
        .set_cell_state(&cell, CellState::Cordoned, Generation(1), "x")
        .await;
    assert_eq!(done.expect("accepted").sequence, judged.sequence);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_is_on_every_controller_and_their_states_have_one_digest() {
    let world = World::made(3).await;
    let admin = world.admin(Role::Sre);
    assert_eq!(
        code(admin.set_automation(true, Generation(1), "").await),
        RefusalCode::Invalid
    );
    admin
        .set_automation(true, Generation(1), "a drill")
        .await
        .expect("accepted");
    let mut digests = Vec::new();
    for id in 1..=3 {
        let local = world.admin_of(Role::Viewer, vec![world.address(id)]);
        let status = eventually("the pause everywhere", async || {
            let status = local.insight(true).await.ok()?;
            status.automation.as_ref()?.paused.is_some().then_some(status)
        })
        .await;
        let paused = status
            .automation
            .clone()
            .and_then(|record| record.paused)
            .expect("paused");
        assert_eq!(paused.reason, "a drill");
        assert!(paused.by.ends_with("/operator/sre/o-1"), "{}", paused.by);
        digests.push(seen(&status).2);
    }
    assert_eq!(digests[0].len(), 32);
    assert!(digests.iter().all(|digest| *digest == digests[0]));
    assert_eq!(
        code(
            world
                .admin(Role::Compliance)
                .set_automation(false, Generation(2), "x")
                .await
        ),
        RefusalCode::NotAuthorised
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_the_build_before_is_taken_and_refused_only_where_a_newer_one_is_needed() {
    let mut world = World::of(1).await;
    let admin = world.admin(Role::Sre);
    admin
        .init_world(&platform_wire::admin::WorldSpec::dev("meridian.test"))
        .await
        .expect("made");
    let name = "o-1".into();
    let viewer = SpiffeKind::Operator {
        role: Role::Viewer,
        name,
    };
    let viewer = world.identity(viewer, "eu-central");
    // As the build before wrote it: no headers.
    let asked = pb::StatusRequest {
        version: FRAME_VERSION,
        world: world.id().to_string(),
        ..pb::StatusRequest::default()
    };
    let bare = channel::connect(&world.address(1), &viewer, Expect::Controller).expect("an address");
    let reply = Bare::new(bare)
        .status(asked.clone())
        .await
        .expect("taken")
        .into_inner();
    assert!(reply.world_made);

    world.stop(1).await;
    let mut settings = world.settings(1);
    settings.config.limits.client_protocol_min = client_protocol::PROTOCOL;
    let strict = world.try_start(settings).await.expect("starts");
    world.running.insert(1, strict);
    world.leader().await;
    let bare = channel::connect(&world.address(1), &viewer, Expect::Controller).expect("an address");
    let status = Bare::new(bare).status(asked.clone()).await.expect_err("too old");
    let refusal = Refusal::from_status(&status).expect("typed");
    assert_eq!(refusal.code, RefusalCode::ClientTooOld);
    assert!(
        refusal.hint.starts_with("install the cellctl"),
        "{}",
        refusal.hint
    );
    // Ours, and those that are no operators, are taken.
    world.admin(Role::Viewer).status().await.expect("taken");
    world.ledger(Role::Viewer, 1).overview().await.expect("taken");
    let router = world.identity(SpiffeKind::Router("r1".into()), "eu-central");
    let bare = channel::connect(&world.address(1), &router, Expect::Controller).expect("an address");
    Bare::new(bare)
        .status(asked)
        .await
        .expect("a router is not asked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_that_loses_its_vote_stands_in_the_ledger_with_the_reason_and_once() {
    let world = World::made(3).await;
    let admin = world.admin(Role::Sre);
    let leader = world.leader().await;
    let other = if leader == 3 { 2 } else { 3 };
    let ledger = world.ledger(Role::Viewer, leader);
    let before = ledger.overview().await.expect("answers").head.sequence;
    for _ in 0..2 {
        admin
            .remove_member(other, "the machine is given up")
            .await
            .expect("removed");
    }
    let head = ledger.overview().await.expect("answers").head.sequence;
    assert_eq!(head, before + 1, "one member was removed, once");
    let page = eventually("the entry", async || {
        let page = ledger.read(head, 1).await.ok()?;
        (!page.entries.is_empty()).then_some(page)
    })
    .await;
    let entry = control_plane_ledger::encoding::decode(&page.entries[0].canonical).expect("an entry");
    let record = &entry.record;
    assert_eq!(record.command, "remove-member");
    assert_eq!(record.subject, format!("controller/{other}"));
    assert_eq!(record.reason, "the machine is given up");
}
