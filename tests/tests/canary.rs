//! No value of a person is found where it may not be: canaries are pushed through every route of a world of real
//! processes, through the router and straight to a node, as good requests and as bad ones, with the logs at their most
//! talkative; then everything that the processes wrote or answered is searched for them, in every coding.
//!
//! What must be found is looked for as well (ids, reasons, trace ids), and so are planted canaries: a search that sees
//! nothing would find all worlds clean.

#![allow(clippy::print_stdout, reason = "a test says how much it looked at")]

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use platform_runtime::tls::Expect;
use tests::canary::client::as_router;
use tests::canary::life::Person;
use tests::canary::{Canaries, Client, Door, Found, Searcher, hostile, raw, routes};
use tests::house::{SourceFile, read};
use tests::world::{World, binaries};

/// Everything that a log can say, and where a SIEM is sent its events.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("CELLD_LOG__FILTER", "trace"),
    ("CELLD_LOG__FORMAT", "json"),
    ("ROUTERD_LOG__FILTER", "trace"),
    ("ROUTERD_LOG__FORMAT", "json"),
    ("CONTROLD_LOG__FILTER", "trace"),
    ("CONTROLD_LOG__FORMAT", "json"),
    ("CONTROLD_SIEM__FILE__PATH", "{dir}/siem.jsonl"),
];

/// What may be where although it came from a person. Everything else may be nowhere: values of a person are sealed in
/// his own cell, too.
const ALLOWED: &[Allowed] = &[
    Allowed {
        canary: ("idempotency key", "in DE"),
        place: "celld-eu-central-1/data/store/",
        why: "rows of outcomes lie under the key itself, an id, in the person's own cell",
    },
    Allowed {
        canary: ("idempotency key", "in US"),
        place: "celld-us-east-1/data/store/",
        why: "the same of a person in the other cell",
    },
];

/// A canary, by beginning and end of its name, and where it may be, by the beginning of the path.
struct Allowed {
    canary: (&'static str, &'static str),
    place: &'static str,
    why: &'static str,
}

impl Allowed {
    fn allows(&self, found: &Found) -> bool {
        let (start, end) = self.canary;
        found.canary.starts_with(start) && found.canary.ends_with(end) && found.place.starts_with(self.place)
    }
}

/// Folder of the world for what processes answered.
const SEEN: &str = "seen";
/// Kinds of canaries that are planted to be found: all of a life and the first of those of bad requests.
const KINDS_PLANTED: usize = 40;
/// Copies of the binaries, which no process writes.
const SKIPPED: &[&str] = &["bin"];

#[test]
fn no_value_of_a_person_is_where_it_may_not_be() {
    let binaries = match binaries() {
        Ok(binaries) => binaries,
        Err(why) => return println!("skipped: {why}"),
    };
    runtime().block_on(whole(&binaries)).expect("no canary escaped");
}

/// Builds with the planted fault `door-logs-requests` write what they are sent into their log: there the search must
/// find it. `CANARY_PLANTED` names the folder of such binaries; they are no part of a usual build.
#[test]
fn planted_a_log_that_says_too_much_is_noticed() {
    let Some(binaries) = std::env::var_os("CANARY_PLANTED") else {
        return println!("skipped: CANARY_PLANTED names no binaries with planted faults");
    };
    let world = World::up(
        Path::new(&binaries),
        &[("FAILPOINTS", "door-logs-requests=return")],
    )
    .expect("a world");
    let mut canaries = Canaries::default();
    let live = async {
        let client = Client::new(&world)?;
        Person::new(&client, Door::RouterHttp2, "DE", &mut canaries)
            .live()
            .await
    };
    runtime().block_on(live).expect("a life");
    let looked = Searcher::new(canaries.all()).folder(&world.root(), SKIPPED);
    let found = looked.expect("the world's files are readable").found;
    for canary in [
        "access token",
        "refresh token",
        "user-agent",
        "cursor",
        "idempotency key of a change in DE",
    ] {
        let is_there = |found: &Found| found.canary == canary && found.place == "celld-eu-central-1/log";
        assert!(found.iter().any(is_there), "{canary} was not noticed: {found:?}");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    platform_runtime::tls::install_ring();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().expect("threads")
}

async fn whole(binaries: &Path) -> Result<()> {
    let world = World::up(binaries, ENVIRONMENT)?;
    let (mut canaries, mut controls) = (Canaries::default(), Canaries::default());
    push(&world, &mut canaries, &mut controls).await?;
    answers(&world, &mut controls).await?;
    world.cellctl(&["dev", "down"])?;

    let searcher = Searcher::new(canaries.all());
    let looked = searcher.folder(&world.root(), SKIPPED)?;
    let (forms, files, mib) = (searcher.len(), looked.files, looked.bytes >> 20);
    println!(
        "{} canaries in {forms} forms, {files} files, {mib} MiB",
        canaries.all().len()
    );
    let leaks: Vec<&Found> = looked.found.iter().filter(|found| !is_allowed(found)).collect();
    ensure!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), listed(&leaks));
    unused(&looked.found)?;

    must_be_found(
        &Searcher::new(controls.all())
            .folder(&world.root(), SKIPPED)?
            .found,
    )?;
    planted(&world.root(), &canaries, &searcher)
}

/// Three people's lives, then abuse, then bytes that are no requests.
async fn push(world: &World, canaries: &mut Canaries, controls: &mut Canaries) -> Result<()> {
    let files = read::files(read::root())?;
    let (routes, faults) = routes::of_domains(&files);
    ensure!(faults.is_empty() && routes.len() > 10, "{routes:?} {faults:?}");
    let client = Client::new(world)?;
    for (door, country) in [
        (Door::RouterHttp2, "DE"),
        (Door::RouterHttp1, "US"),
        (Door::Node, "DE"),
    ] {
        let mut person = Person::new(&client, door, country, canaries);
        person
            .live()
            .await
            .with_context(|| format!("a life through {door:?}"))?;
        let missed: Vec<_> = routes.difference(&person.walked).collect();
        ensure!(
            missed.is_empty(),
            "no canary goes through {missed:?}: add it to tests/src/canary/life.rs"
        );
        let unknown: Vec<_> = person.walked.difference(&routes).collect();
        ensure!(unknown.is_empty(), "the code has no route {unknown:?}");
        controls.bytes(&format!("id of a person in {country}"), person.user.as_bytes());
        controls.bytes("trace id", person.trace.as_bytes());
    }
    for door in [Door::RouterHttp2, Door::Node] {
        let access = {
            let mut person = Person::new(&client, door, "DE", canaries);
            person.register().await?;
            person.access
        };
        let answered = hostile::abuse(&client, door, routes.iter(), &access, canaries).await?;
        let sent = routes.len() * hostile::ways();
        println!("{answered} of {sent} bad requests through {door:?} were answered");
        ensure!(
            answered * 10 >= sent * 8,
            "too few were answered to have been looked at"
        );
    }
    raw::send(world, canaries).await?;
    Ok(())
}

/// What processes and `cellctl` answer, kept in the world's folder so that it is searched with the rest.
async fn answers(world: &World, controls: &mut Canaries) -> Result<()> {
    let reason = controls.text("reason of an operator");
    world.cellctl(&["cell", "cordon", "us-east-1", "--reason", &reason])?;
    world.cellctl(&["cell", "open", "us-east-1", "--reason", &reason])?;
    let seen = world.root().join(SEEN);
    fs::create_dir_all(&seen)?;
    let asked: [&[&str]; 6] = [
        &["audit", "export"],
        &["audit", "export", "--ocsf"],
        &["audit", "list", "-o", "json"],
        &["world", "status", "-o", "json"],
        &["shard", "list", "-o", "json"],
        &["dev", "logs"],
    ];
    for arguments in asked {
        let output = world.cellctl(arguments)?;
        fs::write(
            seen.join(arguments.join(" ").replace(' ', "-")),
            [output.stdout, output.stderr].concat(),
        )?;
    }
    for listener in world.listeners() {
        let (expect, port) = match listener {
            "routerd-1" => continue,
            _ if listener.starts_with("celld") => (Expect::AnyNode, world.port(listener)),
            _ if listener.starts_with("controld") => (Expect::Controller, world.port(listener)),
            _ => (Expect::Router, world.port(listener)),
        };
        let client = as_router(&world.root().join("routerd-1/identity"), world, expect)?;
        let text = client
            .get(format!("https://127.0.0.1:{port}/metrics"))
            .send()
            .await?
            .text()
            .await?;
        ensure!(text.contains("# TYPE"), "{listener} has no metrics: {text}");
        fs::write(seen.join(format!("metrics-{listener}")), text)?;
    }
    Ok(())
}

fn is_allowed(found: &Found) -> bool {
    ALLOWED.iter().any(|allowed| allowed.allows(found))
}

/// What is allowed and does not occur: the list would say what is not so.
fn unused(found: &[Found]) -> Result<()> {
    for allowed in ALLOWED {
        let (start, end) = allowed.canary;
        let occurs = found.iter().any(|found| allowed.allows(found));
        ensure!(
            occurs,
            "{start} .. {end} is allowed in {} ({}) and is not there",
            allowed.place,
            allowed.why
        );
    }
    Ok(())
}

fn listed(found: &[&Found]) -> String {
    let line = |found: &&Found| {
        format!(
            "{} ({}) in {}: {}",
            found.canary, found.form, found.place, found.around
        )
    };
    found.iter().take(60).map(line).collect::<Vec<_>>().join("\n")
}

/// Ids, reasons and trace ids are where they belong, so those places were really read; ids of people are in no cell that
/// has nothing to do with them.
fn must_be_found(found: &[Found]) -> Result<()> {
    let is_in = |canary: &str, place: &str| {
        found
            .iter()
            .any(|found| found.canary == canary && found.place.starts_with(place))
    };
    for (canary, place) in [
        ("id of a person in DE", "celld-eu-central-1/data/"),
        ("id of a person in US", "celld-us-east-1/data/"),
        ("trace id", "celld-eu-central-1/log"),
        ("trace id", "celld-us-east-1/log"),
        ("reason of an operator", "controld-1/data/"),
        ("reason of an operator", "controld-2/data/"),
        ("reason of an operator", "controld-3/data/"),
        ("reason of an operator", "seen/audit-export"),
        ("reason of an operator", "siem.jsonl"),
    ] {
        ensure!(
            is_in(canary, place),
            "{canary} is not found in {place}, where it must be"
        );
    }
    for (canary, place) in [
        ("id of a person in DE", "celld-us-east-1/"),
        ("id of a person in DE", "celld-eu-west-1/"),
        ("id of a person in US", "celld-eu-central-1/"),
        ("id of a person in US", "celld-eu-west-1/"),
        ("id of a person in DE", "controld-"),
        ("id of a person in DE", "routerd-1/"),
    ] {
        ensure!(!is_in(canary, place), "{canary} is found in {place}: {found:?}");
    }
    Ok(())
}

/// Every form of a canary of each kind, written into each kind of place, is found and named.
fn planted(root: &Path, canaries: &Canaries, searcher: &Searcher) -> Result<()> {
    const PLACES: [&str; 5] = [
        "routerd-1/log",
        "celld-us-east-1/data/planted",
        "controld-2/data/planted",
        "seen/metrics-celld-us-east-1",
        "seen/audit-export",
    ];
    let mut names = BTreeSet::new();
    // One of each kind; those of bad requests are all alike, so the first few stand for them.
    let one_each = canaries.all().iter().filter(|canary| names.insert(&canary.name));
    let planted: Vec<_> = one_each.take(KINDS_PLANTED).zip(PLACES.iter().cycle()).collect();
    ensure!(
        planted.len() == KINDS_PLANTED,
        "there are only {} kinds",
        planted.len()
    );
    for (canary, place) in &planted {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(root.join(place))?;
        for form in &canary.forms {
            file.write_all(&[b"noise \xff", &form.bytes[..], b"\0 more"].concat())?;
        }
    }
    let found = searcher.folder(root, SKIPPED)?.found;
    for (canary, place) in &planted {
        for form in &canary.forms {
            let caught = |found: &Found| {
                found.canary == canary.name && found.form == form.name && found.place == **place
            };
            let (name, form) = (&canary.name, form.name);
            ensure!(
                found.iter().any(caught),
                "{name} ({form}) in {place} is not found"
            );
        }
    }
    Ok(())
}

/// A route that nobody pushes canaries through yet, and one that is written in a way that is not understood.
#[test]
fn a_new_route_is_seen() {
    let file = SourceFile {
        path: "domains/shop/src/routes.rs".to_owned(),
        text:
            "Router::new()\n    .route(\n  \"/v1/orders/{id}\",\n  post(order::make).get(order::read),\n)\n\
               .route(PATH, get(x))\n.nest(\"/v1\", other)"
                .to_owned(),
    };
    let (routes, faults) = routes::of_domains(&[file]);
    let expected = ["GET /v1/orders/{id}", "POST /v1/orders/{id}"].map(str::to_owned);
    assert_eq!(routes, BTreeSet::from(expected));
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(
        faults[0].contains("PATH, get(x) cannot be read") && faults[1].contains(".nest("),
        "{faults:?}"
    );
}
