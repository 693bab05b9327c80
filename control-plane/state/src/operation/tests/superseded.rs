//! What a person's failover puts an end to, what it does not, and that older commands are judged as they were.

use super::*;
use crate::shard_config::{ConfigRefusal, Proof};

fn failover(to: ReplicaId, force: Option<Force>) -> OperationKind {
    OperationKind::Failover { to: Some(to), force }
}

fn dead() -> Option<Force> {
    Some(Force {
        old_primary_is_dead: true,
        loss_entries_max: 4,
    })
}

fn already(operation: OperationId) -> Refusal {
    let shard = shard();
    OperationRefusal::AlreadyUnderWay { shard, operation }.into()
}

fn superseded(world: &World, id: OperationId, by: OperationId) {
    let why = format!("superseded by operation {by}");
    assert_eq!(world.of(id).state, OperationState::Failed { why });
    let active: Vec<OperationId> = world.state.operations.active().map(|(id, _)| id).collect();
    assert_eq!(active, [by]);
}

/// As a build writes it that knows version 1 only.
fn of_version_1(world: &mut World, author: Author, command: Command) -> Outcome {
    world.time_ms += 10;
    let envelope = Envelope {
        version: 1,
        ..Envelope::new(author, world.time_ms, "because", command)
    };
    apply_command(&mut world.state, &envelope).outcome
}

/// The planted omission: the old copy was retired and the new primary is lost, and nothing is accepted any more.
#[test]
fn a_forced_failover_ends_a_move_whose_old_copy_was_retired() {
    let mut world = World::new();
    let old = world.config().primary.replica;
    let id = world.moved(NEXT, 0);
    let refused = world.start(failover(old, None));
    assert_eq!(refused, Err(already(id)), "in its window it is reversed");
    world.advance(id, Step::RemoveStandby).expect("no window");
    world
        .configure(ConfigCommand::Retire { replica: old })
        .expect("leaves");
    let before = world.config().generation;
    let by = world.start(failover(old, dead())).expect("a person's word");
    superseded(&world, id, by);
    assert!(world.config().retiring.is_empty(), "nobody takes it out any more");
    assert!(world.config().generation > before, "not unseen");
    world
        .configure(ConfigCommand::BeginForce {
            target: old,
            proof: Proof::Person {
                reason: "because".into(),
            },
            loss_entries_max: 4,
        })
        .expect("as he said");
}

/// The planted omission: it is retired for ever, in sync no more, and its node takes no other copy.
#[test]
fn an_old_copy_that_was_retired_counts_again_when_the_move_fails_or_is_reversed() {
    for reversed in [true, false] {
        let mut world = World::new();
        let old = world.config().primary.replica;
        let id = world.moved(NEXT, 0);
        world.advance(id, Step::RemoveStandby).expect("no window");
        world
            .configure(ConfigCommand::Retire { replica: old })
            .expect("leaves");
        let (before, expected) = (world.config().generation, world.of(id).generation);
        let ended = if reversed {
            world.operate(sre(), OperationCommand::Reverse { id, expected })
        } else {
            let why = "its new node is lost".to_owned();
            world.operate(controller(), OperationCommand::Fail { id, expected, why })
        };
        ended.expect("may be");
        assert!(world.config().generation > before, "not unseen");
        world.propose(ProposedChange::Add(old)).expect("in sync again");
    }
}

/// A move at the erasure of its old copy, with a standby in sync elsewhere.
fn erasing() -> (World, OperationId, ReplicaId, ReplicaId) {
    let mut world = World::new();
    world.with_standby();
    let standby = world.config().standbys[0].replica;
    let old = world.config().primary.replica;
    let id = world.moved(NEXT, 0);
    world.advance(id, Step::RemoveStandby).expect("no window");
    world
        .configure(ConfigCommand::Retire { replica: old })
        .expect("leaves");
    world
        .configure(ConfigCommand::RemoveCopy { replica: old })
        .expect("left");
    world.advance(id, Step::Erase).expect("it has left");
    (world, id, old, standby)
}

#[test]
fn an_erasure_gives_way_until_it_is_ordered() {
    let (mut world, id, old, standby) = erasing();
    let by = world.start(failover(standby, None)).expect("not ordered");
    superseded(&world, id, by);
    assert!(world.config().left.contains_key(&old), "it lies where it lay");

    let (mut world, id, old, standby) = erasing();
    world
        .configure(ConfigCommand::EraseCopy { replica: old })
        .expect("ordered");
    assert_eq!(world.start(failover(standby, None)), Err(already(id)));
}

#[test]
fn what_is_taken_back_gives_way_and_what_is_made_does_not() {
    let mut world = World::new();
    let id = world.moving(NEXT, 0);
    let made = world.made(id);
    assert_eq!(world.start(failover(made, None)), Err(already(id)));
    world
        .ask(id, |id, expected| OperationCommand::Cancel { id, expected })
        .expect("may be cancelled");
    let verify = world.start(OperationKind::Verify);
    assert_eq!(verify, Err(already(id)), "a failover only");
    let by = world.start(failover(made, None)).expect("gives way");
    superseded(&world, id, by);
}

#[test]
fn a_failover_to_which_nobody_answers_gives_way_to_a_forced_one_only() {
    let (mut world, _, _, standby) = erasing();
    let id = world.start(failover(standby, None)).expect("gives way");
    world.configure(ConfigCommand::BeginPromote).expect("begins");
    let made = world.config().standbys[0].replica;
    assert_eq!(world.start(failover(made, None)), Err(already(id)));
    assert_eq!(
        world.start(failover(made, dead())),
        Err(OperationRefusal::NeedsNoForce(made).into()),
        "it is judged as if nothing were under way"
    );
}

#[test]
fn a_failover_of_version_1_ends_nothing() {
    let (mut world, id, _, standby) = erasing();
    let start = Start {
        shard: shard(),
        kind: failover(standby, None),
        expected: world.config().generation,
        deadline_ms: None,
        plan: None,
    };
    let command = Command::Operation(OperationCommand::Start(start));
    let outcome = of_version_1(&mut world, sre(), command);
    assert_eq!(outcome.refusal(), Some(&already(id)));
}

#[test]
fn what_is_left_of_a_copy_was_taken_by_nobody_in_version_1() {
    let (mut world, _, old, _) = erasing();
    let command = Command::Configure {
        shard: shard(),
        expected: world.config().generation,
        command: ConfigCommand::Take {
            replica: old,
            node: node(FAR),
        },
    };
    let outcome = of_version_1(&mut world, controller(), command.clone());
    let unknown = Refusal::Config(ConfigRefusal::UnknownCopy(old));
    assert_eq!(outcome.refusal(), Some(&unknown));
    let now = world.give(controller(), command);
    assert!(
        matches!(now, Err(Refusal::Config(ConfigRefusal::OtherStore { .. }))),
        "it is looked for: {now:?}"
    );
}
