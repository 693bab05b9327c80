//! `chaos check`: judges a history that was recorded before, here or elsewhere.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use chaos::checkers::acknowledged::Write as Acknowledged;
use chaos::checkers::events::{Effect, Told};
use chaos::checkers::linearizable::Operation;
use chaos::checkers::transactions::{Promise, Transaction};
use chaos::checkers::{acknowledged, events, linearizable, transactions};
use chaos::verdict::Verdict;
use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  chaos check linearizable round-3.linearizable.json
  chaos check transactions round-3.transactions.json -o json

Exit code: 0 nothing is wrong, 3 something is, 1 the file cannot be read.")]
pub struct CheckArguments {
    /// By which checker
    #[arg(value_enum)]
    checker: Checker,
    /// A history as `chaos run --histories DIR` writes it
    file: PathBuf,
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Checker {
    /// `[{client, key, invoked, completed, action, outcome}]`
    Linearizable,
    /// `[{client, invoked, completed, steps, outcome}]`
    Transactions,
    /// `{told: [..], effects: [..], parked: [..]}`
    Events,
    /// `{writes: [..], found: [..], async_lost_max}`
    Acknowledged,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

#[derive(Deserialize)]
struct Events {
    told: Vec<Told>,
    effects: Vec<Effect>,
    #[serde(default)]
    parked: Vec<String>,
}

#[derive(Deserialize)]
struct Writes {
    writes: Vec<Acknowledged>,
    found: Vec<String>,
    #[serde(default)]
    async_lost_max: usize,
}

/// Runs the command. Answers with the exit code.
///
/// # Errors
/// When the file is no history of this kind.
pub fn run(arguments: &CheckArguments) -> Result<u8> {
    let path = &arguments.file;
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let verdict = judge(arguments.checker, &text)
        .with_context(|| format!("{} is no history for this checker", path.display()))?;
    let shown = match arguments.output {
        Output::Text => format!("{verdict}\n"),
        Output::Json => serde_json::to_string_pretty(&verdict)? + "\n",
    };
    std::io::stdout()
        .lock()
        .write_all(shown.as_bytes())
        .context("cannot write the verdict")?;
    Ok(if verdict.is_clean() { 0 } else { 3 })
}

fn judge(checker: Checker, text: &str) -> Result<Verdict> {
    Ok(match checker {
        Checker::Linearizable => linearizable(&read::<Vec<Operation>>(text)?),
        Checker::Transactions => transactions(&read::<Vec<Transaction>>(text)?, Promise::Strict),
        Checker::Events => {
            let history: Events = read(text)?;
            events(&history.told, &history.effects, &history.parked)
        }
        Checker::Acknowledged => {
            let history: Writes = read(text)?;
            acknowledged(&history.writes, &history.found, history.async_lost_max).0
        }
    })
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T> {
    Ok(serde_json::from_str(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_in_a_file_is_judged_as_in_memory() {
        let stale = r#"[
            {"client":1,"key":"k","invoked":1,"completed":2,"action":{"Write":"a"},"outcome":"Done"},
            {"client":2,"key":"k","invoked":3,"completed":4,"action":{"Read":null},"outcome":"Done"}
        ]"#;
        let verdict = judge(Checker::Linearizable, stale).expect("a history");
        assert!(verdict.has("not-linearizable"), "{verdict}");
        let lost = r#"{"writes":[{"id":"a","mode":"Sync","outcome":"Done"}],"found":[]}"#;
        assert!(judge(Checker::Acknowledged, lost).expect("a history").has("lost"));
        let events = r#"{"told":[],"effects":[{"destination":"d","id":"e","place":[1,2,0]}]}"#;
        assert!(
            judge(Checker::Events, events)
                .expect("a history")
                .has("out-of-nowhere")
        );
        assert!(judge(Checker::Transactions, "{}").is_err());
    }
}
