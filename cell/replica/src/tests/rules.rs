//! The rules one by one, as short runs of one replica.

use platform_model::{Epoch, Generation, Position, ReplicaId};

use super::table::{NOW, ask, config, durable, frame, handover, member, promise, serving, start, step};
use super::{Small, seal, term};
use crate::config::{Configuration, Phase};
use crate::entry::Body;
use crate::event::Event;
use crate::frame::{Ask, Message};
use crate::moment::{Moment, kept};
use crate::names::OrderIndex;
use crate::refusal::Refusal;
use crate::replica::{Replica, Role};
use crate::{Action, NodeKey};

fn prepare(epoch: u64, order: u64) -> Event<Small> {
    Event::Prepare {
        order: OrderIndex(order),
        epoch: Epoch(epoch),
    }
}

#[test]
fn who_is_prepared_follows_and_promises_nothing_below() {
    let mut standby = start(2, durable(2, Some(config(3, 1, 1))));
    step(&mut standby, prepare(2, 20));
    for message in [
        Message::Query(ask()),
        Message::KeepAlive {
            ask: ask(),
            serves: true,
        },
    ] {
        let outcome = standby.step(NOW, frame(term(1, 1), 1, 2, message));
        assert_eq!(outcome, Err(Refusal::Promised { promised: Epoch(2) }));
    }
}

#[test]
fn prepare_is_answered_only_when_the_own_promise_has_run_out() {
    let mut standby = start(2, durable(2, Some(config(3, 1, 1))));
    let keep_alive = Message::KeepAlive {
        ask: ask(),
        serves: true,
    };
    step(&mut standby, frame(term(1, 1), 1, 2, keep_alive));
    let answered = |actions: &[Action<Small>]| {
        actions
            .iter()
            .any(|action| matches!(action, Action::Prepared { .. }))
    };
    assert!(!answered(&step(&mut standby, prepare(2, 20))));
    let almost = NOW.plus(kept(400_000) - 1);
    assert!(!answered(
        &standby.step(almost, Event::Tick).expect("time passes")
    ));
    let then = NOW.plus(kept(400_000));
    assert!(answered(&standby.step(then, Event::Tick).expect("time passes")));
}

#[test]
fn a_standby_with_less_than_it_acknowledged_has_amnesia() {
    let mut standby = start(2, durable(2, Some(config(3, 1, 1))));
    let ask = Ask {
        known: Position(4),
        ..ask()
    };
    let actions = step(
        &mut standby,
        frame(term(1, 1), 1, 2, Message::KeepAlive { ask, serves: true }),
    );
    assert_eq!(standby.role(), &Role::Amnesiac);
    assert!(actions.iter().any(|action| matches!(action, Action::Report(_))));
    let again = standby.step(NOW, frame(term(1, 1), 1, 2, Message::Query(self::ask())));
    assert!(matches!(again, Err(Refusal::Amnesia { .. })));
}

#[test]
fn a_primary_that_was_not_asked_before_is_not_who_it_says() {
    let mut old = start(2, durable(2, Some(config(3, 1, 1))));
    step(&mut old, Event::Configured(config(9, 4, 2)));
    assert_eq!(old.role(), &Role::Amnesiac);
}

#[test]
fn a_new_shard_serves_only_once_the_control_plane_knows_that_it_has_formed() {
    let unborn = Configuration {
        unborn: true,
        standbys: Vec::new(),
        ..config(1, 1, 1)
    };
    let mut first = start(1, crate::Durable::default());
    step(&mut first, Event::Configured(unborn.clone()));
    assert_eq!(first.state(), "opening");
    let born = Configuration {
        unborn: false,
        generation: Generation(2),
        ..unborn.clone()
    };
    let mut emptied = start(1, crate::Durable::default());
    step(&mut first, Event::Configured(born.clone()));
    assert_eq!(first.state(), "serving");
    step(&mut emptied, Event::Configured(born));
    assert_eq!(emptied.role(), &Role::Amnesiac, "an empty disk under an old name");
}

#[test]
fn an_own_entry_must_follow_the_tail() {
    let unborn = Configuration {
        standbys: Vec::new(),
        ..config(1, 1, 1)
    };
    let mut alone = start(1, durable(1, Some(unborn)));
    let actions = alone.step(NOW, Event::Tick).expect("time passes");
    super::table::sync(&mut alone, actions);
    let ticket = crate::Ticket(1);
    let actions = alone
        .step(NOW, Event::Persisted(ticket))
        .expect("its term is durable");
    super::table::sync(&mut alone, actions);
    super::table::confirm(&mut alone);
    assert_eq!(alone.state(), "serving");
    let next = seal(alone.tail(), term(1, 1), Body::Data(1));
    let after = seal(next.head, term(1, 1), Body::Data(2));
    let other = seal(alone.tail(), term(1, 7), Body::Data(1));
    assert!(matches!(
        alone.step(NOW, Event::Append(after)),
        Err(Refusal::Gap { .. })
    ));
    assert!(matches!(
        alone.step(NOW, Event::Append(other)),
        Err(Refusal::UnknownTerm { .. })
    ));
    assert!(alone.step(NOW, Event::Append(next)).is_ok());
}

#[test]
fn a_handover_goes_on_only_under_a_newer_configuration() {
    let handover = |generation| Configuration {
        phase: Phase::Handover {
            target: ReplicaId(2),
            epoch: Epoch(2),
        },
        ..config(generation, 1, 1)
    };
    let mut durable = durable(1, Some(handover(4)));
    durable.meta.released = Some((Epoch(1), Generation(4)));
    durable.meta.effective = vec![ReplicaId(2)];
    let mut primary = start(1, durable);
    assert_eq!(primary.state(), "released", "a restart does not bring it back");
    assert!(primary.step(NOW.plus(60_000_000), Event::Tick).is_ok());
    assert_eq!(primary.state(), "released", "nor does time");
    step(&mut primary, Event::Configured(config(5, 1, 1)));
    assert_eq!(
        primary.state(),
        "reconciling",
        "a committed cancel does, with new promises"
    );
    assert!(!primary.may_answer(NOW.plus(60_000_000)));
}

#[test]
fn who_has_handed_over_is_no_witness_at_once_that_nobody_serves() {
    let mut primary = serving();
    step(&mut primary, Event::Configured(handover(9)));
    assert_eq!(primary.state(), "released");
    step(&mut primary, Event::Configured(config(10, 2, 2)));
    let report = primary.report(NOW.plus(1_000)).expect("it has a name");
    assert!(!report.leads);
    assert_eq!(report.silent_micros, 1_000);
}

#[test]
fn moments_of_frames_are_the_primarys_own() {
    let mut standby = start(2, durable(2, Some(config(3, 1, 1))));
    let keep_alive = Message::KeepAlive {
        ask: ask(),
        serves: true,
    };
    let actions = step(&mut standby, frame(term(1, 1), 1, 2, keep_alive));
    let echoed = actions.iter().any(|action| {
        matches!(action, Action::Send { node, frame }
            if *node == member(1).node
                && matches!(&frame.message, Message::Ack { promise, .. } if promise.echo == Moment(5_000)))
    });
    assert!(echoed, "{actions:?}");
}

#[test]
fn a_busy_stream_does_not_keep_a_standby_from_being_asked_how_it_stands() {
    let mut primary = super::table::serving();
    let mending = super::table::status_of(
        primary.tail(),
        crate::Upkeep::Mending {
            until: super::table::at(5),
        },
    );
    step(&mut primary, frame(term(1, 1), 3, 1, Message::Status(mending)));
    let later = NOW.plus(60_000);
    let entry = seal(primary.tail(), term(1, 1), Body::Data(1));
    let mut actions = primary.step(later, Event::Append(entry)).expect("it serves");
    while let Some(Action::Persist { ticket, .. }) = actions.first() {
        actions = primary
            .step(later, Event::Persisted(*ticket))
            .expect("a ticket of its own");
    }
    let asked = primary.step(later.plus(1), Event::Tick).expect("time passes");
    let queries_3 = |action: &Action<Small>| {
        matches!(action, Action::Send { node, frame }
            if *node == NodeKey(3) && matches!(frame.message, Message::Query(_)))
    };
    assert!(asked.iter().any(queries_3), "{asked:?}");
}

#[test]
fn a_gap_is_answered_once_however_many_messages_met_it() {
    let mut primary = super::table::serving();
    let last = super::table::durable(3, None).log.last();
    let status = super::table::status_of(last, crate::Upkeep::Whole);
    step(&mut primary, frame(term(1, 1), 3, 1, Message::Status(status)));
    let gap = || {
        let (position, end) = (Position(9), Position(3));
        frame(term(1, 1), 3, 1, Message::Refused(Refusal::Gap { position, end }))
    };
    let sends = |actions: Vec<Action<Small>>| {
        let appends = |action: &&Action<Small>| matches!(action, Action::Send { frame, .. } if matches!(frame.message, Message::Append { .. }));
        actions.iter().filter(appends).count()
    };
    assert_eq!(sends(primary.step(NOW, gap()).expect("it goes back")), 1);
    assert_eq!(sends(primary.step(NOW.plus(1), gap()).expect("it knows")), 0);
}

#[test]
fn an_entry_is_sealed_after_everything_else_of_its_step() {
    let mut primary = super::table::reconciling();
    let alone = Configuration {
        standbys: Vec::new(),
        ..config(4, 1, 1)
    };
    let actions = primary
        .step(NOW, Event::Configured(alone))
        .expect("a newer configuration");
    assert!(
        matches!(actions.last(), Some(Action::Seal(Body::Term))),
        "{actions:?}"
    );
    assert!(
        actions
            .iter()
            .any(|action| matches!(action, Action::Persist { .. }))
    );
}

#[test]
fn a_late_rewind_takes_nothing_back_from_a_standby_that_has_gone_on() {
    let mut standby = start(2, durable(2, Some(config(3, 1, 1))));
    let fork = standby.log().head(Position(2)).expect("it is kept");
    let end = standby.log().last();
    let more = seal(end, term(1, 1), Body::Data(8));
    let append = Message::Append {
        ask: ask(),
        entries: vec![more],
    };
    step(&mut standby, frame(term(1, 1), 1, 2, append));
    let late = standby.step(NOW, frame(term(1, 1), 1, 2, Message::Rewind { fork, end }));
    assert!(matches!(late, Err(Refusal::NotNow { .. })), "{late:?}");
}

fn release(standby: &Replica<Small>, generation: u64) -> Event<Small> {
    let message = Message::Release {
        generation: Generation(generation),
        epoch: Epoch(2),
        last: standby.tail(),
    };
    frame(term(1, 1), 1, 2, message)
}

fn confirms(actions: &[Action<Small>]) -> bool {
    actions
        .iter()
        .any(|action| matches!(action, Action::Confirm { .. }))
}

/// The primary reads the handover first, and releases before its target has read it: asked again only after a while,
/// nobody would serve until then.
#[test]
fn a_release_that_comes_before_its_configuration_is_taken_once_that_is_read() {
    let mut standby = start(2, durable(2, Some(config(3, 1, 1))));
    let early = release(&standby, 4);
    assert!(!confirms(&step(&mut standby, early)), "it knows of no handover");
    assert!(confirms(&step(&mut standby, Event::Configured(handover(4)))));
}

#[test]
fn a_release_that_came_early_is_of_no_use_for_another_configuration_or_log() {
    let mut other = start(2, durable(2, Some(config(3, 1, 1))));
    let early = release(&other, 4);
    step(&mut other, early);
    let cancelled = step(&mut other, Event::Configured(config(5, 1, 1)));
    assert!(!confirms(&cancelled), "the handover was cancelled meanwhile");
    assert!(
        !confirms(&step(&mut other, Event::Configured(handover(6)))),
        "that is another"
    );

    let mut longer = start(2, durable(2, Some(config(3, 1, 1))));
    let early = release(&longer, 4);
    step(&mut longer, early);
    let more = seal(longer.log().last(), term(1, 1), Body::Data(8));
    let append = Message::Append {
        ask: ask(),
        entries: vec![more],
    };
    step(&mut longer, frame(term(1, 1), 1, 2, append));
    let read = step(&mut longer, Event::Configured(handover(4)));
    assert!(!confirms(&read), "it has more than what was given up");
}

fn keep_alives(actions: &[Action<Small>]) -> usize {
    let keeps = |action: &&Action<Small>| matches!(action, Action::Send { node: NodeKey(2), frame } if matches!(frame.message, Message::KeepAlive { .. }));
    actions.iter().filter(keeps).count()
}

/// Its disk may take long to make an entry durable; that it is there it says at once.
#[test]
fn a_standby_that_is_sent_entries_is_asked_all_the_same_whether_it_is_there() {
    let mut primary = serving();
    let pace = config(3, 1, 1).lease_micros / crate::limits::KEEP_ALIVES_PER_LEASE;
    let mut asked = 0;
    for tick in 1..=8 {
        let now = NOW.plus(pace * tick);
        let entry = seal(primary.tail(), term(1, 1), Body::Data(9));
        let actions = primary.step(now, Event::Append(entry)).expect("it serves");
        let Some(Action::Persist { ticket, .. }) = actions.first() else {
            panic!("{actions:?}");
        };
        primary.step(now, Event::Persisted(*ticket)).expect("durable");
        asked += keep_alives(&primary.step(now, Event::Tick).expect("time passes"));
    }
    assert!(asked >= 4, "asked {asked} times within a lease");
}

/// One that answers and stores nothing would keep every write waiting for ever.
#[test]
fn a_member_that_answers_and_acknowledges_nothing_more_is_dropped_after_a_while() {
    let mut primary = serving();
    let entry = seal(primary.tail(), term(1, 1), Body::Data(9));
    let has = primary.tail();
    step(&mut primary, Event::Append(entry));
    let lease = config(3, 1, 1).lease_micros;
    let stalls = NOW.plus(lease * crate::limits::STALLED_LEASES);
    let mut now = NOW;
    let mut dropped = None;
    while dropped.is_none() && now < stalls.plus(lease) {
        now = now.plus(lease / 16);
        let promise = crate::frame::Promise {
            echo: now,
            ..promise()
        };
        let there = Message::Ack { last: has, promise };
        primary
            .step(now, frame(term(1, 1), 2, 1, there))
            .expect("it is heard");
        let actions = primary.step(now, Event::Tick).expect("time passes");
        let drops = |action: &Action<Small>| matches!(action, Action::Propose(proposal) if proposal.change == crate::action::Change::Drop(ReplicaId(2)));
        dropped = actions.iter().any(drops).then_some(now);
    }
    let dropped = dropped.expect("it is dropped");
    assert!(
        dropped > stalls && dropped <= stalls.plus(lease / 8),
        "{dropped:?}"
    );
}
