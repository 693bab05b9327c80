//! `controld` as a process, before it serves. That this test is here also makes cargo build the binary with the tests, for
//! those of the whole repository that run it.

use std::fs;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_controld"));
    command.args(arguments).env_clear().output().expect("it runs")
}

#[test]
fn the_settings_are_printed_as_they_are_pinned() {
    let output = run(&["--print-config"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        include_str!("../src/default.toml").trim()
    );
}

#[test]
fn an_unknown_key_ends_it_and_is_named_without_its_value() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("controld.toml");
    fs::write(&file, "[log]\nfiltre = \"hunter2\"\n").expect("written");
    let output = run(&["--config", file.to_str().expect("text")]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("filtre") && !said.contains("hunter2"), "{said}");
}
