//! A shard moves to another cell while its people go on; the way back is taken; then it moves for good, and the cell that
//! it left has erased it. Before and after it is searched where bytes of one of its people lie.

mod report;

use std::time::Duration;

use anyhow::{Context, Result};
use platform_model::{CellId, NodeId, ShardId};
use platform_runtime::clock::Clock;
use platform_wire::admin::AdminClient;
use platform_wire::operation::{Change, MoveShard, MoveTo, OperationView, RunState};

use super::Scene;
use super::app::Person;
use super::copies;
use super::follow::{self, Followed};
use super::story::Story;
use super::traces::{self, Traces};
use super::traffic::Traffic;
use crate::world::{operator, seats};

/// Writers of the person whose shard moves.
const WRITERS: usize = 2;
/// Acknowledgements before, between and after what is done.
const ACKS_BETWEEN: usize = 60;
/// Tracks of this act are numbered from here.
const FIRST: u64 = 20_000;
/// How long the old copy is kept where the way back is to be taken, and where not.
const WINDOW_MS: u64 = 60_000;
const SHORT_WINDOW_MS: u64 = 500;
/// For nodes to tell what they hold.
const TOLD_WITHIN: Duration = Duration::from_secs(15);

/// What is moved.
struct Mover<'a> {
    scene: &'a Scene<'a>,
    admin: AdminClient,
    shard: ShardId,
    from: NodeId,
    to: CellId,
}

/// The operations of this act.
struct Moved {
    there: Followed,
    back: Followed,
    for_good: Followed,
}

pub async fn show(scene: &Scene<'_>, story: &mut Story<'_>) -> Result<()> {
    let person = scene.people.first().context("nobody registered")?.clone();
    let mover = Mover::of(scene, &person).await?;
    story.step(&format!(
        "{} moves from {} to {} and back, then for good, while {} uploads and reads",
        mover.shard, mover.from, mover.to, person.name
    ));
    traces::leave(scene, &person, FIRST - 1).await?;
    let before = Traces::of(scene, &person).await?;
    let traffic = Traffic::new(scene, vec![person.clone()], FIRST);
    let moved = traffic.during(WRITERS, mover.play(&traffic, story)).await?;
    mover.erased(story).await?;
    let after = Traces::of(scene, &person).await?;
    mover.searched(&person, (&before, &after), story);
    report::show(&traffic, &moved, story).await;
    Ok(())
}

impl<'a> Mover<'a> {
    /// The person's shard, and the other cell of those that the law leaves it.
    async fn of(scene: &'a Scene<'_>, person: &Person) -> Result<Self> {
        let table = copies::table(scene).await?;
        let (shard, route) = copies::of_person(&table, person)?;
        let same = |place: &seats::Place| place.home.jurisdiction == person.home.jurisdiction;
        let mut others = seats::places().into_iter().filter(same);
        let other = others.find(|place| place.cell != route.node.cell);
        Ok(Self {
            scene,
            admin: scene.world.admin()?,
            shard,
            from: route.node,
            to: other.context("there is no other cell for it")?.cell,
        })
    }

    async fn play(&self, traffic: &Traffic, story: &mut Story<'_>) -> Result<Moved> {
        traffic.acknowledged(ACKS_BETWEEN).await?;
        let id = self.start(WINDOW_MS).await?;
        let at_window = |view: &OperationView| view.step == "window";
        let there = follow::until(&self.admin, id, at_window, story).await?;
        self.check_served_by(&self.to, "after a switchover the new cell serves", story)
            .await?;
        traffic.acknowledged(ACKS_BETWEEN).await?;
        let reverse = self.admin.change_operation(
            id,
            Change::Reverse,
            Some(there.last.generation),
            "the demo takes the way back",
        );
        reverse.await.map_err(operator::explain)?;
        let reversed = |view: &OperationView| view.state == RunState::Reversed;
        let back = follow::until(&self.admin, id, reversed, story).await?;
        self.check_served_by(
            &self.from.cell,
            "after `operation reverse` the old cell serves",
            story,
        )
        .await?;
        traffic.acknowledged(ACKS_BETWEEN).await?;
        let id = self.start(SHORT_WINDOW_MS).await?;
        let over = |view: &OperationView| view.state == RunState::Done;
        let for_good = follow::until(&self.admin, id, over, story).await?;
        self.check_served_by(&self.to, "after a move for good the new cell serves", story)
            .await?;
        traffic.acknowledged(ACKS_BETWEEN).await?;
        Ok(Moved {
            there,
            back,
            for_good,
        })
    }

    async fn start(&self, window_ms: u64) -> Result<u64> {
        let wanted = MoveShard {
            shard: self.shard.clone(),
            to: MoveTo::Cell(self.to.clone()),
            window_ms,
            deadline_ms: None,
            expected: None,
        };
        let started = self
            .admin
            .move_shard(&wanted, "the demo moves a shard under load");
        follow::number(&started.await.map_err(operator::explain)?)
    }

    async fn check_served_by(&self, cell: &CellId, what: &str, story: &mut Story<'_>) -> Result<()> {
        let table = copies::table(self.scene).await?;
        let serves = table.shards.get(&self.shard).map(|route| route.node.clone());
        story.check(
            serves.as_ref().is_some_and(|node| node.cell == *cell),
            what,
            || format!("{} is served by {serves:?}", self.shard),
        );
        Ok(())
    }

    /// By what the nodes themselves report: the old one holds nothing of the shard any more.
    async fn erased(&self, story: &mut Story<'_>) -> Result<()> {
        let clock = Clock::system();
        let begun = clock.monotonic();
        loop {
            let signed = self.admin.residency().await.map_err(operator::explain)?;
            let report = signed.read()?;
            let all = report.copies.iter().chain(&report.unintended);
            let own = all.filter(|copy| copy.shard == self.shard);
            let holders: Vec<String> = own
                .filter_map(|copy| Some(copy.seen.as_ref()?.node.to_string()))
                .collect();
            let left = self.from.to_string();
            let gone = !holders.contains(&left) && !holders.is_empty();
            if gone || clock.monotonic().saturating_sub(begun) > TOLD_WITHIN {
                story.check(gone, "the cell that a shard left reports no copy of it", || {
                    format!("{} is at {}", self.shard, holders.join(", "))
                });
                return Ok(());
            }
            clock.sleep(Duration::from_millis(250)).await;
        }
    }

    fn searched(&self, person: &Person, (before, after): (&Traces, &Traces), story: &mut Story<'_>) {
        let searches = [("before", before), ("after", after)];
        traces::check_clear(&person.name, &searches, story);
        let (old, new) = (format!("celld-{}", self.from.cell), format!("celld-{}", self.to));
        let what =
            "sealed rows lie where their shard is served: in the old cell before, in the new one after";
        let so = before.are_at(&old) && !before.are_at(&new) && after.are_at(&new);
        story.check(so, what, || format!("{:?} and {:?}", before.by_id, after.by_id));
        let title = format!("Files with sealed rows of {}, or the id", person.name);
        traces::table("shard-traces", &title, &searches, story);
        story.note(
            "what the old cell's files still hold of a shard that has left goes as its engine compacts them",
        );
    }
}
