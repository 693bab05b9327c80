//! `audit list`: the last decisions and refusals, oldest first.

use anyhow::Result;
use clap::Args;
use control_plane_ledger::Entry;

use super::entry::{self, EntryView};
use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::ledgers::{Held, Ledgers};

/// Entries that are read at once.
const PAGE: u64 = 500;

/// Lists the last entries of the ledger.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl audit list --refused --last 5")]
pub struct List {
    /// How many.
    #[arg(short = 'n', long, default_value_t = 20, value_name = "ENTRIES")]
    last: usize,
    /// Only those up to this one.
    #[arg(long, value_name = "SEQUENCE")]
    to: Option<u64>,
    /// Only refusals.
    #[arg(long)]
    refused: bool,
    /// Only what is about this, such as `shard/eu` or `cell/eu-west-1`.
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// Only of actors whose id ends so, such as `sre/o-1`.
    #[arg(long, value_name = "ACTOR")]
    actor: Option<String>,
    #[command(flatten)]
    world: WorldArgs,
}

impl List {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let held = Ledgers::of(&self.world.target()?).await?.fullest().await?;
        let entries = self.find(&held).await?;
        printer.list(&entries.iter().map(EntryView::of).collect::<Vec<_>>());
        Ok(Ended::Ok)
    }

    /// Reads backwards until enough were found.
    async fn find(&self, held: &Held) -> Result<Vec<Entry>> {
        let mut found: Vec<Entry> = Vec::new();
        let mut to = self.to.unwrap_or(u64::MAX).min(held.held_to);
        while to > held.begins.sequence && found.len() < self.last {
            let from = to.saturating_sub(PAGE - 1).max(held.begins.sequence + 1);
            let entries = read(held, from, to).await?;
            let wanted = entries.into_iter().rev().filter(|entry| self.wants(entry));
            found.extend(wanted);
            to = from - 1;
        }
        found.truncate(self.last);
        found.reverse();
        Ok(found)
    }

    fn wants(&self, entry: &Entry) -> bool {
        let record = &entry.record;
        let about = |subject: &String| record.subject.starts_with(subject.as_str());
        let of = |actor: &String| record.actor.ends_with(actor.as_str());
        !(self.refused && record.verdict.is_accepted())
            && self.subject.as_ref().is_none_or(about)
            && self.actor.as_ref().is_none_or(of)
    }
}

/// The entries of a range, in as many pages as it takes.
async fn read(held: &Held, from: u64, to: u64) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut next = from;
    while next <= to {
        let left = u32::try_from(to - next + 1).unwrap_or(u32::MAX);
        let page = entry::page(held, next, left).await?;
        if page.entries.is_empty() {
            return Err(entry::changed(page.damaged.unwrap_or(next)));
        }
        for recorded in entry::recorded(&page) {
            entries.push(entry::read(&recorded, next)?);
            next += 1;
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::ledger;
    use super::*;
    use crate::printer::Listed;

    fn list(refused: bool, subject: Option<&str>, actor: Option<&str>) -> List {
        List {
            last: 20,
            to: None,
            refused,
            subject: subject.map(str::to_owned),
            actor: actor.map(str::to_owned),
            world: WorldArgs::default(),
        }
    }

    #[test]
    fn filters_narrow() {
        let (_, entries) = ledger("w", 6);
        let count = |list: List| entries.iter().filter(|entry| list.wants(entry)).count();
        assert_eq!(count(list(false, None, None)), 6);
        assert_eq!(count(list(true, None, None)), 2);
        assert_eq!(count(list(false, Some("shard/eu"), Some("sre/o-1"))), 6);
        assert_eq!(count(list(false, Some("cell/"), None)), 0);
        assert_eq!(count(list(false, None, Some("sre/o-2"))), 0);
    }

    #[test]
    fn a_row_says_who_did_what_and_how_it_ended() {
        let (_, entries) = ledger("w", 3);
        insta::assert_snapshot!(
            entries
                .iter()
                .map(|entry| EntryView::of(entry).cells()[..7].join(" | ") + "\n")
                .collect::<String>()
        );
    }
}
