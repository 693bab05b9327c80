//! Tests of [`super`]: the shape of each class, and every one of them against the schema itself.

use std::process::Command;

use super::*;
use crate::chain::{Chain, Head};
use crate::entry::Record;
use crate::tests::record;

/// Package and version of the schema, and what checks events against it.
const SCHEMA: &str = "ocsf-json-schema==1.2.0";
const CHECKER: &str = "jsonschema==4.23.0";
const CHECK: &str = r#"
import json, sys
from jsonschema import Draft202012Validator
from ocsf_json_schema import get_ocsf_schema, OcsfJsonSchemaEmbedded
known = {}
for line in sys.stdin:
    event = json.loads(line)
    version = event["metadata"]["version"]
    schema = known.setdefault(version, OcsfJsonSchemaEmbedded(get_ocsf_schema(version=version)))
    name = schema.lookup_class_name_from_uid(class_uid=event["class_uid"])
    errors = list(Draft202012Validator(schema.get_class_schema(class_name=name)).iter_errors(event))
    print(name, "; ".join(e.json_path + " " + e.message for e in errors) or "ok")
"#;

fn source() -> Source<'static> {
    Source {
        world: "0123456789abcdef",
        version: "0.1.0",
    }
}

fn refused(code: &str) -> Verdict {
    Verdict::Refused {
        code: code.into(),
        detail: r#"{"shard":"eu/eu-central/000","found":"us-east"}"#.into(),
    }
}

/// One of each kind.
fn events() -> Vec<Value> {
    let node = "spiffe://0123456789abcdef/region/eu-central/cell/eu-central-1/node/0";
    let as_node = |command: &str, verdict| Record {
        actor: node.into(),
        command: command.into(),
        verdict,
        ..record(1)
    };
    let repeated = Record {
        verdict: refused("generation-mismatch"),
        count: 17,
        repeats: 2,
        ..record(1)
    };
    let records = [
        record(1),
        Record {
            verdict: refused("outside-home-region"),
            ..record(2)
        },
        repeated,
        as_node("register-node", Verdict::Accepted { table: 4 }),
        as_node("register-node", refused("wrong-region")),
        as_node("publish-token-key", refused("not-primary")),
        as_node("settle-refusals", refused("not-yours")),
    ];
    let mut chain = Chain::after(Head::genesis("w"));
    let entries = records.map(|record| chain.append(record));
    entries.iter().map(|entry| event(entry, &source())).collect()
}

#[test]
fn entries_have_the_classes_of_the_table() {
    let shape = |event: &Value| {
        (
            event["class_uid"].as_u64(),
            event["type_uid"].as_u64(),
            event["status_id"].as_u64(),
        )
    };
    let shapes: Vec<_> = events().iter().map(shape).collect();
    let some = |class, kind, status| (Some(class), Some(kind), Some(status));
    assert_eq!(
        shapes,
        [
            some(6003, 600_303, 1),
            some(2004, 200_401, 1),
            some(6003, 600_303, 2),
            some(3002, 300_201, 1),
            some(3002, 300_201, 2),
            some(6003, 600_301, 2),
            some(6003, 600_399, 2),
        ]
    );
    assert_eq!(events()[2]["count"], 17);
    assert_eq!(events()[3]["metadata"]["uid"], "0123456789abcdef-4");
}

#[test]
fn every_event_fits_the_schema_and_a_wrong_one_does_not() {
    let folder = tempfile::tempdir().expect("a folder");
    if let Err(why) = install(folder.path()) {
        println!("skipped: the OCSF schema cannot be installed: {why}");
        return;
    }
    let mut given = events();
    let mut wrong = given[0].clone();
    wrong["invented"] = json!(1);
    given.push(wrong);
    let answers = check(folder.path(), &given);
    let (wrong, right) = answers.split_last().expect("one for each event");
    assert_eq!(right.len(), events().len());
    assert!(right.iter().all(|answer| answer.ends_with(" ok")), "{right:#?}");
    assert!(!wrong.ends_with(" ok"), "{wrong}");
}

fn install(into: &std::path::Path) -> Result<(), String> {
    let pip = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--timeout", "20", "--retries", "1", "--target"])
        .arg(into)
        .args([SCHEMA, CHECKER])
        .output()
        .map_err(|e| e.to_string())?;
    if pip.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&pip.stderr);
    Err(said.lines().last().unwrap_or("pip failed").to_owned())
}

/// One answer for each event.
fn check(installed: &std::path::Path, events: &[Value]) -> Vec<String> {
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    let input = installed.join("events.jsonl");
    std::fs::write(&input, lines).expect("written");
    let checked = Command::new("python3")
        .args(["-c", CHECK])
        .env("PYTHONPATH", installed)
        .stdin(std::fs::File::open(&input).expect("there"))
        .output()
        .expect("python3 runs");
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
    let answers = String::from_utf8(checked.stdout).expect("text");
    answers.lines().map(str::to_owned).collect()
}
