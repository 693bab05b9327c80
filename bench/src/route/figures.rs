//! From the passes to the document.

use anyhow::{Context, Result};
use platform_report::{Document, Figure};
use serde_json::Value;

use super::{Plan, Track};
use crate::statistics::{Spread, per};
use crate::versions;

/// Nanoseconds for a look-up at 12,800 shards and 1,000 cells.
const LOOKUP_NS_MOST: f64 = 200.0;
/// A look-up at 1,000 cells over one at 10, the same shards: flat.
const FLATNESS_MOST: f64 = 1.5;

pub fn document(plan: &Plan, tracks: &[Track], learned: usize) -> Result<Document> {
    let passes: Vec<_> = tracks
        .iter()
        .map(|track| (track.name.as_str(), track.passes.as_slice()))
        .collect();
    let mut document = from_passes(&passes)?;
    document.versions = versions::versions(&[])?;
    document.notes = notes(plan, learned);
    Ok(document)
}

/// `passes`: name of the figure, nanoseconds for each look-up of each pass, all of one length.
fn from_passes(passes: &[(&str, &[f64])]) -> Result<Document> {
    let mut document = Document::new("route");
    let mut spreads = Vec::new();
    for (name, values) in passes {
        let spread = Spread::of(values.iter().copied());
        document.figures.push(match *name {
            "route-lookup-ns" => Figure::at_most(*name, spread.median, "ns", LOOKUP_NS_MOST),
            _ => Figure::info(*name, spread.median, "ns"),
        });
        spreads.push(spread.row(name));
    }
    let (many, few) = (
        of(passes, "route-lookup-ns")?,
        of(passes, "route-lookup-10-cells-ns")?,
    );
    let small = of(passes, "route-lookup-small-world-ns")?;
    let flatness = Spread::of(ratios(many, few));
    let growth = Spread::of(ratios(many, small));
    document.figures.push(Figure::at_most(
        "route-flatness",
        flatness.median,
        "times",
        FLATNESS_MOST,
    ));
    document
        .figures
        .push(Figure::info("route-over-small-world", growth.median, "times"));
    spreads.push(flatness.row("route-flatness"));
    spreads.push(growth.row("route-over-small-world"));
    document
        .tables
        .insert("route-spread".to_owned(), Value::Array(spreads));
    Ok(document)
}

fn of<'a>(passes: &[(&str, &'a [f64])], name: &str) -> Result<&'a [f64]> {
    let found = passes.iter().find(|(found, _)| *found == name);
    Ok(found
        .with_context(|| format!("nothing was measured as {name}"))?
        .1)
}

/// Pass by pass, so that a slow moment of the machine falls on both.
fn ratios<'a>(ours: &'a [f64], base: &'a [f64]) -> impl Iterator<Item = f64> + use<'a> {
    ours.iter().zip(base).map(|(ours, base)| per(*ours, *base))
}

fn notes(plan: &Plan, learned: usize) -> Vec<String> {
    let mut notes = vec![
        format!(
            "a look-up: home and user -> shard -> node and epoch, one thread, {} random people in random order; \
             each value the median of {} passes' means, the worlds in turn within a pass",
            plan.people, plan.passes
        ),
        "route-flatness: 1,000 cells and 200 homes over 10 cells and 2 homes, both with 12,800 shards; \
         route-over-small-world: over 10 cells with 128 shards"
            .to_owned(),
        format!(
            "route-lookup-learned-ns: the same look-up and then what was learned of the shard, among {learned} learned \
             places; places are learned by shard, so 12,800 of them can be met in this world"
        ),
        "route-decide-ns: a whole decision on the head of an ordinary request: path, caller, host name, look-up"
            .to_owned(),
    ];
    notes.extend(versions::profile_note());
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(many: [f64; 3], few: [f64; 3]) -> Document {
        let small = [20.0; 3];
        from_passes(&[
            ("route-lookup-ns", &many),
            ("route-lookup-10-cells-ns", &few),
            ("route-lookup-small-world-ns", &small),
        ])
        .expect("all measured")
    }

    #[test]
    fn slow_and_steep_look_ups_miss_their_goals() {
        let missed = |document: &Document| document.missed().map(str::to_owned).collect::<Vec<_>>();
        assert!(judged([40.0, 50.0, 60.0], [40.0; 3]).goals_met());
        assert_eq!(missed(&judged([201.0; 3], [190.0; 3])), ["route-lookup-ns"]);
        assert_eq!(missed(&judged([61.0; 3], [40.0; 3])), ["route-flatness"]);
    }

    #[test]
    fn a_walk_that_was_not_measured_is_an_error() {
        assert!(from_passes(&[("route-lookup-ns", &[1.0])]).is_err());
    }
}
