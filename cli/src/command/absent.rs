//! Commands that one would look for and that do not exist yet: each is told so by name, and what there is instead.

/// What was typed, why it is not there, and what helps today.
const ABSENT: &[(&[&str], &str, &str)] = &[
    (
        &["cell", "drain"],
        "shards have one copy each and do not move",
        "cellctl cell cordon CELL --reason TEXT",
    ),
    (
        &["cell", "undrain"],
        "there is no drain",
        "cellctl cell open CELL --reason TEXT",
    ),
    (
        &["cell", "weight"],
        "cells have no weight",
        "cellctl shard place SHARD --cell CELL",
    ),
    (
        &["cell", "retire"],
        "shards do not move, so no cell can be emptied",
        "cellctl cell cordon CELL --reason TEXT",
    ),
    (
        &["cell", "quarantine"],
        "there is no quarantine",
        "cellctl cell cordon CELL --reason TEXT",
    ),
    (
        &["cell", "provision"],
        "cells are not made by the controllers",
        "cellctl dev up   makes a world on this machine",
    ),
    (
        &["shard", "move"],
        "shards have one copy each and do not move",
        "cellctl shard place   for one that was never served",
    ),
    (
        &["shard", "failover"],
        "there is no standby to fail over to",
        "cellctl shard list --unserved",
    ),
    (
        &["region", "evacuate"],
        "shards do not move",
        "cellctl region list",
    ),
    (
        &["user", "relocate"],
        "no person changes home",
        "cellctl home list",
    ),
    (
        &["operation"],
        "no command runs long enough to be an operation",
        "cellctl audit list",
    ),
    (
        &["plan"],
        "there are no plans",
        "--dry-run   on each command that changes something",
    ),
    (
        &["simulate"],
        "there is no simulation of losses",
        "cellctl world check",
    ),
    (&["rebalance"], "shards do not move", "cellctl shard list -o wide"),
    (
        &["rollout"],
        "there are no rollouts",
        "cellctl doctor   compares the builds of a world on this machine",
    ),
    (
        &["world", "recover"],
        "a world that lost its majority cannot be recovered",
        "cellctl world check",
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
            "error: there is no `cellctl cell drain` yet: shards have one copy each and do not move\n\
             hint: cellctl cell cordon CELL --reason TEXT"
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
