//! `Backups`: erasures on record, and shards that go on with a copy that was restored. Whether a copy of them lives is the
//! leader's to say; all else is the state's.

use std::sync::Arc;

use control_plane_ledger::Digest;
use control_plane_state::backup::{
    BackupCommand, CustodyWork, RestoreSpec, may_read_erased, open_erasures_at,
};
use control_plane_state::{Author, Command, Refusal as Rule, State};
use platform_model::{Epoch, Generation, HomeId, NodeId, ReplicaId, ShardId, UserId};
use platform_wire::backup::{Erased, OPEN_ERASURES_MAX, read_digest};
use platform_wire::pb::backups_server::Backups;
use platform_wire::replicas::read_replica;
use platform_wire::{FRAME_VERSION, Refusal, RefusalCode, pb};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::Parts;
use crate::authorise::Verb;
use crate::{members, refuse};

/// So old a restored copy may be when it is taken, in milliseconds.
const RESTORED_MS_MAX: u64 = 20 * 60 * 1_000;

pub(super) struct Service(pub(super) Parts);

#[tonic::async_trait]
impl Backups for Service {
    async fn record_erasure(
        &self,
        request: Request<pb::RecordErasureRequest>,
    ) -> Result<Response<pb::RecordErasureReply>, Status> {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::RecordErasure, wire.version, &wire.world)?;
        let (command, reason) = erasure(wire)?;
        let done = self.0.proposer.propose(author, reason, command).await?;
        Ok(Response::new(pb::RecordErasureReply {
            version: FRAME_VERSION,
            sequence: done.sequence,
        }))
    }

    async fn read_erased(
        &self,
        request: Request<pb::ReadErasedRequest>,
    ) -> Result<Response<pb::ReadErasedReply>, Status> {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::ReadErased, wire.version, &wire.world)?;
        let shard: ShardId = wire.shard.parse().map_err(Refusal::invalid)?;
        // Of the leader: whoever goes by an older list in a new epoch misses those who were erased just before it, whom the
        // promotion may have brought back.
        members::leads(&self.0.raft)?;
        let newest = self.0.raft.read_linearizable().await;
        let state = newest.map_err(|error| Refusal::new(RefusalCode::NoLeader, error.to_string()))?;
        let node = match &author {
            Author::Node { id, .. } => Some(id),
            _ => None,
        };
        let erased = if wire.open_only {
            let open = open_erasures_at(&state, &shard, node).map_err(|rule| refuse::rule(&rule))?;
            Erased {
                users: open.take(OPEN_ERASURES_MAX).collect(),
                // Of a part nobody asks for it.
                digest: [0; 32],
            }
        } else {
            if let Some(node) = node {
                may_read_erased(&state, &shard, node).map_err(|rule| refuse::rule(&rule))?;
            }
            Erased {
                users: state.left_out(&shard).collect(),
                digest: *state.left_out_digest(&shard).as_bytes(),
            }
        };
        Ok(Response::new((&erased).into()))
    }

    async fn note_work(
        &self,
        request: Request<pb::NoteWorkRequest>,
    ) -> Result<Response<pb::NoteWorkReply>, Status> {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::NoteWork, wire.version, &wire.world)?;
        let mut known = CustodyWork::ALL.into_iter();
        let work = known.find(|work| work.as_str() == wire.work);
        let work = work.ok_or_else(|| Refusal::invalid("no work that is known"))?;
        let whom = (!wire.user.is_empty()).then(|| Uuid::from_slice(&wire.user));
        let whom = whom.transpose().map_err(Refusal::invalid)?;
        let command = BackupCommand::NoteWork {
            shard: wire.shard.parse().map_err(Refusal::invalid)?,
            work,
            by: wire.by.clone(),
            user: whom.map(UserId::from_uuid),
        };
        let reason = asked_by(&wire.by, &wire.reason);
        let done = self
            .0
            .proposer
            .propose(author, reason, Command::Backup(command))
            .await?;
        Ok(Response::new(pb::NoteWorkReply {
            version: FRAME_VERSION,
            sequence: done.sequence,
        }))
    }

    async fn restore_shard(
        &self,
        request: Request<pb::RestoreShardRequest>,
    ) -> Result<Response<pb::RestoreShardReply>, Status> {
        let wire = request.get_ref();
        let author = self
            .0
            .author(&request, Verb::RestoreShard, wire.version, &wire.world)?;
        members::leads(&self.0.raft)?;
        let shard: ShardId = wire.shard.parse().map_err(Refusal::invalid)?;
        let node: NodeId = wire.node.parse().map_err(Refusal::invalid)?;
        let asked = Asked { shard, node };
        self.nobody_lives(&asked.shard)?;
        let state = Arc::clone(&self.0.raft.state().borrow());
        let reason = wire.reason.clone();
        let Some(copy) = &wire.copy else {
            let spec = asked.in_general(&state)?;
            let reply = reply(0, &spec);
            let command = Command::Backup(BackupCommand::RestoreShard(spec));
            self.0.proposer.judge(author, reason, command).await?;
            return Ok(Response::new(reply));
        };
        is_there_still(copy.restored_ms, self.0.clock.unix_ms())?;
        let spec = asked.of(copy, wire.copies_are_lost)?;
        let mut reply = reply(0, &spec);
        let command = Command::Backup(BackupCommand::RestoreShard(spec));
        reply.sequence = self.0.proposer.propose(author, reason, command).await?.sequence;
        Ok(Response::new(reply))
    }
}

/// Which shard is to go on where.
struct Asked {
    shard: ShardId,
    node: NodeId,
}

impl Asked {
    /// What would be judged if a copy were there: all but the copy itself.
    fn in_general(self, state: &State) -> Result<RestoreSpec, Refusal> {
        let known = state.shards.get(&self.shard);
        let known = known.ok_or_else(|| refuse::rule(&Rule::UnknownShard(self.shard.clone())))?;
        let config = known.config.as_ref();
        let config = config.ok_or_else(|| refuse::rule(&Rule::ShardUnserved(self.shard.clone())))?;
        Ok(RestoreSpec {
            expected: config.generation,
            epoch: Epoch(config.epoch_max.0 + 1),
            erased: state.left_out_digest(&self.shard),
            // Nobody has this name.
            replica: ReplicaId(u128::MAX),
            copies_are_lost: true,
            shard: self.shard,
            node: self.node,
        })
    }

    fn of(self, copy: &pb::RestoredCopy, copies_are_lost: bool) -> Result<RestoreSpec, Refusal> {
        let erased = read_digest(&copy.erased).map_err(Refusal::invalid)?;
        Ok(RestoreSpec {
            expected: Generation(copy.expected),
            epoch: Epoch(copy.epoch),
            replica: read_replica(&copy.replica).map_err(Refusal::invalid)?,
            erased: Digest::from_bytes(erased),
            copies_are_lost,
            shard: self.shard,
            node: self.node,
        })
    }
}

impl Service {
    /// A copy on a node that reports is not lost, unless that node tells so itself: it is promoted, by force if it must
    /// be, and nothing is restored over it.
    fn nobody_lives(&self, shard: &ShardId) -> Result<(), Refusal> {
        let found = self.0.shards.look(|leader, state, now_micros| {
            if !leader.has_listened(now_micros) {
                let message = "the controller that leads has not listened long enough to say who lives";
                return Err(Refusal::new(RefusalCode::Unavailable, message));
            }
            let config = state.shards.get(shard).and_then(|record| record.config.as_ref());
            match config.and_then(|config| leader.alive(now_micros, shard, config)) {
                None => Ok(()),
                Some(copy) => {
                    let message = format!(
                        "{} reports, which holds a copy of {shard}: it is not lost",
                        copy.node
                    );
                    Err(Refusal::new(RefusalCode::Placement, message)
                        .hint("cellctl shard show; cellctl shard failover"))
                }
            }
        });
        found.ok_or_else(refuse::no_leader)?
    }
}

/// A node removes a copy that nobody took up after an hour: one that a command names much later - it slept meanwhile - may not
/// be there any more. Far less than that hour, whatever their clocks say: by one that is far ahead nothing is ever old.
fn is_there_still(restored_ms: u64, now_ms: u64) -> Result<(), Refusal> {
    if restored_ms == 0 || now_ms.abs_diff(restored_ms) <= RESTORED_MS_MAX {
        return Ok(());
    }
    let again = "cellctl backup restore: once more, from the backup";
    if restored_ms > now_ms {
        let minutes = (restored_ms - now_ms) / 60_000;
        let message =
            format!("its node's clock is {minutes} minutes ahead: how old the copy is cannot be told");
        let hint = format!("set the clock of the node, or of this controller, and {again}");
        return Err(Refusal::new(RefusalCode::Placement, message).hint(hint));
    }
    let minutes = (now_ms - restored_ms) / 60_000;
    let message = format!("the copy was restored {minutes} minutes ago: its node may have removed it");
    Err(Refusal::new(RefusalCode::Placement, message).hint(again))
}

/// The command, and what stands in the ledger as its reason.
fn erasure(wire: &pb::RecordErasureRequest) -> Result<(Command, String), Refusal> {
    let user = Uuid::from_slice(&wire.user).map_err(Refusal::invalid)?;
    let home: HomeId = wire.home.parse().map_err(Refusal::invalid)?;
    let (user, by) = (UserId::from_uuid(user), wire.by.clone());
    let reason = asked_by(&by, &wire.reason);
    if !wire.moved_to.is_empty() {
        let (to, rows) = (wire.moved_to.parse().map_err(Refusal::invalid)?, wire.rows);
        let command = BackupCommand::RecordDeparture { home, user, rows, to };
        return Ok((Command::Backup(command), "he lives elsewhere".to_owned()));
    }
    let (command, reason) = if wire.begins {
        if wire.by.is_empty() || wire.reason.trim().is_empty() {
            return Err(Refusal::invalid(
                "an erasure takes who asked for it, and a reason",
            ));
        }
        (BackupCommand::BeginErasure { home, user, by }, reason)
    } else {
        let (claims, rows) = (wire.claims, wire.rows);
        let receipts = format!("the key destroyed, {claims} claims, {rows} rows; {reason}");
        let command = BackupCommand::RecordErasure {
            home,
            user,
            by,
            claims,
            rows,
        };
        (command, receipts)
    };
    Ok((Command::Backup(command), reason))
}

/// Who asked a node for something, and why.
fn asked_by(by: &str, reason: &str) -> String {
    match reason.trim() {
        "" => format!("asked by {by}"),
        reason => format!("{reason} (asked by {by})"),
    }
}

fn reply(sequence: u64, spec: &RestoreSpec) -> pb::RestoreShardReply {
    pb::RestoreShardReply {
        version: FRAME_VERSION,
        sequence,
        epoch: spec.epoch.0,
        expected: spec.expected.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The planted omission: a copy that its node removed while the command slept leads a shard, and is the only one.
    #[test]
    fn a_copy_that_its_node_may_have_removed_is_not_taken() {
        let now = 1_800_000_000_000;
        for fresh in [0, now, now + 60_000, now - RESTORED_MS_MAX] {
            is_there_still(fresh, now).expect("it is there");
        }
        // By a clock that is an hour ahead it was made just now, whenever that was.
        for other in [now - RESTORED_MS_MAX - 1, now + RESTORED_MS_MAX + 1] {
            let refused = is_there_still(other, now).expect_err("too old, perhaps");
            assert_eq!(refused.code, RefusalCode::Placement);
        }
    }
}
