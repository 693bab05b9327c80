//! `backup list`: what lies in the backup stores of the world's nodes.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use platform_model::ShardId;
use platform_wire::custody::Stored;
use serde::Serialize;

use super::AtNode;
use super::restore::shard_of;
use super::view::BackupView;
use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::{Listed, Printer, counted};
use crate::world::operator;

/// Lists the backups in the stores of all nodes that answer, and how far each reaches with its log. Exit code 3 if a store
/// holds what does not open or was never finished, if a log has a gap or is not kept on.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl backup list --shard eu/eu-central/003 -o name")]
pub struct List {
    /// Only of this shard.
    #[arg(long, value_name = "SHARD", add = crate::command::known::shards())]
    shard: Option<ShardId>,
    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Debug, Serialize)]
struct ListView {
    backups: Vec<BackupView>,
    /// Being written at the moment, or given up.
    unfinished: Vec<String>,
    /// Of another jurisdiction than those of the nodes that were asked, damaged, or of a newer format.
    unreadable: Vec<String>,
    /// Shards whose logs are not kept on, and why.
    log_problems: Vec<String>,
    /// Nodes that did not say.
    silent: Vec<String>,
}

impl List {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let target = self.world.target()?;
        let status = target.admin()?.status().await.map_err(operator::explain)?;
        let identity = target.identity()?;
        let (mut stored, mut silent) = (Vec::new(), Vec::new());
        for node in status.table.nodes.keys() {
            let at = AtNode::new(node, &status.table, &identity)?;
            match at.client().list(true).await {
                Ok(found) => stored.push(found),
                Err(error) => {
                    printer.progress(&format!("{node} does not say what it has: {error}"));
                    silent.push(node.to_string());
                }
            }
        }
        let view = ListView::of(stored, silent, self.shard.as_ref());
        printer.rows(&view.backups);
        let gaps = view.backups.iter().filter(|backup| backup.has_gap());
        let gaps: Vec<String> = gaps.map(Listed::name).collect();
        let odd = view.unfinished.len() + view.unreadable.len() + view.log_problems.len() + gaps.len();
        for (names, why) in [
            (&view.unfinished, "is not finished"),
            (&view.unreadable, "does not open"),
            (&gaps, "has a gap in its log"),
        ] {
            for name in names {
                printer.aside(&format!("{name} {why}"));
            }
        }
        for problem in &view.log_problems {
            printer.aside(&format!("the log is not kept on of {problem}"));
        }
        printer.progress(&counted(view.backups.len(), "backup", "backups"));
        printer.data(&view, view.backups.iter().map(Listed::name));
        Ok(if odd > 0 { Ended::Differs } else { Ended::Ok })
    }
}

impl ListView {
    /// Several nodes may have one store: a backup is listed once, and does not open only if it opens nowhere.
    fn of(stored: Vec<Stored>, silent: Vec<String>, shard: Option<&ShardId>) -> Self {
        let mut backups = BTreeMap::new();
        let (mut unfinished, mut unreadable, mut log_problems) = (Vec::new(), Vec::new(), Vec::new());
        for found in stored {
            for backup in &found.backups {
                backups.insert(backup.name.clone(), BackupView::of(backup, &found.sink));
            }
            unfinished.extend(found.unfinished);
            unreadable.extend(found.unreadable);
            log_problems.extend(found.log_problems);
        }
        unreadable.retain(|name| !backups.contains_key(name));
        for names in [&mut unfinished, &mut unreadable, &mut log_problems] {
            names.sort();
            names.dedup();
        }
        let is_of = |found: &str| shard.is_none_or(|shard| found == shard.to_string());
        // What is no name of a backup is of no shard.
        let is_named = |name: &String| shard_of(name).map_or(shard.is_none(), |of| is_of(&of.to_string()));
        unfinished.retain(is_named);
        unreadable.retain(is_named);
        log_problems.retain(|told: &String| is_of(told.split(": ").next().unwrap_or_default()));
        let wanted = |view: &BackupView| is_of(&view.shard);
        Self {
            backups: backups.into_values().filter(wanted).collect(),
            unfinished,
            unreadable,
            log_problems,
            silent,
        }
    }
}

#[cfg(test)]
mod tests {
    use platform_model::{Epoch, Position};
    use platform_wire::custody::BackupView as Wire;

    use super::*;

    fn backup(name: &str, shard: &str) -> Wire {
        Wire {
            name: name.into(),
            shard: Some(shard.parse().expect("a shard")),
            epoch: Epoch(1),
            position: Position(2),
            time_ms: 0,
            parts: 1,
            rows: 1,
            bytes: 1,
            log: None,
        }
    }

    #[test]
    fn a_backup_is_listed_once_and_what_opens_somewhere_is_readable() {
        let one = Stored {
            sink: "s".into(),
            backups: vec![backup("b", "eu/eu-west/000"), backup("a", "eu/eu-west/001")],
            unfinished: vec!["u".into()],
            unreadable: vec!["c".into()],
            closed_keys: Vec::new(),
            every_hours: 0,
            overdue: Vec::new(),
            log_problems: vec!["eu/eu-west/000: a gap".into()],
        };
        let two = Stored {
            sink: "s".into(),
            backups: vec![backup("b", "eu/eu-west/000"), backup("c", "us/us-east/000")],
            unfinished: vec!["u".into()],
            unreadable: vec!["x".into()],
            closed_keys: Vec::new(),
            every_hours: 24,
            overdue: Vec::new(),
            log_problems: vec!["eu/eu-west/000: a gap".into()],
        };
        let view = ListView::of(vec![one.clone(), two], Vec::new(), None);
        let names: Vec<&str> = view.backups.iter().map(|view| &*view.name).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(
            (view.unfinished.len(), view.unreadable),
            (1, vec!["x".to_owned()])
        );
        assert_eq!(view.log_problems, ["eu/eu-west/000: a gap"]);
        let shard = "eu/eu-west/001".parse().expect("a shard");
        let view = ListView::of(vec![one], Vec::new(), Some(&shard));
        assert_eq!(view.backups.len(), 1);
    }

    /// The planted omission: what is odd about another shard is exit code 3 of a list of this one.
    #[test]
    fn of_one_shard_only_what_is_odd_about_that_one_is_told() {
        let named = |shard: u8| format!("eu_eu-west_00{shard}.e4.1711.5f2c9a01");
        let both = || vec![named(0), named(1)];
        let stored = Stored {
            sink: "s".into(),
            backups: Vec::new(),
            unfinished: both(),
            unreadable: both(),
            closed_keys: Vec::new(),
            every_hours: 0,
            overdue: Vec::new(),
            log_problems: vec![
                "eu/eu-west/000: a gap: e4:1".into(),
                "eu/eu-west/001: a gap".into(),
            ],
        };
        let of = |shard| ListView::of(vec![stored.clone()], Vec::new(), shard);
        let shard = "eu/eu-west/000".parse().expect("a shard");
        let view = of(Some(&shard));
        assert_eq!(
            (view.unfinished, view.unreadable),
            (vec![named(0)], vec![named(0)])
        );
        assert_eq!(view.log_problems, ["eu/eu-west/000: a gap: e4:1"]);
        let view = of(None);
        let count = (
            view.unfinished.len(),
            view.unreadable.len(),
            view.log_problems.len(),
        );
        assert_eq!(count, (2, 2, 2));
    }
}
