//! Each rule of the configuration, refused and allowed.

use platform_model::{Epoch, NodeId, Position, ReplicaId};

use super::*;

struct Everywhere;
impl Law for Everywhere {
    fn may_hold(&self, _: &NodeId) -> bool {
        true
    }
}

struct Nowhere;
impl Law for Nowhere {
    fn may_hold(&self, _: &NodeId) -> bool {
        false
    }
}

fn node(n: u16) -> NodeId {
    format!("eu-central-1/{n}").parse().expect("a node")
}

fn id(n: u128) -> ReplicaId {
    ReplicaId(n)
}

fn run_under(config: &mut ShardConfig, law: &dyn Law, command: ConfigCommand) -> Result<(), ConfigRefusal> {
    let rules = ConfigRules {
        law,
        plants: ConfigPlants::default(),
    };
    let before = config.clone();
    let outcome = apply(config, &rules, before.generation, before.generation.0, &command);
    if outcome.is_err() {
        assert_eq!(*config, before, "a refused command changes nothing");
    }
    outcome
}

fn run(config: &mut ShardConfig, command: ConfigCommand) -> Result<(), ConfigRefusal> {
    run_under(config, &Everywhere, command)
}

fn propose(config: &mut ShardConfig, change: ProposedChange) -> Result<(), ConfigRefusal> {
    let (by, epoch) = (config.primary.replica, config.epoch);
    run(config, ConfigCommand::Propose { by, epoch, change })
}

/// A primary 1 with in-sync standbys 2 and 3.
fn three() -> ShardConfig {
    let mut config = ShardConfig::new(node(0), id(1), 400_000);
    propose(&mut config, ProposedChange::Born).expect("formed");
    for n in [2, 3] {
        let add = ConfigCommand::AddCopy {
            node: node(n as u16),
            replica: id(n),
        };
        run(&mut config, add).expect("a new copy");
        propose(&mut config, ProposedChange::Complete(id(n))).expect("whole");
        propose(&mut config, ProposedChange::Add(id(n))).expect("in-sync");
    }
    config
}

fn answer(n: u128, epoch: u64, position: u64) -> Candidate {
    Candidate {
        replica: id(n),
        epoch: Epoch(epoch),
        position: Position(position),
    }
}

#[test]
fn a_promotion_takes_the_longest_log_of_the_highest_epoch() {
    let mut config = three();
    run(&mut config, ConfigCommand::BeginPromote).expect("begins");
    let answers = vec![answer(2, 1, 90), answer(3, 2, 5)];
    run(&mut config, ConfigCommand::FinishPromote { answers }).expect("ends");
    assert_eq!((config.primary.replica, config.epoch), (id(3), Epoch(2)));
    assert_eq!(
        config.standby(id(2)).map(|copy| copy.state),
        Some(CopyState::InSync)
    );
    let old = config.standby(id(1)).map(|copy| copy.state);
    assert_eq!(old, Some(CopyState::CatchingUp), "it did not answer");
}

#[test]
fn a_promotion_ends_in_an_epoch_of_its_own_even_if_the_old_primary_is_confirmed() {
    let mut config = three();
    run(&mut config, ConfigCommand::BeginPromote).expect("begins");
    assert_eq!(
        run(&mut config, ConfigCommand::BeginPromote),
        Err(ConfigRefusal::UnderWay)
    );
    assert_eq!(
        run(&mut config, ConfigCommand::AbandonPromote),
        Err(ConfigRefusal::NotUnderWay)
    );
    assert_eq!(
        propose(&mut config, ProposedChange::Drop(id(2))),
        Err(ConfigRefusal::UnderWay)
    );
    let answers = vec![answer(1, 1, 7), answer(2, 1, 7)];
    run(&mut config, ConfigCommand::FinishPromote { answers }).expect("ends");
    assert_eq!((config.primary.replica, config.epoch), (id(1), Epoch(2)));
}

#[test]
fn who_is_not_in_sync_is_promoted_by_force_only_and_with_proof() {
    let mut config = three();
    propose(&mut config, ProposedChange::Drop(id(3))).expect("dropped");
    let force = |target, proof| ConfigCommand::BeginForce {
        target,
        proof,
        loss_entries_max: 10,
    };
    let gone = |n| Proof::ProviderGone { replica: id(n) };
    assert_eq!(
        run(&mut config, force(id(2), gone(1))),
        Err(ConfigRefusal::NeedsNoForce(id(2)))
    );
    assert_eq!(
        run(&mut config, force(id(3), gone(2))),
        Err(ConfigRefusal::NoProof)
    );
    let empty = Proof::Person { reason: " ".into() };
    assert_eq!(run(&mut config, force(id(3), empty)), Err(ConfigRefusal::NoProof));
    run(&mut config, force(id(3), gone(1))).expect("proved");
    let wrong = vec![answer(2, 1, 9)];
    assert_eq!(
        run(&mut config, ConfigCommand::FinishPromote { answers: wrong }),
        Err(ConfigRefusal::NotInSync(id(2)))
    );
    let answers = vec![answer(3, 1, 4)];
    run(&mut config, ConfigCommand::FinishPromote { answers }).expect("forced");
    assert_eq!(config.primary.replica, id(3));
    assert_eq!(config.candidates().count(), 1, "nobody else has what it has");
}

#[test]
fn nothing_promotes_a_copy_in_the_making() {
    let mut config = three();
    let add = ConfigCommand::AddCopy {
        node: node(4),
        replica: id(4),
    };
    run(&mut config, add).expect("a new copy");
    let force = ConfigCommand::BeginForce {
        target: id(4),
        proof: Proof::ProviderGone { replica: id(1) },
        loss_entries_max: 0,
    };
    assert_eq!(run(&mut config, force), Err(ConfigRefusal::NotWhole(id(4))));
    assert_eq!(
        propose(&mut config, ProposedChange::Add(id(4))),
        Err(ConfigRefusal::NotWhole(id(4)))
    );
}

#[test]
fn a_handover_is_ended_by_its_target_or_by_a_cancel() {
    let mut config = three();
    let begin = |certificate, needs_certificate| ConfigCommand::BeginHandover {
        target: id(2),
        certificate,
        needs_certificate,
    };
    assert_eq!(
        run(&mut config, begin(None, true)),
        Err(ConfigRefusal::NoCertificate(id(2)))
    );
    let stale = Certificate {
        replica: id(2),
        epoch: Epoch(0),
    };
    assert!(run(&mut config, begin(Some(stale), true)).is_err());
    run(&mut config, begin(None, false)).expect("begins");
    let finish = |n| ConfigCommand::FinishHandover { target: id(n) };
    assert_eq!(run(&mut config, finish(3)), Err(ConfigRefusal::NotUnderWay));
    let mut cancelled = config.clone();
    run(&mut cancelled, ConfigCommand::CancelHandover).expect("cancelled");
    assert_eq!(run(&mut cancelled, finish(2)), Err(ConfigRefusal::NotUnderWay));
    run(&mut config, finish(2)).expect("ends");
    assert_eq!((config.primary.replica, config.epoch), (id(2), Epoch(2)));
    assert_eq!(config.candidates().count(), 3, "the old primary has everything");
    run(&mut cancelled, ConfigCommand::BeginPromote).expect("begins");
    assert!(
        matches!(cancelled.phase, ConfigPhase::Promoting { epoch: Epoch(3), .. }),
        "no epoch is given out twice"
    );
}

#[test]
fn an_erased_name_never_comes_back_and_a_named_copy_is_not_erased() {
    let mut config = three();
    let erase = |n| ConfigCommand::EraseCopy { replica: id(n) };
    assert_eq!(run(&mut config, erase(3)), Err(ConfigRefusal::StillNamed(id(3))));
    let remove = ConfigCommand::RemoveCopy { replica: id(3) };
    assert_eq!(
        run(&mut config, remove.clone()),
        Err(ConfigRefusal::InSync(id(3)))
    );
    propose(&mut config, ProposedChange::Drop(id(3))).expect("dropped");
    run(&mut config, remove).expect("removed");
    run(&mut config, erase(3)).expect("erased");
    let back = ConfigCommand::AddCopy {
        node: node(3),
        replica: id(3),
    };
    assert_eq!(run(&mut config, back), Err(ConfigRefusal::NameTaken(id(3))));
}

#[test]
fn only_the_primary_of_the_epoch_proposes() {
    let mut config = three();
    for (by, epoch) in [(2, 1), (1, 2), (9, 1)] {
        let command = ConfigCommand::Propose {
            by: id(by),
            epoch: Epoch(epoch),
            change: ProposedChange::Drop(id(2)),
        };
        assert!(matches!(
            run(&mut config, command),
            Err(ConfigRefusal::NotPrimary { .. })
        ));
    }
}

#[test]
fn the_law_is_asked_for_each_new_copy() {
    let mut config = three();
    let add = ConfigCommand::AddCopy {
        node: node(5),
        replica: id(5),
    };
    assert_eq!(
        run_under(&mut config, &Nowhere, add),
        Err(ConfigRefusal::ResidencyDenied(node(5)))
    );
}

#[test]
fn a_command_for_another_generation_is_refused() {
    let mut config = three();
    let rules = ConfigRules {
        law: &Everywhere,
        plants: ConfigPlants::default(),
    };
    let old = platform_model::Generation(1);
    assert!(matches!(
        apply(&mut config, &rules, old, 1, &ConfigCommand::BeginPromote),
        Err(ConfigRefusal::GenerationMismatch { .. })
    ));
}

fn settings() -> DriverSettings {
    DriverSettings {
        listen_micros: 500_000,
        missing_micros: 700_000,
        prepare_wait_micros: 600_000,
        handover_micros: 2_000_000,
        retry_micros: 100_000,
        abandons: false,
        asks_everyone: false,
    }
}

#[test]
fn a_primary_is_dead_by_two_witnesses_only_and_not_at_once() {
    let config = three();
    let mut driver = Driver::new(settings(), 0);
    let reported = |n, silent_micros| DriverEvent::Reported {
        replica: id(n),
        silent_micros,
    };
    driver.step(100_000, &config, reported(2, 900_000));
    assert_eq!(
        driver.step(200_000, &config, DriverEvent::Tick),
        vec![],
        "it listens"
    );
    driver.step(800_000, &config, reported(1, 0));
    driver.step(800_000, &config, reported(2, 900_000));
    assert_eq!(
        driver.step(900_000, &config, DriverEvent::Tick),
        vec![],
        "it reports"
    );
    driver.step(1_600_000, &config, reported(2, 10));
    assert_eq!(
        driver.step(1_600_000, &config, DriverEvent::Tick),
        vec![],
        "a standby hears it"
    );
    driver.step(1_700_000, &config, reported(2, 500_000));
    let begun = driver.step(1_700_000, &config, DriverEvent::Tick);
    assert!(
        matches!(
            &begun[..],
            [DriverAction::Commit {
                command: ConfigCommand::BeginPromote,
                ..
            }]
        ),
        "{begun:?}"
    );
}

/// Who waited for a lock comes with the time at which he began to wait.
#[test]
fn a_time_that_comes_late_makes_nobody_dead() {
    let config = three();
    let mut driver = Driver::new(settings(), 0);
    for n in 1..=3 {
        let heard = DriverEvent::Reported {
            replica: id(n),
            silent_micros: 900_000,
        };
        driver.step(5_000_000, &config, heard);
    }
    assert_eq!(driver.step(4_999_000, &config, DriverEvent::Tick), vec![]);
}

#[test]
fn a_promotion_waits_for_all_candidates_but_not_for_ever() {
    let mut config = three();
    run(&mut config, ConfigCommand::BeginPromote).expect("begins");
    let mut driver = Driver::new(settings(), 0);
    let orders = driver.step(1, &config, DriverEvent::Tick);
    assert_eq!(orders.len(), 3, "the old primary is asked too");
    let prepared = |n| DriverEvent::Prepared {
        epoch: Epoch(2),
        answer: answer(n, 1, 5),
    };
    assert_eq!(driver.step(2, &config, prepared(2)), vec![]);
    assert_eq!(driver.step(3, &config, prepared(3)), vec![], "one is missing");
    let late = driver.step(700_000, &config, DriverEvent::Tick);
    let [DriverAction::Commit { command, .. }] = &late[..] else {
        panic!("{late:?}");
    };
    run(&mut config, command.clone()).expect("ends");
    assert_eq!(config.epoch, Epoch(2));
}

#[test]
fn a_copy_with_other_data_came_back_when_its_primary_had_changed() {
    let mut config = three();
    propose(&mut config, ProposedChange::Damaged(id(3))).expect("its data differs");
    let state = |config: &ShardConfig| config.standby(id(3)).map(|copy| copy.state);
    for change in [ProposedChange::Complete(id(3)), ProposedChange::Add(id(3))] {
        assert_eq!(propose(&mut config, change), Err(ConfigRefusal::NotWhole(id(3))));
    }
    propose(&mut config, ProposedChange::Drop(id(3))).expect("it is out already");
    assert_eq!(state(&config), Some(CopyState::Damaged));
    let force = ConfigCommand::BeginForce {
        target: id(3),
        proof: Proof::ProviderGone { replica: id(1) },
        loss_entries_max: 10,
    };
    assert_eq!(run(&mut config, force), Err(ConfigRefusal::NotWhole(id(3))));
    run(&mut config, ConfigCommand::BeginPromote).expect("begins");
    let answers = vec![answer(2, 1, 90)];
    run(&mut config, ConfigCommand::FinishPromote { answers }).expect("ends");
    assert_eq!(
        state(&config),
        Some(CopyState::Damaged),
        "under the next primary too"
    );
    let anew = ConfigCommand::ReplaceCopy {
        replica: id(3),
        by: id(9),
    };
    run(&mut config, anew).expect("under another name");
}
