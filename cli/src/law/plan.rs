//! The plan of a law: what it changes, what of that holds at once, and what waits until when. Says the same as the
//! controllers do at an approval; they decide.

use anyhow::{Context, Result};
use control_plane_residency::diff::Diff;
use control_plane_residency::{Ready, diff};
use platform_model::matrix::{Direction, Matrix};
use platform_wire::admin::WorldStatus;
use platform_wire::law::LawView;
use serde::Serialize;

use super::effect::Effect;
use super::views::{GroupView, LawName, moment, short};
use crate::printer::counted;

/// Lines of one kind that a plan shows people; the rest is counted. `-o json` shows all.
const LINES_MAX: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// In force now; none: nothing may be kept anywhere.
    pub from: Option<LawName>,
    pub to: LawName,
    /// Generation of the record of the law: whoever applies may name it.
    pub record: u64,
    /// Whether anything at all would be other.
    pub changes: bool,
    /// `same`, `narrower`, `wider`, `both`, or `first` where no law is in force.
    pub direction: &'static str,
    /// Answers that let less happen; they hold from the approval on.
    pub narrower: Vec<GroupView>,
    /// Answers that let more happen; they wait.
    pub wider: Vec<GroupView>,
    /// When all of it holds, were it approved now; at once if that is past.
    pub holds_from: Option<String>,
    #[serde(skip)]
    pub at_once: bool,
    /// Country, jurisdiction before, jurisdiction after.
    pub countries: Vec<(String, Option<String>, Option<String>)>,
    pub sinks: Vec<String>,
    /// An approved version that waits for its day and would be replaced.
    pub replaces: Option<String>,
    pub effect: Effect,
}

impl Plan {
    /// Of a law, against what is in force.
    ///
    /// # Errors
    /// When both together name more rules than a matrix can.
    pub fn of(view: &LawView, status: &WorldStatus, ready: &Ready) -> Result<Self> {
        let now = view.in_force.as_ref().map(|law| law.matrix.as_ref());
        let next = &ready.compiled.matrix;
        let changed = now.map(|now| diff(now, next));
        let whole_ms = holds_from_ms(view, next);
        if let Some(now) = now {
            now.meet(next)
                .context("the two laws cannot hold side by side until the day")?;
        }
        let groups = |groups: Option<&Vec<_>>| groups.into_iter().flatten().map(GroupView::from).collect();
        Ok(Self {
            from: now.map(LawName::from),
            to: next.into(),
            record: view.generation.0,
            changes: now != Some(next),
            direction: direction(changed.as_ref()),
            narrower: groups(changed.as_ref().map(|changed| &changed.narrower)),
            wider: groups(changed.as_ref().map(|changed| &changed.wider)),
            holds_from: moment(whole_ms),
            at_once: whole_ms <= view.time_ms,
            countries: countries(changed.as_ref()),
            sinks: changed
                .map(|changed| changed.sinks.into_iter().collect())
                .unwrap_or_default(),
            replaces: view
                .waiting()
                .map(|law| law.version.to_string())
                .filter(|version| *version != next.stamp().version.to_string()),
            effect: Effect::of(now, next, status),
        })
    }
}

/// When all of `next` holds if it is approved now. What lets less happen holds at once; what lets more, not before
/// everybody can have heard of it.
fn holds_from_ms(view: &LawView, next: &Matrix) -> u64 {
    let (now, day) = (view.time_ms, next.stamp().date.unix_ms());
    let heard = now.saturating_add(view.matrix_age_max_ms.saturating_mul(2));
    match view.in_force.as_ref().map(|law| law.matrix.direction(next)) {
        None => day.max(now),
        Some(Direction::Same | Direction::Narrower) => now,
        Some(Direction::Wider | Direction::Both) => day.max(heard),
    }
}

fn direction(changed: Option<&Diff>) -> &'static str {
    match changed.map(|changed| changed.direction) {
        None => "first",
        Some(Direction::Same) => "same",
        Some(Direction::Narrower) => "narrower",
        Some(Direction::Wider) => "wider",
        Some(Direction::Both) => "both",
    }
}

fn countries(changed: Option<&Diff>) -> Vec<(String, Option<String>, Option<String>)> {
    let all = changed.into_iter().flat_map(|changed| &changed.countries);
    all.map(|(country, before, after)| {
        let name = |j: &Option<platform_model::Jurisdiction>| j.as_ref().map(ToString::to_string);
        (country.to_string(), name(before), name(after))
    })
    .collect()
}

impl Plan {
    /// For people.
    pub fn text(&self) -> String {
        let mut lines = vec![self.title()];
        if !self.changes {
            lines.push("  nothing changes: it is what is in force".to_owned());
            return lines.join("\n");
        }
        lines.push(self.when());
        list(
            &mut lines,
            "less is permitted, from the approval on",
            &self.narrower,
            group,
        );
        list(
            &mut lines,
            "more is permitted, when all of it holds",
            &self.wider,
            group,
        );
        list(
            &mut lines,
            "countries",
            &self.countries,
            |(country, before, after)| {
                let name = |j: &Option<String>| j.clone().unwrap_or_else(|| "nobody".to_owned());
                format!("{country}: {} -> {}", name(before), name(after))
            },
        );
        list(&mut lines, "sinks that change", &self.sinks, Clone::clone);
        self.effects(&mut lines);
        if let Some(version) = &self.replaces {
            lines.push(format!(
                "  law {version}, which is approved and waits for its day, is replaced"
            ));
        }
        lines.join("\n")
    }

    fn title(&self) -> String {
        let name = |law: &LawName| format!("{} (digest {})", law.version, short(&law.digest));
        let from = self.from.as_ref().map_or_else(|| "no law".to_owned(), name);
        format!("plan: {from} -> {} (record g{})", name(&self.to), self.record)
    }

    fn when(&self) -> String {
        let from = self.holds_from.as_deref().unwrap_or_default();
        match (self.direction, self.at_once) {
            ("first", true) => {
                "  the first law of this world; all of it holds from its approval on".to_owned()
            }
            ("first", false) => format!("  the first law of this world; all of it holds from {from} on"),
            ("same", _) => "  no answer changes; its text and its names hold from its approval on".to_owned(),
            ("narrower", _) => "  it only narrows: all of it holds from its approval on".to_owned(),
            ("wider", _) => format!("  it only widens: it waits, and holds from {from} on"),
            (_, _) => {
                format!("  it narrows at once, and widens from {from} on; until then holds what both permit")
            }
        }
    }

    fn effects(&self, lines: &mut Vec<String>) {
        let effect = &self.effect;
        list(
            lines,
            "copies that become illegal where they are",
            &effect.violations,
            |copy| {
                let already = if copy.already { "; so it is already" } else { "" };
                format!(
                    "shard {} in cell {} ({}): {}{already}",
                    copy.shard, copy.cell, copy.region, copy.why
                )
            },
        );
        for (what, names) in [
            ("shards that may get their first primary", &effect.placed),
            ("homes that take nobody new any more", &effect.homes_closed),
            ("homes that may take people", &effect.homes_opened),
            (
                "countries whose residents can no longer register",
                &effect.countries_closed,
            ),
            ("countries whose residents may register", &effect.countries_opened),
            (
                "homes whose data could go nowhere: the controllers refuse this law",
                &effect.stranded,
            ),
        ] {
            if !names.is_empty() {
                lines.push(format!("  {what} ({}): {}", names.len(), few(names)));
            }
        }
        if effect.catalogue_dropped {
            lines.push(
                "  it names no catalogue of data classes that the law in force names: nodes would open no shard"
                    .to_owned(),
            );
        }
    }
}

fn list<T>(lines: &mut Vec<String>, what: &str, items: &[T], line: impl Fn(&T) -> String) {
    if items.is_empty() {
        return;
    }
    lines.push(format!("  {what} ({}):", items.len()));
    lines.extend(
        items
            .iter()
            .take(LINES_MAX)
            .map(|item| format!("    {}", line(item))),
    );
    if items.len() > LINES_MAX {
        lines.push(format!(
            "    and {} more: -o json shows all",
            items.len() - LINES_MAX
        ));
    }
}

fn few(names: &[String]) -> String {
    let shown = names
        .iter()
        .take(LINES_MAX)
        .cloned()
        .collect::<Vec<_>>()
        .join(" ");
    match names.len().saturating_sub(LINES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Points that change alike, in one line.
pub fn group(group: &GroupView) -> String {
    let rules = |ids: &[String]| {
        if ids.is_empty() {
            "no rule".to_owned()
        } else {
            ids.join(", ")
        }
    };
    let all = |names: &[&str], of: usize| {
        if names.len() == of {
            "all".to_owned()
        } else {
            names.join(", ")
        }
    };
    format!(
        "{} {} {}: {} -> {} at {} (classes: {}; purposes: {}; rules: {} -> {})",
        group.jurisdiction,
        group.action,
        group.region,
        group.from,
        group.to,
        counted(group.points, "point", "points"),
        all(&group.classes, platform_model::DataClass::ALL.len()),
        all(&group.purposes, platform_model::matrix::Purpose::ALL.len()),
        rules(&group.rules_before),
        rules(&group.rules_after),
    )
}

#[cfg(test)]
mod tests;
