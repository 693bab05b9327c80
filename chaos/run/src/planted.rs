//! Faults that can be planted in the processes of a run (`--plant`): in which run each shows, what strikes so that it
//! does, and which checkers of the run without a scenario must see it. How a scenario sees its own stands where its
//! people are judged.

use platform_report::Figure;

use crate::faults::Fault;
use crate::scenario::Scenario;

/// The checkers of the run without a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checker {
    Acknowledged,
    Linearizable,
    Transactions,
    /// [`Self::Acknowledged`], of what is acknowledged before the standbys have it.
    Async,
}

impl Checker {
    pub const ALL: [Self; 4] = [
        Self::Acknowledged,
        Self::Linearizable,
        Self::Transactions,
        Self::Async,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Linearizable => "linearizable",
            Self::Transactions => "transactions",
            Self::Async => "async",
        }
    }
}

/// A planted fault of the run without a scenario.
#[derive(Debug)]
pub struct Planted {
    pub name: &'static str,
    /// What strikes where no faults are named.
    pub faults: &'static [Fault],
    /// Each of these must see it.
    seen_by: &'static [Checker],
    /// The others must see nothing.
    alone: bool,
}

static OF_A_RUN: [Planted; 5] = [
    Planted {
        name: "ack-before-write",
        faults: &[Fault::KillCell],
        seen_by: &[Checker::Acknowledged, Checker::Linearizable],
        alone: false,
    },
    Planted {
        name: "ack-before-standby",
        faults: &[Fault::KillCell],
        seen_by: &[Checker::Acknowledged, Checker::Linearizable],
        alone: false,
    },
    Planted {
        name: "drop-upload",
        faults: &[Fault::KillRouter],
        seen_by: &[Checker::Acknowledged],
        alone: false,
    },
    // Shows where shards are handed over: with `--moves`.
    Planted {
        name: "switchover-forgets",
        faults: &[Fault::KillRouter],
        seen_by: &[Checker::Acknowledged],
        alone: false,
    },
    // By a fault that leaves the nodes alone: what is sent again while it is under way already has two effects then.
    Planted {
        name: "lost-update",
        faults: &[Fault::KillRouter],
        seen_by: &[Checker::Transactions],
        alone: true,
    },
];

const OF_SCENARIOS: [(Scenario, &str); 10] = [
    (Scenario::Events, "event-without-mark"),
    (Scenario::Events, "event-answered-early"),
    (Scenario::Events, "event-out-of-order"),
    (Scenario::Claims, "claim-taken-twice"),
    (Scenario::Claims, "claim-by-clock"),
    (Scenario::Relocate, "relocation-without-tail"),
    (Scenario::Relocate, "relocation-takes-fence-back"),
    (Scenario::Relocate, "relocation-tells-at-once"),
    (Scenario::Relocate, "relocation-forgets-edges"),
    (Scenario::Restore, "restore-forgets-erased"),
];

/// A fault that would show nothing in the run that was asked for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPlanted {
    #[error("nothing can be planted in `{run}`\nhint: {hint}")]
    Nothing { run: String, hint: String },
    #[error("`{plant}` shows nothing in `{run}`\nhint: {hint}")]
    Elsewhere {
        plant: String,
        run: String,
        hint: String,
    },
}

/// Whether this fault can be planted in this run.
///
/// # Errors
/// [`NotPlanted`], which names the run in which it shows, or what shows in this one.
pub fn check(plant: Option<&str>, scenario: Option<Scenario>) -> Result<(), NotPlanted> {
    let Some(plant) = plant else { return Ok(()) };
    let known = names(scenario);
    if known.contains(&plant) {
        return Ok(());
    }
    let run = run_of(scenario);
    let home = all().find(|(_, name)| *name == plant);
    let hint = match home {
        Some((home, name)) => format!("{} --plant {name}", run_of(home)),
        None if known.is_empty() => "leave --plant out".to_owned(),
        None => format!("there are: {}", known.join(", ")),
    };
    Err(if known.is_empty() {
        NotPlanted::Nothing { run, hint }
    } else {
        let plant = plant.to_owned();
        NotPlanted::Elsewhere { plant, run, hint }
    })
}

/// Of the run without a scenario.
pub fn of_a_run(name: &str) -> Option<&'static Planted> {
    OF_A_RUN.iter().find(|planted| planted.name == name)
}

/// What strikes a run without a scenario: the faults that were named, else those of what is planted, else all.
pub fn faults(named: &[Fault], plant: Option<&str>) -> Vec<Fault> {
    match (named, plant.and_then(of_a_run)) {
        ([], Some(planted)) => planted.faults.to_vec(),
        ([], None) => Fault::all().to_vec(),
        (named, _) => named.to_vec(),
    }
}

impl Planted {
    /// Whether all that must have seen it have, and none that must not. `found`: how often a checker found anything.
    pub fn is_caught(&self, found: impl Fn(Checker) -> usize) -> bool {
        let figures = Checker::ALL.map(|checker| self.figure(checker, found(checker)));
        figures.iter().all(|figure| figure.met != Some(false))
    }

    /// What one checker found, with what it must have found.
    pub fn figure(&self, checker: Checker, found: usize) -> Figure {
        let (name, found) = (format!("caught-by-{}", checker.name()), found as f64);
        if self.seen_by.contains(&checker) {
            Figure::at_least(name, found, "cases", 1.0)
        } else if self.alone {
            Figure::at_most(name, found, "cases", 0.0)
        } else {
            Figure::info(name, found, "cases")
        }
    }
}

/// All, with where each shows.
fn all() -> impl Iterator<Item = (Option<Scenario>, &'static str)> {
    let of_a_run = OF_A_RUN.iter().map(|planted| (None, planted.name));
    of_a_run.chain(OF_SCENARIOS.map(|(scenario, name)| (Some(scenario), name)))
}

fn names(scenario: Option<Scenario>) -> Vec<&'static str> {
    let of_it = all().filter(|(home, _)| *home == scenario);
    of_it.map(|(_, name)| name).collect()
}

fn run_of(scenario: Option<Scenario>) -> String {
    match scenario {
        Some(scenario) => format!("chaos run --scenario {}", scenario.name()),
        None => "chaos run".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(by: &[(Checker, usize)]) -> impl Fn(Checker) -> usize {
        move |checker| {
            let found = by.iter().filter(|(own, _)| *own == checker);
            found.map(|(_, found)| found).sum()
        }
    }

    #[test]
    fn a_planted_fault_is_caught_by_all_that_must_see_it() {
        use Checker::{Acknowledged, Linearizable, Transactions};
        let planted = of_a_run("ack-before-write").expect("known");
        assert!(!planted.is_caught(found(&[])));
        assert!(!planted.is_caught(found(&[(Acknowledged, 3)])), "one of two");
        assert!(planted.is_caught(found(&[(Acknowledged, 3), (Linearizable, 1), (Transactions, 1)])));
    }

    #[test]
    fn a_lost_update_is_caught_by_the_search_for_circles_and_nothing_else() {
        use Checker::{Async, Linearizable, Transactions};
        let planted = of_a_run("lost-update").expect("known");
        assert!(planted.is_caught(found(&[(Transactions, 7)])));
        assert!(!planted.is_caught(found(&[])));
        for other in [Checker::Acknowledged, Linearizable, Async] {
            assert!(
                !planted.is_caught(found(&[(Transactions, 7), (other, 1)])),
                "{other:?}"
            );
        }
        assert_eq!(planted.figure(Async, 1).met, Some(false));
    }

    #[test]
    fn what_shows_nothing_in_a_run_is_refused_with_where_it_does() {
        let refused = |plant, scenario| check(Some(plant), scenario).expect_err("refused").to_string();
        for scenario in [Scenario::Recover, Scenario::SharedStore] {
            let why = refused("lost-update", Some(scenario));
            assert!(why.starts_with("nothing can be planted"), "{why}");
            assert!(why.ends_with("hint: chaos run --plant lost-update"), "{why}");
        }
        let why = refused("event-without-mark", None);
        assert!(
            why.ends_with("hint: chaos run --scenario events --plant event-without-mark"),
            "{why}"
        );
        assert!(refused("lost-updates", None).contains("there are: ack-before-write, "));
        for (scenario, plant) in all() {
            assert_eq!(check(Some(plant), scenario), Ok(()));
        }
        assert_eq!(check(None, Some(Scenario::Recover)), Ok(()));
    }

    #[test]
    fn what_is_planted_names_what_strikes_unless_somebody_does() {
        assert_eq!(faults(&[], Some("lost-update")), [Fault::KillRouter]);
        assert_eq!(faults(&[Fault::StopCell], Some("lost-update")), [Fault::StopCell]);
        assert_eq!(faults(&[], None), Fault::all());
    }

    /// The table of the manual has a row for each.
    #[test]
    fn each_is_in_the_manual() {
        let manual = include_str!("../../../docs/chaos.md");
        for (scenario, plant) in all() {
            let scenario =
                scenario.map_or_else(|| "none".to_owned(), |scenario| format!("`{}`", scenario.name()));
            let row = format!("| {scenario} | `{plant}` | ");
            assert!(manual.contains(&row), "{row}");
        }
    }
}
