//! Where bytes of somebody lie, by a search through every file of the world: his values in the clear, which must lie nowhere,
//! and the id under which his sealed rows lie. A ride with a title and a place of its own goes in beforehand.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use bytes::Bytes;
use platform_canary::{Canary, FORM_BYTES_MIN, Searcher, forms};
use platform_runtime::random;
use serde_json::json;

use super::Scene;
use super::app::{Person, track};
use super::story::{Row, Story};

/// Copies of the binaries, which no process writes.
const SKIPPED: &[&str] = &["bin"];
const ID: &str = "id";
/// What is found of an address is named so.
pub const ADDRESS: &str = "address";
/// Where the ride begins, in degrees: nobody else was there, and no clock shows such seconds.
const PLACE: (f64, f64) = (61.234_567, 101.345_678);
/// Finds in the clear that are told.
const TOLD: usize = 5;

/// What one search found.
pub struct Traces {
    /// Files in which a value lies in the clear.
    pub clear: Vec<String>,
    /// Of each process, how many of its files name the id.
    pub by_id: BTreeMap<String, usize>,
    pub files: usize,
}

/// The `number`th file of a ride by which he is searched for.
pub fn ride(person: &Person, number: u64) -> Vec<u8> {
    track::gpx_from(&title(person), PLACE, number)
}

fn title(person: &Person) -> String {
    format!("{} on the way home", person.name)
}

/// Uploads such a ride.
///
/// # Errors
/// When it is not taken as a new one.
pub async fn leave(scene: &Scene<'_>, person: &Person, number: u64) -> Result<()> {
    let bytes = Bytes::from(ride(person, number));
    let (status, _) = scene.app.upload(person, bytes, random::uuid_v7()).await?;
    ensure!(status == 201, "ride {number} of {}: {status}", person.name);
    Ok(())
}

/// All of somebody that is looked for.
fn wanted(person: &Person) -> Vec<Canary> {
    let value = |name: &str, value: &str| {
        let mut all = forms::of_bytes(value.as_bytes());
        all.extend(forms::of_digest(value.as_bytes()));
        Canary::new(name, all)
    };
    let mut position = forms::of_degrees(PLACE.0);
    position.extend(forms::of_degrees(PLACE.1));
    let mut id = forms::of_bytes(person.user.as_bytes());
    id.extend(forms::of_bytes(person.user.to_string().as_bytes()));
    let mut wanted = vec![
        value(ADDRESS, &person.email),
        value("token", &person.refresh),
        value("title", &title(person)),
        Canary::new("position", position),
        Canary::new(ID, id),
    ];
    // A shorter one occurs by chance.
    if person.name.len() >= FORM_BYTES_MIN {
        wanted.push(value("name", &person.name));
    }
    wanted
}

impl Traces {
    /// Of somebody who has left such a ride.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub async fn of(scene: &Scene<'_>, person: &Person) -> Result<Self> {
        let searcher = Searcher::new(&wanted(person));
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

    /// Whether a process has files that name the id.
    pub fn are_at(&self, process: &str) -> bool {
        self.by_id.contains_key(process)
    }
}

/// Nothing in the clear, in none of these searches.
pub fn check_clear(whose: &str, searches: &[(&str, &Traces)], story: &mut Story<'_>) {
    let clear: Vec<&String> = searches.iter().flat_map(|(_, traces)| &traces.clear).collect();
    let when: Vec<&str> = searches.iter().map(|(when, _)| *when).collect();
    let what = format!("no value of {whose} lies in the clear, {}", when.join(", "));
    story.check(clear.is_empty(), &what, || {
        format!("{:?}", &clear[..clear.len().min(TOLD)])
    });
}

/// One column a search: how many files of each process name the id.
pub fn table(name: &str, title: &str, searches: &[(&str, &Traces)], story: &mut Story<'_>) {
    let processes: BTreeSet<&String> = searches
        .iter()
        .flat_map(|(_, traces)| traces.by_id.keys())
        .collect();
    let row = |process: &String| {
        let of = |traces: &Traces| traces.by_id.get(process).copied().unwrap_or(0);
        let (mut text, mut json) = (vec![process.clone()], json!({ "process": process }));
        for (when, traces) in searches {
            text.push(of(traces).to_string());
            json[*when] = json!(of(traces));
        }
        Row { text, json }
    };
    let rows = processes.into_iter().map(row).collect();
    let header: Vec<&str> = std::iter::once("process")
        .chain(searches.iter().map(|(when, _)| *when))
        .collect();
    story.table(name, title, &header, rows);
    let files: Vec<String> = searches
        .iter()
        .map(|(_, traces)| traces.files.to_string())
        .collect();
    story.note(format!(
        "files that were searched for {name}: {}",
        files.join(", ")
    ));
}

#[cfg(test)]
mod tests {
    use platform_model::UserId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_ride_has_what_is_searched_for() {
        let person = Person {
            name: "grace-who-rides".to_owned(),
            country: "US".parse().expect("a country"),
            email: "grace-who-rides@example.org".to_owned(),
            password: String::new(),
            user: UserId::from_uuid(Uuid::from_u128(7)),
            home: "us/us-east".parse().expect("a home"),
            host: String::new(),
            access: String::new(),
            refresh: "a-token-of-hers".to_owned(),
        };
        let found = Searcher::new(&wanted(&person)).look("ride", &ride(&person, 3));
        let names: BTreeSet<&str> = found.iter().map(|found| found.canary.as_str()).collect();
        assert_eq!(names, BTreeSet::from(["name", "position", "title"]));
    }
}
