//! `cell provision`: a cell on a cluster that several nodes share. The cluster is looked at first; then the cell is made
//! known, every node gets a token to join with, and its files are put in their place. Nodes are started by whoever runs
//! the machines; shards are moved there afterwards.

mod engine;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use platform_model::{CellId, Jurisdiction, NodeId, RegionId, RoutingTable};
use platform_runtime::clock::Clock;
use platform_runtime::config::HumanDuration;
use platform_runtime::tls::SpiffeKind;
use platform_wire::admin::{AdminClient, CellSpec};
use platform_wire::join::JoinToken;
use serde::Serialize;

use self::engine::EngineArgs;
use crate::ask::{self, Change, on_dry_run};
use crate::command::node::invite::joining_at;
use crate::command::{As, WorldFolder};
use crate::exit::{Ended, Hinted, USAGE};
use crate::printer::Printer;
use crate::store_check::{self, Line, Said, Verdict};
use crate::world::ports::Ports;
use crate::world::provisioned::{Unfinished, Wanted, usual_place};
use crate::world::{Folder, Layout, operator, trust};

/// Makes a cell whose nodes share a cluster: looks at the cluster, makes the cell known, and writes for each node a folder
/// with its settings, its secrets and a token with which it joins. It starts no node. An engine that fails, or of which
/// something is bad, ends it before anything is changed.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl cell provision eu-west-2 --region eu-west --engine tikv --pd pd-0:2379,pd-1:2379,pd-2:2379 --ca ca.pem --cert celld.pem --key celld-key.pem --reason 'it outgrew one machine'\n         cellctl cell provision eu-west-2 --region eu-west --engine tikv --pd 127.0.0.1:2379 --plaintext --reason 'a try' --dry-run\n         cellctl cell provision eu-west-2 --region eu-west --engine fdb --cluster-file fdb.cluster --reason 'it outgrew one machine'"
)]
pub struct Provision {
    /// The cell, such as `eu-west-2`.
    cell: CellId,
    /// Where it stands, the cluster too; may be left out for a cell that is known.
    #[arg(long)]
    region: Option<RegionId>,
    #[command(flatten)]
    engine: EngineArgs,
    /// How many nodes share the cluster.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    nodes: u16,
    /// Where a node listens; port 0 takes a free one and keeps it.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "HOST:PORT")]
    listen: String,
    /// Whose people the cell may hold; without it, those of the homes in its region.
    #[arg(long, value_name = "JURISDICTION")]
    jurisdiction: Vec<Jurisdiction>,
    /// The folder for the nodes' files [default: cell-CELL in the world's folder].
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// The binary that looks at the cluster [default: the one beside this].
    #[arg(long, value_name = "FILE")]
    celld: Option<PathBuf>,
    /// How long the tokens wait to be used.
    #[arg(long, default_value = "1h", value_name = "DURATION")]
    expires: HumanDuration,
    /// With whose certificate the tokens are made.
    #[arg(long = "as", value_enum, default_value_t = As::Sre, value_name = "ROLE")]
    who: As,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    world: WorldFolder,
}

#[derive(Debug, Serialize)]
struct ProvisionedView {
    cell: String,
    region: String,
    changed: bool,
    dry_run: bool,
    /// As of every change.
    verdict: Option<&'static str>,
    /// Number of the decision that made the cell known; none if it was known.
    decision: Option<u64>,
    /// What the engine was found to be.
    store: Vec<StoreView>,
    nodes: Vec<NodeView>,
}

#[derive(Debug, Serialize)]
struct StoreView {
    what: String,
    verdict: &'static str,
    found: String,
}

#[derive(Debug, Serialize)]
struct NodeView {
    node: String,
    config: PathBuf,
}

impl Provision {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let layout = Layout::new(&self.world.dir);
        let admin = operator::connect(&self.world.dir)?;
        let status = admin.status().await.map_err(operator::explain)?;
        let region = self.region(&status.table)?;
        let place = self.place(&layout)?;
        self.is_attested(&region).await?;
        let wanted = self.wanted(&layout, &status.table, &region)?;
        let files = Unfinished::write(&layout, &wanted, &place)?;
        let lines = self.look(&layout, &files, &wanted, printer).await?;
        let is_known = status.table.cells.contains_key(&self.cell);
        printer.progress(&format!(
            "cell {} in {region}: {}, {} nodes in {}",
            self.cell,
            if is_known { "known" } else { "new" },
            self.nodes,
            place.display()
        ));
        self.change.sure.ask(printer).await?;
        let mut view = self.view(&region, lines);
        if !is_known {
            self.make_known(admin, &region, &mut view).await?;
        }
        if self.change.sure.dry_run {
            ask::say_verdict(printer, view.verdict.unwrap_or("unchanged"));
        } else {
            self.let_join(&files, &wanted).await?;
            view.nodes = files.place(&wanted)?.into_iter().map(NodeView::from).collect();
            view.changed = true;
            self.explain(&view, printer);
        }
        let names: Vec<String> = view.nodes.iter().map(|node| node.node.clone()).collect();
        printer.data(&view, names);
        Ok(Ended::Ok)
    }

    /// Where the cell stands, or is to.
    fn region(&self, table: &RoutingTable) -> Result<RegionId> {
        let known = table.cells.get(&self.cell).map(|cell| cell.region.clone());
        match (known, self.region.clone()) {
            (Some(known), Some(asked)) if known != asked => {
                let message = format!("cell {} stands in {known}, not in {asked}", self.cell);
                Err(Hinted::new(message, &[&format!("cellctl cell show {}", self.cell)]).into())
            }
            (Some(region), _) | (None, Some(region)) => Ok(region),
            (None, None) => {
                let message = format!("cell {} is not known: where is it to stand?", self.cell);
                let hints = ["name its region with --region", "cellctl cell list"];
                Err(Hinted::new(message, &hints).exit(USAGE).into())
            }
        }
    }

    /// Nobody may join where nobody attested that the region is: better told before a cell is made known there.
    async fn is_attested(&self, region: &RegionId) -> Result<()> {
        let client = operator::trust(&self.world.dir, self.who.person())?;
        let attested = client.read().await.map_err(operator::explain)?.regions;
        if attested.iter().any(|attested| attested.region == *region) {
            return Ok(());
        }
        let message = format!("nobody attested where region {region} stands, so no node may join there");
        let hint = format!("cellctl region attest {region} --country CC --place TEXT --reason TEXT");
        Err(Hinted::new(message, &[&hint]).into())
    }

    fn place(&self, layout: &Layout) -> Result<PathBuf> {
        let usual = || usual_place(layout, &self.cell);
        let place = std::path::absolute(self.into.clone().unwrap_or_else(usual))?;
        if place.exists() {
            let message = format!("{} is there already", place.display());
            return Err(Hinted::new(message, &["name another folder with --into"]).into());
        }
        Ok(place)
    }

    fn wanted(&self, layout: &Layout, table: &RoutingTable, region: &RegionId) -> Result<Wanted> {
        let here = table.homes.keys().filter(|home| home.region == *region);
        let mut jurisdictions: Vec<Jurisdiction> = match self.jurisdiction.is_empty() {
            true => here.map(|home| home.jurisdiction.clone()).collect(),
            false => self.jurisdiction.clone(),
        };
        jurisdictions.sort();
        jurisdictions.dedup();
        if jurisdictions.is_empty() {
            let message = format!("no home stands in {region}: whose people may the cell hold?");
            let hint = "name each with --jurisdiction; the law still decides";
            return Err(Hinted::new(message, &[hint]).exit(USAGE).into());
        }
        Ok(Wanted {
            world: Folder::look(layout)?.world(layout)?,
            cell: self.cell.clone(),
            region: region.clone(),
            nodes: self.nodes,
            engine: self.engine.engine()?,
            listen: self.listen.clone(),
            controllers: Ports::load(layout)?.controllers(),
            join_at: joining_at(layout),
            jurisdictions,
        })
    }

    /// What the engine is found to be.
    ///
    /// # Errors
    /// It fails, cannot be asked, or something of it is bad: then nothing was changed.
    async fn look(
        &self,
        layout: &Layout,
        files: &Unfinished,
        wanted: &Wanted,
        printer: &Printer,
    ) -> Result<Vec<Line>> {
        let beside = || layout.binaries().join("celld");
        let binary = self.celld.clone().unwrap_or_else(beside);
        let first = wanted.node_ids().next().context("one node at least")?;
        let lines = match store_check::ask(&binary, &files.config(&first)).await {
            Said::Serves(lines) => lines,
            Said::Fails { why, hint } => {
                let message = format!("{why}: nothing was changed");
                return Err(
                    Hinted::new(message, &hint.iter().map(String::as_str).collect::<Vec<_>>()).into(),
                );
            }
            Said::NotAsked(why) => {
                let hint = "build it with `cargo build --bin celld`, or name it with --celld";
                return Err(Hinted::new(format!("{why}: nothing was changed"), &[hint]).into());
            }
        };
        for line in &lines {
            printer.progress(&format!(
                "store: {}: {}{}",
                line.what,
                word(line.verdict),
                line.found
            ));
        }
        let bad = |line: &&Line| line.verdict == Verdict::Bad;
        let hints: Vec<&str> = lines
            .iter()
            .filter(bad)
            .filter_map(|line| line.hint.as_deref())
            .collect();
        let names: Vec<&str> = lines.iter().filter(bad).map(|line| line.what.as_str()).collect();
        if names.is_empty() {
            return Ok(lines);
        }
        let message = format!("the cluster's {} is bad: nothing was changed", names.join(", "));
        Err(Hinted::new(message, &hints).into())
    }

    fn view(&self, region: &RegionId, lines: Vec<Line>) -> ProvisionedView {
        let store = lines.into_iter().map(|line| StoreView {
            what: line.what,
            verdict: match line.verdict {
                Verdict::Ok => "ok",
                Verdict::NotTold => "not-told",
                Verdict::Bad => "bad",
            },
            found: line.found,
        });
        ProvisionedView {
            cell: self.cell.to_string(),
            region: region.to_string(),
            changed: false,
            dry_run: self.change.sure.dry_run,
            verdict: None,
            decision: None,
            store: store.collect(),
            nodes: Vec::new(),
        }
    }

    async fn make_known(
        &self,
        admin: AdminClient,
        region: &RegionId,
        view: &mut ProvisionedView,
    ) -> Result<()> {
        let spec = CellSpec {
            id: self.cell.clone(),
            region: region.clone(),
        };
        let sure = &self.change.sure;
        let answer = on_dry_run(admin, sure)
            .create_cell(&spec, &self.change.reason)
            .await;
        let answer = ask::answered(answer, sure.dry_run)?;
        if sure.dry_run {
            view.verdict = Some(ask::verdict(answer));
        } else {
            view.decision = answer
                .map(|accepted| accepted.sequence)
                .filter(|number| *number > 0);
        }
        Ok(())
    }

    /// A token for every node. Those of an attempt that is broken off here run out unused.
    async fn let_join(&self, files: &Unfinished, wanted: &Wanted) -> Result<()> {
        let client = operator::trust(&self.world.dir, self.who.person())?;
        let life_ms = u64::try_from(self.expires.0.as_millis()).context("that long")?;
        let expires_ms = Clock::system().unix_ms().saturating_add(life_ms);
        for node in wanted.node_ids() {
            let kind = SpiffeKind::Node(node.clone());
            let id = trust::id(&wanted.world, &wanted.region, kind);
            let token = JoinToken::new(&wanted.world, id, expires_ms)?;
            let made = client.create_join_token(&token, &self.change.reason).await;
            if let Err(error) = made {
                let cell = &self.cell;
                let told = operator::explain(error);
                let what = format!("cell {cell} is known, and its nodes cannot join yet: repeat the command");
                return Err(told.context(what));
            }
            files.give(&node, &token)?;
        }
        Ok(())
    }

    fn explain(&self, view: &ProvisionedView, printer: &Printer) {
        printer.say(&format!(
            "cell {} is known; its nodes join within {} when they are started:\n",
            view.cell, self.expires
        ));
        for node in &view.nodes {
            printer.say(&format!("  celld --config {}", node.config.display()));
        }
        printer.say(&format!(
            "\nthen shards go there: cellctl shard move SHARD --to {} --reason TEXT",
            view.cell
        ));
    }
}

impl From<(NodeId, PathBuf)> for NodeView {
    fn from((node, config): (NodeId, PathBuf)) -> Self {
        Self {
            node: node.to_string(),
            config,
        }
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "",
        Verdict::NotTold => "not told: ",
        Verdict::Bad => "BAD: ",
    }
}
