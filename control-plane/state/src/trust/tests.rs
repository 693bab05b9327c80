//! Trust, one test per rule.

use control_plane_ledger::Verdict;
use platform_model::{NodeId, Role, UserId, WorldId};

use super::*;
use crate::apply::apply;
use crate::command::{CellSpec, Command, Envelope, HomeSpec, WorldSpec};
use crate::outcome::Outcome;
use crate::trust::break_glass::{WINDOW_MS_MAX, Window};
use crate::trust::join_token::{ASK_AGAIN_MS, Joiner, TOKEN_LIFE_MS_MAX};

const NOW_MS: u64 = 1_000_000;

fn operator(role: Role) -> Author {
    let id = format!(
        "spiffe://{}/region/eu-central/operator/{role}/kim",
        "a".repeat(16)
    );
    Author::Operator { role, id }
}

fn controller() -> Author {
    let id = format!("spiffe://{}/region/eu-central/controller/1", "a".repeat(16));
    Author::Controller { id }
}

fn give_at(state: &mut State, at_ms: u64, author: Author, command: TrustCommand) -> Outcome {
    let envelope = Envelope::new(author, at_ms, "a test", Command::Trust(command));
    apply(state, &envelope).outcome
}

fn give(state: &mut State, role: Role, command: TrustCommand) -> Outcome {
    give_at(state, NOW_MS, operator(role), command)
}

fn refused(outcome: Outcome) -> TrustRefusal {
    match outcome.refusal() {
        Some(Refusal::Trust(refusal)) => refusal.clone(),
        _ => panic!("not refused for trust: {outcome:?}"),
    }
}

fn accepted(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
}

fn made() -> State {
    let mut state = State::new(WorldId::new(&"a".repeat(64)).expect("an id"));
    let cell = CellSpec {
        id: "eu-central-1".parse().expect("a cell"),
        region: "eu-central".parse().expect("a region"),
    };
    let home = HomeSpec {
        id: "eu/eu-central".parse().expect("a home"),
        shard_count: 1,
        host: "eu.test".into(),
        cell: cell.id.clone(),
    };
    let spec = WorldSpec {
        common_host: "test".into(),
        countries: BTreeMap::new(),
        cells: vec![cell],
        homes: vec![home],
        authorities: Vec::new(),
    };
    let envelope = Envelope::new(operator(Role::Sre), NOW_MS, "", Command::InitWorld(spec));
    accepted(&apply(&mut state, &envelope).outcome);
    state
}

fn attest() -> TrustCommand {
    TrustCommand::AttestRegion {
        region: "eu-central".parse().expect("a region"),
        country: "DE".parse().expect("a country"),
        place: "Frankfurt, hall 3".into(),
    }
}

fn joiner(region: &str) -> Joiner {
    Joiner::Node {
        id: NodeId {
            cell: "eu-central-1".parse().expect("a cell"),
            ordinal: 1,
        },
        region: region.parse().expect("a region"),
    }
}

fn token(n: u8) -> TrustCommand {
    TrustCommand::CreateJoinToken {
        digest: KeyDigest([n; 32]),
        joiner: joiner("eu-central"),
        expires_ms: NOW_MS + 1_000,
    }
}

fn bind(n: u8, key: u8) -> TrustCommand {
    TrustCommand::BindJoinToken {
        digest: KeyDigest([n; 32]),
        joiner: joiner("eu-central"),
        key: KeyDigest([key; 32]),
    }
}

#[test]
fn nobody_is_invited_to_a_region_that_no_compliance_person_attested() {
    let mut state = made();
    let unattested = refused(give(&mut state, Role::Sre, token(1)));
    assert!(matches!(unattested, TrustRefusal::RegionNotAttested { .. }));
    let not_yours = give(&mut state, Role::Sre, attest());
    assert!(matches!(not_yours.refusal(), Some(Refusal::NotYours { .. })));
    accepted(&give(&mut state, Role::Compliance, attest()));
    accepted(&give(&mut state, Role::Sre, token(1)));
    let again = give(&mut state, Role::Compliance, attest());
    assert!(matches!(again, Outcome::Unchanged { .. }));
    let elsewhere = TrustCommand::CreateJoinToken {
        digest: KeyDigest([9; 32]),
        joiner: joiner("us-east"),
        expires_ms: NOW_MS + 1,
    };
    let wrong = refused(give(&mut state, Role::Sre, elsewhere));
    assert!(matches!(wrong, TrustRefusal::WrongRegionOfCell { .. }));
}

#[test]
fn a_token_is_used_by_one_key_and_for_a_while_only() {
    let mut state = made();
    accepted(&give(&mut state, Role::Compliance, attest()));
    accepted(&give(&mut state, Role::Sre, token(1)));
    let exists = refused(give(&mut state, Role::Sre, token(1)));
    assert!(matches!(exists, TrustRefusal::TokenExists { .. }));
    let unknown = refused(give_at(&mut state, NOW_MS, controller(), bind(2, 1)));
    assert!(matches!(unknown, TrustRefusal::TokenUnknown { .. }));
    let person = give(&mut state, Role::Sre, bind(1, 1));
    assert!(matches!(person.refusal(), Some(Refusal::NotYours { .. })));
    accepted(&give_at(&mut state, NOW_MS, controller(), bind(1, 1)));
    let again = give_at(&mut state, NOW_MS + ASK_AGAIN_MS, controller(), bind(1, 1));
    assert!(
        matches!(again, Outcome::Unchanged { .. }),
        "past its end, but bound: {again:?}"
    );
    let other = refused(give_at(&mut state, NOW_MS, controller(), bind(1, 2)));
    assert!(matches!(other, TrustRefusal::TokenUsed { .. }));
    let late = refused(give_at(
        &mut state,
        NOW_MS + ASK_AGAIN_MS + 1,
        controller(),
        bind(1, 1),
    ));
    assert!(matches!(late, TrustRefusal::TokenUsed { .. }));
}

#[test]
fn an_expired_revoked_or_foreign_token_is_refused_by_name() {
    let mut state = made();
    accepted(&give(&mut state, Role::Compliance, attest()));
    accepted(&give(&mut state, Role::Sre, token(1)));
    let foreign = TrustCommand::BindJoinToken {
        digest: KeyDigest([1; 32]),
        joiner: Joiner::Router {
            name: "r9".into(),
            region: "eu-central".parse().expect("a region"),
        },
        key: KeyDigest([1; 32]),
    };
    let foreign = refused(give_at(&mut state, NOW_MS, controller(), foreign));
    assert!(matches!(foreign, TrustRefusal::TokenForeign { .. }));
    let mut expired = state.clone();
    let expired = refused(give_at(&mut expired, NOW_MS + 1_001, controller(), bind(1, 1)));
    assert!(matches!(expired, TrustRefusal::TokenExpired { .. }));
    let digest = KeyDigest([1; 32]);
    accepted(&give(
        &mut state,
        Role::Compliance,
        TrustCommand::RevokeJoinToken { digest },
    ));
    let revoked = refused(give_at(&mut state, NOW_MS, controller(), bind(1, 1)));
    assert!(matches!(revoked, TrustRefusal::TokenRevoked { .. }));
    for expires_ms in [NOW_MS, NOW_MS + TOKEN_LIFE_MS_MAX + 1] {
        let command = TrustCommand::CreateJoinToken {
            digest: KeyDigest([3; 32]),
            joiner: joiner("eu-central"),
            expires_ms,
        };
        let out = refused(give(&mut state, Role::Sre, command));
        assert!(matches!(out, TrustRefusal::EndOutOfBounds { .. }));
    }
}

fn identity(path: &str) -> RevokedIdentity {
    let text = format!("spiffe://{}{path}", "a".repeat(16));
    text.parse().expect("an identity")
}

fn revoke(identity: RevokedIdentity) -> TrustCommand {
    let until_ms = NOW_MS + 5_000;
    TrustCommand::RevokeIdentity { identity, until_ms }
}

#[test]
fn a_revocation_travels_in_the_table_until_it_is_taken_back() {
    let mut state = made();
    let router = identity("/region/eu-central/router/1");
    let envelope = Envelope::new(
        operator(Role::Sre),
        NOW_MS,
        "its disk was stolen",
        Command::Trust(revoke(router.clone())),
    );
    let effects = apply(&mut state, &envelope);
    let delta = effects.delta.expect("the table says so");
    assert_eq!(
        delta.revocations,
        BTreeMap::from([(router.clone(), Some(NOW_MS + 5_000))])
    );
    assert_eq!(state.table().revocations.len(), 1);
    let restore = TrustCommand::RestoreIdentity { identity: router };
    accepted(&give(&mut state, Role::Compliance, restore.clone()));
    assert!(state.table().revocations.is_empty());
    let again = refused(give(&mut state, Role::Compliance, restore));
    assert!(matches!(again, TrustRefusal::NotRevoked { .. }));
}

#[test]
fn what_cannot_be_revoked_is_refused_by_name() {
    let mut state = made();
    let foreign: RevokedIdentity = "spiffe://bbbb/region/eu/router/1".parse().expect("an identity");
    let foreign = refused(give(&mut state, Role::Sre, revoke(foreign)));
    assert!(matches!(foreign, TrustRefusal::NotOfThisWorld { .. }));
    let all = refused(give(&mut state, Role::Sre, revoke(identity(""))));
    assert!(matches!(all, TrustRefusal::AuthorityWithoutKey { .. }));
    let one = identity(&format!("#{}", "0".repeat(64)));
    accepted(&give(&mut state, Role::Sre, revoke(one)));
    let own = identity("/region/eu-central/operator/sre/kim");
    let own = refused(give(&mut state, Role::Sre, revoke(own)));
    assert!(matches!(own, TrustRefusal::Yourself { .. }));
    let silent = Envelope::new(
        operator(Role::Sre),
        NOW_MS,
        " ",
        Command::Trust(revoke(identity("/region/eu-central/router/1"))),
    );
    let silent = apply(&mut state, &silent).outcome;
    assert!(
        matches!(silent.refusal(), Some(Refusal::Length { .. })),
        "{silent:?}"
    );
}

#[test]
fn ended_revocations_leave_with_the_next() {
    let mut state = made();
    let (old, new) = (identity("/region/eu/router/1"), identity("/region/eu/router/2"));
    accepted(&give(&mut state, Role::Sre, revoke(old.clone())));
    let later = TrustCommand::RevokeIdentity {
        identity: new.clone(),
        until_ms: NOW_MS + 90_000,
    };
    accepted(&give_at(&mut state, NOW_MS + 5_000, operator(Role::Sre), later));
    let held: Vec<_> = state.table().revocations.into_keys().collect();
    assert_eq!(held, [new]);
}

fn window(until_ms: u64) -> TrustCommand {
    TrustCommand::OpenBreakGlass(Window {
        home: "eu/eu-central".parse().expect("a home"),
        subject: "018f3f2e-0000-7000-8000-000000000001"
            .parse::<UserId>()
            .expect("an id"),
        purpose: "support".into(),
        until_ms,
    })
}

#[test]
fn a_window_is_open_for_its_opener_and_bounded_and_on_record() {
    let mut state = made();
    let too_long = refused(give(&mut state, Role::Sre, window(NOW_MS + WINDOW_MS_MAX + 1)));
    assert!(matches!(too_long, TrustRefusal::EndOutOfBounds { .. }));
    accepted(&give(&mut state, Role::Sre, window(NOW_MS + WINDOW_MS_MAX)));
    let told = state.table().break_glass;
    assert!(told[&1].by.ends_with("/operator/sre/kim"));
    let viewer = give(&mut state, Role::Viewer, window(NOW_MS + 1));
    assert!(matches!(viewer.refusal(), Some(Refusal::NotYours { .. })));
    accepted(&give(
        &mut state,
        Role::Compliance,
        TrustCommand::CloseBreakGlass { number: 1 },
    ));
    assert!(state.table().break_glass.is_empty());
    let closed = refused(give(
        &mut state,
        Role::Sre,
        TrustCommand::CloseBreakGlass { number: 1 },
    ));
    assert!(matches!(closed, TrustRefusal::WindowClosed { number: 1 }));
    let never = refused(give(
        &mut state,
        Role::Sre,
        TrustCommand::CloseBreakGlass { number: 2 },
    ));
    assert!(matches!(never, TrustRefusal::NoSuchWindow { number: 2 }));
}

#[test]
fn a_refusal_is_on_record_under_its_own_name() {
    let mut state = made();
    let envelope = Envelope::new(operator(Role::Sre), NOW_MS, "", Command::Trust(token(1)));
    let effects = apply(&mut state, &envelope);
    let record = &effects.entries[0].record;
    assert_eq!(record.command, "create-join-token");
    assert_eq!(record.subject, "region/eu-central/cell/eu-central-1/node/1");
    let Verdict::Refused { code, detail } = &record.verdict else {
        panic!("{record:?}");
    };
    assert_eq!(
        (code.as_str(), detail.as_str()),
        ("region-not-attested", r#"{"region":"eu-central"}"#)
    );
}
