//! What a node's own binary says of the node's engine: `celld --check-store`, with the node's own settings. It starts
//! nothing, takes nothing, and claims no empty cluster.

use std::path::Path;
use std::time::Duration;

pub use platform_wire::store_checks::{StoreFinding as Line, StoreVerdict as Verdict};
use tokio::process::Command;

/// How long the binary waits for a cluster, and how long it is waited for.
const READY_WITHIN: &str = "store.ready_within=3s";
const WITHIN: Duration = Duration::from_secs(30);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The engine serves, and this is how it is.
    Serves(Vec<Line>),
    /// A start would fail.
    Fails { why: String, hint: Option<String> },
    /// The binary cannot be asked.
    NotAsked(String),
}

/// Asks `binary` about the engine that `config` names.
pub async fn ask(binary: &Path, config: &Path) -> Said {
    let asked = Command::new(binary)
        .arg("--config")
        .arg(config)
        .args(["--check-store", "--set", READY_WITHIN, "--set", "log.filter=off"])
        .kill_on_drop(true)
        .output();
    match tokio::time::timeout(WITHIN, asked).await {
        Err(_) => Said::Fails {
            why: "no answer in time".to_owned(),
            hint: None,
        },
        Ok(Err(error)) => Said::NotAsked(format!("{} cannot be asked: {error}", binary.display())),
        Ok(Ok(output)) => said(&output.stdout, &output.stderr),
    }
}

/// The lines if there are any: then it serves, whatever is bad of it.
fn said(stdout: &[u8], stderr: &[u8]) -> Said {
    let text = String::from_utf8_lossy(stdout);
    let lines: Vec<Line> = text.lines().filter_map(line).collect();
    if !lines.is_empty() {
        return Said::Serves(lines);
    }
    let text = String::from_utf8_lossy(stderr);
    let why = text.lines().find(|line| !line.trim().is_empty());
    let why = why.unwrap_or("it said nothing").trim_start_matches("celld: ");
    let hint = text.lines().find_map(|line| line.strip_prefix("hint: "));
    Said::Fails {
        why: why.to_owned(),
        hint: hint.map(str::to_owned),
    }
}

fn line(text: &str) -> Option<Line> {
    let mut words = text.split('\t');
    let verdict = match words.next()? {
        "ok" => Verdict::Ok,
        "-" => Verdict::NotTold,
        "BAD" => Verdict::Bad,
        _ => return None,
    };
    Some(Line {
        verdict,
        what: words.next()?.to_owned(),
        found: words.next()?.to_owned(),
        hint: words.next().map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_binary_says_is_read_line_by_line() {
        let text = "ok\tserves\ttikv: a read took 2.0 ms\n-\tspace\tno store has told it\nBAD\tclock\t9 s\tset it right\n";
        let Said::Serves(lines) = said(
            text.as_bytes(),
            b"celld: the store serves, and 1 things of it are bad\n",
        ) else {
            panic!("it serves")
        };
        let verdicts: Vec<Verdict> = lines.iter().map(|line| line.verdict).collect();
        assert_eq!(verdicts, [Verdict::Ok, Verdict::NotTold, Verdict::Bad]);
        assert_eq!(lines[2].hint.as_deref(), Some("set it right"));
        assert_eq!(lines[0].hint, None);
    }

    #[test]
    fn a_failure_is_told_with_its_hint() {
        let foreign = said(
            b"",
            b"celld: the store cannot be used: the cluster holds the data of world b\nhint: name another\n",
        );
        let expected = Said::Fails {
            why: "the store cannot be used: the cluster holds the data of world b".to_owned(),
            hint: Some("name another".to_owned()),
        };
        assert_eq!(foreign, expected);
        assert!(matches!(said(b"", b""), Said::Fails { hint: None, .. }));
        assert!(matches!(said(b"something else\n", b""), Said::Fails { .. }));
    }

    #[tokio::test]
    async fn a_binary_that_is_not_there_is_not_asked() {
        let said = ask(Path::new("/nowhere/celld"), Path::new("/nowhere/celld.toml")).await;
        assert!(matches!(said, Said::NotAsked(_)), "{said:?}");
    }
}
