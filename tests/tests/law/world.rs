//! A world of controllers, nodes and routers, without processes: each place decides by its own code.

mod crossings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cell_law::Law;
use control_plane_ledger::Digest;
use control_plane_state::command::{AuthoritySpec, CellSpec, HomeSpec, Proposal, WorldSpec};
use control_plane_state::law::Approval;
use control_plane_state::{Author, Command, Envelope, Outcome, State, apply};
use platform_model::matrix::LawVersion;
use platform_model::{CellId, HomeId, Incarnation, NodeId, RegionId, Role, RoutingTable, ShardId, Start};
use proptest::prelude::*;

use crate::laws::random_law;
use crate::{BEGIN_MS, CATALOGUE, HOMES, Step};

/// Where a check is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    Apply,
    Node,
    Door,
    Egress,
}

/// Controllers, and in each region one node and one router, which hear of tables when they do.
pub struct World {
    pub state: State,
    now_ms: u64,
    version: u64,
    /// What node and router of each region have heard of last.
    heard: Vec<Arc<RoutingTable>>,
    /// Copies on the disks.
    pub disks: Vec<BTreeSet<ShardId>>,
    plant: Option<Plant>,
    pub alarms: Vec<String>,
    pub placed: usize,
}

pub fn region(at: usize) -> RegionId {
    HOMES[at].1.parse().expect("a region")
}

fn cell(at: usize) -> CellId {
    format!("{}-1", HOMES[at].1).parse().expect("a cell")
}

fn home(at: usize) -> HomeId {
    format!("{}/{}", HOMES[at].0, HOMES[at].1)
        .parse()
        .expect("a home")
}

impl World {
    pub fn new(plant: Option<Plant>) -> Self {
        let world = platform_model::WorldId::new(&"a".repeat(64)).expect("an id");
        let mut made = Self {
            heard: HOMES.map(|_| Arc::new(RoutingTable::empty(world.clone()))).into(),
            state: State::new(world),
            now_ms: BEGIN_MS,
            version: 0,
            disks: vec![BTreeSet::new(); HOMES.len()],
            plant,
            alarms: Vec::new(),
            placed: 0,
        };
        let at = 0..HOMES.len();
        let spec = WorldSpec {
            common_host: "meridian.test".into(),
            countries: BTreeMap::new(),
            cells: at
                .clone()
                .map(|at| CellSpec {
                    id: cell(at),
                    region: region(at),
                })
                .collect(),
            homes: at
                .clone()
                .map(|at| HomeSpec {
                    id: home(at),
                    shard_count: 2,
                    host: format!("{}.test", HOMES[at].1),
                    cell: cell(at),
                })
                .collect(),
            authorities: [0, 2, 3]
                .map(|at| AuthoritySpec {
                    jurisdiction: home(at).jurisdiction,
                    shard_count: 1,
                    cell: cell(at),
                })
                .into(),
        };
        made.give(sre(), Command::InitWorld(spec));
        made
    }

    fn give(&mut self, author: Author, command: Command) -> Outcome {
        apply(&mut self.state, &Envelope::new(author, self.now_ms, "", command)).outcome
    }

    pub fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let before = self.state.clone();
        match step {
            Step::Enact { seed, days_ahead } => self.enact(*seed, *days_ahead),
            Step::Pass { ms } => {
                self.now_ms += u64::from(*ms);
                self.give(Author::Controller { id: "c".into() }, Command::ActivateLaw);
            }
            Step::Register { home } => self.register(*home),
            Step::Place { shard, cell: to } => self.place(*shard, *to),
            Step::Hear { who } => self.heard[*who] = Arc::new(self.state.table()),
            Step::Forward { home, router, user } => self.forward(*home, *router, *user)?,
            Step::Cross {
                home,
                to,
                class,
                purpose,
            } => self.cross(*home, *to, *class, *purpose)?,
        }
        self.no_primary_outside_the_law(&before)?;
        self.open_what_the_tables_say()?;
        self.evidence();
        Ok(())
    }

    /// A law as random as can be that strands nobody: each jurisdiction has one region where everything may be.
    fn enact(&mut self, seed: u64, days_ahead: u16) {
        self.version += 1;
        let text = format!("law {} of seed {seed}", self.version);
        let date = ["2000-01-01", "2010-01-01", "2011-01-01"][usize::from(days_ahead)];
        let matrix = random_law(
            self.version,
            date,
            *Digest::plain(text.as_bytes()).as_bytes(),
            seed,
        )
        .to_bytes();
        let (digest, version) = (Digest::plain(&matrix), LawVersion(self.version));
        let (proposal, expected) = (Proposal { text, matrix }, self.state.law.generation);
        self.give(officer("ann"), Command::ProposeLaw { proposal, expected });
        let approval = Approval {
            chain: Vec::new(),
            scheme: 0,
            signature: Vec::new(),
        };
        self.give(
            officer("ben"),
            Command::ApproveLaw {
                version,
                digest,
                approval,
            },
        );
    }

    fn register(&mut self, at: usize) {
        let node = NodeId {
            cell: cell(at),
            ordinal: 0,
        };
        let start = Start {
            incarnation: Incarnation(1),
            copy: at as u64 + 1,
            process: 1,
        };
        let author = Author::Node {
            id: node.clone(),
            region: region(at),
        };
        self.give(
            author,
            Command::RegisterNode {
                node,
                address: "127.0.0.1:1".into(),
                start,
                store: None,
            },
        );
    }

    fn place(&mut self, shard: usize, to: usize) {
        let at = shard % self.state.shards.len();
        let (shard, generation) = match self.state.shards.iter().nth(at) {
            Some((shard, record)) => (shard.clone(), record.generation),
            None => return,
        };
        let command = Command::PlaceShard {
            shard: shard.clone(),
            cell: cell(to),
            expected: generation,
        };
        let outcome = self.give(sre(), command);
        let lawful = self
            .state
            .law
            .matrix()
            .is_some_and(|matrix| matrix.may_serve(&shard, &region(to)).is_ok());
        if self.plant == Some(Plant::Apply) && !lawful && outcome.refusal().is_some() {
            // As if the controllers had not asked: the table gives the shard to a node abroad.
            let mut table = self.state.table();
            let node = NodeId {
                cell: cell(to),
                ordinal: 0,
            };
            table.shards.insert(
                shard,
                platform_model::ShardRoute::single(
                    node,
                    platform_model::Epoch(9),
                    platform_model::ReplicaId(7),
                ),
            );
            self.heard[to] = Arc::new(table);
        }
    }

    /// `apply`: whatever became a primary in this step is where the law in force permits it.
    fn no_primary_outside_the_law(&mut self, before: &State) -> Result<(), TestCaseError> {
        for (shard, record) in &self.state.shards {
            let Some(node) = record.primary() else { continue };
            if before
                .shards
                .get(shard)
                .is_some_and(|old| old.primary() == Some(node))
            {
                continue;
            }
            self.placed += 1;
            let at = &self.state.cells[&node.cell].region;
            let permitted = self
                .state
                .law
                .matrix()
                .map(|matrix| matrix.may_serve(shard, at).is_ok());
            prop_assert_eq!(permitted, Some(true), "{} came to {} against the law", shard, at);
        }
        Ok(())
    }

    fn law(&self, at: usize) -> Law {
        Law::new(region(at), CATALOGUE, || 0)
    }

    /// The node: begins what the table that it heard of gives it, if its own law lets it.
    fn open_what_the_tables_say(&mut self) -> Result<(), TestCaseError> {
        for (at, own) in HOMES.iter().enumerate() {
            let (table, law) = (Arc::clone(&self.heard[at]), self.law(at));
            let mine = table
                .shards
                .iter()
                .filter(|(_, route)| route.node.cell == cell(at));
            for (shard, _) in mine {
                let held = self.disks[at].contains(shard);
                let judged = law.may_open(&table, shard, cell_law::Part::Primary, held);
                if judged.is_err() && self.plant == Some(Plant::Apply) {
                    self.alarms
                        .push(format!("node in {} refuses {shard}", region(at)));
                }
                if judged.is_ok() && !held {
                    let permitted = table
                        .matrix()
                        .map(|matrix| matrix.may_serve(shard, &region(at)).is_ok());
                    prop_assert_eq!(
                        permitted,
                        Some(true),
                        "a copy of {} began in {}",
                        shard,
                        region(at)
                    );
                }
                if judged.is_ok() {
                    self.disks[at].insert(shard.clone());
                }
            }
            if self.plant == Some(Plant::Node) {
                // As if it had not asked: it keeps what nobody may keep there.
                let foreign = HOMES.iter().position(|other| other.0 != own.0).expect("several");
                self.disks[at].insert(ShardId::Root {
                    home: home(foreign),
                    index: 0,
                });
            }
        }
        Ok(())
    }

    /// What the report says: every copy that a node holds, judged by the controllers' law.
    fn evidence(&mut self) {
        if self.plant != Some(Plant::Node) {
            return;
        }
        for (at, disk) in self.disks.iter().enumerate() {
            for shard in disk {
                let intended = self.state.shards.get(shard).and_then(|record| record.primary());
                let unintended = intended.is_none_or(|node| node.cell != cell(at));
                let denied = self
                    .state
                    .law
                    .matrix()
                    .is_some_and(|matrix| matrix.may_serve(shard, &region(at)).is_err());
                if unintended && denied {
                    self.alarms.push(format!(
                        "{shard} lies in {} unintended and unlawfully",
                        region(at)
                    ));
                }
            }
        }
    }
}

fn sre() -> Author {
    Author::Operator {
        role: Role::Sre,
        id: "spiffe://x/operator/sre/o".into(),
    }
}

fn officer(name: &str) -> Author {
    Author::Operator {
        role: Role::Compliance,
        id: format!("spiffe://x/operator/compliance/{name}"),
    }
}
