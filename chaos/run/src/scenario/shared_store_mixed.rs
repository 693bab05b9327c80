//! Engines mixed: the first cell stores on the cluster, the others each on a disk of their own. A shard moves from the one
//! to the other and back, and homes of both keep their standbys in the other.

use std::time::Duration;

use anyhow::{Context, Result};
use cli_world::seats::places;
use cli_world::{Progress, World, operator};
use platform_model::{CellId, HomeId, ShardId};
use platform_wire::operation::{MoveShard, MoveTo};

/// For a move to end.
const MOVED_WITHIN: Duration = Duration::from_secs(120);
/// For the standbys of a home.
const COPIED_WITHIN: Duration = Duration::from_secs(180);
/// For a comparison of one shard.
const COMPARED_WITHIN: Duration = Duration::from_secs(60);
/// How long the old copy of a moved shard is kept.
const WINDOW_MS: u64 = 500;

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Mixed {
    /// Moves that came to their end, of [`Self::moves`].
    pub moved: usize,
    pub moves: usize,
    /// Shards whose copies on two engines are not equal, or were not made.
    pub wrong: Vec<String>,
}

/// Moves a shard from the cluster to a disk and back, then gives two homes standbys on the other engine each, and compares.
pub(super) async fn play(world: &World, progress: &dyn Progress) -> Mixed {
    let mut mixed = Mixed::default();
    let mut places = places().into_iter();
    let (Some(shared), Some(alone)) = (places.next(), places.next()) else {
        return mixed;
    };
    let shard = ShardId::Root {
        home: shared.home.clone(),
        index: 0,
    };
    for to in [&alone.cell, &shared.cell] {
        mixed.moves += 1;
        progress.progress(&format!("{shard} moves to {to}"));
        match move_to(world, &shard, to).await {
            Ok(end) if end == "done" => mixed.moved += 1,
            Ok(end) => mixed.wrong.push(format!("the move to {to}: {end}")),
            Err(why) => mixed.wrong.push(format!("the move to {to}: {why:#}")),
        }
    }
    for home in [&shared.home, &alone.home] {
        progress.progress(&format!("{home} gets standbys on the other engine"));
        match copied(world, home).await {
            Ok(differ) => mixed.wrong.extend(differ),
            Err(why) => mixed.wrong.push(format!("{home}: {why:#}")),
        }
    }
    mixed
}

async fn move_to(world: &World, shard: &ShardId, cell: &CellId) -> Result<String> {
    let given = MoveShard {
        shard: shard.clone(),
        to: MoveTo::Cell(cell.clone()),
        window_ms: WINDOW_MS,
        deadline_ms: None,
        expected: None,
    };
    let started = world.admin()?.move_shard(&given, "another engine").await;
    let started = started.map_err(operator::explain)?;
    let id = started.operation.context("an operation")?;
    let view = world.wait_for_operation(id, MOVED_WITHIN).await?;
    Ok(view.state.as_str().to_owned())
}

async fn copied(world: &World, home: &HomeId) -> Result<Vec<String>> {
    world.set_survival(home, "region").await?;
    world.wait_for_standbys(home, COPIED_WITHIN).await?;
    world.compare_copies(home, COMPARED_WITHIN).await
}
