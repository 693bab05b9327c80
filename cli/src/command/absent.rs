//! Commands that one would look for and that do not exist yet: each is told so by name, and what there is instead.

/// What was typed, why it is not there, and what helps today.
const ABSENT: &[(&[&str], &str, &str)] = &[
    (
        &["cell", "drain"],
        "a cell is emptied shard by shard",
        "cellctl shard move SHARD --to CELL --reason TEXT   for each of `cellctl shard list --cell CELL -o name`",
    ),
    (
        &["cell", "undrain"],
        "there is no drain",
        "cellctl cell open CELL --reason TEXT",
    ),
    (
        &["cell", "weight"],
        "cells have no weight",
        "cellctl shard move SHARD --to CELL --reason TEXT",
    ),
    (
        &["cell", "retire"],
        "a cell is emptied shard by shard, and stays in the table",
        "cellctl cell cordon CELL --reason TEXT",
    ),
    (
        &["cell", "quarantine"],
        "there is no quarantine",
        "cellctl cell cordon CELL --reason TEXT",
    ),
    (
        &["region", "evacuate"],
        "a region is emptied shard by shard",
        "cellctl simulate --lose region/REGION   shows what would become of them",
    ),
    (
        &["plan"],
        "there are no plans of many operations",
        "--dry-run   on each command that changes something",
    ),
    (
        &["rebalance"],
        "nothing spreads shards by their load",
        "cellctl shard move SHARD --to CELL --reason TEXT",
    ),
    (
        &["rollout"],
        "there are no rollouts",
        "cellctl doctor   compares the builds of a world on this machine",
    ),
    (
        &["apply"],
        "there are no desired records in files",
        "cellctl --help",
    ),
];

/// What to say to a command line that names one of these; `typed`: its words, without options.
pub fn told(typed: &[String]) -> Option<String> {
    let words: Vec<&str> = typed
        .iter()
        .map(String::as_str)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let (name, why, hint) = ABSENT.iter().find(|(name, _, _)| words.starts_with(name))?;
    let name = name.join(" ");
    Some(format!(
        "error: there is no `cellctl {name}` yet: {why}\nhint: {hint}"
    ))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::command::Cli;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn what_is_not_there_is_told_with_what_is() {
        let text = told(&words("cell drain eu-west-1")).expect("absent");
        assert_eq!(
            text,
            "error: there is no `cellctl cell drain` yet: a cell is emptied shard by shard\n\
             hint: cellctl shard move SHARD --to CELL --reason TEXT   for each of `cellctl shard list --cell CELL -o name`"
        );
        assert_eq!(told(&words("cell list")), None);
    }

    #[test]
    fn nothing_that_exists_is_called_absent() {
        for (name, _, _) in ABSENT {
            let line = ["cellctl"].into_iter().chain(name.iter().copied()).chain(["x"]);
            let error = Cli::try_parse_from(line).expect_err("absent");
            assert_eq!(
                error.kind(),
                clap::error::ErrorKind::InvalidSubcommand,
                "{name:?}"
            );
        }
    }
}
