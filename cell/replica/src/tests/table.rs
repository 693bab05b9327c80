//! The transition table: every state meets every event, and what comes of it is pinned by a snapshot that a person can
//! read. A state that nobody thought of answering shows up here as a line.

use std::fmt::Write as _;

use platform_model::{Epoch, Generation, Position, ReplicaId, Term};

use super::events::{from_primary, from_standby, more_from_primary, of_the_host, own};
use super::{Small, seal, term};
use crate::config::{Configuration, Member, Phase, Standby, StandbyState};
use crate::entry::{Body, Head};
use crate::event::Event;
use crate::frame::{Ask, Frame, Message, Promise, Status};
use crate::log::EpochEnd;
use crate::meta::{Durable, Upkeep};
use crate::moment::Moment;
use crate::names::{Group, NodeKey, OrderIndex};
use crate::plant::Plants;
use crate::replica::Replica;
use crate::{Action, Write};

pub(super) const GROUP: Group = Group { world: 7, shard: 3 };
const LEASE: u64 = 400_000;
pub(crate) const NOW: Moment = Moment(10_000_000);

pub(super) type Machine = Replica<Small>;

pub(crate) fn member(n: u16) -> Member {
    Member {
        node: NodeKey(n),
        replica: ReplicaId(u128::from(n)),
    }
}

/// Primary 1; standbys 2 (in-sync) and 3 (catching-up).
pub(crate) fn config(generation: u64, epoch: u64, primary: u16) -> Configuration {
    let others = [1, 2, 3].into_iter().filter(|n| *n != primary);
    let standby = |n| Standby {
        member: member(n),
        state: if n == 3 {
            StandbyState::CatchingUp
        } else {
            StandbyState::InSync
        },
    };
    Configuration {
        generation: Generation(generation),
        epoch: Epoch(epoch),
        primary: member(primary),
        standbys: others.map(standby).collect(),
        lease_micros: LEASE,
        phase: Phase::Steady,
        unborn: false,
    }
}

pub(super) fn handover(generation: u64) -> Configuration {
    Configuration {
        phase: Phase::Handover {
            target: ReplicaId(2),
            epoch: Epoch(2),
        },
        ..config(generation, 1, 1)
    }
}

/// A replica on node `n` with three entries of epoch 1, as it is found on disk.
pub(crate) fn durable(n: u16, config: Option<Configuration>) -> Durable<Small> {
    let mut durable = Durable::default();
    durable.meta.replica = Some(ReplicaId(u128::from(n)));
    durable.meta.term = term(1, 1);
    durable.meta.candidate = Epoch(1);
    durable.meta.lease_micros_max = LEASE;
    durable.meta.config = config;
    for body in [Body::Term, Body::Data(5), Body::Data(6)] {
        let entry = seal(durable.log.last(), term(1, 1), body);
        durable.log.push(entry);
    }
    durable
}

pub(super) fn last() -> Head {
    durable(1, None).log.last()
}

/// Of the entry at a position of that log, or of one that would follow it.
pub(super) fn at(position: u64) -> Head {
    let mut log = durable(1, None).log;
    while log.end().0 < position {
        let next = seal(log.last(), term(1, 1), Body::Data(7));
        log.push(next);
    }
    log.head(Position(position)).expect("nothing is trimmed")
}

/// At the same position of another history.
pub(super) fn elsewhere(position: u64) -> Head {
    Head {
        term: term(7, 1),
        chain: 99,
        ..at(position)
    }
}

pub(crate) fn start(n: u16, durable: Durable<Small>) -> Machine {
    let before = Moment(1_000_000);
    Replica::start(before, NodeKey(n), GROUP, durable, Plants::none()).0
}

/// Makes everything durable that is under way.
pub(crate) fn sync(machine: &mut Machine, actions: Vec<Action<Small>>) -> Vec<Action<Small>> {
    let mut out = Vec::new();
    let mut queue = std::collections::VecDeque::from(actions);
    while let Some(action) = queue.pop_front() {
        match action {
            Action::Persist { ticket, .. } => {
                queue.extend(machine.step(NOW, Event::Persisted(ticket)).unwrap_or_default());
            }
            Action::Seal(body) => {
                let entry = seal(machine.tail(), machine.term().unwrap_or_default(), body);
                queue.extend(machine.step(NOW, Event::Append(entry)).expect("it asked for it"));
            }
            other => out.push(other),
        }
    }
    out
}

pub(crate) fn step(machine: &mut Machine, event: Event<Small>) -> Vec<Action<Small>> {
    let actions = machine.step(NOW, event).expect("it is accepted");
    sync(machine, actions)
}

pub(crate) fn ask() -> Ask {
    Ask {
        sent: Moment(5_000),
        lease_micros: LEASE,
        known: Position(0),
    }
}

/// Answers to what was asked at the start, of machines that began then.
pub(crate) fn promise() -> Promise {
    Promise {
        echo: NOW,
        micros: LEASE,
    }
}

pub(crate) fn frame(term: Term, from: u16, to: u16, message: Message<Small>) -> Event<Small> {
    Event::Received(Frame {
        group: GROUP,
        term,
        from: member(from),
        to: ReplicaId(u128::from(to)),
        message,
    })
}

pub(crate) fn status_of(last: Head, upkeep: Upkeep) -> Status {
    let ends = vec![EpochEnd {
        epoch: last.term.epoch,
        end: last.position,
    }];
    Status {
        last,
        upkeep,
        ends,
        promise: promise(),
    }
}

/// The primary 1 of term e1.i1, waiting for the status of its member.
pub(crate) fn reconciling() -> Machine {
    let mut durable = durable(1, Some(config(3, 1, 1)));
    durable.meta.effective = vec![ReplicaId(2)];
    let (mut machine, actions) =
        Replica::start(Moment(1_000_000), NodeKey(1), GROUP, durable, Plants::none());
    sync(&mut machine, actions);
    machine
}

fn opening() -> Machine {
    let mut machine = reconciling();
    let status = Message::Status(status_of(last(), Upkeep::Whole));
    step(&mut machine, frame(term(1, 1), 2, 1, status));
    machine
}

pub(crate) fn serving() -> Machine {
    let mut machine = opening();
    acknowledge(&mut machine, 2);
    machine
}

fn acknowledge(machine: &mut Machine, from: u16) -> Vec<Action<Small>> {
    let last = machine.tail();
    let ack = Message::Ack {
        last,
        promise: promise(),
    };
    step(machine, frame(term(1, 1), from, 1, ack))
}

/// The control plane says, asked now, that no configuration is newer.
pub(crate) fn confirm(machine: &mut Machine) {
    let generation = machine.meta().config.as_ref().map(|config| config.generation);
    let event = Event::Confirmed {
        asked: NOW,
        generation: generation.expect("a configuration"),
    };
    step(machine, event);
}

fn draining() -> Machine {
    let mut machine = serving();
    let entry = seal(machine.tail(), term(1, 1), Body::Data(9));
    step(&mut machine, Event::Append(entry));
    step(&mut machine, Event::Configured(handover(4)));
    machine
}

fn released() -> Machine {
    let mut machine = draining();
    acknowledge(&mut machine, 2);
    machine
}

fn standby() -> Machine {
    start(2, durable(2, Some(config(3, 1, 1))))
}

fn in_upkeep(upkeep: Upkeep) -> Machine {
    let mut durable = durable(2, Some(config(3, 1, 1)));
    durable.meta.upkeep = upkeep;
    start(2, durable)
}

fn prepared() -> Machine {
    let mut machine = standby();
    let order = OrderIndex(20);
    step(
        &mut machine,
        Event::Prepare {
            order,
            epoch: Epoch(2),
        },
    );
    machine
}

fn amnesiac() -> Machine {
    start(2, durable(9, Some(config(3, 1, 1))))
}

fn stopped() -> Machine {
    let mut machine = standby();
    step(&mut machine, Event::DiskFailed);
    machine
}

fn raising() -> Machine {
    let durable = durable(1, Some(config(3, 1, 1)));
    start(1, durable)
}

fn states() -> Vec<(&'static str, u16, Machine)> {
    let copying = Upkeep::Copying {
        base: Some(Position(0)),
        next_chunk: 1,
        stamp: at(2),
    };
    let rewinding = Upkeep::Rewinding {
        fork: at(2),
        end: at(3),
    };
    let mending = Upkeep::Mending { until: at(4) };
    vec![
        ("vacant", 2, start(2, Durable::default())),
        ("amnesiac", 2, amnesiac()),
        ("stopped", 2, stopped()),
        ("copying", 2, in_upkeep(copying)),
        ("rewinding", 2, in_upkeep(rewinding)),
        ("mending", 2, in_upkeep(mending)),
        ("standby", 2, standby()),
        ("prepared", 2, prepared()),
        ("raising", 1, raising()),
        ("reconciling", 1, reconciling()),
        ("opening", 1, opening()),
        ("serving", 1, serving()),
        ("draining", 1, draining()),
        ("released", 1, released()),
    ]
}

/// What comes of an event, in one line.
fn outcome(machine: &Machine, event: Event<Small>) -> String {
    let mut after = machine.clone();
    match after.step(NOW, event) {
        Err(refusal) => {
            assert_eq!(after, *machine, "a refused event changes nothing");
            format!("refused: {refusal}")
        }
        Ok(actions) => {
            let mut text = if after.state() == machine.state() {
                String::from("-")
            } else {
                format!("-> {}", after.state())
            };
            for action in &actions {
                let _ = write!(text, "; {}", brief(action));
            }
            if actions.is_empty() && after == *machine {
                text.push_str(" nothing");
            }
            text
        }
    }
}

fn brief(action: &Action<Small>) -> String {
    match action {
        Action::Persist { writes, .. } => {
            let names: Vec<&str> = writes.iter().map(write_name).collect();
            format!("persist {}", names.join("+"))
        }
        Action::Send { node, frame } => match &frame.message {
            Message::Refused(refusal) => format!("tell {node}: {refusal}"),
            message => format!("send {node} {}", message.name()),
        },
        Action::Propose(proposal) => format!("propose {:?}", proposal.change),
        Action::Report(report) => format!("report {report:?}"),
        Action::CollectKeys { fork, end } => format!("collect keys {}..{}", fork.position.0, end.position.0),
        Action::ReadKeys { fork, .. } => format!("read keys from {}", fork.position.0),
        other => format!("{other:?}"),
    }
}

fn write_name(write: &Write<Small>) -> &'static str {
    match write {
        Write::Meta(_) => "meta",
        Write::Entry { apply: true, .. } => "entry",
        Write::Entry { apply: false, .. } => "entry-unapplied",
        Write::Truncate { .. } => "truncate",
        Write::Reset { .. } => "reset",
        Write::Page { .. } => "page",
        Write::Restore { .. } => "restore",
        Write::ApplyStored { .. } => "apply-stored",
    }
}

#[test]
fn every_state_meets_every_event() {
    let mut table = String::new();
    for (name, me, machine) in states() {
        assert_eq!(machine.state(), name, "the state is what it says");
        let _ = writeln!(table, "## {name}");
        let mut events = own(me, &machine);
        events.extend(of_the_host());
        events.extend(from_primary(me, &machine));
        events.extend(more_from_primary(me, &machine));
        events.extend(from_standby(me, &machine));
        for (event, what) in events {
            let _ = writeln!(table, "{event:<52} {}", outcome(&machine, what));
        }
        table.push('\n');
    }
    insta::assert_snapshot!("transitions", table);
}
