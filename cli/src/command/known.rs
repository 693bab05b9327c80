//! What a shell completes a word to: the names that the controllers of the world know. They are asked with little
//! patience: a completion that hangs is worse than none.

use std::ffi::OsStr;
use std::time::Duration;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use platform_wire::admin::WorldStatus;

use crate::contexts::{Contexts, Surroundings, WorldArgs};

/// How long the controllers have to answer.
const WITHIN: Duration = Duration::from_millis(800);

/// Cells of the world.
pub fn cells() -> ArgValueCompleter {
    of(|status| status.table.cells.keys().map(ToString::to_string).collect())
}

/// Homes of the world.
pub fn homes() -> ArgValueCompleter {
    of(|status| status.table.homes.keys().map(ToString::to_string).collect())
}

/// Nodes of the world.
pub fn nodes() -> ArgValueCompleter {
    of(|status| status.table.nodes.keys().map(ToString::to_string).collect())
}

/// Shards of the world.
pub fn shards() -> ArgValueCompleter {
    of(|status| {
        status
            .shards
            .iter()
            .map(|shard| shard.shard.to_string())
            .collect()
    })
}

/// Contexts of the file.
pub fn contexts() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let file = Surroundings::read().file;
        let contexts = file
            .and_then(|file| Contexts::load(&file).ok())
            .unwrap_or_default();
        beginning(current, contexts.contexts.into_keys().collect())
    })
}

fn of(names: fn(&WorldStatus) -> Vec<String>) -> ArgValueCompleter {
    ArgValueCompleter::new(move |current: &OsStr| {
        let typed: Vec<String> = std::env::args().collect();
        let status = ask(&meant(&typed));
        beginning(current, status.map(|status| names(&status)).unwrap_or_default())
    })
}

/// The world that the line names so far: the shell hands the words of the line over behind `--`.
fn meant(typed: &[String]) -> WorldArgs {
    let value = |flag: &str| {
        let at = typed.iter().position(|word| word == flag);
        let joined = format!("{flag}=");
        let beside = typed.iter().find_map(|word| word.strip_prefix(joined.as_str()));
        at.and_then(|at| typed.get(at + 1))
            .map(String::as_str)
            .or(beside)
            .map(str::to_owned)
    };
    WorldArgs {
        context: value("--context"),
        contexts: value("--contexts").map(Into::into),
        dir: value("--dir").or_else(|| value("--world")).map(Into::into),
    }
}

/// What the controllers know; nothing if they do not say it soon.
fn ask(world: &WorldArgs) -> Option<WorldStatus> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    runtime.block_on(async {
        let admin = world.admin().ok()?;
        let asked = tokio::time::timeout(WITHIN, admin.status_local()).await;
        asked.ok()?.ok()
    })
}

fn beginning(current: &OsStr, names: Vec<String>) -> Vec<CompletionCandidate> {
    let typed = current.to_string_lossy();
    let fitting = names.into_iter().filter(|name| name.starts_with(typed.as_ref()));
    fitting.map(CompletionCandidate::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_is_the_one_that_the_line_names() {
        let line = |text: &str| meant(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let world = line("cellctl -- cellctl cell show --dir /w eu");
        assert_eq!(world.dir, Some("/w".into()));
        let world = line("cellctl -- cellctl --contexts=/c shard show --context prod");
        assert_eq!(
            (world.context.as_deref(), world.contexts),
            (Some("prod"), Some("/c".into()))
        );
    }

    #[test]
    fn only_what_begins_so_is_offered() {
        let names = vec!["eu-west-1".to_owned(), "us-east-1".to_owned()];
        let offered = beginning(OsStr::new("eu"), names);
        assert_eq!(
            offered.iter().map(|c| c.get_value()).collect::<Vec<_>>(),
            [OsStr::new("eu-west-1")]
        );
    }
}
