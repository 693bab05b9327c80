//! A copy in a store that several nodes share goes from one of them to another: the same copy, under the same name.
//!
//! Nobody is asked: the store's fence shuts out whoever had it before, and whoever takes it waits until that one reads no
//! more. So it may be done while the old node lives, is cut off, or stands still. What is left of a copy goes the same
//! way: any of them can erase it, and until one has there is no room for another.

use platform_model::{NodeId, ReplicaId};

use super::apply::{ConfigRules, steady};
use super::record::{ConfigPhase, CopyState, ShardConfig};
use super::refusal::ConfigRefusal;

pub(super) fn take(
    config: &mut ShardConfig,
    rules: &ConfigRules<'_>,
    replica: ReplicaId,
    node: &NodeId,
) -> Result<(), ConfigRefusal> {
    // A handover that was begun comes to nothing: its target was promised an epoch below the one given out here.
    if matches!(config.phase, ConfigPhase::Promoting { .. }) {
        return Err(ConfigRefusal::UnderWay);
    }
    let Some(held) = config.copies().find(|copy| copy.replica == replica) else {
        return take_what_is_left(config, rules, replica, node);
    };
    if held.node == *node {
        return Err(ConfigRefusal::NodeTaken(node.clone()));
    }
    if !rules.law.shares(&held.node, node) {
        let node = node.clone();
        return Err(ConfigRefusal::OtherStore { node, replica });
    }
    if config.primary.replica == replica {
        config.epoch_max = config.epoch_max.next();
        config.epoch = config.epoch_max;
        config.phase = ConfigPhase::Steady;
        config.primary.node = node.clone();
        return Ok(());
    }
    if config.phase != ConfigPhase::Steady {
        return Err(ConfigRefusal::UnderWay);
    }
    for copy in config.standbys.iter_mut().filter(|copy| copy.replica == replica) {
        copy.node = node.clone();
        // What the node before promises may still be heard: it must not be counted with what this one does.
        copy.state = copy.state.min(CopyState::CatchingUp);
    }
    Ok(())
}

/// The order to erase it stays the one that it was: whoever has begun to carry it out may have told of it.
fn take_what_is_left(
    config: &mut ShardConfig,
    rules: &ConfigRules<'_>,
    replica: ReplicaId,
    node: &NodeId,
) -> Result<(), ConfigRefusal> {
    steady(config)?;
    let ordered = config.erasing.get_mut(&replica).map(|erasing| &mut erasing.node);
    let place = ordered.or(config.left.get_mut(&replica));
    let place = place.ok_or(ConfigRefusal::UnknownCopy(replica))?;
    if *place == *node {
        return Err(ConfigRefusal::NodeTaken(node.clone()));
    }
    if !rules.law.shares(place, node) {
        let node = node.clone();
        return Err(ConfigRefusal::OtherStore { node, replica });
    }
    *place = node.clone();
    Ok(())
}

/// A store holds a shard once: whoever shares it with a copy, or with what is left of one, takes no other.
pub(crate) fn store_is_free(
    config: &ShardConfig,
    rules: &ConfigRules<'_>,
    node: &NodeId,
) -> Result<(), ConfigRefusal> {
    let named = config.copies().map(|copy| (&copy.node, copy.replica));
    let left = config.left.iter().map(|(replica, node)| (node, *replica));
    let erasing = config
        .erasing
        .iter()
        .map(|(replica, erasing)| (&erasing.node, *replica));
    let mut there = named.chain(left).chain(erasing);
    match there.find(|(other, _)| *other != node && rules.law.shares(other, node)) {
        Some((_, replica)) => Err(ConfigRefusal::StoreTaken {
            node: node.clone(),
            replica,
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use platform_model::{Epoch, Position};

    use super::super::apply::{ConfigPlants, Law, apply};
    use super::super::command::{Candidate, ConfigCommand, ProposedChange};
    use super::*;

    /// All nodes of a cell share a store.
    struct Cells;

    impl Law for Cells {
        fn may_hold(&self, _: &NodeId) -> bool {
            true
        }

        fn shares(&self, one: &NodeId, other: &NodeId) -> bool {
            one.cell == other.cell
        }
    }

    fn node(text: &str) -> NodeId {
        text.parse().expect("a node")
    }

    fn run(config: &mut ShardConfig, command: ConfigCommand) -> Result<(), ConfigRefusal> {
        let rules = ConfigRules {
            law: &Cells,
            plants: ConfigPlants::default(),
        };
        let before = config.clone();
        let outcome = apply(config, &rules, before.generation, before.generation.0, &command);
        if outcome.is_err() {
            assert_eq!(*config, before, "a refused command changes nothing");
        }
        outcome
    }

    fn take(config: &mut ShardConfig, replica: u128, to: &str) -> Result<(), ConfigRefusal> {
        let (replica, node) = (ReplicaId(replica), node(to));
        run(config, ConfigCommand::Take { replica, node })
    }

    /// Primary 1 on a-1/0, standby 2 in sync on b-1/0.
    fn two() -> ShardConfig {
        let mut config = ShardConfig::new(node("a-1/0"), ReplicaId(1), 600_000);
        let by = ReplicaId(1);
        let add = ConfigCommand::AddCopy {
            node: node("b-1/0"),
            replica: ReplicaId(2),
        };
        let propose = |change| ConfigCommand::Propose {
            by,
            epoch: Epoch(1),
            change,
        };
        let commands = [
            propose(ProposedChange::Born),
            add,
            propose(ProposedChange::Complete(ReplicaId(2))),
            propose(ProposedChange::Add(ReplicaId(2))),
        ];
        for command in commands {
            run(&mut config, command).expect("allowed");
        }
        config
    }

    #[test]
    fn a_primary_goes_under_an_epoch_that_was_never_given_out_and_keeps_its_standbys() {
        let mut config = two();
        run(
            &mut config,
            ConfigCommand::BeginHandover {
                target: ReplicaId(2),
                certificate: None,
                needs_certificate: false,
            },
        )
        .expect("begins");
        take(&mut config, 1, "a-1/1").expect("its node died while it handed over");
        assert_eq!(config.epoch, Epoch(3), "2 was promised to the target");
        assert_eq!(
            (config.epoch, &config.phase),
            (config.epoch_max, &ConfigPhase::Steady)
        );
        assert_eq!(
            (&config.primary.node, config.primary.replica),
            (&node("a-1/1"), ReplicaId(1))
        );
        assert_eq!(config.standbys[0].state, CopyState::InSync);
        let late = run(
            &mut config,
            ConfigCommand::FinishHandover { target: ReplicaId(2) },
        );
        assert_eq!(late, Err(ConfigRefusal::NotUnderWay));
    }

    #[test]
    fn a_standby_goes_without_an_epoch_and_is_not_counted_on() {
        let mut config = two();
        take(&mut config, 2, "b-1/1").expect("allowed");
        assert_eq!(config.epoch, Epoch(1));
        let copy = &config.standbys[0];
        assert_eq!((&copy.node, copy.state), (&node("b-1/1"), CopyState::CatchingUp));
    }

    #[test]
    fn only_a_node_on_the_same_store_takes_and_not_while_a_primary_is_chosen() {
        let mut config = two();
        let refused = take(&mut config, 1, "c-1/0");
        assert!(
            matches!(refused, Err(ConfigRefusal::OtherStore { .. })),
            "{refused:?}"
        );
        assert_eq!(
            take(&mut config, 1, "a-1/0"),
            Err(ConfigRefusal::NodeTaken(node("a-1/0")))
        );
        assert_eq!(
            take(&mut config, 9, "a-1/1"),
            Err(ConfigRefusal::UnknownCopy(ReplicaId(9)))
        );
        run(&mut config, ConfigCommand::BeginPromote).expect("begins");
        assert_eq!(take(&mut config, 1, "a-1/1"), Err(ConfigRefusal::UnderWay));
        let answers = vec![Candidate {
            replica: ReplicaId(1),
            epoch: Epoch(1),
            position: Position(1),
        }];
        run(&mut config, ConfigCommand::FinishPromote { answers }).expect("ends");
        take(&mut config, 1, "a-1/1").expect("then it may");
    }

    #[test]
    fn what_is_left_of_a_copy_goes_to_whoever_shares_its_store_with_its_order() {
        let mut config = two();
        let replica = ReplicaId(2);
        run(&mut config, ConfigCommand::Retire { replica }).expect("leaves");
        run(&mut config, ConfigCommand::RemoveCopy { replica }).expect("is out");
        take(&mut config, 2, "b-1/1").expect("not ordered yet");
        assert_eq!(config.left[&replica], node("b-1/1"));
        run(&mut config, ConfigCommand::EraseCopy { replica }).expect("ordered");
        let order = config.erasing[&replica].index;
        let refused = take(&mut config, 2, "c-1/0");
        assert!(
            matches!(refused, Err(ConfigRefusal::OtherStore { .. })),
            "{refused:?}"
        );
        let same = take(&mut config, 2, "b-1/1");
        assert_eq!(same, Err(ConfigRefusal::NodeTaken(node("b-1/1"))));
        take(&mut config, 2, "b-1/2").expect("its node died");
        assert_eq!(config.erasing[&replica].node, node("b-1/2"));
        assert_eq!(config.erasing[&replica].index, order);
        assert_eq!(config.epoch, Epoch(1), "nobody leads otherwise");
        run(&mut config, ConfigCommand::BeginPromote).expect("begins");
        assert_eq!(take(&mut config, 2, "b-1/0"), Err(ConfigRefusal::UnderWay));
    }

    #[test]
    fn a_store_has_room_for_one_copy_also_while_an_old_one_is_not_erased() {
        let mut config = two();
        let add = |node: &str, replica| ConfigCommand::AddCopy {
            node: node.parse().expect("a node"),
            replica: ReplicaId(replica),
        };
        let refused = run(&mut config, add("b-1/1", 3));
        assert!(
            matches!(refused, Err(ConfigRefusal::StoreTaken { .. })),
            "{refused:?}"
        );
        let replica = ReplicaId(2);
        run(&mut config, ConfigCommand::Retire { replica }).expect("leaves");
        run(&mut config, ConfigCommand::RemoveCopy { replica }).expect("is out");
        assert!(
            run(&mut config, add("b-1/1", 3)).is_err(),
            "what is left of it lies there"
        );
        run(&mut config, ConfigCommand::EraseCopy { replica }).expect("ordered");
        assert!(run(&mut config, add("b-1/1", 3)).is_err(), "and still does");
        let order = config.erasing[&replica].index;
        let erased = ConfigCommand::Erased {
            replica,
            order,
            bytes: 1,
            keys: 1,
        };
        run(&mut config, erased).expect("told");
        run(&mut config, add("b-1/1", 3)).expect("now there is room");
    }
}
