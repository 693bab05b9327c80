//! Tests of [`super`]: where requests go, and what is answered at the door.

use platform_model::Epoch;

use super::*;
use crate::overrides::Moved;
use crate::sample;

const COMMON: &str = "meridian.test";

fn user(n: u128) -> UserId {
    UserId::from_uuid(uuid::Uuid::from_u128(n))
}

fn key() -> IdempotencyKey {
    "01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("version 7")
}

fn head<'a>(method: &'a str, host: &'a str, path: &'a str) -> RequestHead<'a> {
    RequestHead {
        method,
        host,
        path,
        caller: None,
        idempotency_key: Some(key()),
    }
}

fn table() -> Table {
    Table::compile(&sample::world(), &sample::region("eu-west"))
}

const NOW: Moment = Moment {
    now_ms: 0,
    table_age_ms: 0,
};

fn decided(table: &Table, head: &RequestHead<'_>) -> Decision {
    decide(table, &Overrides::new(8, 1_000), head, NOW)
}

fn node_of(table: &Table, decision: &Decision) -> String {
    table
        .node(decision.route().expect("forwarded").place.node)
        .id
        .to_string()
}

fn code_of(decision: &Decision) -> Code {
    match decision {
        Decision::Answer(_, problem) => problem.code,
        Decision::Forward(route) => panic!("forwarded: {route:?}"),
    }
}

#[test]
fn a_caller_goes_to_the_node_of_his_shard() {
    let table = table();
    let home: HomeId = "us/us-east".parse().expect("a home");
    let caller = Some(Caller {
        home: &home,
        user: user(7),
    });
    let decision = decided(
        &table,
        &RequestHead {
            caller,
            ..head("GET", COMMON, "/v1/profile")
        },
    );
    assert_eq!(node_of(&table, &decision), "us-east-1/0");
    let shard = table.shard(decision.route().expect("forwarded").place.shard);
    assert_eq!(
        *shard,
        sample::world().shard_of_user(&home, user(7)).expect("a home")
    );
}

#[test]
fn a_registration_goes_to_the_nearest_home_of_its_jurisdiction() {
    let table = table();
    let register = |path| decided(&table, &head("POST", COMMON, path));
    assert_eq!(node_of(&table, &register("/v1/register/DE")), "eu-west-1/0");
    assert_eq!(node_of(&table, &register("/v1/register/us")), "us-east-1/0");
    assert_eq!(code_of(&register("/v1/register/BR")), Code::CountryNotServed);
    assert_eq!(code_of(&register("/v1/register/Germany")), Code::CountryNotServed);
}

#[test]
fn a_retried_registration_meets_the_same_shard() {
    let (table, head) = (table(), head("POST", COMMON, "/v1/register/DE"));
    assert_eq!(decided(&table, &head), decided(&table, &head));
    let without = RequestHead {
        idempotency_key: None,
        ..head
    };
    assert_eq!(code_of(&decided(&table, &without)), Code::IdempotencyKeyMissing);
}

#[test]
fn a_cordoned_cell_takes_no_new_people() {
    let mut world = sample::world();
    world
        .cells
        .get_mut(&"eu-west-1".parse().expect("a cell"))
        .expect("known")
        .state = platform_model::CellState::Cordoned;
    let table = Table::compile(&world, &sample::region("eu-west"));
    let decision = decided(&table, &head("POST", COMMON, "/v1/register/DE"));
    assert_eq!(node_of(&table, &decision), "eu-central-1/0");
}

#[test]
fn locate_goes_to_the_nearest_home_and_login_to_the_one_named() {
    let table = table();
    let at = |host, path| decided(&table, &head("POST", host, path));
    assert_eq!(node_of(&table, &at(COMMON, "/v1/locate")), "eu-west-1/0");
    assert_eq!(
        node_of(&table, &at("us-east.us.meridian.test", "/v1/locate")),
        "eu-west-1/0"
    );
    assert_eq!(
        node_of(&table, &at(COMMON, "/v1/homes/us~us-east/login")),
        "us-east-1/0"
    );
    assert_eq!(code_of(&at(COMMON, "/v1/homes/us~mars/login")), Code::UnknownHome);
    assert_eq!(code_of(&at(COMMON, "/v1/homes/us/login")), Code::UnknownHome);
}

#[test]
fn another_homes_host_answers_with_the_right_one() {
    let table = table();
    let Decision::Answer(_, problem) = decided(
        &table,
        &head(
            "POST",
            "EU-central.eu.meridian.test:443",
            "/v1/homes/us~us-east/login",
        ),
    ) else {
        panic!("forwarded")
    };
    assert_eq!(
        (problem.code, &problem.members["host"]),
        (Code::WrongHost, &"us-east.us.meridian.test".into())
    );
    let Decision::Answer(_, problem) = decided(&table, &head("POST", "evil.example", "/v1/locate")) else {
        panic!("forwarded")
    };
    assert_eq!(
        (problem.code, &problem.members["host"]),
        (Code::WrongHost, &COMMON.into())
    );
}

#[test]
fn without_a_caller_or_a_table_the_refusal_is_typed() {
    assert_eq!(
        code_of(&decided(&table(), &head("GET", COMMON, "/v1/profile"))),
        Code::Unauthenticated
    );
    let empty = platform_model::RoutingTable::empty(sample::world().world);
    let empty = Table::compile(&empty, &sample::region("eu-west"));
    assert_eq!(
        code_of(&decided(&empty, &head("POST", COMMON, "/v1/locate"))),
        Code::Unavailable
    );
}

#[test]
fn what_was_learned_stands_before_the_table_until_it_expires() {
    let table = table();
    let mut overrides = Overrides::new(8, 1_000);
    let head = head("POST", COMMON, "/v1/homes/eu~eu-central/login");
    let shard = decide(&table, &overrides, &head, NOW)
        .route()
        .expect("forwarded")
        .place
        .shard;
    let node = "eu-central-2/0".parse().expect("a node");
    let moved = Moved {
        shard: table.shard(shard).clone(),
        epoch: Epoch(9),
        node,
    };
    overrides.learn(&table, shard, moved, 0).expect("later");
    let at = |now_ms| decide(&table, &overrides, &head, Moment { now_ms, ..NOW });
    assert_eq!(
        (
            node_of(&table, &at(999)),
            at(999).route().expect("forwarded").learned
        ),
        ("eu-central-2/0".into(), true)
    );
    assert_eq!(node_of(&table, &at(1_000)), "eu-central-1/0");
}

#[test]
fn where_the_law_forbids_this_router_the_answer_names_rule_and_legal_host() {
    let mut world = sample::world();
    world.law = Some(sample::law(true));
    let table = Table::compile(&world, &sample::region("eu-west"));
    let home: HomeId = "us/us-east".parse().expect("a home");
    let caller = Some(Caller {
        home: &home,
        user: user(7),
    });
    let head = RequestHead {
        caller,
        ..head("GET", COMMON, "/v1/profile")
    };
    let Decision::Answer(_, problem) = decided(&table, &head) else {
        panic!("forwarded")
    };
    assert_eq!(problem.code, Code::LawForbids);
    let members = ["host", "rule", "article"].map(|name| problem.members[name].clone());
    assert_eq!(members, ["us-east.us.meridian.test", "stays", "Art. stays"]);
    let register = decided(&table, &self::head("POST", COMMON, "/v1/register/US"));
    assert_eq!(code_of(&register), Code::LawForbids, "not even to register");
    assert!(
        decided(&table, &self::head("POST", COMMON, "/v1/register/DE"))
            .route()
            .is_some()
    );
}

#[test]
fn nobody_new_is_taken_under_an_old_law_or_none_and_who_is_here_is_served() {
    let (table, overrides) = (table(), Overrides::new(8, 1_000));
    let old = Moment {
        table_age_ms: 1_001,
        ..NOW
    };
    let register = head("POST", COMMON, "/v1/register/DE");
    assert_eq!(
        code_of(&decide(&table, &overrides, &register, old)),
        Code::LawTooOld
    );
    let home: HomeId = "us/us-east".parse().expect("a home");
    let caller = Some(Caller {
        home: &home,
        user: user(7),
    });
    let known = RequestHead {
        caller,
        ..head("GET", COMMON, "/v1/profile")
    };
    assert!(decide(&table, &overrides, &known, old).route().is_some());
    let mut world = sample::world();
    world.law = None;
    let lawless = Table::compile(&world, &sample::region("eu-west"));
    assert_eq!(code_of(&decided(&lawless, &register)), Code::Unavailable);
    assert!(decided(&lawless, &known).route().is_some());
}
