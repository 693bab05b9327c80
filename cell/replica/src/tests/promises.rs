//! What a copy promised as a standby, when it starts again.

use super::table::{GROUP, NOW, ask, config, durable, frame, step};
use super::{Small, term};
use crate::config::Configuration;
use crate::event::Event;
use crate::frame::Message;
use crate::moment::{Moment, kept};
use crate::plant::Plants;
use crate::replica::Replica;
use crate::{Action, NodeKey};

#[test]
fn a_restart_counts_as_a_promise_for_the_longest_lease_ever() {
    let (standby, _) = Replica::start(
        NOW,
        NodeKey(2),
        GROUP,
        durable(2, Some(config(3, 1, 1))),
        Plants::none(),
    );
    assert_eq!(standby.own_promise, NOW.plus(kept(400_000)));
}

/// A primary that has waited out what it promised as a standby does not do so again when it starts again; one that follows
/// since does.
#[test]
fn a_primary_that_serves_forgets_what_it_promised_once_that_is_over() {
    let alone = Configuration {
        standbys: Vec::new(),
        ..config(1, 1, 1)
    };
    let (mut primary, actions) =
        Replica::start(NOW, NodeKey(1), GROUP, durable(1, Some(alone)), Plants::none());
    super::table::sync(&mut primary, actions);
    super::table::confirm(&mut primary);
    assert_eq!(primary.state(), "serving");
    let almost = NOW.plus(kept(400_000) - 1);
    primary.step(almost, Event::Tick).expect("time passes");
    assert!(!primary.may_answer(almost) && primary.meta().lease_micros_max == 400_000);
    let then = NOW.plus(kept(400_000));
    let actions = primary.step(then, Event::Tick).expect("time passes");
    let persisted = |action: &Action<Small>| matches!(action, Action::Persist { .. });
    assert!(primary.may_answer(then) && actions.iter().any(persisted));
    let restarted = |replica: &Replica<Small>| {
        let (meta, log) = (replica.meta().clone(), replica.log().clone());
        let durable = crate::Durable { meta, log };
        Replica::start(then, NodeKey(1), GROUP, durable, Plants::none()).0
    };
    assert_eq!(restarted(&primary).own_promise, Moment::default());

    step(&mut primary, Event::Configured(config(9, 2, 2)));
    step(&mut primary, frame(term(2, 5), 2, 1, Message::Query(ask())));
    assert_eq!(restarted(&primary).own_promise, then.plus(kept(400_000)));
}
