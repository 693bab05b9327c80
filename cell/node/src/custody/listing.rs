//! What lies in this node's backup store, as it is told to operators.

use std::collections::BTreeMap;

use cell_backup::log::reach;
use cell_backup::store::Found;
use cell_backup::{BackupError, Manifest, read};
use futures::stream::{self, StreamExt as _};
use platform_model::ShardId;
use platform_wire::{FRAME_VERSION, Refusal, pb};

use super::scheduled::unavailable;
use super::{Custody, Sink, views};

/// Manifests that one listing opens.
const LISTED_MAX: usize = 2_000;
/// Manifests, and then shards' logs, that are looked at at once.
const AT_ONCE: usize = 16;
/// So long a destroyed key may lie in a backup where no settings say how long.
const KEYS_MS_MAX: u64 = 30 * 86_400_000;

impl Custody {
    /// All of it, with `logs` also how far each backup reaches.
    pub(super) async fn listing(&self, logs: bool) -> Result<pb::ListBackupsReply, Refusal> {
        let sink = self.sink()?;
        let looked = sink.store.look(|_| true).await;
        let looked = looked.map_err(|error| unavailable(&error))?;
        let (whole, unfinished): (Vec<Found>, Vec<Found>) =
            looked.folders.into_iter().partition(|found| found.whole);
        let mut reply = pb::ListBackupsReply {
            version: FRAME_VERSION,
            sink: sink.name.clone(),
            unfinished: unfinished.iter().map(|found| found.name.to_string()).collect(),
            log_problems: self.logs.problems(),
            ..pb::ListBackupsReply::default()
        };
        let is_all = whole.len() <= LISTED_MAX;
        let opening: Vec<_> = whole
            .into_iter()
            .take(LISTED_MAX)
            .map(|found| self.open_found(sink, found))
            .collect();
        let opened: Vec<_> = stream::iter(opening).buffered(AT_ONCE).collect().await;
        let mut manifests = Vec::with_capacity(opened.len());
        for (found, open) in opened {
            match open {
                Ok(open) => manifests.push(open),
                // It was removed meanwhile.
                Err(BackupError::NoSuchBackup(_)) => {}
                Err(error) => {
                    reply.unreadable.push(found.name.to_string());
                    if self.is_old_of_keys(sink, &found, &error) {
                        reply.closed_keys.push(found.name.to_string());
                    }
                }
            }
        }
        reply.backups = if logs {
            self.reaching(sink, manifests).await
        } else {
            manifests.iter().map(views::backup).collect()
        };
        if let Some(rules) = &sink.rules {
            reply.every_hours = views::hours(rules.every);
            // Of a part of them nothing is said to be missing.
            if is_all {
                let overdue = self.overdue(rules, &reply.backups);
                reply.overdue = overdue.iter().map(ToString::to_string).collect();
            }
        }
        Ok(reply)
    }

    async fn open_found(&self, sink: &Sink, found: Found) -> (Found, Result<Manifest, BackupError>) {
        let kek = found.name.shard().and_then(|shard| {
            let kek = self.kek(&shard);
            kek.map_err(|refusal| BackupError::NoKey(refusal.message))
        });
        let open = match kek {
            Ok(kek) => read::manifest(&sink.store, &found.name, &kek).await,
            Err(error) => Err(error),
        };
        (found, open)
    }

    /// One of keys that does not open and that nobody removes by itself: keys that were destroyed lie in it for longer
    /// than they may. By when it was written.
    fn is_old_of_keys(&self, sink: &Sink, found: &Found, error: &BackupError) -> bool {
        let is_ours = matches!(
            error,
            BackupError::DamagedManifest(_) | BackupError::TooNew { .. }
        );
        let is_of_keys = matches!(found.name.shard(), Ok(ShardId::Keys { .. }));
        let rewrite = sink.rules.map(|rules| rules.rewrite.as_millis());
        let allowed_ms = rewrite.map_or(KEYS_MS_MAX, |ms| u64::try_from(ms).unwrap_or(u64::MAX));
        let age_ms = self.shared.clock.unix_ms().saturating_sub(found.written_ms);
        is_ours && is_of_keys && age_ms >= allowed_ms
    }

    /// With how far each reaches; by name.
    async fn reaching(&self, sink: &Sink, manifests: Vec<Manifest>) -> Vec<pb::Backup> {
        let mut shards = BTreeMap::<ShardId, Vec<Manifest>>::new();
        for manifest in manifests {
            shards.entry(manifest.shard.clone()).or_default().push(manifest);
        }
        let asked: Vec<_> = shards
            .into_iter()
            .map(|(shard, backups)| self.reaching_of(sink, shard, backups))
            .collect();
        let told: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
        let mut told: Vec<pb::Backup> = told.into_iter().flatten().collect();
        told.sort_by(|one, other| one.name.cmp(&other.name));
        told
    }

    async fn reaching_of(&self, sink: &Sink, shard: ShardId, backups: Vec<Manifest>) -> Vec<pb::Backup> {
        let Ok(kek) = self.kek(&shard) else {
            return backups.iter().map(views::backup).collect();
        };
        let reaches = reach::reaches(&sink.store, &kek, &backups).await;
        let told = backups.iter().zip(reaches);
        told.map(|(manifest, reach)| views::reaching(manifest, reach))
            .collect()
    }
}
