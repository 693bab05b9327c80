//! Where bytes of somebody lie, by a search through every file of the world: her values in the clear, which must lie nowhere,
//! and the id under which her sealed rows lie.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use platform_canary::{Canary, Searcher, forms};

use super::row;
use crate::demo::Scene;
use crate::demo::app::Person;
use crate::demo::story::Story;

/// Copies of the binaries, which no process writes.
const SKIPPED: &[&str] = &["bin"];
const ID: &str = "id";
/// Where she lives before, and after.
const OLD: &str = "celld-us-east-1";
const NEW: &str = "celld-eu-central-1";

/// What one search found.
pub struct Traces {
    /// Files in which a value lies in the clear.
    pub clear: Vec<String>,
    /// Of each process, how many of its files name her id.
    pub by_id: BTreeMap<String, usize>,
    pub files: usize,
}

impl Traces {
    /// # Errors
    /// When a file cannot be read.
    pub async fn of(scene: &Scene<'_>, person: &Person) -> Result<Self> {
        let value = |name: &str, value: &str| {
            let mut all = forms::of_bytes(value.as_bytes());
            all.extend(forms::of_digest(value.as_bytes()));
            Canary::new(name, all)
        };
        let mut id = forms::of_bytes(person.user.as_bytes());
        id.extend(forms::of_bytes(person.user.to_string().as_bytes()));
        let searcher = Searcher::new(&[
            value("name", &person.name),
            value("address", &person.email),
            Canary::new(ID, id),
        ]);
        let root = scene.world.layout.root().to_owned();
        let looked = tokio::task::spawn_blocking(move || searcher.folder(&root, SKIPPED)).await??;
        let (ids, clear): (Vec<_>, Vec<_>) = looked.found.iter().partition(|found| found.canary == ID);
        let places: BTreeSet<&String> = ids.iter().map(|found| &found.place).collect();
        let mut by_id = BTreeMap::new();
        for place in places {
            let process = place.split('/').next().unwrap_or_default();
            *by_id.entry(process.to_owned()).or_default() += 1;
        }
        let clear = clear
            .iter()
            .map(|found| format!("{} in {}", found.canary, found.place));
        Ok(Self {
            clear: clear.collect(),
            by_id,
            files: looked.files,
        })
    }
}

pub fn show(person: &Person, (before, after): (&Traces, &Traces), story: &mut Story<'_>) {
    let what = "no value of hers lies in the clear, before and after";
    let clear: Vec<&String> = before.clear.iter().chain(&after.clear).take(5).collect();
    story.check(clear.is_empty(), what, || format!("{clear:?}"));
    let has = |traces: &Traces, process: &str| traces.by_id.contains_key(process);
    let what = "her sealed rows lie in the cell of her home: of the old one before, of the new one after";
    let so = has(before, OLD) && !has(before, NEW) && has(after, NEW);
    story.check(so, what, || format!("{:?} and {:?}", before.by_id, after.by_id));
    let processes: BTreeSet<&String> = before.by_id.keys().chain(after.by_id.keys()).collect();
    let of = |traces: &Traces, process: &String| traces.by_id.get(process).copied().unwrap_or(0);
    let rows = processes
        .into_iter()
        .map(|process| row(process, of(before, process), of(after, process)));
    let title = format!("Files with sealed rows of {}, or her id", person.name);
    let header = ["process", "before", "after"];
    story.table("traces", &title, &header, rows.collect());
    story.note(format!(
        "{} and {} files were searched; what the old cell's journal holds of her still is sealed with a key that is destroyed",
        before.files, after.files
    ));
}
