//! `audit show`: one entry, with all that is on record about it.

use anyhow::Result;
use clap::Args;
use control_plane_ledger::{Entry, time};

use super::entry::{self, EntryView};
use crate::command::WorldArgs;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::ledgers::Ledgers;

/// Shows one entry of the ledger.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl audit show 17")]
pub struct Show {
    /// Its sequence, as `cellctl audit list` shows it.
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    sequence: u64,
    #[command(flatten)]
    world: WorldArgs,
}

impl Show {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let held = Ledgers::of(&self.world.target()?).await?.fullest().await?;
        let page = entry::page(&held, self.sequence, 1).await?;
        let Some(recorded) = entry::recorded(&page).pop() else {
            return Err(match page.damaged {
                Some(damaged) => entry::changed(damaged),
                None => unknown(self.sequence, held.begins.sequence + 1, held.held_to),
            });
        };
        let entry = entry::read(&recorded, self.sequence)?;
        printer.say(&text(&entry));
        printer.data(&EntryView::of(&entry), [self.sequence]);
        Ok(Ended::Ok)
    }
}

fn unknown(sequence: u64, from: u64, to: u64) -> anyhow::Error {
    let message = format!("there is no entry {sequence}: the ledger has {from} to {to}");
    Hinted::new(message, &["cellctl audit list"]).into()
}

fn text(entry: &Entry) -> String {
    let record = &entry.record;
    let mut lines = vec![
        ("entry", entry.sequence.to_string()),
        ("time", time::utc(record.time_ms)),
        ("actor", record.actor.clone()),
        ("command", record.command.clone()),
        ("subject", record.subject.clone()),
        ("outcome", record.verdict.to_string()),
    ];
    if !record.reason.is_empty() {
        lines.push(("reason", record.reason.clone()));
    }
    if record.repeats > 0 {
        lines.push((
            "repeats",
            format!("entry {}, {} times", record.repeats, record.count),
        ));
    }
    lines.extend([
        ("command digest", record.command_digest.to_string()),
        ("inputs digest", record.inputs_digest.to_string()),
        ("previous", entry.previous.to_string()),
        ("hash", entry.hash().to_string()),
    ]);
    let line = |(name, value): (&str, String)| format!("  {name:<15} {value}");
    lines.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::ledger;
    use super::*;

    #[test]
    fn an_entry_is_told_line_by_line() {
        let (_, entries) = ledger("w", 3);
        insta::assert_snapshot!(text(&entries[2]));
        let mut repeated = entries[2].clone();
        (repeated.record.count, repeated.record.repeats) = (17, 2);
        assert!(text(&repeated).contains("entry 2, 17 times"));
    }

    #[test]
    fn an_entry_that_is_not_there_is_told_which_are() {
        let shown = crate::exit::text(&unknown(99, 1, 17), "");
        assert_eq!(
            shown,
            "error: there is no entry 99: the ledger has 1 to 17\nhint: cellctl audit list"
        );
    }
}
