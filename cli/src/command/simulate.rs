//! `simulate`: what would become of every shard if a cell, a node or a region were lost. Touches nothing.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use platform_wire::operation::{HeadRoom, Lose, SimulatedShard, Simulation};
use serde::Serialize;

use crate::command::WorldArgs;
use crate::command::operation::words::time;
use crate::evidence::loss::Lost;
use crate::exit::Ended;
use crate::printer::{Column, Listed, Printer, counted};
use crate::world::operator;

/// Shows what would become of every shard with a copy in what is lost: who would lead, after how long, with which loss,
/// by which rule of the law; and what room would be left for new copies. Touches nothing. Exit code 3 if a shard would
/// stop or be lost.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl simulate --lose region/eu-west\n         cellctl simulate --lose cell/eu-west-1 -o wide"
)]
pub struct Simulate {
    /// What is lost: `cell/CELL`, `node/NODE` or `region/REGION`.
    #[arg(long, value_name = "WHAT")]
    lose: Lost,
    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Debug, Serialize)]
struct View {
    lost: String,
    /// How many shards come to which end.
    outcomes: BTreeMap<String, usize>,
    /// People of the homes concerned; nothing where nobody counts them.
    users: Option<u64>,
    /// The longest time without writes; nothing if some shard waits for a person.
    rto_ms_max: Option<u64>,
    homes: Vec<HomeRow>,
    shards: Vec<ShardRow>,
    head_room: Vec<RoomRow>,
}

/// One home: the sum of its shards.
#[derive(Debug, Default, Serialize)]
struct HomeRow {
    home: String,
    serves_on: usize,
    fails_over: usize,
    stops: usize,
    lost: usize,
    goal_met: bool,
}

#[derive(Debug, Serialize)]
struct ShardRow {
    shard: String,
    outcome: String,
    primary: String,
    successor: Option<String>,
    rto_ms: Option<u64>,
    /// Acknowledged writes that are lost; nothing: all of them.
    rpo_entries: Option<u64>,
    /// Of writes that were acknowledged before the standbys had them, at most, as entries of the log; nothing: all of them.
    rpo_async_entries: Option<u64>,
    goal_met: bool,
    infeasible: Option<String>,
    rules: Vec<String>,
}

#[derive(Debug, Serialize)]
struct RoomRow {
    region: String,
    nodes: u32,
    copies: u32,
    copies_max: u32,
}

impl Simulate {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let lose = match &self.lose {
            Lost::Cell(cell) => Lose::Cell(cell.clone()),
            Lost::Node(node) => Lose::Node(node.clone()),
            Lost::Region(region) => Lose::Region(region.clone()),
        };
        let simulation = self.world.admin()?.simulate(&lose).await;
        let view = View::of(&self.lose, &simulation.map_err(operator::explain)?);
        printer.say(&view.text());
        view.tables(printer);
        printer.data(&view, view.shards.iter().map(Listed::name));
        Ok(if view.is_survived() {
            Ended::Ok
        } else {
            Ended::Differs
        })
    }
}

impl View {
    fn of(lost: &Lost, simulation: &Simulation) -> Self {
        let mut outcomes = BTreeMap::new();
        for shard in &simulation.shards {
            *outcomes.entry(shard.outcome.clone()).or_default() += 1;
        }
        let times: Option<Vec<u64>> = simulation.shards.iter().map(|shard| shard.rto_ms).collect();
        Self {
            lost: lost.to_string(),
            outcomes,
            users: simulation.users,
            rto_ms_max: times.map(|times| times.into_iter().max().unwrap_or(0)),
            homes: homes(&simulation.shards),
            shards: simulation.shards.iter().map(ShardRow::of).collect(),
            head_room: simulation.head_room.iter().map(RoomRow::of).collect(),
        }
    }

    fn is_survived(&self) -> bool {
        let survived = ["serves-on", "fails-over"];
        self.outcomes
            .keys()
            .all(|outcome| survived.contains(&outcome.as_str()))
    }

    fn text(&self) -> String {
        let shards = counted(self.shards.len(), "shard has", "shards have");
        if self.shards.is_empty() {
            return format!("without {}: {shards} a copy there", self.lost);
        }
        let outcomes: Vec<String> = self
            .outcomes
            .iter()
            .map(|(outcome, number)| format!("{number} {outcome}"))
            .collect();
        let users = self
            .users
            .map_or_else(String::new, |users| format!("\npeople of these homes: {users}"));
        let rto = match self.rto_ms_max {
            Some(ms) => format!("longest time without writes: about {}", time(ms)),
            None => "some shards are not served until somebody acts".to_owned(),
        };
        let (lost, outcomes) = (&self.lost, outcomes.join(", "));
        format!("without {lost}: {shards} a copy there: {outcomes}\n{rto}{users}")
    }

    fn tables(&self, printer: &Printer) {
        if !self.shards.is_empty() {
            printer.say("");
            printer.rows(&self.homes);
            printer.say("");
            printer.rows(&self.shards);
        }
        if !self.head_room.is_empty() {
            printer.say("");
            printer.rows(&self.head_room);
        }
    }
}

fn homes(shards: &[SimulatedShard]) -> Vec<HomeRow> {
    let mut homes: BTreeMap<String, HomeRow> = BTreeMap::new();
    for shard in shards {
        let name = shard
            .shard
            .home()
            .map_or_else(|| "directories".to_owned(), ToString::to_string);
        let row = homes.entry(name.clone()).or_insert_with(|| HomeRow {
            home: name,
            goal_met: true,
            ..HomeRow::default()
        });
        match shard.outcome.as_str() {
            "serves-on" => row.serves_on += 1,
            "fails-over" => row.fails_over += 1,
            "stops" => row.stops += 1,
            _ => row.lost += 1,
        }
        row.goal_met &= shard.goal_met;
    }
    homes.into_values().collect()
}

impl ShardRow {
    fn of(shard: &SimulatedShard) -> Self {
        Self {
            shard: shard.shard.to_string(),
            outcome: shard.outcome.clone(),
            primary: shard.primary.to_string(),
            successor: shard.successor.as_ref().map(ToString::to_string),
            rto_ms: shard.rto_ms,
            rpo_entries: shard.rpo_entries,
            rpo_async_entries: shard.rpo_async_entries,
            goal_met: shard.goal_met,
            infeasible: shard.infeasible.clone(),
            rules: shard.rules.clone(),
        }
    }
}

impl RoomRow {
    fn of(room: &HeadRoom) -> Self {
        Self {
            region: room.region.to_string(),
            nodes: room.nodes,
            copies: room.copies,
            copies_max: room.copies_max,
        }
    }
}

fn lost(entries: Option<u64>) -> String {
    entries.map_or_else(|| "all".to_owned(), |entries| entries.to_string())
}

fn yes(met: bool) -> String {
    if met { "met" } else { "missed" }.to_owned()
}

impl Listed for HomeRow {
    const COLUMNS: &'static [Column] = &[
        Column::new("home"),
        Column::new("serves on"),
        Column::new("fails over"),
        Column::new("stops"),
        Column::new("lost"),
        Column::new("goal"),
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.home.clone(),
            self.serves_on.to_string(),
            self.fails_over.to_string(),
            self.stops.to_string(),
            self.lost.to_string(),
            yes(self.goal_met),
        ]
    }

    fn name(&self) -> String {
        self.home.clone()
    }
}

impl Listed for ShardRow {
    const COLUMNS: &'static [Column] = &[
        Column::new("shard"),
        Column::new("outcome"),
        Column::new("primary"),
        Column::new("successor"),
        Column::new("back after"),
        Column::new("lost writes"),
        Column::new("of async at most"),
        Column::new("goal"),
        Column::wide("why missed"),
        Column::wide("permitted by"),
    ];

    fn cells(&self) -> Vec<String> {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.shard.clone(),
            self.outcome.clone(),
            self.primary.clone(),
            or_dash(&self.successor),
            self.rto_ms.map_or_else(|| "when somebody acts".to_owned(), time),
            lost(self.rpo_entries),
            lost(self.rpo_async_entries),
            yes(self.goal_met),
            or_dash(&self.infeasible),
            self.rules.join(" "),
        ]
    }

    fn name(&self) -> String {
        self.shard.clone()
    }
}

impl Listed for RoomRow {
    const COLUMNS: &'static [Column] = &[
        Column::new("region"),
        Column::new("nodes left"),
        Column::new("copies"),
        Column::new("room for"),
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.region.clone(),
            self.nodes.to_string(),
            self.copies.to_string(),
            self.copies_max.saturating_sub(self.copies).to_string(),
        ]
    }

    fn name(&self) -> String {
        self.region.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printer::render;

    fn shard(name: &str, outcome: &str, successor: Option<&str>) -> SimulatedShard {
        let served = matches!(outcome, "serves-on" | "fails-over");
        SimulatedShard {
            shard: name.parse().expect("a shard"),
            outcome: outcome.into(),
            primary: "eu-west-1/0".parse().expect("a node"),
            successor: successor.map(|node| node.parse().expect("a node")),
            rto_ms: served.then_some(if outcome == "fails-over" { 1_500 } else { 0 }),
            rpo_entries: (outcome != "lost").then_some(0),
            rpo_async_entries: (outcome != "lost").then_some(if outcome == "serves-on" { 0 } else { 24 }),
            rules: vec!["eu-stays".into()],
            goal_met: outcome == "serves-on",
            infeasible: (outcome == "fails-over").then(|| "no other cell in the region".into()),
        }
    }

    fn simulation(shards: Vec<SimulatedShard>) -> Simulation {
        Simulation {
            shards,
            head_room: vec![HeadRoom {
                region: "eu-west".parse().expect("a region"),
                nodes: 1,
                copies: 8,
                copies_max: 64,
            }],
            users: Some(1_200),
            time_ms: 1,
        }
    }

    fn view(shards: Vec<SimulatedShard>) -> View {
        View::of(&"cell/eu-west-1".parse().expect("a cell"), &simulation(shards))
    }

    fn table<R: Listed>(rows: &[R]) -> String {
        let titles: Vec<&str> = R::COLUMNS.iter().map(Column::title).collect();
        render(&titles, &rows.iter().map(R::cells).collect::<Vec<_>>())
    }

    #[test]
    fn a_loss_is_shown_like_this() {
        let view = view(vec![
            shard("eu/eu-west/000", "serves-on", Some("eu-west-1/0")),
            shard("eu/eu-west/001", "fails-over", Some("eu-west-2/0")),
            shard("eu/eu-west/keys", "stops", None),
            shard("directory/eu/000", "lost", None),
        ]);
        let tables = [table(&view.homes), table(&view.shards), table(&view.head_room)];
        let json = serde_json::to_string_pretty(&view).expect("writes");
        insta::assert_snapshot!(format!("{}\n\n{}\n\n{json}", view.text(), tables.join("\n\n")));
        assert!(!view.is_survived());
    }

    #[test]
    fn what_is_survived_says_how_long_it_takes() {
        let view = view(vec![shard("eu/eu-west/001", "fails-over", Some("eu-west-2/0"))]);
        assert!(view.is_survived());
        assert!(view.text().contains("about 1.5s"), "{}", view.text());
        assert!(self::view(Vec::new()).is_survived());
        assert!(!self::view(vec![shard("eu/eu-west/001", "unheard-of", None)]).is_survived());
    }
}
