//! Every target over its corpus and over some thousand mutations of it, on stable Rust; every parser has a target.
//!
//! A failure prints the bytes: kept as a file in the corpus of its target, it is run from then on.

use std::cell::RefCell;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use platform_runtime::Clock;
use tests::house::read;
use tests_hostile::covered::COVERED;
use tests_hostile::found::{faults, parsers};
use tests_hostile::{Mutator, TARGETS, Target};

/// Mutations of each target, fewer where its time is over.
const MUTATIONS: u64 = 2_000;
/// For the mutations of one target.
const TIME: Duration = Duration::from_millis(350);
/// For one input: what takes longer is a fault, not a slow machine.
const ONE_INPUT: Duration = Duration::from_secs(5);
/// Fewest mutations that mean something.
const MUTATIONS_LEAST: u64 = 20;

fn corpus_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// What the target makes, and what was kept.
fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let mut corpus = (target.seeds)();
    let folder = corpus_folder().join(target.name);
    let mut kept: Vec<PathBuf> = match fs::read_dir(&folder) {
        Ok(entries) => entries.map(|entry| entry.expect("an entry").path()).collect(),
        Err(_) => Vec::new(),
    };
    kept.sort();
    corpus.extend(kept.iter().map(|path| fs::read(path).expect("readable")));
    corpus
}

thread_local! {
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs one input; a panic or a long time is told with the bytes.
fn run(target: &Target, bytes: &[u8]) -> Result<(), String> {
    let clock = Clock::system();
    let began = clock.monotonic();
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes)));
    let took = clock.monotonic().saturating_sub(began);
    let shown = || {
        let name = format!("{}-{:016x}", target.name, hash(bytes));
        let path = std::env::temp_dir().join(&name);
        let _ = fs::write(&path, bytes);
        let start = &bytes[..bytes.len().min(300)];
        format!(
            "{} bytes, in {}: {}",
            bytes.len(),
            path.display(),
            start.escape_ascii()
        )
    };
    match outcome {
        Err(_) => Err(format!(
            "{}: {} for {}",
            target.name,
            SAID.with_borrow(String::clone),
            shown()
        )),
        Ok(()) if took > ONE_INPUT => Err(format!("{}: {took:?} for {}", target.name, shown())),
        Ok(()) => Ok(()),
    }
}

/// FNV-1a, for the name of a file.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Panics of targets are told once, at the end.
fn quietly<T>(f: impl FnOnce() -> T) -> T {
    platform_runtime::tls::install_ring();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| SAID.set(info.to_string())));
    let outcome = f();
    std::panic::set_hook(before);
    outcome
}

#[test]
fn no_target_breaks_over_its_corpus_and_mutations_of_it() {
    let (mut failures, mut inputs) = (Vec::new(), 0);
    quietly(|| {
        for (seed, target) in (0_u64..).zip(TARGETS) {
            let (corpus, clock) = (corpus(target), Clock::system());
            assert!(!corpus.is_empty(), "{} has no corpus", target.name);
            failures.extend(corpus.iter().filter_map(|bytes| run(target, bytes).err()));
            let (mut mutator, began) = (Mutator::new(seed), clock.monotonic());
            for number in 0..MUTATIONS {
                let time_is_over = clock.monotonic().saturating_sub(began) > TIME;
                if time_is_over && number >= MUTATIONS_LEAST {
                    break;
                }
                inputs += 1;
                if let Err(failure) = run(target, &mutator.mutated(&corpus)) {
                    failures.push(failure);
                    break;
                }
            }
        }
    });
    println!("{inputs} mutations of {} targets", TARGETS.len());
    assert!(
        failures.is_empty(),
        "{} fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// The real workout files that the crates of the parsers carry.
#[test]
fn no_target_breaks_over_real_workouts() {
    let folders = real_files();
    assert!(folders.len() > 20, "only {} files", folders.len());
    let targets = TARGETS.iter().filter(|target| target.name.starts_with("workout"));
    let failures: Vec<String> = quietly(|| {
        let each = targets.flat_map(|target| folders.iter().filter_map(|bytes| run(target, bytes).err()));
        each.collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Every third real file below 200 kB: the domain's own tests read them all.
fn real_files() -> Vec<Vec<u8>> {
    let mut command = cargo_metadata::MetadataCommand::new();
    command.manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    // Of this platform only: the packages of others are not there offline.
    let here = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let options = ["--offline".to_owned(), "--filter-platform".to_owned(), here];
    let metadata = command.other_options(options).exec();
    let packages = metadata.map(|metadata| metadata.packages).unwrap_or_default();
    let folder = |name: &str, inside: &str| {
        let package = packages.iter().find(|package| package.name.as_str() == name)?;
        fs::read_dir(package.manifest_path.parent()?.join(inside)).ok()
    };
    let folders = [
        ("fitparser", "tests/fixtures"),
        ("gpx", "tests/fixtures"),
        ("tcx", "tests"),
    ];
    let entries = folders
        .iter()
        .filter_map(|(name, inside)| folder(name, inside))
        .flatten();
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let files = paths
        .iter()
        .filter(|path| path.is_file())
        .filter_map(|path| fs::read(path).ok());
    files.filter(|bytes| bytes.len() < 200_000).collect()
}

#[test]
fn every_parser_has_a_target_or_a_reason() {
    let files = read::files(read::root()).expect("the checkout is readable");
    let faults = faults(&all_parsers(&files));
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

fn all_parsers(files: &[tests::house::SourceFile]) -> Vec<String> {
    let tops = ["platform/", "router/", "control-plane/", "cell/", "domains/"];
    let sources = files.iter().filter(|file| {
        let path = &file.path;
        path.ends_with(".rs")
            && path.contains("/src/")
            && tops.iter().any(|top| path.starts_with(top))
            && !["/tests/", "/tests.rs", "_tests.rs"]
                .iter()
                .any(|part| path.contains(part))
    });
    sources.flat_map(|file| parsers(&file.path, &file.text)).collect()
}

#[test]
fn a_new_parser_without_a_target_is_noticed() {
    let text = "impl FromStr for Voucher { }\nimpl std::str::FromStr for Coupon {}\nimpl TryFrom<pb::Voucher> for Voucher {}\n\
                pub fn decode<T>(\n    bytes: &[u8],\n) -> T {}\npub fn grant(wire: pb::Grant) {}\npub fn read(&self) {}";
    let found = parsers("commerce.rs", text);
    let expected = [
        "commerce.rs FromStr for Coupon",
        "commerce.rs FromStr for Voucher",
        "commerce.rs TryFrom<pb::Voucher> for Voucher",
        "commerce.rs fn decode",
        "commerce.rs fn grant",
    ];
    assert_eq!(found, expected);
    let faults = faults(&found);
    for parser in expected {
        assert!(
            faults.contains(&format!("{parser} has no target and no reason to have none")),
            "{faults:?}"
        );
    }
}

#[test]
fn corpora_and_targets_belong_together() {
    for entry in fs::read_dir(corpus_folder()).expect("corpora") {
        let name = entry.expect("an entry").file_name().into_string().expect("text");
        assert!(
            tests_hostile::named(&name).is_some(),
            "corpus/{name} has no target"
        );
    }
    let fuzz = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/Cargo.toml"));
    let fuzz = fuzz.expect("the folder of libFuzzer's targets");
    for target in TARGETS {
        assert!(
            fuzz.contains(&format!("name = \"{}\"", target.name)),
            "tests/fuzz has no {}",
            target.name
        );
    }
    let own = ["router-head", "rows"];
    for target in TARGETS.iter().filter(|target| !own.contains(&target.name)) {
        assert!(
            COVERED.iter().any(|(name, _)| *name == target.name),
            "{} covers nothing",
            target.name
        );
    }
}

/// The same seed makes the same bytes, and they differ from those they are made of.
#[test]
fn mutations_follow_from_their_seed() {
    let corpus = vec![b"POST /v1/locate HTTP/1.1".to_vec(), vec![0; 64]];
    let some = |seed| -> Vec<Vec<u8>> {
        let mut mutator = Mutator::new(seed);
        (0..200).map(|_| mutator.mutated(&corpus)).collect()
    };
    assert_eq!(some(1), some(1));
    assert_ne!(some(1), some(2));
    let changed = some(1).iter().filter(|bytes| !corpus.contains(bytes)).count();
    assert!(changed > 180, "{changed}");
}

/// The run notices what it is for: a panic, and an input that takes too long.
#[test]
fn a_target_that_breaks_is_told_with_its_bytes() {
    let panics = Target {
        name: "planted",
        run: |bytes| assert!(!bytes.starts_with(b"GET\xff"), "planted"),
        seeds: || vec![b"GET /".to_vec()],
    };
    let found = quietly(|| {
        let mut mutator = Mutator::new(0);
        let corpus = (panics.seeds)();
        (0..200_000).find_map(|_| run(&panics, &mutator.mutated(&corpus)).err())
    });
    let found = found.expect("GET with 0xff behind it is soon found");
    assert!(found.contains("planted") && found.contains("GET\\xff"), "{found}");
}
