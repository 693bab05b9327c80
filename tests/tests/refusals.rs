//! What operators and disks must not do, on real processes: each is refused with its typed reason and leaves nothing behind.

#![allow(
    clippy::print_stdout,
    reason = "a test says what it skipped and what it measured"
)]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use cli_world::seats::seat_named;
use cli_world::{Layout, Process, Seat, State, operator};
use nix::sys::signal::Signal;
use platform_model::{CellId, CellState, Generation, ReplicaId, ShardId, ShardRoute};
use platform_wire::admin::AdminClient;
use platform_wire::operation::{
    Change, FailoverShard, Force, MoveShard, MoveTo, OperationView, RunState, Started,
};
use platform_wire::{CallError, RefusalCode};
use tests::world::{World, binaries};

#[path = "refusals/room.rs"]
mod room;

/// For whatever must happen in the end: wide, for machines that do much else.
const WITHIN: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(100);
const SHARD: &str = "eu/eu-central/003";
const HERE: &str = "eu-central-1/0";
const THERE: &str = "eu-west-1/0";
const ABROAD: &str = "us-east-1/0";
const TARGET: &str = "celld-eu-west-1";
/// Long enough for a way back.
const WINDOW_MS: u64 = 60_000;
/// For a move whose target has died.
const DEADLINE: Duration = Duration::from_secs(4);

struct Scene {
    world: World,
    layout: Layout,
    admin: AdminClient,
}

impl Scene {
    fn up() -> Result<Option<Self>> {
        let folder = match binaries() {
            Ok(folder) => folder,
            Err(why) => {
                println!("skipped: {why:#}");
                return Ok(None);
            }
        };
        platform_runtime::tls::install_ring();
        let world = World::up(&folder, &[])?;
        Ok(Some(Self {
            layout: Layout::new(world.root()),
            admin: operator::connect(&world.root())?,
            world,
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
        let wait = async {
            loop {
                // A leader that changes answers in a moment.
                if let Ok(view) = self.admin.operation(id).await
                    && so(&view)
                {
                    return view;
                }
                tokio::time::sleep(POLL).await;
            }
        };
        match tokio::time::timeout(WITHIN, wait).await {
            Ok(view) => Ok(view),
            Err(_) => bail!(
                "waited in vain for operation {id}: {:?}",
                self.admin.operation(id).await?
            ),
        }
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
        let check = async {
            while self.world.cellctl(&["world", "check"]).is_err() {
                tokio::time::sleep(POLL).await;
            }
        };
        match tokio::time::timeout(WITHIN, check).await {
            Ok(()) => Ok(()),
            Err(_) => self.world.cellctl(&["world", "check"]).map(|_| ()),
        }
    }

    fn process(&self, seat: &Seat) -> Result<Process> {
        match Process::state(&self.layout, seat) {
            State::Running(process) => Ok(process),
            _ => bail!("{seat} does not run"),
        }
    }

    async fn kill(&self, seat: &Seat) -> Result<()> {
        let process = self.process(seat)?;
        process.signal(Signal::SIGKILL)?;
        anyhow::ensure!(process.gone(WITHIN).await, "{seat} runs on");
        Ok(())
    }

    /// Starts whatever does not run.
    fn start_again(&self, seat: &Seat) -> Result<()> {
        let world = cli_world::World::open(&self.layout)?;
        world.spawn(seat)
    }

    /// Waits until the log of a process says this, since it was started last.
    async fn says(&self, seat: &Seat, text: &str) -> Result<()> {
        let wait = async {
            while !cli_world::process::own_log_tail(&self.layout, seat, 200).contains(text) {
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(WITHIN, wait).await.with_context(|| {
            let log = cli_world::process::own_log_tail(&self.layout, seat, 20);
            format!("{seat} never says `{text}`:\n{log}")
        })
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
    let Some(scene) = Scene::up()? else {
        return Ok(());
    };
    refused(
        scene.moves(HERE, None).await,
        RefusalCode::Operation,
        "leads already",
    );
    refused(
        scene.moves("eu-west-1/7", None).await,
        RefusalCode::Unknown,
        "eu-west-1/7",
    );
    refused(
        scene.moves("mars-1/0", None).await,
        RefusalCode::Unknown,
        "mars-1",
    );
    refused(
        scene.moves(ABROAD, None).await,
        RefusalCode::LawForbids,
        "us-east",
    );
    scene.set_state("eu-west-1", CellState::Cordoned).await?;
    refused(scene.moves(THERE, None).await, RefusalCode::Placement, "cordoned");
    scene.set_state("eu-west-1", CellState::Open).await?;
    // A plan that was made before somebody else changed the record.
    let stale = Generation(scene.generation().await?.0 - 1);
    refused(
        scene.moves(THERE, Some(stale)).await,
        RefusalCode::GenerationMismatch,
        SHARD,
    );
    // A forced promotion without a copy, without proof, of what is no copy.
    let proof = "a person says that the old primary is dead";
    refused(scene.forces(None, true).await, RefusalCode::Operation, proof);
    let unknown = Some(ReplicaId(7));
    for is_dead in [false, true] {
        let forced = scene.forces(unknown, is_dead).await;
        refused(forced, RefusalCode::Placement, "is no copy of this shard");
    }
    room::is_refused(&scene).await?;
    scene.is_as_before().await
}

#[tokio::test]
async fn of_two_operators_one_moves_a_shard_and_a_target_that_dies_takes_nothing_with_it() -> Result<()> {
    let Some(scene) = Scene::up()? else {
        return Ok(());
    };
    let (one, other) = tokio::join!(scene.moves(THERE, None), scene.moves(THERE, None));
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
        scene.moves(THERE, None).await,
        RefusalCode::Operation,
        &format!("operation {id} is under way"),
    );
    let at_window = scene.operation_until(id, |view| view.step == "window").await?;
    let back = scene
        .admin
        .change_operation(id, Change::Reverse, Some(at_window.generation), "a test");
    back.await?;
    let over = scene.operation_until(id, |view| view.state.is_over()).await?;
    assert_eq!(over.state, RunState::Reversed);
    scene.is_as_before().await?;

    let target = seat_named(TARGET).context("a seat")?;
    // It stands still first, so that it dies before its copy is whole, however fast the machine is.
    scene.process(&target)?.signal(Signal::SIGSTOP)?;
    let started = scene.moves_within(THERE, None, Some(DEADLINE)).await?;
    let id = started.operation.context("an operation")?;
    scene.kill(&target).await?;
    scene
        .operation_until(id, |view| {
            matches!(view.state, RunState::Cancelling | RunState::Cancelled)
        })
        .await?;
    scene.start_again(&target)?;
    let over = scene.operation_until(id, |view| view.state.is_over()).await?;
    assert_eq!(over.state, RunState::Cancelled);
    scene.is_as_before().await
}

/// The data of a node, taken away and brought back.
struct Disk {
    data: PathBuf,
    aside: PathBuf,
}

impl Disk {
    fn of(scene: &Scene, seat: &Seat) -> Self {
        Self {
            data: scene.layout.data(seat),
            aside: scene.layout.data(seat).with_extension("aside"),
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
    let Some(scene) = Scene::up()? else {
        return Ok(());
    };
    let home = "eu/eu-central".parse()?;
    let world = cli_world::World::open(&scene.layout)?;
    world.set_survival(&home, "region").await?;
    world.wait_for_standbys(&home, WITHIN).await?;
    let seat = seat_named(TARGET).context("a seat")?;
    let disk = Disk::of(&scene, &seat);

    scene.kill(&seat).await?;
    disk.take_away()?;
    scene.start_again(&seat)?;
    scene.says(&seat, "this process must end").await?;
    scene.says(&seat, "other data").await?;
    let process = scene.process(&seat);
    if let Ok(process) = process {
        assert!(process.gone(WITHIN).await, "it ends by itself");
    }
    disk.bring_back()?;

    // An image of before its last start.
    let old = disk.data.with_extension("old");
    copy_folder(&disk.data, &old)?;
    scene.start_again(&seat)?;
    // It opens copies once it has registered: from then on the image is of before a start that is known.
    scene.says(&seat, "copy opened").await?;
    world.wait_for_standbys(&home, WITHIN).await?;
    scene.kill(&seat).await?;
    fs::rename(&disk.data, &disk.aside)?;
    fs::rename(&old, &disk.data)?;
    scene.start_again(&seat)?;
    scene.says(&seat, "this process must end").await?;
    if let Ok(process) = scene.process(&seat) {
        assert!(process.gone(WITHIN).await, "it ends by itself");
    }
    disk.bring_back()?;
    scene.start_again(&seat)?;
    world.wait_for_standbys(&home, WITHIN).await?;
    let wrong = world.compare_copies(&home, WITHIN).await?;
    assert!(wrong.is_empty(), "{wrong:?}");
    scene.check().await
}
