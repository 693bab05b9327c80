//! `audit verify`: the proof that the ledger is whole, of each controller, against every router and node that has seen
//! its end. Or of an exported file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use control_plane_ledger::{Broken, Digest, Head, Recorded, Verified, Verifier, Witness};
use platform_model::WorldId;
use platform_runtime::clock::Clock;
use serde_json::Value;

use super::entry;
use crate::command::WorldArgs;
use crate::exit::{Ended, Hinted};
use crate::printer::{Listed, Printer};
use crate::world::ledgers::{Held, Ledgers, Seen};
use view::LedgerView;

/// Entries of one page.
const PAGE: u32 = 1_024;
/// How long a controller has to come up to what others have seen before it counts as cut off.
const LAG_MAX: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Verifies the ledger of every controller: its chain, its segments, its end, its witnesses. Exit code 1 if anything
/// is broken, 3 if a controller could not be asked or still lacks a part.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl audit verify\n         cellctl audit verify --file ledger.jsonl")]
pub struct Verify {
    /// Verifies a file of `cellctl audit export` instead, against the same witnesses.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    world: WorldArgs,
}

/// One ledger, judged.
struct Judged {
    name: String,
    verdict: Verdict,
}

enum Verdict {
    Whole(Verified),
    Broken(Broken),
    /// Not all of it is there yet.
    Lacks {
        sequence: u64,
    },
    Silent {
        why: String,
    },
}

impl Verify {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let ledgers = Ledgers::of(&self.world.target()?).await?;
        // First who has seen what, so that whoever is asked then knows at least as much.
        let seen = ledgers.seen().await;
        let judged = match &self.file {
            Some(file) => vec![judge_file(file, ledgers.world(), &seen)?],
            None => judge_all(&ledgers, &seen).await,
        };
        let report = view::Report::of(&judged, &seen);
        say(&report.ledgers, &seen, printer);
        printer.data(&report, report.ledgers.iter().map(Listed::name));
        end(&judged)
    }
}

/// Every controller by itself, with the ends of the others as further witnesses.
async fn judge_all(ledgers: &Ledgers, seen: &Seen) -> Vec<Judged> {
    let clock = Clock::system();
    let began = clock.monotonic();
    let answers = loop {
        let answers = ledgers.each().await;
        let ends = answers.iter().filter_map(|(_, answer)| answer.as_ref().ok());
        let ends: Vec<u64> = ends.map(|held| held.head.sequence.min(held.held_to)).collect();
        let known = seen.witnesses.iter().map(|witness| witness.head.sequence);
        let furthest = known.chain(ends.iter().copied()).max().unwrap_or(0);
        let late = ends.iter().any(|end| *end < furthest);
        if !late || clock.monotonic().saturating_sub(began) > LAG_MAX {
            break answers;
        }
        clock.sleep(LOOK_EVERY).await;
    };
    let mut witnesses = seen.witnesses.clone();
    for (name, answer) in &answers {
        if let Ok(held) = answer {
            let (name, head) = (name.clone(), held.head);
            witnesses.push(Witness { name, head });
        }
    }
    let mut judged = Vec::new();
    for (name, answer) in answers {
        let verdict = match answer {
            Ok(held) => judge(&held, ledgers.world(), &witnesses).await,
            Err(error) => Verdict::Silent {
                why: error.to_string(),
            },
        };
        judged.push(Judged { name, verdict });
    }
    judged
}

async fn judge(held: &Held, world: &WorldId, witnesses: &[Witness]) -> Verdict {
    if let Some(broken) = begins_elsewhere(held.begins, world) {
        return Verdict::Broken(broken);
    }
    let mut verifier = Verifier::new(held.begins, &held.sealed, witnesses);
    while verifier.head().sequence < held.head.sequence {
        let sequence = verifier.head().sequence + 1;
        let page = match entry::page(held, sequence, PAGE).await {
            Ok(page) => page,
            Err(error) => {
                return Verdict::Silent {
                    why: format!("{error:#}"),
                };
            }
        };
        if page.entries.is_empty() {
            return match page.damaged {
                Some(sequence) => Verdict::Broken(damaged(sequence)),
                None => Verdict::Lacks { sequence },
            };
        }
        for recorded in entry::recorded(&page) {
            if let Err(broken) = verifier.take(&recorded.canonical, recorded.hash) {
                return Verdict::Broken(broken);
            }
        }
    }
    match verifier.finish(held.head) {
        Ok(verified) => Verdict::Whole(verified),
        Err(broken) => Verdict::Broken(broken),
    }
}

fn damaged(sequence: u64) -> Broken {
    Broken::Changed {
        sequence,
        why: "it cannot be read any more".to_owned(),
    }
}

/// A ledger from its first entry on must begin with its world.
fn begins_elsewhere(begins: Head, world: &WorldId) -> Option<Broken> {
    let ours = begins.sequence > 0 || begins == Head::genesis(world.as_str());
    (!ours).then_some(Broken::Link { sequence: 1 })
}

/// An exported file: its chain and its witnesses; its end is wherever it ends.
fn judge_file(file: &Path, world: &WorldId, seen: &Seen) -> Result<Judged> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut lines = Vec::new();
    for (line, number) in text.lines().zip(1_u64..) {
        let parsed =
            parse(line).with_context(|| format!("{}:{number} is no exported entry", file.display()))?;
        lines.push(parsed);
    }
    Ok(Judged {
        name: file.display().to_string(),
        verdict: judge_lines(&lines, world, &seen.witnesses),
    })
}

fn judge_lines(lines: &[Recorded], world: &WorldId, witnesses: &[Witness]) -> Verdict {
    let first = lines
        .first()
        .and_then(|first| control_plane_ledger::encoding::decode(&first.canonical).ok());
    let Some(first) = first else {
        return Verdict::Broken(damaged(1));
    };
    let begins = Head {
        sequence: first.sequence - 1,
        hash: first.previous,
    };
    if let Some(broken) = begins_elsewhere(begins, world) {
        return Verdict::Broken(broken);
    }
    // Whoever has seen more than was exported says nothing about the file.
    let last = begins.sequence + lines.len() as u64;
    let within: Vec<Witness> = witnesses
        .iter()
        .filter(|w| w.head.sequence <= last)
        .cloned()
        .collect();
    let mut verifier = Verifier::new(begins, &[], &within);
    for line in lines {
        if let Err(broken) = verifier.take(&line.canonical, line.hash) {
            return Verdict::Broken(broken);
        }
    }
    let end = verifier.head();
    match verifier.finish(end) {
        Ok(verified) => Verdict::Whole(verified),
        Err(broken) => Verdict::Broken(broken),
    }
}

fn parse(line: &str) -> Result<Recorded> {
    let line: Value = serde_json::from_str(line)?;
    let text = |name: &str| line[name].as_str().with_context(|| format!("it has no `{name}`"));
    let hash: Digest = text("hash")?.parse()?;
    Ok(Recorded {
        canonical: unhex(text("canonical")?)?,
        hash,
    })
}

fn unhex(text: &str) -> Result<Vec<u8>> {
    anyhow::ensure!(
        text.is_ascii() && text.len().is_multiple_of(2),
        "`canonical` is not hex"
    );
    let pair = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).context("`canonical` is not hex");
    (0..text.len()).step_by(2).map(pair).collect()
}

fn say(views: &[LedgerView], seen: &Seen, printer: &Printer) {
    printer.rows(views);
    let (answered, heads) = (seen.answered, seen.witnesses.len());
    printer.say(&format!("\n{answered} routers and nodes have kept {heads} heads"));
    for (name, why) in &seen.silent {
        printer.progress(&format!("{name} was not asked: {why}"));
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(_) => f.write_str("whole"),
            Self::Broken(broken) => write!(f, "BROKEN: {broken}"),
            Self::Lacks { sequence } => write!(f, "lacks entry {sequence}, and fetches it"),
            Self::Silent { why } => write!(f, "not asked: {why}"),
        }
    }
}

fn end(judged: &[Judged]) -> Result<Ended> {
    let broken = judged.iter().find_map(|judged| match &judged.verdict {
        Verdict::Broken(broken) => Some((&judged.name, broken)),
        _ => None,
    });
    if let Some((name, broken)) = broken {
        let message = format!("the ledger of {name} is broken: {broken}");
        let hints = [
            "cellctl audit export --to FILE   saves what another controller holds",
            "cellctl dev logs   shows what the controllers say of it",
        ];
        return Err(Hinted::new(message, &hints).into());
    }
    let whole = |judged: &Judged| matches!(judged.verdict, Verdict::Whole(_));
    Ok(if judged.iter().all(whole) {
        Ended::Ok
    } else {
        Ended::Differs
    })
}

mod view;

#[cfg(test)]
mod tests;
