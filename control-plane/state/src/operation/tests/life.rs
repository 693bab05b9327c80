//! Operations from their start to each of their ends.

use super::*;

#[test]
fn a_move_goes_from_node_to_node_and_leaves_nothing_behind() {
    let mut world = World::new();
    let old = world.config().primary.replica;
    let id = world.moved(NEXT, 0);
    assert_eq!(world.of(id).step, Step::Window);
    assert_eq!(world.config().primary.node, node(NEXT));
    assert_eq!(world.state.shards[&shard()].cell.as_str(), "eu-central-2");
    world.advance(id, Step::RemoveStandby).expect("no window");
    world
        .configure(ConfigCommand::Retire { replica: old })
        .expect("leaves");
    assert!(
        world.propose(ProposedChange::Add(old)).is_err(),
        "nobody brings it back"
    );
    world
        .configure(ConfigCommand::RemoveCopy { replica: old })
        .expect("left");
    world.advance(id, Step::Erase).expect("it has left");
    world
        .configure(ConfigCommand::EraseCopy { replica: old })
        .expect("ordered");
    let told = world.state.table().shards[&shard()].clone();
    assert_eq!(told.set.erased.len(), 1, "the order is in the table");
    assert_eq!(told.set.erased[0].node, node(HOME));
    let early = world.advance(id, Step::Done);
    assert!(matches!(
        early,
        Err(Refusal::Operation(OperationRefusal::NotDone {
            waits: Waits::NoReceipt,
            ..
        }))
    ));
    world.receipt(old);
    world.advance(id, Step::Done).expect("erased");
    let record = world.of(id);
    assert_eq!(record.state, OperationState::Done);
    assert_eq!(
        record.receipt.map(|receipt| (receipt.replica, receipt.bytes)),
        Some((old, 4_096))
    );
    assert!(world.state.table().shards[&shard()].set.erased.is_empty());
    assert_eq!(world.config().copies().count(), 1);
}

#[test]
fn what_does_not_stand_in_the_configuration_is_no_step_done() {
    let mut world = World::new();
    let to = node(NEXT);
    let id = world
        .start(OperationKind::Move { to, window_ms: 50 })
        .expect("starts");
    let waits = |world: &mut World, to: Step| match world.advance(id, to) {
        Err(Refusal::Operation(OperationRefusal::NotDone { waits, .. })) => waits,
        other => panic!("{other:?}"),
    };
    assert_eq!(waits(&mut world, Step::Copy), Waits::NotAdded);
    assert!(matches!(
        world.advance(id, Step::Switchover),
        Err(Refusal::Operation(OperationRefusal::WrongStep { .. }))
    ));
    let replica = world.made(id);
    let add = |node: &str, replica| ConfigCommand::AddCopy {
        node: super::node(node),
        replica,
    };
    for other in [add(FAR, replica), add(NEXT, ReplicaId(5))] {
        let refused = world.configure(other);
        assert!(
            matches!(refused, Err(Refusal::Operation(OperationRefusal::Held { .. }))),
            "{refused:?}"
        );
    }
    world.configure(add(NEXT, replica)).expect("as asked");
    world.advance(id, Step::Copy).expect("added");
    assert_eq!(waits(&mut world, Step::CatchUp), Waits::NotWhole);
    world.propose(ProposedChange::Complete(replica)).expect("whole");
    world.advance(id, Step::CatchUp).expect("whole");
    assert_eq!(waits(&mut world, Step::Verify), Waits::NotInSync);
    world.propose(ProposedChange::Add(replica)).expect("in sync");
    world.advance(id, Step::Verify).expect("in sync");
    let epoch = world.config().epoch;
    assert_eq!(
        waits(&mut world, Step::Switchover),
        Waits::NoCertificate { epoch }
    );
    assert!(world.hand_over(replica).is_err(), "not compared yet");
    let certificate = world.certificate(replica);
    world
        .advance_with(id, Step::Switchover, vec![certificate])
        .expect("compared");
    assert_eq!(waits(&mut world, Step::Window), Waits::NotLeading);
    world.hand_over(replica).expect("handed over");
    assert_eq!(world.of(id).step, Step::Window, "it leads already");
    assert!(matches!(
        waits(&mut world, Step::RemoveStandby),
        Waits::WindowOpen { .. }
    ));
    world.time_ms += 60;
    world.advance(id, Step::RemoveStandby).expect("over");
    assert_eq!(waits(&mut world, Step::Erase), Waits::StillNamed);
}

#[test]
fn a_cancelled_move_takes_its_copy_back() {
    let mut world = World::new();
    let id = world.moving(NEXT, 0);
    let (old, new) = (world.config().primary.replica, world.made(id));
    let retire = ConfigCommand::Retire { replica: new };
    assert!(world.configure(retire).is_err(), "nobody has cancelled");
    world
        .ask(id, |id, expected| OperationCommand::Cancel { id, expected })
        .expect("in time");
    assert!(world.hand_over(new).is_err(), "not any more");
    assert!(world.advance(id, Step::Done).is_err(), "its copy is there");
    world.take_out(new);
    world.advance(id, Step::Done).expect("taken back");
    assert_eq!(world.of(id).state, OperationState::Cancelled);
    assert_eq!(world.config().primary.replica, old);
    let again = world.start(OperationKind::Move {
        to: node(NEXT),
        window_ms: 0,
    });
    let again = again.expect("another may start");
    assert_ne!(world.made(again), new, "under another name");
}

#[test]
fn a_move_is_reversed_while_the_old_copy_is_kept() {
    let mut world = World::new();
    let old = world.config().primary.replica;
    let id = world.moved(NEXT, 1_000_000);
    let new = world.made(id);
    let cancelled = world.ask(id, |id, expected| OperationCommand::Cancel { id, expected });
    assert_eq!(
        cancelled,
        Err(Refusal::Operation(OperationRefusal::ReverseInstead(id)))
    );
    world
        .ask(id, |id, expected| OperationCommand::Reverse { id, expected })
        .expect("within the window");
    let begin = ConfigCommand::BeginHandover {
        target: old,
        certificate: None,
        needs_certificate: false,
    };
    world.configure(begin).expect("back");
    world
        .configure(ConfigCommand::FinishHandover { target: old })
        .expect("back");
    world.take_out(new);
    world.advance(id, Step::Done).expect("back");
    assert_eq!(world.of(id).state, OperationState::Reversed);
    assert_eq!(world.config().primary.node, node(HOME));
}

/// What the move made may be the last copy next: the controllers end the move, and erase nothing.
#[test]
fn controllers_end_a_move_that_a_failover_has_turned_back_and_do_not_reverse_it() {
    let mut world = World::new();
    let old = world.config().primary.replica;
    let id = world.moved(NEXT, 1_000_000);
    let new = world.made(id);
    world.promote(&[old]);
    assert_eq!(world.of(id).step, Step::Window);
    let expected = world.of(id).generation;
    let refused = world.operate(controller(), OperationCommand::Reverse { id, expected });
    assert!(matches!(refused, Err(Refusal::NotYours { .. })), "{refused:?}");
    let why = "a failover".to_owned();
    world
        .operate(controller(), OperationCommand::Fail { id, expected, why })
        .expect("it has come to nothing");
    assert!(world.config().names(new), "it stays a standby");
    assert!(world.state.operations.active().next().is_none());
}

#[test]
fn past_the_order_to_erase_nothing_is_taken_back() {
    let mut world = World::new();
    let old = world.config().primary.replica;
    let id = world.moved(NEXT, 0);
    world.advance(id, Step::RemoveStandby).expect("no window");
    let early = world.configure(ConfigCommand::EraseCopy { replica: old });
    assert!(early.is_err(), "it stands in the configuration");
    world
        .configure(ConfigCommand::Retire { replica: old })
        .expect("leaves");
    world
        .configure(ConfigCommand::RemoveCopy { replica: old })
        .expect("left");
    let early = world.configure(ConfigCommand::EraseCopy { replica: old });
    assert!(
        matches!(early, Err(Refusal::Operation(OperationRefusal::Held { .. }))),
        "{early:?}"
    );
    let no_way = world.ask(id, |id, expected| OperationCommand::Reverse { id, expected });
    assert_eq!(no_way, Err(Refusal::Operation(OperationRefusal::NoWayBack(old))));
    world.advance(id, Step::Erase).expect("it has left");
    let asks: [fn(OperationId, Generation) -> OperationCommand; 2] = [
        |id, expected| OperationCommand::Cancel { id, expected },
        |id, expected| OperationCommand::Reverse { id, expected },
    ];
    for ask in asks {
        let refused = world.ask(id, ask);
        assert_eq!(
            refused,
            Err(Refusal::Operation(OperationRefusal::PointOfNoReturn(id)))
        );
    }
    let finish = |id, expected| OperationCommand::Finish { id, expected };
    assert!(world.ask(id, finish).is_err(), "nobody has ordered it yet");
    world
        .configure(ConfigCommand::EraseCopy { replica: old })
        .expect("ordered");
    world.ask(id, finish).expect("its node never answers");
    assert_eq!(world.of(id).state, OperationState::Done);
    assert!(world.config().erasing.contains_key(&old), "the order stands");
}

#[test]
fn a_copy_that_falls_behind_sends_its_move_back() {
    let mut world = World::new();
    let id = world.moving(NEXT, 0);
    let new = world.made(id);
    world.propose(ProposedChange::Drop(new)).expect("it is silent");
    assert_eq!(world.of(id).step, Step::CatchUp);
    assert!(world.of(id).certificates.is_empty(), "compared anew");
    world.propose(ProposedChange::Damaged(new)).expect("it differs");
    assert_eq!(world.of(id).step, Step::Copy);
    let by = ReplicaId(77);
    world
        .configure(ConfigCommand::ReplaceCopy { replica: new, by })
        .expect("made anew");
    assert_eq!(world.made(id), by, "that is the copy now");
    assert_eq!(world.config().left.get(&new), Some(&node(NEXT)));
    world.propose(ProposedChange::Complete(by)).expect("whole");
    world.advance(id, Step::CatchUp).expect("whole");
}

#[test]
fn a_failover_in_the_middle_of_a_move_asks_for_another_certificate_or_for_no_switchover() {
    let mut world = World::new();
    let id = world.moving(NEXT, 0);
    let (old, new) = (world.config().primary.replica, world.made(id));
    let mut other = World {
        state: world.state.clone(),
        time_ms: world.time_ms,
    };
    world.promote(&[old, new]);
    assert_eq!(world.config().primary.replica, old, "confirmed");
    assert_eq!(world.of(id).step, Step::Verify, "of another epoch");
    other.promote(&[new]);
    assert_eq!(other.of(id).step, Step::Window, "it leads");
    assert!(other.of(id).window_until_ms.is_some());
}

#[test]
fn a_handover_that_comes_through_while_it_is_cancelled_is_turned_round() {
    let mut world = World::new();
    let id = world.moving(NEXT, 0);
    let new = world.made(id);
    let begin = ConfigCommand::BeginHandover {
        target: new,
        certificate: Some(Certificate {
            replica: new,
            epoch: world.config().epoch,
        }),
        needs_certificate: true,
    };
    world.configure(begin).expect("begins");
    world
        .ask(id, |id, expected| OperationCommand::Cancel { id, expected })
        .expect("it does not lead yet");
    world
        .configure(ConfigCommand::FinishHandover { target: new })
        .expect("it was under way");
    assert_eq!(world.of(id).state, OperationState::Reversing);
    world
        .ask(id, |id, expected| OperationCommand::Resume { id, expected })
        .expect("or it stays");
    assert_eq!(
        (&world.of(id).state, world.of(id).step),
        (&OperationState::Running, Step::Window)
    );
}

#[test]
fn a_standby_is_repaired_and_verified_and_leads() {
    let mut world = World::new();
    let repair = OperationKind::Repair {
        add: Some(node(FAR)),
        remove: None,
    };
    let id = world.start(repair).expect("starts");
    world.make_copy(id);
    world.advance(id, Step::Done).expect("in sync");
    let standby = world.made(id);
    let verify = world.start(OperationKind::Verify).expect("starts");
    assert!(world.advance(verify, Step::Done).is_err(), "not compared");
    let certificate = world.certificate(standby);
    world
        .advance_with(verify, Step::Done, vec![certificate])
        .expect("compared");
    assert_eq!(world.of(verify).certificates, [certificate]);
    let failover = OperationKind::Failover {
        to: Some(standby),
        force: None,
    };
    let failover = world.start(failover).expect("starts");
    assert!(world.advance(failover, Step::Done).is_err(), "nobody else leads");
    world.promote(&[standby]);
    world.advance(failover, Step::Done).expect("it leads");
    assert_eq!(world.config().primary.node, node(FAR));
    let left = world.config().standbys[0].replica;
    let remove = OperationKind::Repair {
        add: None,
        remove: Some(left),
    };
    let remove = world.start(remove).expect("starts");
    assert_eq!(world.of(remove).step, Step::RemoveStandby);
    world
        .configure(ConfigCommand::Retire { replica: left })
        .expect("leaves");
    world
        .configure(ConfigCommand::RemoveCopy { replica: left })
        .expect("left");
    world.advance(remove, Step::Erase).expect("left");
    world
        .configure(ConfigCommand::EraseCopy { replica: left })
        .expect("ordered");
    world.receipt(left);
    world.advance(remove, Step::Done).expect("erased");
}

#[test]
fn a_paused_operation_begins_nothing() {
    let mut world = World::new();
    let id = world.moving(NEXT, 0);
    world
        .ask(id, |id, expected| OperationCommand::Pause { id, expected })
        .expect("running");
    assert!(world.hand_over(world.made(id)).is_err());
    assert!(world.advance(id, Step::Window).is_err());
    world
        .ask(id, |id, expected| OperationCommand::Resume { id, expected })
        .expect("paused");
    world.hand_over(world.made(id)).expect("it goes on");
}

#[test]
fn the_oldest_that_have_ended_are_forgotten() {
    let mut world = World::new();
    let kept = crate::limits::OPERATIONS_KEPT_MAX;
    for _ in 0..kept + 3 {
        let add = Some(node(NEXT));
        let id = world
            .start(OperationKind::Repair { add, remove: None })
            .expect("starts");
        world
            .ask(id, |id, expected| OperationCommand::Cancel { id, expected })
            .expect("in time");
        world.advance(id, Step::Done).expect("it had made nothing");
    }
    let records = &world.state.operations.records;
    assert_eq!(records.len(), kept);
    assert_eq!(records.keys().next(), Some(&OperationId(4)));
}
