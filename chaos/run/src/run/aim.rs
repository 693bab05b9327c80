//! When a fault strikes while a shard changes its place: at a step of that operation which is chosen beforehand, so that
//! in a long run every fault has struck every step. A step that was over before it was seen is missed; what is told is
//! the step at which the operation was seen last.

use std::collections::BTreeMap;
use std::time::Duration;

use cli_world::{Seat, World};
use platform_runtime::clock::Clock;
use platform_wire::operation::OperationView;
use tokio::sync::watch;

use super::copies::Kind;
use crate::faults::Fault;

/// The steps of a move, as the controllers name them.
const OF_A_MOVE: [&str; 8] = [
    "add-standby",
    "copy",
    "catch-up",
    "verify",
    "switchover",
    "window",
    "remove-standby",
    "erase",
];
const OF_A_HANDOVER: [&str; 1] = ["promote"];
/// For an operation to begin while nothing strikes.
const BEGINS_WITHIN: Duration = Duration::from_secs(15);
/// For it to reach a step.
const REACHED_WITHIN: Duration = Duration::from_secs(20);
/// How often it is looked where it is.
const LOOK_EVERY: Duration = Duration::from_millis(3);

/// At which step each fault strikes next.
#[derive(Debug, Default)]
pub struct Aims(BTreeMap<(Fault, Kind), usize>);

impl Aims {
    /// The next one: each fault goes through all steps, and no two of them begin with the same.
    pub fn next(&mut self, fault: Fault, kind: Kind) -> &'static str {
        let steps: &[&'static str] = match kind {
            Kind::Move => &OF_A_MOVE,
            Kind::Handover => &OF_A_HANDOVER,
        };
        let before = self.0.entry((fault, kind)).or_default();
        let first = Fault::all().iter().position(|one| *one == fault).unwrap_or(0);
        let step = steps[(first + *before) % steps.len()];
        *before += 1;
        step
    }
}

/// Where an operation was when a fault struck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub wanted: &'static str,
    /// `done`, if it was over.
    pub step: String,
    /// Which part the struck node has in it: `source`, `target`, or none.
    pub part: Option<&'static str>,
}

/// Waits until the operation that is begun meanwhile is at a step, or past it; none if none is begun.
pub async fn reached(
    world: &World,
    started: &mut watch::Receiver<Option<u64>>,
    wanted: &'static str,
    node: Option<&Seat>,
) -> Option<Hit> {
    let begins = tokio::time::timeout(BEGINS_WITHIN, started.wait_for(Option::is_some));
    let id = (*begins.await.ok()?.ok()?)?;
    let (admin, clock) = (world.admin().ok()?, Clock::system());
    let begun = clock.monotonic();
    let mut last = None;
    while clock.monotonic().saturating_sub(begun) < REACHED_WITHIN {
        if let Ok(view) = admin.operation(id).await {
            let is_there = is_at(&view, wanted);
            last = Some(view);
            if is_there {
                break;
            }
        }
        clock.sleep(LOOK_EVERY).await;
    }
    last.map(|view| Hit {
        wanted,
        part: part_of(&view, node),
        step: view.step,
    })
}

/// At the step, past it, or over.
fn is_at(view: &OperationView, wanted: &str) -> bool {
    let place = |step: &str| view.steps.iter().position(|one| one == step);
    view.state.is_over() || place(&view.step) >= place(wanted)
}

fn part_of(view: &OperationView, node: Option<&Seat>) -> Option<&'static str> {
    let node = node?.node()?;
    let ends = [(&view.from, "source"), (&view.to, "target")];
    let part = ends.into_iter().find(|(end, _)| end.as_ref() == Some(node));
    part.map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cli_world::seats::seat_named;
    use platform_model::Generation;
    use platform_wire::operation::RunState;

    use super::*;

    fn at(step: &str) -> OperationView {
        OperationView {
            id: 1,
            generation: Generation(1),
            kind: "move".to_owned(),
            shard: "eu/eu-west/000".parse().expect("a shard"),
            steps: OF_A_MOVE.iter().map(|step| (*step).to_owned()).collect(),
            step: step.to_owned(),
            state: RunState::Running,
            by: String::new(),
            reason: String::new(),
            started_ms: 0,
            step_since_ms: 0,
            deadline_ms: None,
            ended_ms: None,
            from: "eu-west-1/0".parse().ok(),
            to: "eu-central-1/0".parse().ok(),
            replica: None,
            source: None,
            window_until_ms: None,
            certificate: None,
            receipt: None,
            plan_hash: Vec::new(),
            allowed: Vec::new(),
            progress: None,
            blockers: Vec::new(),
        }
    }

    #[test]
    fn every_fault_strikes_every_step_in_as_many_rounds() {
        let mut aims = Aims::default();
        for fault in Fault::all() {
            let steps: BTreeSet<_> = (0..OF_A_MOVE.len())
                .map(|_| aims.next(*fault, Kind::Move))
                .collect();
            assert_eq!(steps.len(), OF_A_MOVE.len(), "{fault:?}");
            assert_eq!(aims.next(*fault, Kind::Handover), "promote");
        }
    }

    #[test]
    fn a_step_is_waited_for_and_one_that_is_over_is_not() {
        assert!(!is_at(&at("copy"), "verify"));
        assert!(is_at(&at("verify"), "verify") && is_at(&at("window"), "verify"));
        let mut over = at("copy");
        over.state = RunState::Cancelled;
        assert!(is_at(&over, "verify"));
    }

    #[test]
    fn a_struck_node_has_its_part_in_the_move() {
        let part = |name: &str| part_of(&at("copy"), seat_named(name).as_ref());
        assert_eq!(part("celld-eu-west-1"), Some("source"));
        assert_eq!(part("celld-eu-central-1"), Some("target"));
        assert_eq!((part("celld-us-east-1"), part("routerd-1")), (None, None));
    }
}
