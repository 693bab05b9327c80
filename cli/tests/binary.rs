//! `cellctl` as a process, without a world. That this test is here also makes cargo build the binary with the tests, for
//! those of the whole repository that run it.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cellctl"));
    command.args(arguments).output().expect("it runs")
}

#[test]
fn an_unknown_command_is_a_usage_error() {
    let output = run(&["wrold"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty(), "stdout is data");
    assert!(String::from_utf8_lossy(&output.stderr).contains("wrold"));
}

#[test]
fn a_folder_without_a_world_is_said_to_be_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let output = run(&["world", "status", "--dir", dir.path().to_str().expect("text")]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("hint:"), "{said}");
}
