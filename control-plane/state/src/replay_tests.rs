//! Random commands, good and bad: what holds after every one of them.

use control_plane_ledger::Head;
use platform_model::{
    CellState, Generation, Incarnation, KeyDigest, NodeId, RevokedIdentity, Role, Start, TokenKey,
};
use proptest::prelude::*;

use super::tests::{author, empty, spec};
use super::*;
use crate::command::{Author, CellSpec, HomeSpec};
use crate::trust::TrustCommand;
use crate::trust::break_glass::Window;
use crate::trust::join_token::Joiner;

const CELLS: [&str; 5] = ["eu-central-1", "eu-central-2", "us-east-1", "eu-west-1", "mars-1"];
const HOMES: [&str; 3] = ["eu/eu-central", "us/us-east", "eu/eu-west"];
const SHARDS: [&str; 5] = [
    "eu/eu-central/000",
    "us/us-east/keys",
    "directory/eu/000",
    "eu/eu-west/001",
    "eu/eu-central/009",
];

fn one_of(names: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    proptest::sample::select(names)
}

fn node() -> impl Strategy<Value = NodeId> {
    (one_of(&CELLS), 0..2u16).prop_map(|(c, ordinal)| NodeId {
        cell: c.parse().expect("a cell"),
        ordinal,
    })
}

fn command() -> impl Strategy<Value = Command> {
    let state = prop_oneof![Just(CellState::Open), Just(CellState::Cordoned)];
    prop_oneof![
        1 => Just(Command::InitWorld(spec())),
        1 => Just(Command::CreateCell(CellSpec {
            id: "eu-west-1".parse().expect("a cell"),
            region: "eu-west".parse().expect("a region"),
        })),
        1 => (one_of(&HOMES), one_of(&CELLS), 0..3u16).prop_map(|(home, cell, shard_count)| {
            let (id, cell) = (home.parse().expect("a home"), cell.parse().expect("a cell"));
            Command::CreateHome(HomeSpec { id, shard_count, host: format!("{}.test", home.replace('/', "-")), cell })
        }),
        1 => (one_of(&["DE", "US", "FR"]), one_of(&["eu", "us", "mars"])).prop_map(|(country, to)| {
            let (country, jurisdiction) = (country.parse().expect("a country"), to.parse().expect("one"));
            Command::SetCountry { country, jurisdiction }
        }),
        2 => (one_of(&CELLS), state, 1..4u64).prop_map(|(cell, state, expected)| {
            let cell = cell.parse().expect("a cell");
            Command::SetCellState { cell, state, expected: Generation(expected) }
        }),
        2 => (one_of(&SHARDS), one_of(&CELLS), 1..3u64).prop_map(|(shard, cell, expected)| {
            let (shard, cell) = (shard.parse().expect("a shard"), cell.parse().expect("a cell"));
            Command::PlaceShard { shard, cell, expected: Generation(expected) }
        }),
        4 => (node(), 0..4u64, one_of(&["a:1", "a:2"])).prop_map(|(node, incarnation, address)| {
            Command::RegisterNode { node, address: address.into(), start: Start { incarnation: Incarnation(incarnation), copy: 7, process: incarnation }, store: None }
        }),
        3 => trust_command().prop_map(Command::Trust),
        2 => (one_of(&HOMES), 0..6u8).prop_map(|(home, n)| {
            let key = TokenKey { kid: format!("k{n}"), public: [n; 32] };
            Command::PublishTokenKey { home: home.parse().expect("a home"), key }
        }),
    ]
}

fn trust_command() -> impl Strategy<Value = TrustCommand> {
    let digest = (0..3u8).prop_map(|n| KeyDigest([n; 32]));
    let joiner = |node: NodeId| Joiner::Node {
        region: node.cell.as_str()[..node.cell.as_str().len() - 2]
            .parse()
            .expect("a region"),
        id: node,
    };
    let identity = (0..3u8).prop_map(|n| {
        let id = format!("spiffe://{}/region/eu/router/{n}", "a".repeat(16));
        RevokedIdentity { id, key: None }
    });
    prop_oneof![
        (one_of(&["eu-central", "us-east"]), one_of(&["DE", "US"])).prop_map(|(region, country)| {
            TrustCommand::AttestRegion {
                region: region.parse().expect("a region"),
                country: country.parse().expect("a country"),
                place: "there".into(),
            }
        }),
        (digest.clone(), node(), 1..9_000u64).prop_map(move |(digest, node, expires_ms)| {
            TrustCommand::CreateJoinToken {
                digest,
                joiner: joiner(node),
                expires_ms,
            }
        }),
        (digest.clone(), node(), 0..2u8).prop_map(move |(digest, node, key)| {
            TrustCommand::BindJoinToken {
                digest,
                joiner: joiner(node),
                key: KeyDigest([key; 32]),
            }
        }),
        digest.prop_map(|digest| TrustCommand::RevokeJoinToken { digest }),
        (identity.clone(), 1..9_000u64)
            .prop_map(|(identity, until_ms)| TrustCommand::RevokeIdentity { identity, until_ms }),
        identity.prop_map(|identity| TrustCommand::RestoreIdentity { identity }),
        (one_of(&HOMES), 1..9_000u64).prop_map(|(home, until_ms)| TrustCommand::OpenBreakGlass(Window {
            home: home.parse().expect("a home"),
            subject: "018f3f2e-0000-7000-8000-000000000001".parse().expect("an id"),
            purpose: "support".into(),
            until_ms,
        })),
        (0..4u64).prop_map(|number| TrustCommand::CloseBreakGlass { number }),
    ]
}

fn envelope() -> impl Strategy<Value = Envelope> {
    (command(), node(), any::<bool>(), 0..9_000u64).prop_map(|(command, other, honest, time_ms)| {
        let operator = Author::Operator {
            role: Role::Sre,
            id: "o".into(),
        };
        let author = match &command {
            Command::RegisterNode { node, .. } if honest => author(node.clone()),
            Command::PublishTokenKey { .. } => author(other),
            Command::Trust(TrustCommand::BindJoinToken { .. }) if honest => {
                let id = "spiffe://x/region/eu/controller/1".into();
                Author::Controller { id }
            }
            Command::Trust(TrustCommand::AttestRegion { .. }) if honest => Author::Operator {
                role: Role::Compliance,
                id: "c".into(),
            },
            _ if honest => operator,
            _ => author(other),
        };
        Envelope::new(author, time_ms, "why", command)
    })
}

/// A world in most runs, so that commands find something to act on.
fn commands() -> impl Strategy<Value = Vec<Envelope>> {
    let operator = Author::Operator {
        role: Role::Sre,
        id: "o".into(),
    };
    let first = Envelope::new(operator, 1, "", Command::InitWorld(spec()));
    (any::<bool>(), proptest::collection::vec(envelope(), 0..60)).prop_map(move |(made, mut rest)| {
        if made {
            rest.insert(0, first.clone());
        }
        rest
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn replay_gives_the_same_state_and_deltas_compose(commands in commands()) {
        let mut state = empty();
        let mut replica = empty();
        let mut table = state.table();
        let mut head = state.ledger.head();
        for envelope in &commands {
            let before = state.clone();
            let effects = apply(&mut state, envelope);
            replica = through_disk(&replica);
            prop_assert_eq!(&apply(&mut replica, &through_disk(envelope)), &effects);
            prop_assert_eq!(&replica, &state);
            if let Some(delta) = effects.delta.clone() {
                prop_assert!(delta.to == delta.from.next());
                table.apply(delta).expect("begins where the last one ended");
            }
            prop_assert_eq!(&table, &state.table());
            for entry in &effects.entries {
                prop_assert_eq!((entry.sequence, entry.previous), (head.sequence + 1, head.hash));
                head = Head { sequence: entry.sequence, hash: entry.hash() };
            }
            prop_assert_eq!(head, state.ledger.head());
            check_step(&before, &state, &effects)?;
        }
    }
}

fn through_disk<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    serde_json::from_slice(&serde_json::to_vec(value).expect("writes")).expect("reads")
}

fn check_step(before: &State, after: &State, effects: &Effects) -> Result<(), TestCaseError> {
    if !matches!(effects.outcome, Outcome::Accepted { .. }) {
        let same = State {
            time_ms: before.time_ms,
            ledger: before.ledger.clone(),
            ..after.clone()
        };
        prop_assert_eq!(before, &same, "a refusal changes nothing");
    }
    prop_assert!(after.time_ms >= before.time_ms);
    prop_assert!(after.table_generation >= before.table_generation);
    for (id, old) in &before.shards {
        let new = &after.shards[id];
        prop_assert!(
            new.epoch() >= old.epoch() && new.generation >= old.generation,
            "{}",
            id
        );
        prop_assert!(
            new.primary() == old.primary() || new.epoch() > old.epoch(),
            "{} changed hands in one epoch",
            id
        );
        prop_assert!(
            new == old || new.generation > old.generation,
            "{} changed unseen",
            id
        );
    }
    for (id, old) in &before.homes {
        prop_assert_eq!(after.homes[id].shard_count, old.shard_count);
    }
    for (id, record) in &after.shards {
        let cell = &after.cells[&record.cell];
        prop_assert!(
            id.home().is_none_or(|home| home.region == cell.region),
            "{} far from home",
            id
        );
        prop_assert!(record.primary().is_none_or(|node| node.cell == record.cell));
        prop_assert_eq!(record.epochs.last().map(|e| &e.node), record.primary());
    }
    for (id, old) in &before.nodes {
        prop_assert!(after.nodes[id].start.incarnation >= old.start.incarnation);
    }
    Ok(())
}
