//! Rows and logs of one history only: what a copy, an undo and a damaged standby may and may not do when the history
//! that they began under is not the one that goes on. Each test is named after what broke.

use platform_model::{Epoch, Generation, Position, ReplicaId};

use super::table::{
    Machine, NOW, ask, at, config, confirm, durable, elsewhere, frame, last, serving, start, status_of, step,
};
use super::{Small, seal, term};
use crate::action::{Action, Change};
use crate::config::{Configuration, StandbyState};
use crate::entry::Body;
use crate::event::Event;
use crate::frame::Message;
use crate::meta::Upkeep;
use crate::refusal::Refusal;
use crate::report::{Report, Unusable};

/// Standby 2, as it is found on disk in this upkeep.
fn standby(upkeep: Upkeep) -> Machine {
    let mut durable = durable(2, Some(config(3, 1, 1)));
    durable.meta.upkeep = upkeep;
    start(2, durable)
}

fn copying(stamp: crate::Head) -> Upkeep {
    Upkeep::Copying {
        base: Some(Position(0)),
        next_chunk: 2,
        stamp,
    }
}

fn sends(actions: &[Action<Small>], name: &str) -> bool {
    actions
        .iter()
        .any(|action| matches!(action, Action::Send { frame, .. } if frame.message.name() == name))
}

fn says_unusable(actions: &[Action<Small>]) -> Option<Unusable> {
    actions.iter().find_map(|action| match action {
        Action::Report(Report::Unusable { why, .. }) => Some(*why),
        _ => None,
    })
}

/// The primary hears how standby 3 stands.
fn tell(primary: &mut Machine, last: crate::Head, upkeep: Upkeep) -> Vec<Action<Small>> {
    let status = Message::Status(status_of(last, upkeep));
    step(primary, frame(term(1, 1), 3, 1, status))
}

#[test]
fn a_copy_got_pages_of_a_primary_before_its_log_was_known_to_be_a_prefix() {
    let mut primary = serving();
    let fetch = || frame(term(1, 1), 3, 1, Message::FetchPage { chunk: 2 });
    let early = primary.step(NOW, fetch());
    assert!(matches!(early, Err(Refusal::NotNow { .. })), "{early:?}");
    tell(&mut primary, last(), copying(at(2)));
    let read = step(&mut primary, fetch());
    assert!(
        matches!(read[..], [Action::ReadPage { chunk: 2, .. }]),
        "{read:?}"
    );
}

#[test]
fn pages_that_show_an_entry_of_another_history_are_fetched_again() {
    let mut primary = serving();
    let told = tell(&mut primary, last(), copying(elsewhere(4)));
    assert!(sends(&told, "rewind") && !sends(&told, "append"), "{told:?}");
    let mut copy = standby(copying(elsewhere(4)));
    let (fork, end) = (last(), last());
    step(&mut copy, frame(term(1, 1), 1, 2, Message::Rewind { fork, end }));
    let again = Upkeep::Copying {
        base: Some(Position(0)),
        next_chunk: 0,
        stamp: crate::Head::default(),
    };
    assert_eq!(copy.meta().upkeep, again);
}

#[test]
fn a_last_page_made_a_copy_whole_whose_log_was_of_another_history() {
    let mut copy = standby(copying(at(2)));
    let page = Message::Page {
        chunk: 2,
        stamp: elsewhere(3),
        page: 1,
        last: true,
    };
    step(&mut copy, frame(term(1, 1), 1, 2, page));
    assert_eq!(copy.state(), "mending");
}

#[test]
fn one_that_mends_was_whole_at_the_position_that_it_waited_for_whatever_stood_there() {
    let mut copy = standby(Upkeep::Mending { until: elsewhere(4) });
    let next = seal(copy.tail(), term(1, 1), Body::Data(7));
    let append = Message::Append {
        ask: ask(),
        entries: vec![next],
    };
    step(&mut copy, frame(term(1, 1), 1, 2, append));
    assert_eq!(copy.state(), "mending");
    let mut primary = serving();
    let told = tell(&mut primary, last(), Upkeep::Mending { until: elsewhere(4) });
    assert!(sends(&told, "rewind") && !sends(&told, "append"), "{told:?}");
    let mut copy = standby(Upkeep::Mending { until: elsewhere(4) });
    let (fork, end) = (last(), last());
    let told = step(&mut copy, frame(term(1, 1), 1, 2, Message::Rewind { fork, end }));
    assert_eq!(says_unusable(&told), Some(Unusable::Misfit), "it is copied anew");
}

#[test]
fn an_undo_went_back_to_a_fork_that_another_primary_had_told() {
    let mut primary = serving();
    let ahead = super::table::elsewhere(4);
    let mut status = status_of(ahead, Upkeep::Whole);
    status.ends = vec![crate::EpochEnd {
        epoch: Epoch(1),
        end: Position(2),
    }];
    step(&mut primary, frame(term(1, 1), 3, 1, Message::Status(status)));
    let fetch = |fork| frame(term(1, 1), 3, 1, Message::FetchKeys { fork, keys: 1 });
    let other = primary.step(NOW, fetch(elsewhere(3)));
    assert!(matches!(other, Err(Refusal::ChainMisfit { .. })), "{other:?}");
    let own = step(&mut primary, fetch(at(2)));
    assert!(matches!(own[..], [Action::ReadKeys { .. }]), "{own:?}");
}

#[test]
fn an_undo_with_rows_of_another_history_was_taken_for_whole() {
    let mut copy = standby(Upkeep::Rewinding {
        fork: at(2),
        end: at(3),
    });
    let restored = Message::Restored {
        fork: at(2),
        stamp: elsewhere(2),
        page: 1,
    };
    step(&mut copy, frame(term(1, 1), 1, 2, restored));
    assert_eq!(copy.state(), "mending");
}

#[test]
fn a_standby_with_other_data_was_taken_back_by_the_next_primary() {
    let mut primary = serving();
    let barrier = seal(primary.tail(), term(1, 1), Body::Barrier { chunk: 0 });
    let position = barrier.head.position;
    step(&mut primary, Event::Append(barrier));
    let (chunk, digest) = (0, 1);
    let own = Event::Digested {
        chunk,
        position,
        digest,
    };
    step(&mut primary, own);
    let theirs = Message::Digest {
        chunk,
        position,
        digest: 2,
    };
    step(&mut primary, frame(term(1, 1), 2, 1, theirs));
    let later = NOW.plus(60_000);
    let asked = primary.step(later, Event::Tick).expect("time passes");
    let condemns = |action: &Action<Small>| matches!(action, Action::Propose(proposal) if proposal.change == Change::Damaged(ReplicaId(2)));
    assert!(asked.iter().any(condemns), "{asked:?}");
}

#[test]
fn who_is_damaged_is_streamed_nothing_and_told_of_again_and_again() {
    let mut configuration = config(3, 1, 1);
    configuration.standbys[1].state = StandbyState::Damaged;
    let mut durable = durable(1, Some(configuration));
    durable.meta.effective = vec![ReplicaId(2)];
    let mut primary = start(1, durable);
    step(&mut primary, Event::Persisted(crate::Ticket(1)));
    for round in 1..4 {
        let now = NOW.plus(200_000 * round);
        let status = status_of(last(), Upkeep::Whole);
        let heard = primary.step(now, frame(term(1, 1), 3, 1, Message::Status(status)));
        assert_eq!(heard, Ok(Vec::new()), "however often it speaks");
        let ticked = primary.step(now, Event::Tick).expect("time passes");
        assert_eq!(says_unusable(&ticked), Some(Unusable::Mismatch), "round {round}");
    }
}

#[test]
fn a_sole_primary_on_an_image_of_long_ago_served_without_asking() {
    let alone = Configuration {
        standbys: Vec::new(),
        ..config(3, 1, 1)
    };
    let mut image = start(1, durable(1, Some(alone)));
    step(&mut image, Event::Persisted(crate::Ticket(1)));
    assert_eq!(image.state(), "reconciling");
    let confirmed = |asked, generation| Event::Confirmed {
        asked,
        generation: Generation(generation),
    };
    for wrong in [confirmed(NOW, 9), confirmed(crate::Moment(1), 3)] {
        let answer = image.step(NOW, wrong);
        assert!(
            matches!(answer, Err(Refusal::OldConfiguration { .. })),
            "{answer:?}"
        );
    }
    confirm(&mut image);
    assert_eq!(image.state(), "serving");
}

#[test]
fn a_status_told_of_what_was_not_durable_yet() {
    let mut copy = standby(copying(at(2)));
    let query = step_without_disk(&mut copy, Message::Query(ask()));
    let page = Message::Page {
        chunk: 2,
        stamp: at(3),
        page: 1,
        last: true,
    };
    step_without_disk(&mut copy, page);
    assert_eq!(copy.state(), "standby", "once the page is durable");
    let told = copy.step(NOW, Event::Persisted(query)).expect("its ticket");
    let upkeeps = told.iter().filter_map(|action| match action {
        Action::Send { frame, .. } => match &frame.message {
            Message::Status(status) => Some(status.upkeep),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(upkeeps.collect::<Vec<_>>(), [copying(at(2))]);
}

/// Lets the message in and answers with the ticket of its batch, which is not durable yet.
fn step_without_disk(machine: &mut Machine, message: Message<Small>) -> crate::Ticket {
    let actions = machine
        .step(NOW, frame(term(1, 1), 1, 2, message))
        .expect("it is accepted");
    let ticket = actions.iter().find_map(|action| match action {
        Action::Persist { ticket, .. } => Some(*ticket),
        _ => None,
    });
    ticket.expect("something is written")
}

#[test]
fn what_was_taken_back_counted_as_durable_once_the_log_had_grown_again() {
    let mut copy = standby(Upkeep::Rewinding {
        fork: at(2),
        end: at(3),
    });
    let restored = Message::Restored {
        fork: at(2),
        stamp: at(2),
        page: 1,
    };
    step_without_disk(&mut copy, restored);
    let entries = vec![seal(copy.tail(), term(1, 1), Body::Data(9))];
    step_without_disk(&mut copy, Message::Append { ask: ask(), entries });
    let serves = true;
    let alive = Message::KeepAlive { ask: ask(), serves };
    let told = copy
        .step(NOW, frame(term(1, 1), 1, 2, alive))
        .expect("it follows");
    let acknowledged = told.iter().find_map(|action| match action {
        Action::Send { frame, .. } => match frame.message {
            Message::Ack { last, .. } => Some(last),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(acknowledged, Some(at(2)), "only that is on its disk");
}

#[test]
fn a_copy_that_was_told_to_rewind_could_not_be_forced_although_it_had_undone_nothing() {
    let mut copy = standby(Upkeep::Rewinding {
        fork: at(2),
        end: at(3),
    });
    let order = crate::OrderIndex(20);
    let epoch = Epoch(2);
    step(&mut copy, Event::Prepare { order, epoch });
    assert_eq!((copy.state(), copy.tail()), ("prepared", at(3)));
}
