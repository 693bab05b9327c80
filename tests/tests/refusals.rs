//! What operators and disks must not do, on real processes: each is refused with its typed reason and leaves nothing behind.

#![allow(
    clippy::print_stdout,
    reason = "a test says what it skipped and what it measured"
)]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use cli_world::process::own_log_tail;
use cli_world::{Process, Seat, State};
use nix::sys::signal::Signal;
use platform_model::{CellId, CellState, Generation, ReplicaId, ShardId, ShardRoute};
use platform_wire::admin::AdminClient;
use platform_wire::operation::{
    Change, FailoverShard, Force, MoveShard, MoveTo, OperationView, RunState, Started,
};
use platform_wire::{CallError, RefusalCode};
use tests::scene::{Scene, WITHIN, seat, until};
use tests::world::World;

#[path = "refusals/room.rs"]
mod room;

const SHARD: &str = "eu/eu-central/003";
const HERE: &str = "eu-central-1/0";
const THERE: &str = "eu-west-1/0";
const ABROAD: &str = "us-east-1/0";
const TARGET: &str = "celld-eu-west-1";
/// Long enough for a way back.
const WINDOW_MS: u64 = 60_000;
/// For a move whose target has died.
const DEADLINE: Duration = Duration::from_secs(4);

/// Somebody who asks for what may not be.
struct Operator {
    world: World,
    processes: cli_world::World,
    admin: AdminClient,
}

impl Operator {
    fn up() -> Result<Option<Self>> {
        let Some(Scene { world, processes, .. }) = Scene::up()? else {
            return Ok(None);
        };
        let admin = processes.admin()?;
        Ok(Some(Self {
            world,
            processes,
            admin,
        }))
    }

    async fn route(&self) -> Result<ShardRoute> {
        let shard: ShardId = SHARD.parse()?;
        let table = self.admin.status().await?.table;
        table.shards.get(&shard).cloned().context("the shard is known")
    }

    async fn generation(&self) -> Result<Generation> {
        let status = self.admin.status().await?;
        let record = status
            .shards
            .into_iter()
            .find(|record| record.shard.to_string() == SHARD);
        Ok(record.context("the shard is known")?.generation)
    }

    async fn moves(&self, to: &str, expected: Option<Generation>) -> Result<Started, CallError> {
        self.moves_within(to, expected, None).await
    }

    async fn moves_within(
        &self,
        to: &str,
        expected: Option<Generation>,
        deadline: Option<Duration>,
    ) -> Result<Started, CallError> {
        let given = MoveShard {
            shard: SHARD.parse().expect("a shard"),
            to: MoveTo::Node(to.parse().expect("a node")),
            window_ms: WINDOW_MS,
            deadline_ms: deadline.map(|time| u64::try_from(time.as_millis()).expect("short")),
            expected,
        };
        self.admin.move_shard(&given, "a test").await
    }

    async fn forces(&self, to: Option<ReplicaId>, is_dead: bool) -> Result<Started, CallError> {
        let given = FailoverShard {
            shard: SHARD.parse().expect("a shard"),
            to,
            expected: None,
            force: Some(Force {
                old_primary_is_dead: is_dead,
                loss_entries_max: 0,
            }),
        };
        self.admin.failover_shard(&given, "a test").await
    }

    async fn set_state(&self, cell: &str, state: CellState) -> Result<()> {
        let cell: CellId = cell.parse()?;
        let status = self.admin.status().await?;
        let known = status.cells.iter().find(|(id, _)| *id == cell);
        let (_, generation) = known.context("the cell is known")?;
        self.admin
            .set_cell_state(&cell, state, *generation, "a test")
            .await?;
        Ok(())
    }

    async fn operation_until(&self, id: u64, so: impl Fn(&OperationView) -> bool) -> Result<OperationView> {
        until("the operation is so far", async || {
            // A leader that changes answers in a moment.
            let view = self.admin.operation(id).await?;
            ensure!(so(&view), "{view:?}");
            anyhow::Ok(view)
        })
        .await
    }

    /// Everything agrees, and the shard has one copy, where it was.
    async fn is_as_before(&self) -> Result<()> {
        let route = self.route().await?;
        assert_eq!(
            (route.node.to_string().as_str(), route.set.standbys.len()),
            (HERE, 0)
        );
        self.check().await
    }

    /// `world check`; what a process that has just come back has yet to tell may take a moment.
    async fn check(&self) -> Result<()> {
        let check = until("all is well", async || self.world.cellctl(&["world", "check"]));
        check.await.map(drop)
    }

    fn process(&self, seat: &Seat) -> Result<Process> {
        match Process::state(&self.processes.layout, seat) {
            State::Running(process) => Ok(process),
            _ => bail!("{seat} does not run"),
        }
    }

    /// Waits until the log of a process says this, since it was started last.
    async fn says(&self, seat: &Seat, text: &str) -> Result<()> {
        let tail = |lines| own_log_tail(&self.processes.layout, seat, lines);
        until(&format!("{seat} says `{text}`"), async || {
            ensure!(tail(200).contains(text), "{}", tail(20));
            anyhow::Ok(())
        })
        .await
    }
}

/// Refused with this code, for this reason.
#[track_caller]
fn refused(outcome: Result<Started, CallError>, code: RefusalCode, reason: &str) {
    let error = outcome.expect_err(reason);
    let refusal = error.refusal().unwrap_or_else(|| panic!("{error}"));
    assert_eq!(refusal.code, code, "{refusal}");
    assert!(refusal.message.contains(reason), "{refusal}");
}

#[tokio::test]
async fn orders_that_cannot_be_are_refused_by_name_and_leave_nothing() -> Result<()> {
    let Some(operator) = Operator::up()? else {
        return Ok(());
    };
    refused(
        operator.moves(HERE, None).await,
        RefusalCode::Operation,
        "leads already",
    );
    refused(
        operator.moves("eu-west-1/7", None).await,
        RefusalCode::Unknown,
        "eu-west-1/7",
    );
    refused(
        operator.moves("mars-1/0", None).await,
        RefusalCode::Unknown,
        "mars-1",
    );
    refused(
        operator.moves(ABROAD, None).await,
        RefusalCode::LawForbids,
        "us-east",
    );
    operator.set_state("eu-west-1", CellState::Cordoned).await?;
    refused(
        operator.moves(THERE, None).await,
        RefusalCode::Placement,
        "cordoned",
    );
    operator.set_state("eu-west-1", CellState::Open).await?;
    // A plan that was made before somebody else changed the record.
    let stale = Generation(operator.generation().await?.0 - 1);
    refused(
        operator.moves(THERE, Some(stale)).await,
        RefusalCode::GenerationMismatch,
        SHARD,
    );
    // A forced promotion without a copy, without proof, of what is no copy.
    let proof = "a person says that the old primary is dead";
    refused(operator.forces(None, true).await, RefusalCode::Operation, proof);
    let unknown = Some(ReplicaId(7));
    for is_dead in [false, true] {
        let forced = operator.forces(unknown, is_dead).await;
        refused(forced, RefusalCode::Placement, "is no copy of this shard");
    }
    room::is_refused(&operator).await?;
    operator.is_as_before().await
}

#[tokio::test]
async fn of_two_operators_one_moves_a_shard_and_a_target_that_dies_takes_nothing_with_it() -> Result<()> {
    let Some(operator) = Operator::up()? else {
        return Ok(());
    };
    let (one, other) = tokio::join!(operator.moves(THERE, None), operator.moves(THERE, None));
    let (started, too_late) = if one.is_ok() { (one, other) } else { (other, one) };
    let error = too_late.expect_err("one of the two comes too late");
    let code = error.refusal().map(|refusal| refusal.code);
    assert!(
        matches!(
            code,
            Some(RefusalCode::Operation | RefusalCode::GenerationMismatch)
        ),
        "{error}"
    );
    let id = started?.operation.context("an operation")?;
    refused(
        operator.moves(THERE, None).await,
        RefusalCode::Operation,
        &format!("operation {id} is under way"),
    );
    let at_window = operator.operation_until(id, |view| view.step == "window").await?;
    let back = operator
        .admin
        .change_operation(id, Change::Reverse, Some(at_window.generation), "a test");
    back.await?;
    let over = operator.operation_until(id, |view| view.state.is_over()).await?;
    assert_eq!(over.state, RunState::Reversed);
    operator.is_as_before().await?;

    let target = seat(TARGET)?;
    // It stands still first, so that it dies before its copy is whole, however fast the machine is.
    operator.process(&target)?.signal(Signal::SIGSTOP)?;
    let started = operator.moves_within(THERE, None, Some(DEADLINE)).await?;
    let id = started.operation.context("an operation")?;
    operator.processes.kill(&target).await?;
    operator
        .operation_until(id, |view| {
            matches!(view.state, RunState::Cancelling | RunState::Cancelled)
        })
        .await?;
    operator.processes.spawn(&target)?;
    let over = operator.operation_until(id, |view| view.state.is_over()).await?;
    assert_eq!(over.state, RunState::Cancelled);
    operator.is_as_before().await
}

/// The data of a node, taken away and brought back.
struct Disk {
    data: PathBuf,
    aside: PathBuf,
}

impl Disk {
    fn of(operator: &Operator, seat: &Seat) -> Self {
        Self {
            data: operator.processes.layout.data(seat),
            aside: operator.processes.layout.data(seat).with_extension("aside"),
        }
    }

    fn take_away(&self) -> Result<()> {
        fs::rename(&self.data, &self.aside).context("the data is taken away")?;
        fs::create_dir_all(&self.data).context("an empty disk")
    }

    fn bring_back(&self) -> Result<()> {
        fs::remove_dir_all(&self.data).context("the wrong data goes")?;
        fs::rename(&self.aside, &self.data).context("the data comes back")
    }
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let into = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &into)?;
        } else {
            fs::copy(entry.path(), into)?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_node_on_an_empty_or_an_older_disk_is_not_believed_and_comes_back_on_its_own() -> Result<()> {
    let Some(operator) = Operator::up()? else {
        return Ok(());
    };
    let home = "eu/eu-central".parse()?;
    let world = &operator.processes;
    world.set_survival(&home, "region").await?;
    world.wait_for_standbys(&home, WITHIN).await?;
    let seat = seat(TARGET)?;
    let disk = Disk::of(&operator, &seat);

    operator.processes.kill(&seat).await?;
    disk.take_away()?;
    operator.processes.spawn(&seat)?;
    operator.says(&seat, "this process must end").await?;
    operator.says(&seat, "other data").await?;
    let process = operator.process(&seat);
    if let Ok(process) = process {
        assert!(process.gone(WITHIN).await, "it ends by itself");
    }
    disk.bring_back()?;

    // An image of before its last start.
    let old = disk.data.with_extension("old");
    copy_folder(&disk.data, &old)?;
    operator.processes.spawn(&seat)?;
    // It opens copies once it has registered: from then on the image is of before a start that is known.
    operator.says(&seat, "copy opened").await?;
    world.wait_for_standbys(&home, WITHIN).await?;
    operator.processes.kill(&seat).await?;
    fs::rename(&disk.data, &disk.aside)?;
    fs::rename(&old, &disk.data)?;
    operator.processes.spawn(&seat)?;
    operator.says(&seat, "this process must end").await?;
    if let Ok(process) = operator.process(&seat) {
        assert!(process.gone(WITHIN).await, "it ends by itself");
    }
    disk.bring_back()?;
    operator.processes.spawn(&seat)?;
    world.wait_for_standbys(&home, WITHIN).await?;
    let wrong = world.compare_copies(&home, WITHIN).await?;
    assert!(wrong.is_empty(), "{wrong:?}");
    operator.check().await
}
