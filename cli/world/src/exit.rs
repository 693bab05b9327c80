//! From outcome to exit code, as [`CODES`] documents them.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;

/// Every exit code and what it says; the help page and the man page print this.
pub const CODES: &str = "\
Exit codes:
  0    done, or it was so already
  1    failed or refused; what was looked at is not as it should be
  2    the command line is wrong, or this cellctl is too old for the controllers
  3    not converged, or differs: something does not serve, or does not agree
  4    not authorised: the certificate does not allow it
  130  interrupted";

/// The exit code of whatever went wrong and has no other.
const FAILED: u8 = 1;
/// What was typed cannot be done by this cellctl.
pub const USAGE: u8 = 2;
/// The caller's certificate does not allow it.
pub const NOT_AUTHORISED: u8 = 4;

/// How a command ended when nothing went wrong on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Ok,
    /// The command ran, and what it looked at is not as it should be.
    NotSo,
    /// A goal is missed, or a state is not the wanted one.
    Differs,
    Interrupted,
}

/// An error with the commands that help.
#[derive(Debug)]
pub struct Hinted {
    pub message: String,
    pub hints: Vec<String>,
    exit: u8,
}

impl Hinted {
    pub fn new(message: impl Into<String>, hints: &[&str]) -> Self {
        let hints = hints.iter().map(|hint| (*hint).to_owned()).collect();
        Self {
            message: message.into(),
            hints,
            exit: FAILED,
        }
    }

    #[must_use]
    pub fn exit(mut self, code: u8) -> Self {
        self.exit = code;
        self
    }
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Hinted {}

/// Prints an error with its causes and hints, and gives the exit code. `flag` goes behind every command of a hint:
/// `--dir DIR` where the world is not in the usual folder.
pub fn code(outcome: Result<Ended>, flag: &str) -> ExitCode {
    if let Err(error) = &outcome {
        // Nobody is left to tell if stderr is closed.
        let _ = writeln!(std::io::stderr().lock(), "{}", text(error, flag));
    }
    ExitCode::from(number(&outcome))
}

/// The number that the shell sees.
pub fn number(outcome: &Result<Ended>) -> u8 {
    match outcome {
        Ok(Ended::Ok) => 0,
        Ok(Ended::NotSo) => FAILED,
        Ok(Ended::Differs) => 3,
        Ok(Ended::Interrupted) => 130,
        Err(error) => error
            .downcast_ref::<Hinted>()
            .map_or(FAILED, |hinted| hinted.exit),
    }
}

/// An error for people: what failed, because of what, and what helps. No cause stands twice.
pub fn text(error: &anyhow::Error, flag: &str) -> String {
    let mut told: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        if !told.iter().any(|text| text.contains(&cause)) {
            told.push(cause);
        }
    }
    let mut text = format!("error: {}", told.join("\n  because: "));
    for hint in hints(error).iter().filter(|hint| !is_elsewhere(hint, flag)) {
        text.push_str(&format!("\nhint: {}", flagged(hint, flag)));
    }
    text
}

/// `dev` is about worlds on this machine: no help with the world of a context.
fn is_elsewhere(hint: &str, flag: &str) -> bool {
    flag.contains("--context ") && hint.starts_with("cellctl dev")
}

/// A command about a world gets the flag, before the spaces that part it from its explanation.
fn flagged(hint: &str, flag: &str) -> String {
    let about_none = ["demo", "context", "completions", "man", "--version"];
    let is_about_a_world = hint
        .strip_prefix("cellctl ")
        .is_some_and(|rest| !about_none.iter().any(|name| rest.starts_with(name)));
    if flag.is_empty() || !is_about_a_world {
        return hint.to_owned();
    }
    let at = hint.find("   ").unwrap_or(hint.len());
    format!("{} {flag}{}", &hint[..at], &hint[at..])
}

/// anyhow keeps a context beside its cause: both are asked for hints.
fn hints(error: &anyhow::Error) -> Vec<String> {
    let top = error.downcast_ref::<Hinted>().into_iter();
    let below = error
        .chain()
        .skip(1)
        .filter_map(|cause| cause.downcast_ref::<Hinted>());
    let mut all: Vec<String> = Vec::new();
    for hint in top.chain(below).flat_map(|hinted| &hinted.hints) {
        if !all.contains(hint) {
            all.push(hint.clone());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_its_causes_and_the_commands_that_help() {
        let cause = std::io::Error::other("connection refused");
        let error =
            anyhow::Error::new(cause).context(Hinted::new("no controller answers", &["cellctl dev status"]));
        let expected =
            "error: no controller answers\n  because: connection refused\nhint: cellctl dev status";
        assert_eq!(text(&error, ""), expected);
    }

    #[test]
    fn hints_below_another_context_are_found() {
        let error =
            anyhow::Error::new(Hinted::new("port 1 is in use", &["ss -ltnp"])).context("cannot start");
        assert!(
            text(&error, "").ends_with("hint: ss -ltnp"),
            "{}",
            text(&error, "")
        );
    }

    #[test]
    fn hints_name_the_world_that_was_meant() {
        let hints = [
            "cellctl dev up   starts it",
            "cellctl cell list",
            "ss -ltnp",
            "cellctl demo --files DIR",
        ];
        let flagged = hints.map(|hint| flagged(hint, "--dir /w"));
        let expected = [
            "cellctl dev up --dir /w   starts it",
            "cellctl cell list --dir /w",
            "ss -ltnp",
            "cellctl demo --files DIR",
        ];
        assert_eq!(flagged, expected);
        assert_eq!(super::flagged(hints[0], ""), hints[0]);
    }

    #[test]
    fn a_context_is_named_and_gets_no_advice_about_this_machine() {
        let hints = ["cellctl dev up", "cellctl world status", "cellctl context list"];
        let error = anyhow::Error::new(Hinted::new("x", &hints));
        let expected = "error: x\nhint: cellctl world status --context prod\nhint: cellctl context list";
        assert_eq!(text(&error, "--context prod"), expected);
    }

    #[test]
    fn every_end_has_its_number() {
        let ends = [Ended::Ok, Ended::NotSo, Ended::Differs, Ended::Interrupted];
        assert_eq!(ends.map(|ended| number(&Ok(ended))), [0, 1, 3, 130]);
        assert_eq!(number(&Err(anyhow::anyhow!("x"))), 1);
        assert_eq!(number(&Err(Hinted::new("x", &[]).exit(NOT_AUTHORISED).into())), 4);
    }
}
