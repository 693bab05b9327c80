//! A leader over a state and simulated nodes, in made-up time: no Raft, no network, no waiting.

mod detection;
mod gray;
mod last_copy;
mod operations;
mod proposals;
mod recovering;
mod repair;
mod room;
mod takeover;
mod turned_back;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use control_plane_ledger::Digest;
use control_plane_state::command::{AuthoritySpec, CellSpec, HomeSpec, Proposal, WorldSpec};
use control_plane_state::law::Approval;
use control_plane_state::operation::{
    OperationCommand, OperationId, OperationKind, OperationRecord, Start as Begin,
};
use control_plane_state::shard_config::ShardConfig;
use control_plane_state::{Author, Command, Envelope, Outcome, Refusal, State, apply};
use platform_model::matrix::LawVersion;
use platform_model::thresholds::{REPORT_EVERY_MS, TICK_MS};
use platform_model::{
    CellId, Generation, Incarnation, NodeId, ReplicaId, Role, RoutingTable, ShardId, SharedStore, Start,
    WorldId,
};

use platform_wire::replicas::ReplicasReply;

use super::act::{Act, By};
use super::leader::Leader;
use crate::testing::law_of;
use crate::testing::nodes::Nodes;

/// In the year 2010.
const BEGIN_MS: u64 = 40 * 365 * 86_400_000;

fn world_id() -> WorldId {
    WorldId::new(&"a".repeat(64)).expect("an id")
}

/// Names of copies, in their order.
fn fresh() -> ReplicaId {
    static NEXT: AtomicU64 = AtomicU64::new(1 << 40);
    ReplicaId(u128::from(NEXT.fetch_add(1, Ordering::Relaxed)))
}

pub(super) fn node(text: &str) -> NodeId {
    text.parse().expect("a node")
}

/// The nodes of the world: of the first lies every shard at first.
pub(super) const NODES: [&str; 5] = [
    "eu-central-1/0",
    "eu-central-1/1",
    "eu-central-2/0",
    "eu-west-1/0",
    "us-east-1/0",
];

pub(super) struct Sim {
    /// Those that have registered.
    ids: Vec<NodeId>,
    pub(super) state: State,
    pub(super) leader: Leader,
    pub(super) nodes: Nodes,
    pub(super) now_ms: u64,
    /// Everything that was committed, with its reason, oldest first.
    pub(super) committed: Vec<(Act, Outcome)>,
    reported_ms: BTreeMap<NodeId, u64>,
    /// Stores that the nodes of a cell share.
    stores: BTreeMap<CellId, SharedStore>,
    /// What nodes go on by while no table is given out.
    followed: RoutingTable,
    /// The leader loses everything each time that it has given so many commands.
    pub(super) amnesia_after: Option<usize>,
    given: usize,
    /// Between two reports nodes say at once what they ask for, without their copies.
    pub(super) words: bool,
}

impl Sim {
    /// A world under a law, with all nodes registered, one shard of people, and its first primary formed.
    pub(super) fn new() -> Self {
        Self::on(BTreeMap::new())
    }

    /// As [`Self::new`], where the nodes of these cells share a store.
    pub(super) fn sharing(cells: &[&str]) -> Self {
        let store = |cell: &&str| {
            let name = cell.bytes().map(u64::from).sum();
            let engine = "tikv".to_owned();
            (cell.parse().expect("a cell"), SharedStore { engine, name })
        };
        Self::on(cells.iter().map(store).collect())
    }

    fn on(stores: BTreeMap<CellId, SharedStore>) -> Self {
        let mut sim = Self {
            ids: Vec::new(),
            state: State::new(world_id()),
            leader: Leader::new(0, fresh),
            nodes: Nodes::default(),
            now_ms: 0,
            committed: Vec::new(),
            reported_ms: BTreeMap::new(),
            stores,
            followed: RoutingTable::empty(world_id()),
            amnesia_after: None,
            given: 0,
            words: false,
        };
        sim.accept(operator(), "", Command::InitWorld(spec()));
        sim.enact();
        for id in NODES {
            sim.register(&node(id));
        }
        sim.run(3_000);
        assert!(!sim.config().unborn, "it is born");
        sim.committed.clear();
        sim
    }

    /// As [`Self::new`], with in-sync standbys on these nodes.
    pub(super) fn with_standbys(nodes: &[&str]) -> Self {
        let mut sim = Self::new();
        for id in nodes {
            sim.add_standby(id);
        }
        assert_eq!(sim.config().candidates().count(), nodes.len() + 1, "all in sync");
        sim.committed.clear();
        sim
    }

    /// On this node, and enough time for it to be in sync.
    pub(super) fn add_standby(&mut self, id: &str) {
        let kind = OperationKind::Repair {
            add: Some(node(id)),
            remove: None,
        };
        self.start(kind).expect("a repair");
        self.run(10_000);
    }

    pub(super) fn shard() -> ShardId {
        "eu/eu-central/000".parse().expect("a shard")
    }

    pub(super) fn config(&self) -> &ShardConfig {
        self.state.shards[&Self::shard()].config.as_ref().expect("placed")
    }

    pub(super) fn primary(&self) -> String {
        self.config().primary.node.to_string()
    }

    /// Lets so many milliseconds pass.
    pub(super) fn run(&mut self, for_ms: u64) {
        self.run_until(for_ms, |_| false);
    }

    /// Until it is so, at most so many milliseconds; how many it took.
    pub(super) fn run_until(&mut self, for_ms: u64, is_so: impl Fn(&Self) -> bool) -> u64 {
        let begun = self.now_ms;
        while self.now_ms < begun + for_ms && !is_so(self) {
            self.now_ms += TICK_MS;
            self.reports();
            let now = self.now_ms * 1_000;
            self.leader.look_over(&self.state);
            let mut acts = self.leader.tick(now, &self.state);
            acts.extend(self.leader.relieve_suspects(now, &self.state));
            acts.extend(self.leader.balance(now, &self.state));
            acts.extend(self.leader.tidy(now, &self.state));
            acts.extend(self.leader.repair(now, &self.state));
            let unix_ms = BEGIN_MS + self.now_ms;
            acts.extend(self.leader.operate(now, unix_ms, &self.state));
            self.carry_out(acts);
        }
        self.now_ms - begun
    }

    /// Nodes report at their pace, not all at once.
    fn reports(&mut self) {
        for (index, id) in self.ids.clone().into_iter().enumerate() {
            let last = self.reported_ms.get(&id).copied().unwrap_or(index as u64 * 40);
            if !self.nodes.is_up(&id) || self.now_ms < last + REPORT_EVERY_MS {
                self.say_words(&id);
                continue;
            }
            self.reported_ms.insert(id.clone(), self.now_ms);
            if self.state.is_recovered() {
                self.followed = self.state.table();
            }
            let table = self.followed.clone();
            let report = self.nodes.report(&id, &table, self.now_ms);
            let now = self.now_ms * 1_000;
            self.leader.look_over(&self.state);
            let acts = self.leader.hear(now, &self.state, &report);
            let verify = self.leader.to_verify(now, &self.state, &id);
            let newest = Vec::new();
            let tell = self.leader.asks(&self.state, &report);
            self.nodes.hear(&id, &ReplicasReply { newest, verify, tell });
            self.carry_out(acts);
        }
    }

    /// What a node says between two reports.
    fn say_words(&mut self, id: &NodeId) {
        if !self.words || !self.nodes.is_up(id) {
            return;
        }
        let words = self.nodes.words(id, &self.followed);
        let Some(words) = words else { return };
        self.leader.look_over(&self.state);
        let acts = self.leader.hear(self.now_ms * 1_000, &self.state, &words);
        self.carry_out(acts);
    }

    pub(super) fn carry_out(&mut self, acts: Vec<Act>) {
        for act in acts {
            let author = match &act.by {
                By::Controller => Author::Controller { id: "c1".into() },
                By::Node(id) => author(id),
            };
            let outcome = self.give(author, &act.reason, act.command.clone());
            self.leader.settled(&act.shard);
            self.committed.push((act, outcome));
            self.given += 1;
            if self
                .amnesia_after
                .is_some_and(|after| self.given.is_multiple_of(after))
            {
                self.leader = Leader::new(self.now_ms * 1_000, fresh);
            }
        }
    }

    pub(super) fn give(&mut self, author: Author, reason: &str, command: Command) -> Outcome {
        let envelope = Envelope::new(author, BEGIN_MS + self.now_ms, reason, command);
        apply(&mut self.state, &envelope).outcome
    }

    pub(super) fn accept(&mut self, author: Author, reason: &str, command: Command) {
        let outcome = self.give(author, reason, command.clone());
        assert!(outcome.refusal().is_none(), "{command:?}: {outcome:?}");
    }

    /// Starts an operation on the shard, by a person.
    pub(super) fn start(&mut self, kind: OperationKind) -> Result<OperationId, Refusal> {
        let start = Begin {
            shard: Self::shard(),
            kind,
            expected: self.config().generation,
            deadline_ms: None,
            plan: None,
        };
        self.order(OperationCommand::Start(start))?;
        Ok(self.state.operations.last)
    }

    pub(super) fn order(&mut self, command: OperationCommand) -> Result<(), Refusal> {
        let outcome = self.give(operator(), "a person says so", Command::Operation(command));
        outcome.refusal().cloned().map_or(Ok(()), Err)
    }

    pub(super) fn operation(&self, id: OperationId) -> &OperationRecord {
        &self.state.operations.records[&id]
    }

    /// Names of the commands that came into effect.
    pub(super) fn effects(&self) -> Vec<&'static str> {
        let done = self
            .committed
            .iter()
            .filter(|(_, outcome)| outcome.refusal().is_none());
        done.map(|(act, _)| act.command.name()).collect()
    }

    pub(super) fn refusals(&self) -> Vec<Refusal> {
        let refused = self.committed.iter().filter_map(|(_, outcome)| outcome.refusal());
        refused.cloned().collect()
    }

    /// The reason with which a command was given.
    pub(super) fn reason(&self, name: &str) -> String {
        let mut acts = self.committed.iter().map(|(act, _)| act);
        let act = acts.find(|act| act.command.name() == name);
        act.unwrap_or_else(|| panic!("no {name} in {:?}", self.effects()))
            .reason
            .clone()
    }

    pub(super) fn pause_automation(&mut self) {
        self.set_automation(true);
    }

    pub(super) fn set_automation(&mut self, paused: bool) {
        let expected = self.state.automation.generation;
        let command = Command::SetAutomation { paused, expected };
        self.accept(operator(), "a drill", command);
    }

    pub(super) fn register(&mut self, id: &NodeId) {
        self.ids.push(id.clone());
        let command = Command::RegisterNode {
            node: id.clone(),
            address: format!("127.0.0.1:{}", 7_000 + id.ordinal),
            start: Start {
                incarnation: Incarnation(1),
                copy: 7,
                process: 1,
            },
            store: self.stores.get(&id.cell).cloned(),
        };
        self.accept(author(id), "", command);
    }

    fn enact(&mut self) {
        let (text, matrix) = law_of(1, &crate::testing::AREAS);
        let digest = Digest::plain(&matrix);
        let proposal = Proposal { text, matrix };
        let expected: Generation = self.state.law.generation;
        self.accept(
            officer("ann"),
            "a test",
            Command::ProposeLaw { proposal, expected },
        );
        let approval = Approval {
            chain: vec![vec![1]],
            scheme: 0x0807,
            signature: vec![2],
        };
        let command = Command::ApproveLaw {
            version: LawVersion(1),
            digest,
            approval,
        };
        self.accept(officer("ben"), "a test", command);
    }
}

pub(super) fn operator() -> Author {
    Author::Operator {
        role: Role::Sre,
        id: "spiffe://x/operator/sre/o1".into(),
    }
}

fn officer(name: &str) -> Author {
    Author::Operator {
        role: Role::Compliance,
        id: format!("spiffe://x/operator/compliance/{name}"),
    }
}

fn author(id: &NodeId) -> Author {
    let (region, _) = id.cell.as_str().rsplit_once('-').expect("region and number");
    Author::Node {
        region: region.parse().expect("a region"),
        id: id.clone(),
    }
}

fn spec() -> WorldSpec {
    let cells = [
        ("eu-central-1", "eu-central"),
        ("eu-central-2", "eu-central"),
        ("eu-west-1", "eu-west"),
        ("us-east-1", "us-east"),
    ];
    WorldSpec {
        common_host: "example.test".into(),
        countries: [(
            "DE".parse().expect("a country"),
            "eu".parse().expect("a jurisdiction"),
        )]
        .into(),
        cells: cells
            .map(|(id, region)| CellSpec {
                id: id.parse().expect("a cell"),
                region: region.parse().expect("a region"),
            })
            .into(),
        homes: vec![HomeSpec {
            id: "eu/eu-central".parse().expect("a home"),
            shard_count: 1,
            host: "eu.example.test".into(),
            cell: "eu-central-1".parse().expect("a cell"),
        }],
        authorities: vec![AuthoritySpec {
            jurisdiction: "eu".parse().expect("a jurisdiction"),
            shard_count: 1,
            cell: "eu-central-1".parse().expect("a cell"),
        }],
    }
}
