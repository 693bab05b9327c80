//! Tests of [`super`]: one per rule.

use platform_model::{CellState, Generation, Incarnation, NodeId, Role, ShardId, Start, TokenKey, WorldId};

use super::*;
use crate::command::{Author, AuthoritySpec, CellSpec, HomeSpec, WorldSpec};
use crate::limits::TOKEN_KEYS_MAX;

pub(crate) fn spec() -> WorldSpec {
    let homes = [("eu/eu-central", "eu-central-1"), ("us/us-east", "us-east-1")];
    WorldSpec {
        common_host: "example.test".into(),
        countries: [(
            "DE".parse().expect("a country"),
            "eu".parse().expect("a jurisdiction"),
        )]
        .into(),
        cells: [
            ("eu-central-1", "eu-central"),
            ("us-east-1", "us-east"),
            ("eu-central-2", "eu-central"),
        ]
        .map(|(id, region)| CellSpec {
            id: id.parse().expect("a cell"),
            region: region.parse().expect("a region"),
        })
        .into(),
        homes: homes
            .map(|(id, cell)| HomeSpec {
                id: id.parse().expect("a home"),
                shard_count: 2,
                host: format!("{}.example.test", id.replace('/', "-")),
                cell: cell.parse().expect("a cell"),
            })
            .into(),
        authorities: vec![AuthoritySpec {
            jurisdiction: "eu".parse().expect("a jurisdiction"),
            shard_count: 1,
            cell: "eu-central-1".parse().expect("a cell"),
        }],
    }
}

pub(crate) fn empty() -> State {
    State::new(WorldId::new(&"a".repeat(64)).expect("an id"))
}

fn operator() -> Author {
    Author::Operator {
        role: Role::Sre,
        id: "spiffe://x/operator/sre/o1".into(),
    }
}

/// A node with a certificate for the region that its cell's name says.
pub(crate) fn author(id: NodeId) -> Author {
    let (region, _) = id.cell.as_str().rsplit_once('-').expect("region and number");
    Author::Node {
        region: region.parse().expect("a region"),
        id,
    }
}

fn give(state: &mut State, author: Author, command: Command) -> Effects {
    apply(state, &Envelope::new(author, 1_000, "a test", command))
}

pub(crate) fn made() -> State {
    let mut state = empty();
    let effects = give(&mut state, operator(), Command::InitWorld(spec()));
    assert!(matches!(
        effects.outcome,
        Outcome::Accepted {
            sequence: 1,
            generation: Generation(1)
        }
    ));
    state
}

/// With a law under which everything stays in its own regions.
pub(crate) fn lawful() -> State {
    let mut state = made();
    let law = law_tests::proposal(1, "2000-01-01", &law_tests::areas());
    law_tests::enact(&mut state, law_tests::NOW_MS, &law);
    state
}

/// A start on the node's one copy of its data.
fn start(incarnation: u64) -> Start {
    Start {
        incarnation: Incarnation(incarnation),
        copy: 7,
        process: incarnation,
    }
}

pub(crate) fn register(state: &mut State, node: &str, incarnation: u64, address: &str) -> Outcome {
    let node: NodeId = node.parse().expect("a node");
    let command = Command::RegisterNode {
        node: node.clone(),
        address: address.into(),
        start: start(incarnation),
        store: None,
    };
    give(state, author(node), command).outcome
}

pub(crate) fn place(state: &mut State, shard: &str, cell: &str, expected: u64) -> Outcome {
    let command = Command::PlaceShard {
        shard: shard.parse().expect("a shard"),
        cell: cell.parse().expect("a cell"),
        expected: Generation(expected),
    };
    give(state, operator(), command).outcome
}

pub(crate) fn refusal(outcome: Outcome) -> Refusal {
    outcome
        .refusal()
        .cloned()
        .unwrap_or_else(|| panic!("not refused: {outcome:?}"))
}

#[test]
fn a_world_is_made_once_and_nothing_comes_before_it() {
    let mut state = empty();
    assert_eq!(
        refusal(register(&mut state, "eu-central-1/0", 1, "a:1")),
        Refusal::NoWorld
    );
    let mut state = made();
    let again = give(&mut state, operator(), Command::InitWorld(spec()));
    assert_eq!(refusal(again.outcome), Refusal::WorldExists);
}

#[test]
fn a_spec_with_one_bad_part_makes_nothing() {
    let mut bad = spec();
    bad.homes[1].cell = "eu-central-1".parse().expect("a cell");
    let mut state = empty();
    let effects = give(&mut state, operator(), Command::InitWorld(bad));
    assert!(matches!(
        refusal(effects.outcome),
        Refusal::OutsideHomeRegion { .. }
    ));
    assert!(state.made.is_none() && state.cells.is_empty() && state.shards.is_empty());
}

#[test]
fn shards_get_their_primary_when_the_first_node_of_their_cell_registers() {
    let mut state = lawful();
    assert!(state.table().shards.is_empty());
    register(&mut state, "eu-central-1/1", 1, "a:2");
    assert!(state.table().shards.is_empty(), "a second node takes nothing");
    register(&mut state, "eu-central-1/0", 1, "a:1");
    let shards: Vec<String> = state.table().shards.keys().map(ToString::to_string).collect();
    assert_eq!(
        shards,
        [
            "eu/eu-central/000",
            "eu/eu-central/001",
            "eu/eu-central/keys",
            "directory/eu/000"
        ]
    );
    assert!(state.table().shards.values().all(|route| route.epoch.0 == 1));
}

#[test]
fn only_a_later_start_of_a_node_is_believed() {
    let mut state = made();
    register(&mut state, "eu-central-1/0", 3, "a:1");
    let before = state.clone();
    assert!(matches!(
        register(&mut state, "eu-central-1/0", 3, "a:1"),
        Outcome::Unchanged { .. }
    ));
    assert_eq!(state, before);
    for (incarnation, address) in [(2, "a:1"), (3, "a:9")] {
        let refused = refusal(register(&mut state, "eu-central-1/0", incarnation, address));
        assert!(matches!(refused, Refusal::OldIncarnation { .. }), "{refused}");
    }
    assert!(matches!(
        register(&mut state, "eu-central-1/0", 4, "a:9"),
        Outcome::Accepted { .. }
    ));
    assert!(
        state.table().shards.values().all(|route| route.epoch.0 == 1),
        "a restart is no new epoch"
    );
}

#[test]
fn a_node_speaks_for_itself_alone_and_a_person_for_no_node() {
    let mut state = made();
    let node: NodeId = "eu-central-1/0".parse().expect("a node");
    let register = Command::RegisterNode {
        node,
        address: "a:1".into(),
        start: start(1),
        store: None,
    };
    let other = author("us-east-1/0".parse().expect("a node"));
    for author in [other.clone(), operator()] {
        let refused = refusal(give(&mut state, author, register.clone()).outcome);
        assert!(matches!(refused, Refusal::NotYours { .. }));
    }
    let refused = refusal(give(&mut state, other, Command::InitWorld(spec())).outcome);
    assert!(matches!(refused, Refusal::NotYours { .. }));
}

#[test]
fn a_node_stands_in_the_region_of_its_certificate() {
    let mut state = made();
    let node: NodeId = "eu-central-1/0".parse().expect("a node");
    let command = Command::RegisterNode {
        node: node.clone(),
        address: "a:1".into(),
        start: start(1),
        store: None,
    };
    let author = Author::Node {
        id: node,
        region: "us-east".parse().expect("a region"),
    };
    let refused = refusal(give(&mut state, author, command).outcome);
    assert!(matches!(refused, Refusal::WrongRegion { .. }));
}

#[test]
fn a_shard_is_placed_in_the_region_of_its_home_on_an_open_cell() {
    let mut state = made();
    let far = refusal(place(&mut state, "eu/eu-central/000", "us-east-1", 1));
    assert!(matches!(far, Refusal::OutsideHomeRegion { .. }));
    let far = refusal(place(&mut state, "directory/eu/000", "us-east-1", 1));
    assert!(matches!(far, Refusal::OutsideJurisdiction { .. }));
    let mut state = lawful();
    let unknown = refusal(place(&mut state, "eu/eu-central/000", "mars-1", 1));
    assert!(matches!(unknown, Refusal::UnknownCell(_)));
    let unknown = refusal(place(&mut state, "eu/eu-central/007", "eu-central-1", 1));
    assert!(matches!(unknown, Refusal::UnknownShard(_)));
    let stale = refusal(place(&mut state, "eu/eu-central/000", "eu-central-2", 9));
    assert!(matches!(stale, Refusal::GenerationMismatch { .. }));
    assert!(matches!(
        place(&mut state, "eu/eu-central/000", "eu-central-2", 1),
        Outcome::Accepted { .. }
    ));
    register(&mut state, "eu-central-2/0", 1, "a:2");
    let shard: ShardId = "eu/eu-central/000".parse().expect("a shard");
    assert_eq!(state.table().shards[&shard].node.to_string(), "eu-central-2/0");
    let served = refusal(place(&mut state, "eu/eu-central/000", "eu-central-1", 3));
    assert!(matches!(served, Refusal::ShardServed { .. }), "{served}");
}

#[test]
fn a_cordoned_cell_takes_nothing_until_it_is_open_again() {
    let mut state = lawful();
    let set = |to, expected| Command::SetCellState {
        cell: "eu-central-1".parse().expect("a cell"),
        state: to,
        expected: Generation(expected),
    };
    give(&mut state, operator(), set(CellState::Cordoned, 1));
    register(&mut state, "eu-central-1/0", 1, "a:1");
    assert!(state.table().shards.is_empty());
    let stale = refusal(give(&mut state, operator(), set(CellState::Open, 1)).outcome);
    assert!(matches!(stale, Refusal::GenerationMismatch { .. }));
    give(&mut state, operator(), set(CellState::Open, 2));
    assert_eq!(state.table().shards.len(), 4);
}

#[test]
fn token_keys_come_from_the_primary_of_the_key_shard_and_are_bounded() {
    let mut state = lawful();
    let publish = |state: &mut State, node: &str, kid: &str, byte: u8| {
        let home = "eu/eu-central".parse().expect("a home");
        let key = TokenKey {
            kid: kid.into(),
            public: [byte; 32],
        };
        let author = author(node.parse().expect("a node"));
        give(state, author, Command::PublishTokenKey { home, key }).outcome
    };
    let early = refusal(publish(&mut state, "eu-central-1/0", "k0", 0));
    assert!(matches!(early, Refusal::NotPrimary { .. }));
    register(&mut state, "eu-central-1/0", 1, "a:1");
    let foreign = refusal(publish(&mut state, "us-east-1/0", "k0", 0));
    assert!(matches!(foreign, Refusal::NotPrimary { .. }));
    for n in 0..=u8::try_from(TOKEN_KEYS_MAX).expect("small") {
        assert!(matches!(
            publish(&mut state, "eu-central-1/0", &format!("k{n}"), n),
            Outcome::Accepted { .. }
        ));
    }
    let repeated = publish(&mut state, "eu-central-1/0", "k4", 4);
    assert!(matches!(repeated, Outcome::Unchanged { .. }), "{repeated:?}");
    let reused = refusal(publish(&mut state, "eu-central-1/0", "k4", 9));
    assert!(matches!(reused, Refusal::KeyIdReused { .. }));
    let kids: Vec<String> = state
        .table()
        .homes
        .values()
        .flat_map(|h| &h.token_keys)
        .map(|k| k.kid.clone())
        .collect();
    assert_eq!(kids, ["k1", "k2", "k3", "k4"]);
}

#[test]
fn time_never_goes_back() {
    let mut state = made();
    let early = Envelope::new(operator(), 5, "", Command::InitWorld(spec()));
    let effects = apply(&mut state, &early);
    assert_eq!(effects.entries[0].record.time_ms, 1_000);
}

/// What lies in snapshots on disk. A change here needs a new `STATE_VERSION` and a way from the one before.
#[test]
fn the_stored_form_of_the_state_does_not_change() {
    let mut state = lawful();
    register(&mut state, "eu-central-1/0", 1, "127.0.0.1:9");
    let stored = serde_json::to_string_pretty(&state).expect("writes") + "\n";
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(
            concat!(env!("CARGO_MANIFEST_DIR"), "/src/stored_state.json"),
            &stored,
        )
        .expect("written");
    }
    assert_eq!(stored, include_str!("stored_state.json"));
    assert_eq!(
        serde_json::from_str::<State>(include_str!("stored_state.json")).expect("reads"),
        state
    );
}

/// Registers a node that shares a store of this name with others of its cell.
fn register_on(state: &mut State, node: &str, name: u64) -> Outcome {
    let node: NodeId = node.parse().expect("a node");
    let command = Command::RegisterNode {
        node: node.clone(),
        address: "a:1".into(),
        start: start(1),
        store: Some(platform_model::SharedStore {
            engine: "tikv".into(),
            name,
        }),
    };
    give(state, author(node), command).outcome
}

#[test]
fn nodes_of_one_cell_are_on_one_store_or_share_none() {
    let mut state = lawful();
    let (one, two): (NodeId, NodeId) = (
        "eu-central-1/0".parse().expect("a node"),
        "eu-central-1/1".parse().expect("a node"),
    );
    register_on(&mut state, "eu-central-1/0", 7);
    let foreign = refusal(register_on(&mut state, "eu-central-1/1", 8));
    assert!(matches!(foreign, Refusal::ForeignStore { .. }), "{foreign:?}");
    register_on(&mut state, "eu-central-1/1", 7);
    assert!(state.share_a_store(&one, &two));
    // Another cell on a store of the same name is another cell: each has keys of its own.
    register_on(&mut state, "eu-central-2/0", 7);
    assert!(!state.share_a_store(&one, &"eu-central-2/0".parse().expect("a node")));
    register(&mut state, "us-east-1/0", 1, "a:1");
    register(&mut state, "us-east-1/1", 1, "a:1");
    let us = |text: &str| text.parse().expect("a node");
    assert!(!state.share_a_store(&us("us-east-1/0"), &us("us-east-1/1")));
}

/// Shards that come later go to whoever has fewest; where nothing is shared the first node has them all.
#[test]
fn new_shards_are_spread_over_nodes_that_share_a_store() {
    let mut state = made();
    for node in ["eu-central-1/1", "eu-central-1/2"] {
        register_on(&mut state, node, 7);
    }
    register(&mut state, "us-east-1/0", 1, "a:1");
    register(&mut state, "us-east-1/1", 1, "a:1");
    let law = law_tests::proposal(1, "2000-01-01", &law_tests::areas());
    law_tests::enact(&mut state, law_tests::NOW_MS, &law);
    let on = |node: &str| {
        let node: NodeId = node.parse().expect("a node");
        let primaries = state.shards.values().filter_map(|record| record.primary());
        primaries.filter(|primary| **primary == node).count()
    };
    assert_eq!(
        (on("eu-central-1/1"), on("eu-central-1/2")),
        (2, 2),
        "the first needs not be there"
    );
    assert_eq!((on("us-east-1/0"), on("us-east-1/1")), (3, 0));
}
