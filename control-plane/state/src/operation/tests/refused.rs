//! What operations are refused, and why.

use super::*;
use crate::shard_config::{ConfigRefusal, Proof};

fn moves(to: &str) -> OperationKind {
    OperationKind::Move {
        to: node(to),
        window_ms: 0,
    }
}

fn refused(world: &mut World, kind: OperationKind) -> Refusal {
    world.start(kind).expect_err("refused")
}

#[test]
fn a_move_that_leads_nowhere_does_not_start() {
    let mut world = World::new();
    assert_eq!(
        refused(&mut world, moves(HOME)),
        OperationRefusal::ToItself(node(HOME)).into()
    );
    assert_eq!(
        refused(&mut world, moves("eu-central-2/7")),
        Refusal::UnknownNode(node("eu-central-2/7"))
    );
    assert!(matches!(
        refused(&mut world, moves("mars-1/0")),
        Refusal::UnknownCell(_)
    ));
    let forbidden = refused(&mut world, moves(ABROAD));
    let Refusal::LawForbids(forbidden) = forbidden else {
        panic!("{forbidden}")
    };
    assert_eq!(forbidden.rule, "stays", "the rule is named");
    let cordon = Command::SetCellState {
        cell: "eu-central-2".parse().expect("a cell"),
        state: CellState::Cordoned,
        expected: Generation(1),
    };
    world.give(sre(), cordon).expect("cordoned");
    assert!(matches!(
        refused(&mut world, moves(NEXT)),
        Refusal::CellCordoned(_)
    ));
    let long = OperationKind::Move {
        to: node(FAR),
        window_ms: u64::MAX,
    };
    assert!(matches!(
        refused(&mut world, long),
        Refusal::Operation(OperationRefusal::WindowTooLong { .. })
    ));
}

#[test]
fn a_shard_takes_part_in_one_operation_at_a_time() {
    let mut world = World::new();
    let id = world.start(moves(NEXT)).expect("starts");
    for kind in [moves(FAR), OperationKind::Verify] {
        assert_eq!(
            refused(&mut world, kind),
            OperationRefusal::AlreadyUnderWay {
                shard: shard(),
                operation: id
            }
            .into()
        );
    }
}

#[test]
fn nothing_is_compared_or_let_lead_where_nobody_stands_by() {
    let mut world = World::new();
    assert_eq!(
        refused(&mut world, OperationKind::Verify),
        OperationRefusal::NothingToCompare.into()
    );
    let failover = |to, force| OperationKind::Failover { to, force };
    assert_eq!(
        refused(&mut world, failover(None, None)),
        OperationRefusal::NobodyElse.into()
    );
    let primary = world.config().primary.replica;
    assert!(matches!(
        refused(&mut world, failover(Some(primary), None)),
        Refusal::Operation(OperationRefusal::ToItself(_))
    ));
    assert!(matches!(
        refused(&mut world, failover(Some(ReplicaId(9)), None)),
        Refusal::Config(ConfigRefusal::UnknownCopy(_))
    ));
    let nothing = OperationKind::Repair {
        add: None,
        remove: None,
    };
    assert_eq!(refused(&mut world, nothing), OperationRefusal::NothingToDo.into());
}

#[test]
fn only_a_person_forces_and_says_why() {
    let mut world = World::new();
    let add = Some(node(NEXT));
    let id = world
        .start(OperationKind::Repair { add, remove: None })
        .expect("starts");
    world.make_copy(id);
    world.advance(id, Step::Done).expect("in sync");
    let standby = world.made(id);
    let dead = Force {
        old_primary_is_dead: true,
        loss_entries_max: 4,
    };
    let failover = |force| OperationKind::Failover {
        to: Some(standby),
        force,
    };
    assert_eq!(
        refused(&mut world, failover(Some(dead))),
        OperationRefusal::NeedsNoForce(standby).into()
    );
    world.propose(ProposedChange::Drop(standby)).expect("dropped");
    let force = |reason: &str, loss_entries_max| ConfigCommand::BeginForce {
        target: standby,
        proof: Proof::Person {
            reason: reason.into(),
        },
        loss_entries_max,
    };
    assert_eq!(
        world.configure(force("because", 4)),
        Err(OperationRefusal::NobodyForces(standby).into())
    );
    assert_eq!(
        refused(&mut world, failover(None)),
        OperationRefusal::NoCandidate(standby).into()
    );
    let alive = Force {
        old_primary_is_dead: false,
        ..dead
    };
    assert_eq!(
        refused(&mut world, failover(Some(alive))),
        OperationRefusal::ForceIncomplete.into()
    );
    world.start(failover(Some(dead))).expect("a person's word");
    assert!(
        world.configure(force("because", 5)).is_err(),
        "he named another bound"
    );
    assert!(
        world.configure(force("for fun", 4)).is_err(),
        "he gave another reason"
    );
    world.configure(force("because", 4)).expect("as he said");
}

#[test]
fn a_command_for_another_generation_is_refused() {
    let mut world = World::new();
    let start = Start {
        shard: shard(),
        kind: moves(NEXT),
        expected: Generation(99),
        deadline_ms: None,
        plan: None,
    };
    let refused = world.operate(sre(), OperationCommand::Start(start));
    assert!(matches!(refused, Err(Refusal::GenerationMismatch { .. })));
    let id = world.start(moves(NEXT)).expect("starts");
    let stale = OperationCommand::Pause {
        id,
        expected: Generation(7),
    };
    assert!(matches!(
        world.operate(sre(), stale),
        Err(Refusal::GenerationMismatch { .. })
    ));
    let none = OperationCommand::Pause {
        id: OperationId(99),
        expected: Generation(1),
    };
    assert!(matches!(
        world.operate(sre(), none),
        Err(Refusal::Operation(OperationRefusal::UnknownOperation(_)))
    ));
}

#[test]
fn people_and_controllers_give_each_their_own() {
    let mut world = World::new();
    let start = |kind| {
        OperationCommand::Start(Start {
            shard: shard(),
            kind,
            expected: Generation(3),
            deadline_ms: None,
            plan: None,
        })
    };
    let repair = OperationKind::Repair {
        add: Some(node(NEXT)),
        remove: None,
    };
    assert_eq!(world.config().generation, Generation(3));
    let refused = world.operate(controller(), start(moves(NEXT)));
    assert!(matches!(refused, Err(Refusal::NotYours { .. })), "people move");
    let pause = Command::SetAutomation {
        paused: true,
        expected: Generation(1),
    };
    world.give(sre(), pause).expect("paused");
    let refused = world.operate(controller(), start(repair.clone()));
    assert_eq!(refused, Err(OperationRefusal::AutomationPaused.into()));
    assert_eq!(
        world.configure(ConfigCommand::BeginPromote),
        Err(OperationRefusal::AutomationPaused.into())
    );
    let go_on = Command::SetAutomation {
        paused: false,
        expected: Generation(2),
    };
    world.give(sre(), go_on).expect("goes on");
    world.operate(controller(), start(repair)).expect("it repairs");
    let id = world.state.operations.last;
    let advance = OperationCommand::Advance {
        id,
        expected: Generation(1),
        to: Step::Copy,
        certificates: Vec::new(),
    };
    let node = crate::apply::tests::author(node(HOME));
    for author in [sre(), node] {
        let refused = world.operate(author, advance.clone());
        assert!(matches!(refused, Err(Refusal::NotYours { .. })), "{refused:?}");
    }
}

#[test]
fn copies_come_and_go_as_operations_ask_only() {
    let mut world = World::new();
    let add = ConfigCommand::AddCopy {
        node: node(NEXT),
        replica: ReplicaId(4),
    };
    assert_eq!(
        world.configure(add),
        Err(OperationRefusal::NobodyAsked(ReplicaId(4)).into())
    );
    let configure = |author, command| {
        let (shard, expected) = (shard(), Generation(3));
        (
            author,
            Command::Configure {
                shard,
                expected,
                command,
            },
        )
    };
    let config = world.config();
    let (by, epoch) = (config.primary.replica, config.epoch);
    let drop = ConfigCommand::Propose {
        by,
        epoch,
        change: ProposedChange::Drop(ReplicaId(4)),
    };
    let other = crate::apply::tests::author(node(NEXT));
    let (author, command) = configure(other, drop);
    assert!(matches!(
        world.give(author, command),
        Err(Refusal::NotPrimary { .. })
    ));
    let own = crate::apply::tests::author(node(HOME));
    let (author, command) = configure(own, ConfigCommand::BeginPromote);
    assert!(matches!(
        world.give(author, command),
        Err(Refusal::NotYours { .. })
    ));
    let (author, command) = configure(sre(), ConfigCommand::BeginPromote);
    assert!(matches!(
        world.give(author, command),
        Err(Refusal::NotYours { .. })
    ));
}

#[test]
fn a_goal_that_the_law_lets_nobody_reach_is_refused_with_its_rule() {
    use platform_model::Survival;
    let mut world = World::new();
    let set = |home: &str, goal, expected| Command::SetSurvival {
        home: home.parse().expect("a home"),
        goal,
        expected: Generation(expected),
    };
    let forbidden = world.give(sre(), set("us/us-east", Survival::Region, 1));
    let Err(Refusal::SurvivalForbidden(forbidden)) = forbidden else {
        panic!("{forbidden:?}")
    };
    assert_eq!(
        (forbidden.rule.as_str(), forbidden.region.as_str()),
        ("stays", "eu-central")
    );
    world
        .give(sre(), set("us/us-east", Survival::Zone, 1))
        .expect("at home");
    world
        .give(sre(), set("eu/eu-central", Survival::Region, 1))
        .expect("lawful");
    let stale = world.give(sre(), set("eu/eu-central", Survival::None, 1));
    assert!(matches!(stale, Err(Refusal::GenerationMismatch { .. })));
    let home = "eu/eu-central".parse().expect("a home");
    assert_eq!(world.state.homes[&home].survival.goal, Survival::Region);
}

#[test]
fn a_copy_where_it_may_not_lead_is_no_candidate() {
    // Held by the configuration's own rules; here the law of the world says it.
    let mut world = World::new();
    let add = Some(node(FAR));
    let id = world
        .start(OperationKind::Repair { add, remove: None })
        .expect("starts");
    world.make_copy(id);
    world.advance(id, Step::Done).expect("in sync");
    assert_eq!(world.config().standbys[0].state, CopyState::InSync);
    let narrower = crate::apply::law_tests::proposal(
        2,
        "2000-01-01",
        &[
            platform_model::matrix::plain::Area::named(("eu", "DE", &["eu-central"])),
            platform_model::matrix::plain::Area::named(("us", "US", &["us-east"])),
        ],
    );
    let enacted = crate::apply::law_tests::enact(&mut world.state, world.time_ms, &narrower);
    assert!(enacted.refusal().is_none(), "{enacted:?}");
    let standby = world.made(id);
    let failover = OperationKind::Failover {
        to: Some(standby),
        force: None,
    };
    assert!(matches!(refused(&mut world, failover), Refusal::LawForbids(_)));
    let handover = ConfigCommand::BeginHandover {
        target: standby,
        certificate: None,
        needs_certificate: false,
    };
    assert_eq!(
        world.configure(handover),
        Err(ConfigRefusal::MayNotLead(node(FAR)).into())
    );
    let old = world.config().primary.replica;
    world.configure(ConfigCommand::BeginPromote).expect("begins");
    let answer = |replica, position| Candidate {
        replica,
        epoch: Epoch(1),
        position: platform_model::Position(position),
    };
    let alone = vec![answer(standby, 9)];
    assert_eq!(
        world.configure(ConfigCommand::FinishPromote { answers: alone }),
        Err(ConfigRefusal::NoAnswer.into())
    );
    let answers = vec![answer(standby, 9), answer(old, 7)];
    world
        .configure(ConfigCommand::FinishPromote { answers })
        .expect("ends");
    assert_eq!(world.config().primary.replica, old, "the longer log may not lead");
    let state = world.config().standby(standby).map(|copy| copy.state);
    assert_eq!(state, Some(CopyState::CatchingUp), "its end is cut off first");
}
