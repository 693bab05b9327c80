//! Tests of [`crate::rules`]: the law's way into force, and what it refuses.

use control_plane_ledger::Digest;
use platform_model::matrix::plain::{self, Area};
use platform_model::matrix::{LawVersion, Matrix, Stamp};
use platform_model::{Generation, Role, ShardId};

use super::tests::{empty, made, place, refusal, register};
use super::*;
use crate::command::{Author, Proposal};
use crate::law::{Approval, Fate};

/// In the year 2010.
pub(crate) const NOW_MS: u64 = 40 * 365 * 86_400_000;

/// A person of the role `compliance`.
pub(crate) fn officer(name: &str) -> Author {
    Author::Operator {
        role: Role::Compliance,
        id: format!("spiffe://x/operator/compliance/{name}"),
    }
}

fn area(jurisdiction: &str, country: &str, regions: &[&str]) -> Area {
    Area::named((jurisdiction, country, regions))
}

/// `eu` in both of its regions, `us` in one.
pub(crate) fn areas() -> Vec<Area> {
    vec![
        area("eu", "DE", &["eu-central", "eu-west"]),
        area("us", "US", &["us-east"]),
    ]
}

pub(crate) fn proposal(version: u64, date: &str, areas: &[Area]) -> Proposal {
    let text = format!("law {version} of {date}");
    let stamp = Stamp {
        version: LawVersion(version),
        date: date.parse().expect("a day"),
        document: *Digest::plain(text.as_bytes()).as_bytes(),
        compiler: 1,
        catalogues: vec![[1; 32]],
    };
    let matrix = plain::law(stamp, areas, false).expect("sound parts").to_bytes();
    Proposal { text, matrix }
}

fn at(state: &mut State, time_ms: u64, author: Author, command: Command) -> Outcome {
    apply(state, &Envelope::new(author, time_ms, "a test", command)).outcome
}

pub(crate) fn propose(state: &mut State, time_ms: u64, who: &str, proposal: Proposal) -> Outcome {
    let expected = state.law.generation;
    let command = Command::ProposeLaw { proposal, expected };
    at(state, time_ms, officer(who), command)
}

fn approve(state: &mut State, time_ms: u64, who: &str, version: u64, digest: Digest) -> Outcome {
    let approval = Approval {
        chain: vec![vec![1]],
        scheme: 0x0807,
        signature: vec![2],
    };
    let version = LawVersion(version);
    let command = Command::ApproveLaw {
        version,
        digest,
        approval,
    };
    at(state, time_ms, officer(who), command)
}

/// Proposed by one, approved by another.
pub(crate) fn enact(state: &mut State, time_ms: u64, proposal: &Proposal) -> Outcome {
    let version = Matrix::from_bytes(&proposal.matrix)
        .expect("a matrix")
        .stamp()
        .version;
    let proposed = propose(state, time_ms, "ann", proposal.clone());
    assert!(proposed.refusal().is_none(), "{proposed:?}");
    approve(state, time_ms, "ben", version.0, Digest::plain(&proposal.matrix))
}

fn fates(state: &State) -> Vec<(u64, Fate)> {
    state
        .law
        .history
        .iter()
        .map(|past| (past.version.0, past.fate))
        .collect()
}

#[test]
fn without_a_law_nothing_is_kept_and_with_one_what_waited_gets_its_primary() {
    let mut state = made();
    register(&mut state, "eu-central-1/0", 1, "a:1");
    assert!(state.table().shards.is_empty());
    let approved = enact(&mut state, 2_000, &proposal(1, "2000-01-01", &areas()));
    assert!(
        approved.refusal().is_none() && state.law.in_force.is_none(),
        "its day is not yet"
    );
    let outcome = at(
        &mut state,
        NOW_MS,
        Author::Controller { id: "c".into() },
        Command::ActivateLaw,
    );
    assert!(outcome.refusal().is_none(), "{outcome:?}");
    let law = state.table().law.expect("in force");
    assert_eq!((law.revision, law.matrix.stamp().version), (1, LawVersion(1)));
    assert_eq!(state.table().shards.len(), 4, "two roots, keys, a directory");
}

#[test]
fn what_the_law_forbids_is_refused_with_rule_and_article_and_stands_in_the_ledger() {
    let mut state = made();
    enact(&mut state, NOW_MS, &proposal(1, "2000-01-01", &areas()));
    let command = Command::PlaceShard {
        shard: "eu/eu-central/000".parse().expect("a shard"),
        cell: "us-east-1".parse().expect("a cell"),
        expected: Generation(1),
    };
    let author = Author::Operator {
        role: Role::Sre,
        id: "o".into(),
    };
    let effects = apply(&mut state, &Envelope::new(author, 0, "moving it", command));
    let Some(Refusal::LawForbids(forbids)) = effects.outcome.refusal() else {
        panic!("{:?}", effects.outcome)
    };
    assert_eq!(
        (forbids.rule.as_str(), forbids.article.as_str(), forbids.version),
        ("stays", "Art. stays", LawVersion(1))
    );
    let Verdict::Refused { code, detail } = &effects.entries[0].record.verdict else {
        panic!("{:?}", effects.entries)
    };
    assert_eq!(code, "law-forbids");
    assert!(detail.contains(r#""article":"Art. stays""#), "{detail}");
}

#[test]
fn who_proposed_may_not_approve_and_another_digest_is_refused() {
    let mut state = made();
    let law = proposal(1, "2000-01-01", &areas());
    propose(&mut state, 1_000, "ann", law.clone());
    let digest = Digest::plain(&law.matrix);
    let version = LawVersion(1);
    assert_eq!(
        refusal(approve(&mut state, 1_000, "ann", 1, digest)),
        Refusal::LawSamePerson { version }
    );
    let other = Digest::plain(b"another");
    let expected = Refusal::LawOtherDigest {
        version,
        proposed: digest,
        approved: other,
    };
    assert_eq!(refusal(approve(&mut state, 1_000, "ben", 1, other)), expected);
    let version = LawVersion(2);
    assert_eq!(
        refusal(approve(&mut state, 1_000, "ben", 2, digest)),
        Refusal::LawNotProposed { version }
    );
    assert!(state.law.in_force.is_none() && state.law.approved.is_none());
}

#[test]
fn of_two_authors_at_once_the_second_is_told_so() {
    let mut state = made();
    let expected = state.law.generation;
    propose(&mut state, 1_000, "ann", proposal(1, "2000-01-01", &areas()));
    let command = Command::ProposeLaw {
        proposal: proposal(2, "2000-01-01", &areas()),
        expected,
    };
    let refused = refusal(at(&mut state, 1_000, officer("ben"), command));
    assert!(
        matches!(refused, Refusal::GenerationMismatch { .. }),
        "{refused:?}"
    );
}

#[test]
fn what_is_no_law_or_an_older_one_is_not_proposed() {
    let mut state = made();
    let mut other_text = proposal(1, "2000-01-01", &areas());
    other_text.text.push('!');
    let mut damaged = proposal(1, "2000-01-01", &areas());
    damaged.matrix[20] ^= 1;
    for law in [other_text, damaged] {
        let refused = refusal(propose(&mut state, 1_000, "ann", law));
        assert!(matches!(refused, Refusal::LawUnreadable { .. }), "{refused:?}");
    }
    enact(&mut state, 1_000, &proposal(3, "2000-01-01", &areas()));
    let refused = refusal(propose(
        &mut state,
        1_000,
        "ann",
        proposal(3, "2000-01-01", &areas()),
    ));
    let (have, given) = (LawVersion(3), LawVersion(3));
    assert_eq!(refused, Refusal::LawVersionOld { have, given });
}

#[test]
fn a_law_that_would_strand_data_is_refused_by_the_homes_it_strands() {
    let mut state = made();
    let refused = refusal(propose(
        &mut state,
        1_000,
        "ann",
        proposal(1, "2000-01-01", &areas()[..1]),
    ));
    let homes = vec!["us/us-east".parse().expect("a home")];
    assert_eq!(refused, Refusal::LawStrands { homes });
}

#[test]
fn what_narrows_holds_at_once_and_an_illegal_primary_goes_on() {
    let now = NOW_MS;
    let mut state = made();
    register(&mut state, "eu-central-1/0", 1, "a:1");
    enact(&mut state, now, &proposal(1, "2000-01-01", &areas()));
    let narrow = [area("eu", "DE", &["eu-west"]), area("us", "US", &["us-east"])];
    enact(&mut state, now, &proposal(2, "2100-01-01", &narrow));
    assert_eq!(fates(&state), [(1, Fate::Replaced), (2, Fate::InForce)]);
    let table = state.table();
    assert_eq!(table.shards.len(), 4, "what is served goes on being served");
    let shard: ShardId = "eu/eu-central/000".parse().expect("a shard");
    let region = "eu-central".parse().expect("a region");
    let kept = crate::rules::law::may_keep(&state.law, &shard, &region);
    assert!(matches!(kept, Err(Some(_))), "{kept:?}");
    let refused = refusal(place(&mut state, "eu/eu-central/000", "eu-central-2", 2));
    assert!(matches!(refused, Refusal::LawForbids(_)), "{refused:?}");
}

#[test]
fn what_widens_waits_for_its_day_and_until_all_can_have_heard() {
    let now = NOW_MS;
    let mut state = made();
    let narrow = [area("eu", "DE", &["eu-central"]), area("us", "US", &["us-east"])];
    enact(&mut state, now, &proposal(1, "2000-01-01", &narrow));
    let law = proposal(2, "2000-01-01", &areas());
    enact(&mut state, now, &law);
    let west = "eu-west".parse().expect("a region");
    let shard: ShardId = "eu/eu-central/000".parse().expect("a shard");
    let may = |state: &State| crate::rules::law::may_keep(&state.law, &shard, &west).is_ok();
    assert!(!may(&state));
    let controller = || Author::Controller { id: "c".into() };
    let heard = now + 2 * crate::law::MATRIX_AGE_MAX_MS;
    let early = refusal(at(&mut state, heard - 1, controller(), Command::ActivateLaw));
    let (version, holds_from_ms) = (LawVersion(2), heard);
    assert_eq!(
        early,
        Refusal::LawBeforeItsDay {
            version,
            holds_from_ms
        }
    );
    assert!(state.law.is_due(heard));
    at(&mut state, heard, controller(), Command::ActivateLaw);
    assert!(may(&state));
    assert_eq!(fates(&state), [(1, Fate::Replaced), (2, Fate::InForce)]);
    assert_eq!(
        at(&mut state, heard, controller(), Command::ActivateLaw).refusal(),
        None,
        "again: nothing"
    );
}

#[test]
fn a_law_is_taken_back_before_its_day_and_not_after() {
    let now = NOW_MS;
    let mut state = made();
    let withdraw = |state: &mut State, version| {
        let version = LawVersion(version);
        at(state, now, officer("ann"), Command::WithdrawLaw { version })
    };
    propose(&mut state, now, "ann", proposal(1, "2000-01-01", &areas()));
    assert!(withdraw(&mut state, 1).refusal().is_none());
    enact(&mut state, now, &proposal(1, "2000-01-01", &areas()));
    let version = LawVersion(1);
    assert_eq!(
        refusal(withdraw(&mut state, 1)),
        Refusal::LawNotProposed { version }
    );
    assert_eq!(fates(&state), [(1, Fate::Withdrawn), (1, Fate::InForce)]);
}

#[test]
fn the_law_says_to_whom_a_country_belongs() {
    let mut state = empty();
    let mut spec = super::tests::spec();
    spec.countries.insert(
        "FR".parse().expect("a country"),
        "eu".parse().expect("a jurisdiction"),
    );
    let author = Author::Operator {
        role: Role::Sre,
        id: "o".into(),
    };
    at(&mut state, 1, author, Command::InitWorld(spec));
    enact(&mut state, NOW_MS, &proposal(1, "2000-01-01", &areas()));
    let countries: Vec<String> = state.countries.keys().map(ToString::to_string).collect();
    assert_eq!(countries, ["DE", "US"]);
    let (country, jurisdiction) = ("FR".parse().expect("a country"), "eu".parse().expect("one"));
    let command = Command::SetCountry {
        country,
        jurisdiction,
    };
    let refused = refusal(at(&mut state, 0, officer("ann"), command));
    assert_eq!(
        refused,
        Refusal::LawSaysCountry {
            country,
            by_law: None
        }
    );
}

#[test]
fn a_state_with_a_law_reads_back_as_it_was_stored() {
    let mut state = made();
    enact(&mut state, NOW_MS, &proposal(1, "2000-01-01", &areas()));
    propose(&mut state, 0, "ann", proposal(2, "2100-01-01", &areas()));
    let stored = serde_json::to_value(&state).expect("writes");
    assert_eq!(
        crate::stored::read(crate::state::STATE_VERSION, stored).expect("reads"),
        state
    );
}
