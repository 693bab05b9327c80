use super::*;

const LEASE: u64 = 400_000;

#[test]
fn a_taker_waits_longer_than_the_holder_may_read() {
    let mut holder = SharedHolder::new(LEASE, SharedPlants::default());
    assert_eq!(
        holder.step(Moment(0), SharedEvent::Assigned { epoch: Epoch(1) }),
        Ok(vec![SharedAction::SetFence { epoch: Epoch(1) }])
    );
    let done = SharedEvent::FenceReturned {
        epoch: Epoch(1),
        answer: StoreAnswer::Done,
        held_micros: LEASE,
    };
    assert_eq!(holder.step(Moment(10), done), Ok(Vec::new()));
    assert!(!holder.may_read(Moment(10)));
    let until = Moment(10).plus(kept(LEASE));
    let begun = holder.step(until, SharedEvent::Tick).expect("time passes");
    assert_eq!(begun.len(), 2);
    assert!(!holder.may_read(until), "nothing has proved the fence yet");
    let proof = SharedEvent::CommitReturned {
        epoch: Epoch(1),
        sent: until,
        answer: StoreAnswer::Done,
    };
    assert_eq!(holder.step(until.plus(5_000), proof), Ok(Vec::new()));
    assert!(holder.may_read(until.plus(counted(LEASE) - 1)));
    assert!(
        !holder.may_read(until.plus(counted(LEASE))),
        "counted from when it was sent"
    );
}

#[test]
fn what_was_given_up_is_not_waited_for_and_who_waits_gives_nothing_up() {
    let assigned = SharedEvent::Assigned { epoch: Epoch(1) };
    let returned = |answer| SharedEvent::FenceReturned {
        epoch: Epoch(1),
        answer,
        held_micros: LEASE / 2,
    };
    let mut taker = SharedHolder::new(LEASE, SharedPlants::default());
    taker.step(Moment(0), assigned).expect("given");
    let begun = taker
        .step(Moment(9), returned(StoreAnswer::Free))
        .expect("awaited");
    assert!(begun.contains(&SharedAction::Serving { epoch: Epoch(1) }));
    let given_up = taker.step(Moment(10), SharedEvent::GiveUp).expect("at any time");
    assert!(given_up.contains(&SharedAction::Release { epoch: Epoch(1) }));
    assert_eq!(taker.reads_until(), None);

    let mut waits = SharedHolder::new(LEASE, SharedPlants::default());
    waits.step(Moment(0), assigned).expect("given");
    waits
        .step(Moment(9), returned(StoreAnswer::Done))
        .expect("awaited");
    assert_eq!(waits.waits_until(), Some(Moment(9).plus(kept(LEASE))));
    assert!(!waits.may_write() && !waits.may_hand_over());
    assert_eq!(waits.step(Moment(10), SharedEvent::GiveUp), Ok(Vec::new()));
}

#[test]
fn the_longer_lease_of_the_two_is_waited_for() {
    let epoch = Epoch(1);
    let mut taker = SharedHolder::new(LEASE, SharedPlants::default());
    taker
        .step(Moment(0), SharedEvent::Assigned { epoch })
        .expect("given");
    let returned = SharedEvent::FenceReturned {
        epoch,
        answer: StoreAnswer::Done,
        held_micros: 2 * LEASE,
    };
    taker.step(Moment(9), returned).expect("awaited");
    assert_eq!(taker.waits_until(), Some(Moment(9).plus(kept(2 * LEASE))));
}

#[test]
fn one_that_writes_does_not_renew_beside_it() {
    let mut holder = SharedHolder::new(LEASE, SharedPlants::default());
    let epoch = Epoch(1);
    holder
        .step(Moment(0), SharedEvent::Assigned { epoch })
        .expect("given");
    let returned = SharedEvent::FenceReturned {
        epoch,
        answer: StoreAnswer::Free,
        held_micros: 0,
    };
    holder.step(Moment(1), returned).expect("awaited");
    let written = SharedEvent::CommitReturned {
        epoch,
        sent: Moment(LEASE / 4),
        answer: StoreAnswer::Done,
    };
    holder.step(Moment(LEASE / 4), written).expect("held");
    assert_eq!(holder.step(Moment(LEASE / 2), SharedEvent::Tick), Ok(Vec::new()));
    let renews = holder.step(Moment(LEASE), SharedEvent::Tick);
    assert_eq!(renews, Ok(vec![SharedAction::Renew { epoch }]));
}

#[test]
fn a_late_assignment_is_refused() {
    let mut holder = SharedHolder::new(LEASE, SharedPlants::default());
    let assigned = |epoch| SharedEvent::Assigned { epoch: Epoch(epoch) };
    assert!(holder.step(Moment(0), assigned(3)).is_ok());
    let before = holder;
    assert_eq!(
        holder.step(Moment(1), assigned(2)),
        Err(SharedRefusal::OldEpoch {
            given: Epoch(2),
            held: Epoch(3)
        })
    );
    assert_eq!(holder, before);
}
