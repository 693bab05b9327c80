//! When a fault strikes while a shard changes its place: at a step of that operation which is chosen beforehand, so that
//! a few rounds strike every step and in a long run every fault has struck every step. The operation is paused at the step
//! and resumed once the fault is there: else many a step is over before it is struck. A step that was over before it was
//! seen is missed, told as where the operation was then, and aimed at again.

use std::collections::BTreeMap;
use std::time::Duration;

use cli_world::{Seat, World};
use platform_runtime::clock::Clock;
use platform_wire::admin::AdminClient;
use platform_wire::operation::{Change, OperationView, RunState};
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
/// Steps at which an operation is not paused: what they begin is what is to be struck, and once begun it takes its time.
const GO_ON: [&str; 2] = ["switchover", "promote"];
/// For an operation to begin while nothing strikes.
const BEGINS_WITHIN: Duration = Duration::from_secs(15);
/// For it to reach a step.
const REACHED_WITHIN: Duration = Duration::from_secs(20);
/// How often it is looked where it is.
const LOOK_EVERY: Duration = Duration::from_millis(3);
/// For controllers that were struck to hear that it goes on.
const RESUMED_WITHIN: Duration = Duration::from_secs(90);
/// How often they are told.
const RESUME_EVERY: Duration = Duration::from_millis(100);
/// Stands in the ledger.
const REASON: &str = "chaos aims at this step";

/// At which step each fault strikes next.
#[derive(Debug, Default)]
pub struct Aims {
    /// Steps that a fault was not aimed at since it was aimed at all of them.
    left: BTreeMap<(Fault, Kind), Vec<&'static str>>,
    /// How often a step was aimed at, by whatever fault.
    aimed: BTreeMap<(Kind, &'static str), usize>,
}

impl Aims {
    /// The next one: of those that are left for this fault the one that was aimed at least.
    pub fn next(&mut self, fault: Fault, kind: Kind) -> &'static str {
        let left = self.left.entry((fault, kind)).or_default();
        if left.is_empty() {
            left.extend(steps_of(kind));
        }
        let times = |step| self.aimed.get(&(kind, step)).copied().unwrap_or(0);
        let least = (0..left.len()).min_by_key(|index| times(left[*index]));
        let step = left.remove(least.expect("no operation is without steps"));
        *self.aimed.entry((kind, step)).or_default() += 1;
        step
    }

    /// It was over before the fault struck: it is left for this fault.
    pub fn missed(&mut self, fault: Fault, kind: Kind, step: &'static str) {
        self.left.entry((fault, kind)).or_default().push(step);
    }
}

fn steps_of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Move => &OF_A_MOVE,
        Kind::Handover => &OF_A_HANDOVER,
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
    /// Its number, if it was paused there.
    pub paused: Option<u64>,
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
    let (mut last, mut paused) = (None, None);
    while clock.monotonic().saturating_sub(begun) < REACHED_WITHIN {
        if let Ok(view) = admin.operation(id).await {
            let over = is_at(&view, wanted);
            let pauses = over && view.step == wanted && !GO_ON.contains(&wanted);
            if pauses && pause(&admin, &view).await {
                paused = Some(id);
            }
            // Where it could not be paused it has gone on, or goes on in a moment: it is looked at once more.
            let is_there = over && (paused.is_some() || !pauses);
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
        paused,
    })
}

/// Whether it is paused where it was seen.
async fn pause(admin: &AdminClient, seen: &OperationView) -> bool {
    let asked = admin.change_operation(seen.id, Change::Pause, Some(seen.generation), REASON);
    asked.await.is_ok()
}

/// Lets an operation go on that was paused at a step; nothing if none was. Tried until the controllers say that it goes on.
pub async fn let_go(world: &World, hit: Option<&Hit>) {
    let paused = hit.and_then(|hit| hit.paused);
    let (Some(id), Ok(admin)) = (paused, world.admin()) else {
        return;
    };
    let clock = Clock::system();
    let begun = clock.monotonic();
    while clock.monotonic().saturating_sub(begun) < RESUMED_WITHIN {
        if admin
            .change_operation(id, Change::Resume, None, REASON)
            .await
            .is_ok()
        {
            return;
        }
        // An answer that was lost.
        let view = admin.operation(id).await;
        if view.is_ok_and(|view| view.state != RunState::Paused) {
            return;
        }
        clock.sleep(RESUME_EVERY).await;
    }
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
    fn whichever_faults_come_the_first_rounds_strike_every_step() {
        for first in 0..Fault::all().len() {
            let mut aims = Aims::default();
            let faults = Fault::all().iter().cycle().skip(first).step_by(3);
            let steps: BTreeSet<_> = faults
                .take(OF_A_MOVE.len())
                .map(|fault| aims.next(*fault, Kind::Move))
                .collect();
            assert_eq!(steps.len(), OF_A_MOVE.len(), "{first}");
        }
    }

    #[test]
    fn a_step_that_was_missed_is_aimed_at_again_and_keeps_no_other_back() {
        let mut aims = Aims::default();
        let mut steps = BTreeSet::new();
        for _ in 0..OF_A_MOVE.len() {
            let step = aims.next(Fault::KillCell, Kind::Move);
            aims.missed(Fault::KillCell, Kind::Move, step);
            steps.insert(step);
        }
        assert_eq!(steps.len(), OF_A_MOVE.len(), "each had its turn");
        for _ in 0..OF_A_MOVE.len() {
            assert!(
                steps.remove(aims.next(Fault::KillCell, Kind::Move)),
                "and has it again"
            );
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
