//! Two versions of a law, for people: what lets less happen, what lets more, and what else is another.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use platform_model::DataClass;
use platform_model::matrix::{Action, Answer, Change, Direction, Matrix, Purpose};
use platform_model::{CountryCode, Jurisdiction, RegionId};

/// Changes of answers, points of one place that change alike together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    pub direction: Direction,
    /// Holds at once: ordered by jurisdiction, action, region.
    pub narrower: Vec<Group>,
    /// Waits for its day: ordered by jurisdiction, action, region.
    pub wider: Vec<Group>,
    /// Countries whose residents belong to another jurisdiction, or to one at all, or to none any more.
    pub countries: Vec<(CountryCode, Option<Jurisdiction>, Option<Jurisdiction>)>,
    /// Sinks that come, go, move or become something else, by name.
    pub sinks: BTreeSet<String>,
}

/// Points of one jurisdiction, action and region that change from one answer to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub jurisdiction: Jurisdiction,
    pub action: Action,
    pub region: RegionId,
    pub from: Kind,
    pub to: Kind,
    /// Class and purpose of each point.
    pub points: BTreeSet<(DataClass, Purpose)>,
    /// Rules that decided before, and that decide now.
    pub rules_before: BTreeSet<String>,
    pub rules_after: BTreeSet<String>,
}

/// An answer without its purpose; ordered by how much it lets happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Deny,
    Consent,
    Permit,
}

/// What changes from `old` to `new`.
pub fn diff(old: &Matrix, new: &Matrix) -> Diff {
    let mut groups: BTreeMap<(Jurisdiction, Action, RegionId, Kind, Kind), Group> = BTreeMap::new();
    for change in old.changes(new) {
        add(&mut groups, old, new, change);
    }
    let (wider, narrower) = groups.into_values().partition(|group| group.to > group.from);
    Diff {
        direction: old.direction(new),
        narrower,
        wider,
        countries: countries(old, new),
        sinks: sinks(old, new),
    }
}

fn add(
    groups: &mut BTreeMap<(Jurisdiction, Action, RegionId, Kind, Kind), Group>,
    old: &Matrix,
    new: &Matrix,
    change: Change,
) {
    let Change { point, from, to } = change;
    let (before, after) = (Kind::of(from.answer), Kind::of(to.answer));
    let key = (
        point.jurisdiction.clone(),
        point.action,
        point.region.clone(),
        before,
        after,
    );
    let group = groups.entry(key).or_insert_with(|| Group {
        jurisdiction: point.jurisdiction,
        action: point.action,
        region: point.region,
        from: before,
        to: after,
        points: BTreeSet::new(),
        rules_before: BTreeSet::new(),
        rules_after: BTreeSet::new(),
    });
    group.points.insert((point.class, point.purpose));
    let id = |matrix: &Matrix, rule| Some(matrix.rule(rule?)?.id.clone());
    group.rules_before.extend(id(old, from.rule));
    group.rules_after.extend(id(new, to.rule));
}

fn countries(old: &Matrix, new: &Matrix) -> Vec<(CountryCode, Option<Jurisdiction>, Option<Jurisdiction>)> {
    let all: BTreeSet<_> = old
        .countries()
        .keys()
        .chain(new.countries().keys())
        .copied()
        .collect();
    let pair = |country: CountryCode| {
        (
            country,
            old.countries().get(&country).cloned(),
            new.countries().get(&country).cloned(),
        )
    };
    all.into_iter()
        .map(pair)
        .filter(|(_, before, after)| before != after)
        .collect()
}

fn sinks(old: &Matrix, new: &Matrix) -> BTreeSet<String> {
    let all: BTreeSet<_> = old.sinks().keys().chain(new.sinks().keys()).collect();
    let differs = |name: &&String| old.sinks().get(*name) != new.sinks().get(*name);
    all.into_iter().filter(differs).cloned().collect()
}

impl Diff {
    /// Whether nothing at all that a matrix says is another.
    pub fn is_empty(&self) -> bool {
        self.direction == Direction::Same && self.countries.is_empty() && self.sinks.is_empty()
    }
}

impl Kind {
    fn of(answer: Answer) -> Self {
        match answer {
            Answer::Deny => Self::Deny,
            Answer::PermitWithConsent(_) => Self::Consent,
            Answer::Permit => Self::Permit,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Consent => "consent",
            Self::Permit => "permit",
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes: BTreeSet<_> = self.points.iter().map(|(class, _)| class.as_str()).collect();
        let purposes: BTreeSet<_> = self.points.iter().map(|(_, purpose)| purpose.as_str()).collect();
        let list = |words: BTreeSet<&str>| words.into_iter().collect::<Vec<_>>().join(", ");
        let Self {
            jurisdiction,
            action,
            region,
            ..
        } = self;
        let (from, to, points) = (self.from.as_str(), self.to.as_str(), self.points.len());
        write!(
            f,
            "{jurisdiction} {action} {region}: {from} -> {to} at {points} points "
        )?;
        write!(f, "(classes: {}; purposes: {})", list(classes), list(purposes))
    }
}
