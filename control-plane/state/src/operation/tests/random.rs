//! Random commands on one shard, good and bad, with a driver that now and then does the right thing: what holds after
//! every one of them; and that a rule left out is seen.

mod commands;
mod driver;
mod rules;

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};

use rules::check;

use super::*;
use crate::plant::{PLANTED, Planted};

/// What is asked, with numbers to choose by.
type Action = (u8, u8, u8);

fn actions() -> impl Strategy<Value = Vec<Action>> {
    proptest::collection::vec((0..40u8, any::<u8>(), any::<u8>()), 1..160)
}

/// What happened so far, as a bystander keeps it.
#[derive(Default)]
struct History {
    /// Copies that were in the configuration and are not, or were ordered to be erased.
    gone: BTreeSet<ReplicaId>,
    epochs: BTreeSet<Epoch>,
}

/// Plays them, in a world with a standby or without; answers with the world as it is then.
fn run(actions: &[Action]) -> Result<World, TestCaseError> {
    let mut world = World::new();
    if actions.len().is_multiple_of(2) {
        world.with_standby();
    }
    let mut history = History::default();
    for action in actions {
        let before = world.state.clone();
        let Some((author, command)) = world.command(*action, &history) else {
            continue;
        };
        world.time_ms += 10;
        let envelope = Envelope::new(author, world.time_ms, "because", command.clone());
        apply_command(&mut world.state, &envelope);
        check(&before, &world.state, &mut history).map_err(|fault| {
            let TestCaseError::Fail(why) = &fault else {
                return fault;
            };
            TestCaseError::fail(format!("{command:?}: {why}"))
        })?;
    }
    Ok(world)
}

fn runner(cases: u32) -> TestRunner {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 64,
        ..Config::default()
    };
    let rng = proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn no_commands_break_a_rule(actions in actions()) {
        run(&actions)?;
    }
}

/// Operations of every kind come to every end, or the property would say little.
#[test]
fn random_commands_get_everywhere() {
    let seen = std::cell::RefCell::new(BTreeSet::new());
    let all = runner(256).run(&actions(), |actions| {
        let world = run(&actions)?;
        let ends = world.state.operations.records.values();
        let ends = ends.map(|record| (record.kind.name(), record.state.as_str()));
        seen.borrow_mut().extend(ends);
        Ok(())
    });
    assert!(all.is_ok(), "{all:?}");
    let seen = seen.into_inner();
    for end in [
        ("move", "done"),
        ("move", "cancelled"),
        ("move", "reversed"),
        ("move", "failed"),
        ("failover", "done"),
        ("verify", "done"),
        ("repair", "done"),
        ("repair", "cancelled"),
    ] {
        assert!(seen.contains(&end), "{end:?} was never reached: {seen:?}");
    }
}

#[test]
fn a_rule_left_out_is_seen() {
    for (bug, shows) in [
        (Planted::TwoOperations, "two operations"),
        (Planted::LawNotAsked, "against the law"),
        (Planted::EarlyErase, "erased"),
        (Planted::NoCertificate, "not compared"),
        (Planted::StepNotLookedAt, "not "),
        (Planted::InSyncRemoved, "a copy left that counted"),
        (Planted::NameGivenAgain, "a name came back"),
    ] {
        PLANTED.set(Some(bug));
        let found = runner(3_000).run(&actions(), |actions| run(&actions).map(|_| ()));
        PLANTED.set(None);
        let Err(TestError::Fail(why, _)) = found else {
            panic!("{bug:?} was not seen");
        };
        assert!(why.to_string().contains(shows), "{bug:?}: {why}");
    }
}
