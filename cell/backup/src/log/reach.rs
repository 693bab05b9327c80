//! How far backups go with their logs: as [`super::read`] would read them, without reading more of a log than its end
//! and where it goes on.

use std::cmp::Reverse;

use cell_layers::keys::Kek;
use cell_shard::Origin;
use platform_model::EpochPosition;

use super::onward::{self, CROSSED_MAX};
use super::run::Run;
use crate::error::BackupError;
use crate::manifest::Manifest;
use crate::store::BackupStore;

/// The end of what a backup and the logs from it on have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    pub end: EpochPosition,
    /// Of the entry there, in milliseconds since 1970; 0: it is not known.
    pub time_ms: u64,
    /// What lies behind that does not attach to it, or does not open.
    pub gap: bool,
}

impl Reach {
    pub fn of(end: &Origin, gap: bool) -> Self {
        Self {
            end: end.pair(),
            time_ms: end.time_ms,
            gap,
        }
    }
}

/// One backup, with its own log.
struct Own {
    reach: Option<Reach>,
    /// Among the backups: whose log goes on from there.
    next: Option<usize>,
}

/// How far each of these backups of one shard goes, in their order; over the logs of newer ones that are among them.
/// None of a key shard, and where the store does not say.
pub async fn reaches(store: &BackupStore, kek: &Kek, backups: &[Manifest]) -> Vec<Option<Reach>> {
    let mut newest_first: Vec<usize> = (0..backups.len()).collect();
    newest_first.sort_by_key(|index| Reverse(backups[*index].origin.pair()));
    let mut all = Vec::with_capacity(backups.len());
    for base in backups {
        all.push(own(store, kek, base, (backups, newest_first.as_slice())).await);
    }
    let ends = (0..all.len()).map(|index| end(&all, index));
    ends.collect()
}

/// Of one of them, from log to log.
fn end(all: &[Own], from: usize) -> Option<Reach> {
    let (mut index, mut furthest) = (from, all[from].reach?);
    for _ in 0..CROSSED_MAX {
        let Some(next) = all[index].next else { break };
        index = next;
        let reach = all[index].reach?;
        if reach.end.position < furthest.end.position {
            // Nothing is known of a log whose last segment does not open, but that it went on from here.
            return Some(Reach {
                gap: true,
                ..furthest
            });
        }
        furthest = reach;
    }
    Some(furthest)
}

async fn own(
    store: &BackupStore,
    kek: &Kek,
    base: &Manifest,
    (backups, newest_first): (&[Manifest], &[usize]),
) -> Own {
    let alone = |reach| Own { reach, next: None };
    let run = match Run::of(store, kek, base.clone()).await {
        Ok(run) => run,
        Err(BackupError::MissingSegment { upto, .. }) => {
            return alone(Some(Reach {
                end: upto,
                time_ms: 0,
                gap: true,
            }));
        }
        Err(BackupError::KeyShard(_) | BackupError::Store(_)) => return alone(None),
        // Its last segment does not open: nothing is known of what lies before it.
        Err(_) => return alone(Some(Reach::of(&base.origin, true))),
    };
    let newer = newest_first.iter().map(|index| &backups[*index]);
    let newer: Vec<&Manifest> = newer.filter(|other| onward::is_newer(other, base)).collect();
    match onward::first(store, kek, newer, &run.end).await {
        Ok(onward) => Own {
            reach: Some(Reach::of(&run.end, false)),
            next: onward.and_then(|(log, _)| backups.iter().position(|other| other.name == log.base().name)),
        },
        Err(BackupError::Store(_) | BackupError::Stopped) => alone(None),
        Err(_) => alone(Some(Reach::of(&run.end, true))),
    }
}
