//! A backup removed from a node's store.

use std::time::Duration;

use super::CustodyClient;
use crate::controllers::CallError;
use crate::frame::FRAME_VERSION;
use crate::nodes;
use crate::pb;

/// A removal goes over every part.
const REMOVAL_WITHIN: Duration = Duration::from_secs(60);

/// What is to be removed, and how it is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal<'a> {
    pub backup: &'a str,
    pub reason: &'a str,
    /// Also where no other whole backup of the shard would be left.
    pub even_the_last: bool,
    /// Says only whether it may be.
    pub dry_run: bool,
}

/// It is gone, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemovedBackup {
    /// Number of the decision; 0: none was made.
    pub sequence: u64,
    /// Other backups of the shard in that store whose manifests open.
    pub left: u64,
}

impl CustodyClient {
    /// Removes a backup. Safe to repeat: from when it is begun it is no backup any more, and what is left of it is
    /// `unfinished` until all of it is gone.
    ///
    /// # Errors
    /// `unknown-record` for no such backup; `placement` for the last one of its shard, and while it is read or written.
    pub async fn remove_backup(&self, removal: Removal<'_>) -> Result<RemovedBackup, CallError> {
        let request = pb::RemoveBackupRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            backup: removal.backup.to_owned(),
            reason: removal.reason.to_owned(),
            even_the_last: removal.even_the_last,
            dry_run: removal.dry_run,
        };
        let mut client = self.client();
        let asked = nodes::answer_within(&self.address, REMOVAL_WITHIN, client.remove_backup(request));
        let reply = asked.await?;
        nodes::understood(&self.address, reply.version)?;
        Ok(RemovedBackup {
            sequence: reply.sequence,
            left: reply.left,
        })
    }
}
