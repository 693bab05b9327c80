//! Command lines and what they print, replayed against a real world.
//!
//! A `*.transcript` in this folder, or a ```` ```console ```` block of a page in `docs/`, holds lines that begin with
//! `$ ` and, below each, what is printed; `[exit 3]` stands last where a command does not end with 0. What differs from
//! world to world is written as `<port>`, `<time>`, `<hash>`, `<world>`, `<n>` (see `normal`); `[..]` stands for the
//! rest of a line and a line `...` for any number of lines.
//!
//! To add a command: add its `$ ` line and run with `MERIDIAN_BLESS=1`, which writes what was printed, then read it.

mod fits;
mod normal;
mod parse;
mod world;

use std::fs;
use std::path::{Path, PathBuf};

use parse::{Kind, Part};
use world::World;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Replays the commands of a file; gives what is not as written.
fn replay(file: &Path, kind: Kind, world: &World) -> Vec<String> {
    let text = fs::read_to_string(file).expect("a transcript");
    let mut parts = parse::parse(&text, kind);
    let (mut faults, mut count) = (Vec::new(), 0);
    for part in &mut parts {
        let Part::Step { command, expected } = part else {
            continue;
        };
        count += 1;
        let printed = world.run(command);
        if fits::fits(expected, &printed) {
            continue;
        }
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        faults.push(format!(
            "{name}: $ {command}\n--- expected\n{}\n--- printed\n{}\n",
            expected.join("\n"),
            printed.join("\n")
        ));
        *expected = printed;
    }
    assert!(count > 0, "{} has no command", file.display());
    if !faults.is_empty() && std::env::var_os("MERIDIAN_BLESS").is_some() {
        fs::write(file, parse::write(&parts)).expect("written");
        return Vec::new();
    }
    faults
}

/// The files of a folder whose name fits.
fn files(folder: &str, fits: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(here(folder)).expect("a folder");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.file_name().is_some_and(|name| fits(&name.to_string_lossy())));
    files.sort();
    files
}

#[test]
fn what_is_printed_is_what_is_written() {
    let Some(world) = World::new() else { return };
    world.up();
    let transcripts = files("tests/transcripts", |name| name.ends_with(".transcript"));
    let replayed = transcripts
        .iter()
        .flat_map(|file| replay(file, Kind::Transcript, &world));
    let faults: Vec<String> = replayed.collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// From nothing: each page makes its own world and gives it up.
#[test]
fn the_walks_through_are_true() {
    let pages = files("../docs", |name| {
        name.starts_with("walkthrough") && name.ends_with(".md")
    });
    assert!(!pages.is_empty());
    let mut faults = Vec::new();
    for page in &pages {
        let Some(world) = World::new() else { return };
        faults.extend(replay(page, Kind::Page, &world));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
