//! What is proved and what is caught, on exported files.

use control_plane_ledger::Entry;

use super::super::entry::tests::{ledger, recorded_of};
use super::super::export::hex;
use super::*;

fn world() -> WorldId {
    WorldId::new(&"a".repeat(64)).expect("an id")
}

fn lines(entries: &[Entry]) -> String {
    let line = |entry: &Entry| {
        let recorded = recorded_of(entry);
        serde_json::json!({ "canonical": hex(&recorded.canonical), "hash": recorded.hash.to_string() })
            .to_string()
            + "\n"
    };
    entries.iter().map(line).collect()
}

/// An exported file of 40 entries, changed, and judged with a witness of entry 30.
fn judged(change: impl FnOnce(String) -> String) -> Result<Judged> {
    let (_, entries) = ledger(world().as_str(), 40);
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("ledger.jsonl");
    std::fs::write(&file, change(lines(&entries))).expect("written");
    let head = |entry: &Entry| Head {
        sequence: entry.sequence,
        hash: entry.hash(),
    };
    let witness = |entry: &Entry| Witness {
        name: "routerd-1".into(),
        head: head(entry),
    };
    let seen = Seen {
        witnesses: vec![witness(&entries[29])],
        answered: 1,
        silent: Vec::new(),
    };
    let mut judged = judge_file(&file, &world(), &seen)?;
    judged.name = "ledger.jsonl".into();
    Ok(judged)
}

fn without(line: usize) -> impl FnOnce(String) -> String {
    move |text| {
        let kept = text.lines().enumerate().filter(|(at, _)| *at != line);
        kept.map(|(_, line)| format!("{line}\n")).collect()
    }
}

#[test]
fn a_whole_file_is_whole_and_its_witness_counts() {
    let judged = judged(|text| text).expect("reads");
    let cells = LedgerView::of(&judged).cells();
    assert_eq!(cells[1..3], ["1-40", "0"]);
    assert_eq!(cells[4..], ["1", "whole"]);
    assert_eq!(end(&[judged]).expect("whole"), Ended::Ok);
}

#[test]
fn one_changed_character_is_exit_1_and_named() {
    let change = |text: String| {
        let line = text.lines().nth(16).expect("a line").to_owned();
        let at = line.find("canonical").expect("a field") + 60;
        let other = if line.as_bytes()[at] == b'0' { "1" } else { "0" };
        let changed = format!("{}{other}{}", &line[..at], &line[at + 1..]);
        text.replacen(&line, &changed, 1)
    };
    let outcome = end(&[judged(change).expect("reads")]);
    assert_eq!(crate::exit::number(&outcome), 1);
    let shown = crate::exit::text(&outcome.expect_err("broken"), "");
    insta::assert_snapshot!(shown);
}

#[test]
fn a_removed_line_a_foreign_world_and_a_rewritten_end_are_broken() {
    let sequence = |judged: Judged| match judged.verdict {
        Verdict::Broken(broken) => broken.sequence(),
        other => panic!("{other}"),
    };
    assert_eq!(sequence(judged(without(20)).expect("reads")), 21);
    let foreign = |_| lines(&ledger("another world", 40).1);
    assert_eq!(sequence(judged(foreign).expect("reads")), 1);
    // Made anew from entry 20 on by someone who holds everything but the witness.
    let rewritten = |_| {
        let (_, mut entries) = ledger(world().as_str(), 19);
        let (mut chain, _) = ledger(world().as_str(), 19);
        for _ in 20..=40 {
            entries.push(chain.append(entries[0].record.clone()));
        }
        lines(&entries)
    };
    assert_eq!(
        sequence(judged(rewritten).expect("reads")),
        1,
        "nobody has seen what is before entry 30"
    );
}

#[test]
fn a_file_that_is_no_export_is_told_so() {
    for text in ["{}\n", "x\n", "{\"canonical\":\"zz\",\"hash\":\"\"}\n"] {
        let error = judged(|_| text.to_owned()).err().expect("no export");
        assert!(
            format!("{error:#}").contains("ledger.jsonl:1 is no exported entry"),
            "{error:#}"
        );
    }
}

#[test]
fn a_controller_that_is_away_or_behind_is_exit_3() {
    let judged = |verdict| Judged {
        name: "controld-1".into(),
        verdict,
    };
    let silent = Verdict::Silent { why: "gone".into() };
    let lacks = Verdict::Lacks { sequence: 7 };
    for verdict in [silent, lacks] {
        let outcome = end(&[judged(verdict)]);
        assert_eq!(crate::exit::number(&outcome), 3);
    }
}
