//! `top`: the world as it is now, again and again: controllers, cells, nodes, and what is wrong.
//!
//! What nodes report today is drawn; their load, latencies and lag are in no report yet and so not here.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use control_plane_ledger::time;
use platform_runtime::clock::Clock;
use platform_runtime::config::HumanDuration;
use platform_wire::admin::{AdminClient, WorldStatus};
use serde::Serialize;

use crate::command::WorldArgs;
use crate::command::automation::AutomationView;
use crate::command::cell::list::CellView;
use crate::command::node::NodeView;
use crate::contexts::Target;
use crate::exit::Ended;
use crate::printer::{Listed, Printer, render};
use crate::world::{operator, ready};

/// How long one controller has to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Shows controllers, cells and nodes, and draws them again as they change. Ends with Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl top --every 2s\n         cellctl top --once")]
pub struct Top {
    /// Shows them once.
    #[arg(long)]
    once: bool,
    /// How often it looks.
    #[arg(long, value_name = "TIME", default_value = "1s")]
    every: HumanDuration,
    #[command(flatten)]
    world: WorldArgs,
}

/// One look.
#[derive(Debug, Serialize)]
struct View {
    world: String,
    time: String,
    table: u64,
    serves: bool,
    missing: Option<String>,
    automation: AutomationView,
    controllers: Vec<Controller>,
    cells: Vec<CellView>,
    nodes: Vec<NodeView>,
    shards: Shards,
}

#[derive(Debug, Serialize)]
struct Controller {
    controller: String,
    address: String,
    role: &'static str,
    position: Option<u64>,
    /// Commands that it has to apply until it is where the furthest is.
    behind: Option<u64>,
    table: Option<u64>,
    ledger: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Shards {
    all: usize,
    served: usize,
    epoch_highest: u64,
}

impl Top {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let target = self.world.target()?;
        let clock = Clock::system();
        let draws = !self.once && printer.is_for_people() && std::io::stdout().is_terminal();
        loop {
            let view = look(&target, &clock).await?;
            if !draws {
                printer.say(&text(&view));
                printer.data(&view, view.nodes.iter().map(Listed::name));
                return Ok(if view.serves { Ended::Ok } else { Ended::Differs });
            }
            // Home, each line cleared to its end, then whatever was below.
            let lines = text(&view).replace('\n', "\u{1b}[K\n");
            printer.draw(&format!("\u{1b}[H{lines}\u{1b}[K\n\u{1b}[J"));
            clock.sleep(self.every.0).await;
        }
    }
}

async fn look(target: &Target, clock: &Clock) -> Result<View> {
    let status = target.admin()?.status().await.map_err(operator::explain)?;
    let mut known = Vec::new();
    for (name, address) in &target.controllers {
        let alone = AdminClient::connect(vec![address.clone()], target.identity()?, clock.clone())?;
        let asked = tokio::time::timeout(ANSWER_WITHIN, alone.insight(false)).await;
        known.push((name.as_str(), address.as_str(), asked.ok().and_then(Result::ok)));
    }
    Ok(view(&status, &known, clock.unix_ms()))
}

/// Name, address, and what that controller knows by itself, if it answered.
type Known<'a> = (&'a str, &'a str, Option<WorldStatus>);

fn view(status: &WorldStatus, known: &[Known<'_>], now_ms: u64) -> View {
    let missing = ready::not_ready(status, &ready::StartedAfter::new());
    let served = status.shards.iter().filter(|shard| shard.primary.is_some());
    View {
        world: status.table.world.to_string(),
        time: time::utc(now_ms),
        table: status.table.generation.0,
        serves: missing.is_none(),
        missing,
        automation: AutomationView::of(status.automation.as_ref()),
        controllers: controllers(known),
        cells: status
            .table
            .cells
            .keys()
            .map(|cell| CellView::of(status, cell))
            .collect(),
        nodes: status
            .table
            .nodes
            .keys()
            .map(|node| NodeView::of(status, node))
            .collect(),
        shards: Shards {
            all: status.shards.len(),
            served: served.count(),
            epoch_highest: status.shards.iter().map(|shard| shard.epoch.0).max().unwrap_or(0),
        },
    }
}

fn controllers(known: &[Known<'_>]) -> Vec<Controller> {
    let position = |status: &WorldStatus| status.insight.as_ref().map(|insight| insight.position);
    let furthest = known
        .iter()
        .filter_map(|(_, _, status)| position(status.as_ref()?))
        .max();
    let controller = |(name, address, status): &Known<'_>| {
        let leads = |status: &WorldStatus| {
            status
                .leader
                .as_ref()
                .is_some_and(|leader| leader.id == status.controller_id)
        };
        let at = status.as_ref().and_then(position);
        let insight = status.as_ref().and_then(|status| status.insight.as_ref());
        Controller {
            controller: (*name).to_owned(),
            address: (*address).to_owned(),
            role: match status {
                None => "silent",
                Some(status) if leads(status) => "leader",
                Some(_) => "follower",
            },
            position: at,
            behind: furthest.zip(at).map(|(furthest, at)| furthest - at),
            table: status.as_ref().map(|status| status.table.generation.0),
            ledger: insight.map(|insight| insight.ledger),
        }
    };
    known.iter().map(controller).collect()
}

fn text(view: &View) -> String {
    let serves = match &view.missing {
        None => "serves".to_owned(),
        Some(why) => format!("DOES NOT SERVE: {why}"),
    };
    let shards = &view.shards;
    let head = format!(
        "{}  world {}  table g{}  {serves}\nshards {} of {} served, highest epoch e{}  automation {}",
        view.time,
        &view.world[..16],
        view.table,
        shards.served,
        shards.all,
        shards.epoch_highest,
        view.automation.told(),
    );
    let header = [
        "controller",
        "address",
        "role",
        "position",
        "behind",
        "table",
        "ledger",
    ];
    let rows: Vec<Vec<String>> = view.controllers.iter().map(row).collect();
    let parts = [head, render(&header, &rows), list(&view.cells), list(&view.nodes)];
    parts.join("\n\n")
}

fn row(controller: &Controller) -> Vec<String> {
    let number = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    vec![
        controller.controller.clone(),
        controller.address.clone(),
        controller.role.to_owned(),
        number(controller.position),
        number(controller.behind),
        controller
            .table
            .map_or_else(|| "-".to_owned(), |table| format!("g{table}")),
        number(controller.ledger),
    ]
}

fn list<R: Listed>(rows: &[R]) -> String {
    let header: Vec<&str> = R::COLUMNS.iter().map(|column| column.title()).collect();
    render(&header, &rows.iter().map(R::cells).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform_model::{RoutingTable, WorldId};
    use platform_wire::admin::{Insight, Member};

    fn status(id: u64, position: u64) -> WorldStatus {
        WorldStatus {
            controller: String::new(),
            controller_id: id,
            initialized: true,
            world_made: true,
            leader: Some(Member {
                id: 1,
                address: "h:1".into(),
            }),
            members: Vec::new(),
            table: RoutingTable::empty(WorldId::new(&"a".repeat(64)).expect("an id")),
            reports: Vec::new(),
            shards: Vec::new(),
            cells: Vec::new(),
            insight: Some(Insight {
                position,
                state_ms: 0,
                ledger: 5,
                state_digest: Vec::new(),
                clock_ms: 0,
            }),
            automation: None,
            copies: Vec::new(),
            recovering: None,
        }
    }

    #[test]
    fn who_is_behind_and_who_is_silent_is_seen() {
        let known = [
            ("c1", "h:1", Some(status(1, 40))),
            ("c2", "h:2", Some(status(2, 38))),
            ("c3", "h:3", None),
        ];
        let rows: Vec<String> = controllers(&known).iter().map(|c| row(c).join(" ")).collect();
        let expected = [
            "c1 h:1 leader 40 0 g0 5",
            "c2 h:2 follower 38 2 g0 5",
            "c3 h:3 silent - - - -",
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn a_look_is_drawn_like_this() {
        let known = [("c1", "h:1", Some(status(1, 40)))];
        insta::assert_snapshot!(text(&view(&status(1, 40), &known, 1_764_097_937_042)));
    }
}
