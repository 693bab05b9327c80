//! One world that agrees, and one change for each thing that may differ.

use control_plane_ledger::{Digest, Head, Witness};
use platform_model::{Generation, Incarnation, RoutingTable, Start, WorldId};
use platform_wire::admin::{Insight, Member, NodeReport, ShardRecord};

use super::*;
use crate::command::world::check::look::Router;
use crate::world::ledgers::Seen as Heads;

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("well formed")
}

fn status(id: u64) -> WorldStatus {
    let mut table = RoutingTable::empty(WorldId::new(&"a".repeat(64)).expect("an id"));
    table.generation = Generation(7);
    let start = Start {
        incarnation: Incarnation(4),
        copy: 7,
        process: 8,
    };
    let address = "127.0.0.1:9".to_owned();
    table
        .nodes
        .insert(parsed("eu-west-1/0"), platform_model::Node { address, start });
    WorldStatus {
        controller: String::new(),
        controller_id: id,
        initialized: true,
        world_made: true,
        leader: Some(Member {
            id: 1,
            address: "127.0.0.1:1".into(),
        }),
        members: (1..=3)
            .map(|id| Member {
                id,
                address: format!("127.0.0.1:{id}"),
            })
            .collect(),
        table,
        reports: vec![NodeReport {
            node: parsed("eu-west-1/0"),
            incarnation: Incarnation(4),
            table_generation: Generation(7),
            shards_open: 1,
            age_ms: 10,
        }],
        shards: vec![ShardRecord {
            shard: parsed("eu/eu-west/000"),
            generation: Generation(1),
            epoch: platform_model::Epoch(1),
            cell: parsed("eu-west-1"),
            primary: Some(parsed("eu-west-1/0")),
        }],
        cells: Vec::new(),
        insight: Some(Insight {
            position: 40,
            state_ms: 1_000,
            ledger: 12,
            state_digest: vec![1; 32],
            clock_ms: 0,
        }),
        automation: None,
        copies: Vec::new(),
        recovering: None,
    }
}

fn agreeing() -> Seen {
    let controller = |id: u64| {
        let known = Controller {
            status: status(id),
            ahead_ms: 3,
            error_ms: 1,
        };
        (format!("controld-{id}"), Ok(known))
    };
    let head = Head {
        sequence: 12,
        hash: Digest::of("x", b"y"),
    };
    let witness = Witness {
        name: "routerd-1".into(),
        head,
    };
    Seen {
        controllers: (1..=3).map(controller).collect(),
        routers: vec![("routerd-1".into(), Ok(Router { table: Some(7) }))],
        world: Some(status(1)),
        certificates: [("controld-1".to_owned(), Duration::from_secs(7 * 86_400))].into(),
        silent_nodes: Vec::new(),
        ends: vec![("controld-1".into(), 12, head.hash.to_string())],
        heads: Heads {
            witnesses: vec![witness],
            answered: 1,
            silent: Vec::new(),
        },
        addresses: (1..=3)
            .map(|id| (format!("127.0.0.1:{id}"), format!("controld-{id}")))
            .collect(),
    }
}

fn controller(seen: &mut Seen, at: usize) -> &mut Controller {
    seen.controllers[at].1.as_mut().expect("it answers")
}

fn world(seen: &mut Seen) -> &mut WorldStatus {
    seen.world.as_mut().expect("it is there")
}

fn insight(seen: &mut Seen, at: usize) -> &mut Insight {
    controller(seen, at).status.insight.as_mut().expect("told")
}

#[test]
fn a_world_that_agrees_has_no_findings() {
    assert_eq!(findings(&agreeing()), []);
    assert_eq!(looked_at(&agreeing()).controllers, 3);
}

type Change = fn(&mut Seen);

/// Each change makes one finding, which is this.
fn each_is_found(changes: &[(Change, &str)]) {
    for (change, expected) in changes {
        let mut seen = agreeing();
        change(&mut seen);
        let found = findings(&seen);
        let told: Vec<String> = found.iter().map(|f| format!("{} {}", f.about, f.found)).collect();
        assert_eq!(told, [*expected]);
        assert!(!found[0].hint.is_empty());
    }
}

#[test]
fn controllers_that_do_not_agree_are_found_and_named() {
    each_is_found(&[
        (
            |s| s.controllers[1].1 = Err("refused".into()),
            "controld-2 does not answer: refused",
        ),
        (
            |s| controller(s, 2).status.leader = None,
            "leader controld-1 follows 1, controld-2 follows 1, controld-3 knows none",
        ),
        (
            |s| {
                world(s).members.push(Member {
                    id: 4,
                    address: "127.0.0.1:8".into(),
                })
            },
            "controller 4 votes at 127.0.0.1:8 and is not in this context",
        ),
        (
            |s| {
                world(s).members.pop();
            },
            "controld-3 is in this context and has no vote",
        ),
        (
            |s| insight(s, 1).state_digest = vec![2; 32],
            "states differ at entry 12 of the ledger: controld-1 and controld-3 against controld-2",
        ),
        (
            |s| {
                insight(s, 1).position = 35;
                insight(s, 1).state_ms = 900;
            },
            "controld-2 is 5 commands behind",
        ),
        (
            |s| s.ends[0].2 = "00".into(),
            "ledger two histories at entry 12: controld-1 against routerd-1",
        ),
    ]);
}

#[test]
fn nodes_routers_clocks_and_certificates_that_differ_are_found_and_named() {
    each_is_found(&[
        (
            |s| world(s).reports.clear(),
            "node eu-west-1/0 is registered and does not report",
        ),
        (
            |s| world(s).reports[0].age_ms = 9_000,
            "node eu-west-1/0 has not reported for 9000 ms",
        ),
        (
            |s| world(s).reports[0].incarnation = Incarnation(3),
            "node eu-west-1/0 is registered with start 4 and reports start 3",
        ),
        (
            |s| world(s).reports[0].table_generation = Generation(6),
            "node eu-west-1/0 serves by table g6, the controllers have g7",
        ),
        (
            |s| world(s).reports[0].shards_open = 0,
            "node eu-west-1/0 has 0 shards open and owns 1",
        ),
        (
            |s| world(s).shards[0].primary = None,
            "node eu-west-1/0 has 1 shards open and owns 0",
        ),
        (
            |s| s.routers[0].1 = Ok(Router { table: Some(5) }),
            "routerd-1 routes by table g5, the controllers have g7",
        ),
        (
            |s| s.silent_nodes.push(("node eu-west-1/0".into(), "refused".into())),
            "node eu-west-1/0 does not answer: refused",
        ),
        (
            |s| controller(s, 0).ahead_ms = 31_536_000_000,
            "controld-1 its clock is 31535999997 ms from the others'",
        ),
        (
            |s| (0..3).for_each(|at| controller(s, at).ahead_ms = -9_000),
            "this machine its clock is 9000 ms from the controllers'",
        ),
        (
            |s| {
                s.certificates
                    .insert("routerd-1".into(), Duration::from_secs(7_200));
            },
            "certificate of routerd-1 ends in 2 hours",
        ),
    ]);
}
