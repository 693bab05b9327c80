//! Jobs and backups as the wire says them.

use std::time::Duration;

use cell_backup::{Manifest, Reach};
use platform_wire::{FRAME_VERSION, pb};

use super::jobs::{Done, Failed, Job};

pub fn job(job: &Job) -> pb::JobReply {
    let mut reply = pb::JobReply {
        version: FRAME_VERSION,
        job: job.id,
        state: "running".to_owned(),
        bytes_of: job.progress.bytes_of(),
        backup: Some(pb::Backup {
            name: job.backup.clone(),
            shard: job.shard.as_ref().map(ToString::to_string).unwrap_or_default(),
            parts: job.progress.parts(),
            rows: job.progress.rows(),
            bytes: job.progress.bytes(),
            ..pb::Backup::default()
        }),
        ..pb::JobReply::default()
    };
    match &job.end {
        None => {}
        Some(Err(Failed { code, why })) => {
            reply.state = "failed".to_owned();
            reply.code = (*code).to_owned();
            reply.why.clone_from(why);
        }
        Some(Ok(Done {
            manifest,
            reaches,
            restored,
        })) => {
            reply.state = "done".to_owned();
            reply.backup = Some(ending(backup(manifest), Reach::of(reaches, false)));
            if let Some(restored) = restored {
                reply.replica = restored.replica.0.to_be_bytes().to_vec();
                reply.erased = restored.erased.to_vec();
                reply.left_out = restored.left_out;
                reply.restored_ms = restored.at_ms;
            }
        }
    }
    reply
}

/// Whole ones.
pub fn hours(time: Duration) -> u32 {
    u32::try_from(time.as_secs() / 3_600).unwrap_or(u32::MAX)
}

pub fn backup(manifest: &Manifest) -> pb::Backup {
    pb::Backup {
        name: manifest.name.to_string(),
        shard: manifest.shard.to_string(),
        epoch: manifest.origin.term.epoch.0,
        position: manifest.origin.position.0,
        time_ms: manifest.origin.time_ms,
        parts: manifest.parts,
        rows: manifest.rows,
        bytes: manifest.bytes,
        ..pb::Backup::default()
    }
}

/// With how far it goes.
fn ending(backup: pb::Backup, reach: Reach) -> pb::Backup {
    pb::Backup {
        log_epoch: reach.end.epoch.0,
        log_position: reach.end.position.0,
        log_time_ms: reach.time_ms,
        log_gap: reach.gap,
        ..backup
    }
}

/// With how far its log and those of newer ones reach; as it is where there is none, or that cannot be told.
pub fn reaching(manifest: &Manifest, reach: Option<Reach>) -> pb::Backup {
    let backup = backup(manifest);
    match reach {
        Some(reach) => ending(backup, reach),
        None => backup,
    }
}
