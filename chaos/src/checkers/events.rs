//! Did every event take effect exactly once, and those of one source at one destination in their order?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::history::Outcome;
use crate::verdict::Verdict;

/// An event as its source told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub source: String,
    pub destination: String,
    /// Its place among those of its source: epoch, position, number within the entry.
    pub place: (u64, u64, u32),
    pub id: String,
    /// Whether the transaction that told it took place.
    pub outcome: Outcome,
}

/// An effect, in the order in which the destination's log has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    pub destination: String,
    pub id: String,
    /// Its place in the destination's log.
    pub place: (u64, u64, u32),
}

/// Compares what was told with what took effect. `parked`: ids that an operator finds parked or set aside. Each of them takes
/// no effect as long as it lies there, and holds up nothing behind it.
pub fn events(told: &[Told], effects: &[Effect], parked: &[String]) -> Verdict {
    let unknown = told.iter().filter(|event| event.outcome == Outcome::Unknown);
    let mut verdict = Verdict::new("events", told.len(), unknown.count());
    let mut there: BTreeMap<&str, Vec<&Effect>> = BTreeMap::new();
    for effect in effects {
        there.entry(&effect.id).or_default().push(effect);
    }
    let parked: std::collections::BTreeSet<&str> = parked.iter().map(String::as_str).collect();
    let mut lanes: BTreeMap<(&str, &str), Vec<&Told>> = BTreeMap::new();
    for event in told {
        lanes
            .entry((&event.source, &event.destination))
            .or_default()
            .push(event);
    }
    for lane in lanes.values_mut() {
        lane.sort_by_key(|event| event.place);
        judge_lane(lane, &there, &parked, &mut verdict);
    }
    let known: std::collections::BTreeSet<&str> = told.iter().map(|event| event.id.as_str()).collect();
    for (id, effects) in there.iter().filter(|(id, _)| !known.contains(*id)) {
        verdict.add(
            "out-of-nowhere",
            format!(
                "`{id}` took effect at {} and nobody told it",
                effects[0].destination
            ),
        );
    }
    verdict
}

/// The events of one source for one destination, in the order in which they were told.
fn judge_lane(
    lane: &[&Told],
    there: &BTreeMap<&str, Vec<&Effect>>,
    parked: &std::collections::BTreeSet<&str>,
    verdict: &mut Verdict,
) {
    let mut last: Option<(&Told, &Effect)> = None;
    for event in lane {
        let found = there.get(event.id.as_str()).map_or(&[][..], Vec::as_slice);
        let name = || format!("`{}` of {} for {}", event.id, event.source, event.destination);
        let is_parked = parked.contains(event.id.as_str());
        match (event.outcome, found.len()) {
            (Outcome::Done, 0) if !is_parked => verdict.add("missing", format!("{} took no effect", name())),
            (Outcome::Failed, 1..) => {
                verdict.add("of-failed", format!("{} was never told and took effect", name()));
            }
            (_, 1..) if is_parked => {
                verdict.add(
                    "parked-and-there",
                    format!("{} took effect, and is parked", name()),
                );
            }
            (_, 2..) => verdict.add("twice", format!("{} took effect {} times", name(), found.len())),
            _ => {}
        }
        for effect in found {
            if effect.destination != event.destination {
                verdict.add(
                    "astray",
                    format!("{} took effect at {}", name(), effect.destination),
                );
            }
        }
        let Some(effect) = found.first() else { continue };
        if let Some((before, earlier)) = last
            && effect.place < earlier.place
        {
            verdict.add(
                "out-of-order",
                format!("{} took effect before `{}`, told before it", name(), before.id),
            );
        }
        last = Some((event, effect));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(number: u32, outcome: Outcome) -> Told {
        Told {
            source: "anna".into(),
            destination: "bruno".into(),
            place: (1, u64::from(number), 0),
            id: format!("e{number}"),
            outcome,
        }
    }

    fn effect(number: u32, at: u64) -> Effect {
        Effect {
            destination: "bruno".into(),
            id: format!("e{number}"),
            place: (4, at, 0),
        }
    }

    fn names(verdict: &Verdict) -> Vec<&str> {
        verdict
            .anomalies
            .iter()
            .map(|anomaly| anomaly.name.as_str())
            .collect()
    }

    #[test]
    fn each_once_and_in_order_is_clean_and_an_unknown_one_may_be_there_or_not() {
        let all = [
            told(1, Outcome::Done),
            told(2, Outcome::Unknown),
            told(3, Outcome::Done),
            told(4, Outcome::Failed),
        ];
        assert!(events(&all, &[effect(1, 10), effect(3, 11)], &[]).is_clean());
        assert!(events(&all, &[effect(1, 10), effect(2, 11), effect(3, 12)], &[]).is_clean());
    }

    #[test]
    fn each_way_to_be_wrong_is_named() {
        let all = [
            told(1, Outcome::Done),
            told(2, Outcome::Done),
            told(3, Outcome::Failed),
        ];
        assert_eq!(names(&events(&all, &[effect(1, 10)], &[])), ["missing"]);
        assert_eq!(
            names(&events(&all, &[effect(1, 10), effect(2, 11), effect(1, 12)], &[])),
            ["twice"]
        );
        assert_eq!(
            names(&events(&all, &[effect(2, 10), effect(1, 11)], &[])),
            ["out-of-order"]
        );
        assert_eq!(
            names(&events(&all, &[effect(1, 1), effect(2, 2), effect(3, 3)], &[])),
            ["of-failed"]
        );
        assert_eq!(
            names(&events(&all, &[effect(1, 1), effect(2, 2), effect(9, 3)], &[])),
            ["out-of-nowhere"]
        );
        let astray = Effect {
            destination: "carol".into(),
            ..effect(2, 2)
        };
        assert_eq!(names(&events(&all, &[effect(1, 1), astray], &[])), ["astray"]);
    }

    #[test]
    fn a_parked_event_excuses_itself_and_none_before_or_behind_it() {
        let all = [
            told(1, Outcome::Done),
            told(2, Outcome::Done),
            told(3, Outcome::Done),
        ];
        let judged = |effects: &[Effect]| events(&all, effects, &["e2".into()]);
        assert!(judged(&[effect(1, 10), effect(3, 11)]).is_clean());
        assert_eq!(names(&judged(&[effect(1, 10)])), ["missing"], "the one behind it");
        assert_eq!(names(&judged(&[effect(3, 11)])), ["missing"], "the one before it");
        let all_three = [effect(1, 10), effect(2, 11), effect(3, 12)];
        assert_eq!(names(&judged(&all_three)), ["parked-and-there"]);
    }

    #[test]
    fn sources_are_ordered_each_by_itself() {
        let other = Told {
            source: "dave".into(),
            id: "d1".into(),
            ..told(1, Outcome::Done)
        };
        let all = [told(1, Outcome::Done), told(2, Outcome::Done), other];
        let late = Effect {
            id: "d1".into(),
            ..effect(0, 1)
        };
        assert!(events(&all, &[effect(1, 10), late, effect(2, 12)], &[]).is_clean());
    }
}
