//! What the commands say of themselves, and which command lines they refuse.

use clap::{CommandFactory, Parser};

use super::Cli;

fn help(path: &[&str]) -> String {
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut found = &mut command;
    for name in path {
        found = found.find_subcommand_mut(name).expect("a command");
    }
    found.render_long_help().to_string()
}

/// Paths of all commands, groups included.
fn paths(command: &clap::Command, above: &[String]) -> Vec<Vec<String>> {
    let mut all = vec![above.to_vec()];
    for below in command
        .get_subcommands()
        .filter(|below| below.get_name() != "help")
    {
        let path: Vec<String> = above
            .iter()
            .cloned()
            .chain([below.get_name().to_owned()])
            .collect();
        all.extend(paths(below, &path));
    }
    all
}

#[test]
fn every_help_page_is_pinned() {
    for path in paths(&Cli::command(), &[]) {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let name = format!("help_cellctl_{}", names.join("_"));
        insta::assert_snapshot!(name.trim_end_matches('_'), help(&names));
    }
}

#[test]
fn every_command_has_an_example() {
    for path in paths(&Cli::command(), &[]) {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        assert!(
            help(&names).contains("Example"),
            "cellctl {} has no example",
            names.join(" ")
        );
    }
}

#[test]
fn what_cannot_be_is_a_usage_error() {
    for line in [
        "cellctl",
        "cellctl demo --sabotage everything",
        "cellctl cell cordon",
        "cellctl cell cordon eu-west-1",
        "cellctl cell cordon EU_WEST --reason x",
        "cellctl shard place eu/eu-central --cell eu-west-1 --reason x",
        "cellctl member remove zero --confirm zero",
        "cellctl member add 0 127.0.0.1:1",
        "cellctl dev up --port 0",
        "cellctl world status -o xml",
        "cellctl audit show 0",
        "cellctl audit list --last many",
        "cellctl world status --context prod --dir .",
        "cellctl automation pause",
        "cellctl member remove 3 --confirm 3",
        "cellctl context add prod --identity . --controller h:1",
        "cellctl cell cordon eu-west-1 --reason x --dry-run --yes",
        "cellctl shard move eu/eu-west/003 --reason x",
        "cellctl shard move eu/eu-west/003 --to eu-west-2",
        "cellctl shard move eu/eu-west/003 --to EU --reason x",
        "cellctl shard move eu/eu-west/003 --to eu-west-2 --reason x --timeout 1m",
        "cellctl shard failover eu/eu-west/003 --reason x --force",
        "cellctl shard failover eu/eu-west/003 --reason x --loss-max 1",
        "cellctl operation watch 0",
        "cellctl operation cancel 7",
        "cellctl home survival eu/eu-west planet --reason x",
        "cellctl simulate --lose everything",
        "cellctl cell provision eu-west-2 --reason x",
        "cellctl cell provision eu-west-2 --engine embedded --reason x",
        "cellctl cell provision eu-west-2 --engine tikv --reason x",
        "cellctl cell provision eu-west-2 --engine tikv --pd h:1 --ca ca.pem --reason x",
        "cellctl cell provision eu-west-2 --engine tikv --pd h:1 --ca c --cert c --reason x",
        "cellctl cell provision eu-west-2 --engine tikv --pd h:1 --ca c --cert c --key k --plaintext --reason x",
        "cellctl cell provision eu-west-2 --engine tikv --pd h:1 --plaintext --nodes 0 --reason x",
        "cellctl cell provision eu-west-2 --engine tikv --pd h:1 --plaintext",
        "cellctl cell provision eu-west-2 --engine fdb --reason x",
        "cellctl cell provision eu-west-2 --engine fdb --cluster-file f --pd h:1 --reason x",
        "cellctl cell provision eu-west-2 --engine fdb --cluster-file f --plaintext --reason x",
    ] {
        let error = Cli::try_parse_from(line.split(' ')).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn what_a_wrong_word_is_told_names_the_rule() {
    let error =
        Cli::try_parse_from(["cellctl", "cell", "cordon", "EU", "--reason", "x"]).expect_err("no cell");
    assert!(
        error
            .to_string()
            .contains("lower-case letters, digits and hyphens"),
        "{error}"
    );
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn a_hint_names_the_world_that_the_line_named() {
    let flag = |line: &str| {
        let matches = Cli::command().try_get_matches_from(line.split(' ')).expect(line);
        super::flag(&matches)
    };
    assert_eq!(flag("cellctl cell list"), "");
    assert_eq!(flag("cellctl cell list --dir /w"), "--dir /w");
    assert_eq!(flag("cellctl cell list --world /w"), "--dir /w");
    assert_eq!(
        flag("cellctl --output json cell list --context prod --contexts /c"),
        "--context prod --contexts /c"
    );
    assert_eq!(flag("cellctl dev up --dir /w"), "--dir /w");
    assert_eq!(flag("cellctl demo"), "");
}

#[test]
fn nothing_that_prints_data_is_without_the_formats() {
    for path in paths(&Cli::command(), &[]) {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let page = help(&names);
        for format in ["wide", "yaml", "name"] {
            assert!(
                page.contains(&format!("- {format}")),
                "cellctl {}",
                names.join(" ")
            );
        }
    }
}
