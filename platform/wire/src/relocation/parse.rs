//! Steps of taking a person in, from messages to types and back. What cannot be understood is refused by name.

use platform_model::{Epoch, HomeId, ShardId, UserId, WorldId};
use tonic::Status;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    ArrivalsTarget, CLAIMS_MAX, LEFT_MAX, MovedRow, PART_BYTES_MAX, ROWS_MAX, Step, TEXT_BYTES_MAX, Take,
    Taken, WAITING_MAX,
};
use crate::frame::{self, FRAME_VERSION};
use crate::pb::{self, TakeKind, TakeOutcome};
use crate::refusal::Refusal;

/// A step for the shard that is meant, in the epoch in which the caller believes it to be served.
///
/// # Errors
/// A refusal as a status: another world, another version, or a field that cannot be.
pub fn take_of(wire: pb::TakeRequest, ours: &WorldId) -> Result<(ShardId, Epoch, Take), Status> {
    frame::check(wire.version, &wire.world, ours)?;
    let (source, target) = (root_shard(&wire.source)?, root_shard(&wire.target)?);
    if source == target {
        return Err(Refusal::invalid("from a shard to itself").into());
    }
    let epoch = Epoch(wire.epoch);
    let take = Take {
        source,
        user: user(&wire.user)?,
        operation: wire.operation,
        served_epoch: wire.served_epoch,
        law_revision: wire.law_revision,
        consent: wire.consent,
        step: step(wire)?,
    };
    Ok((target, epoch, take))
}

fn step(wire: pb::TakeRequest) -> Result<Step, Refusal> {
    let kind = TakeKind::try_from(wire.kind).map_err(Refusal::invalid)?;
    Ok(match kind {
        TakeKind::Unspecified => return Err(Refusal::invalid("a step of no kind")),
        TakeKind::Begin => Step::Begin {
            digest_key: exact::<32>(&wire.digest_key).map(|key| Zeroizing::new(key.to_vec()))?,
        },
        TakeKind::Part => Step::Part(part(wire.rows)?),
        TakeKind::Claims if wire.claims.len() > CLAIMS_MAX => {
            return Err(Refusal::invalid("more addresses than anybody may have"));
        }
        TakeKind::Claims => Step::Claims(wire.claims.iter().map(claim).collect::<Result<_, _>>()?),
        TakeKind::Complete if wire.left.len() > LEFT_MAX => {
            return Err(Refusal::invalid("more homes than anybody may have left"));
        }
        TakeKind::Complete => Step::Complete {
            rows: wire.tally_rows,
            sum: exact(&wire.tally_sum)?,
            told_ms: wire.told_ms,
            left: wire.left.iter().map(left_home).collect::<Result<_, _>>()?,
        },
        TakeKind::Check => Step::Check {
            after: wire.after.into(),
            upto: wire.upto.into(),
            rows: wire.tally_rows,
            sum: exact(&wire.tally_sum)?,
        },
        TakeKind::Activate => Step::Activate,
        TakeKind::Abandon => Step::Abandon,
        TakeKind::Forget => Step::Forget,
        TakeKind::Erase => Step::Erase,
        TakeKind::Passed => Step::Passed,
    })
}

fn part(rows: Vec<pb::MovedRow>) -> Result<Vec<MovedRow>, Refusal> {
    let bytes: usize = rows.iter().map(|row| row.key.len() + row.value.len()).sum();
    if rows.is_empty() || rows.len() > ROWS_MAX || bytes > PART_BYTES_MAX {
        let message = format!("a part of {} rows and {bytes} bytes", rows.len());
        return Err(Refusal::invalid(message).hint("at most 4096 rows and 2 MiB are read"));
    }
    rows.into_iter().map(row).collect()
}

fn row(wire: pb::MovedRow) -> Result<MovedRow, Refusal> {
    if wire.key.is_empty() {
        return Err(Refusal::invalid("a row without a key"));
    }
    let version = u16::try_from(wire.version).map_err(Refusal::invalid)?;
    let value = Zeroizing::new(wire.value);
    Ok(MovedRow {
        key: wire.key.into(),
        value: wire.there.then_some((version, value)),
    })
}

fn claim(wire: &pb::MovedClaim) -> Result<([u8; 32], Uuid), Refusal> {
    let id = Uuid::from_slice(&wire.claim_id).map_err(Refusal::invalid)?;
    Ok((exact(&wire.digest)?, id))
}

fn left_home(wire: &pb::LeftHome) -> Result<(HomeId, u64), Refusal> {
    let home = wire.home.parse().map_err(Refusal::invalid)?;
    Ok((home, wire.user_epoch))
}

fn exact<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Refusal> {
    let exact = <[u8; N]>::try_from(bytes);
    exact.map_err(|_| Refusal::invalid(format!("{} bytes, not {N}", bytes.len())))
}

pub(super) fn user(bytes: &[u8]) -> Result<UserId, Refusal> {
    exact::<16>(bytes).map(|bytes| UserId::from_uuid(Uuid::from_bytes(bytes)))
}

/// People move between shards of people, and only there.
fn root_shard(text: &str) -> Result<ShardId, Refusal> {
    let shard: ShardId = text.parse().map_err(Refusal::invalid)?;
    if matches!(shard, ShardId::Root { .. }) {
        Ok(shard)
    } else {
        Err(Refusal::invalid(format!("`{shard}` is no shard of people")))
    }
}

pub(super) fn take_request(world: &WorldId, target: &ArrivalsTarget, take: &Take) -> pb::TakeRequest {
    let mut wire = pb::TakeRequest {
        version: FRAME_VERSION,
        world: world.to_string(),
        source: take.source.to_string(),
        target: target.shard.to_string(),
        epoch: target.epoch.0,
        law_revision: take.law_revision,
        user: take.user.as_bytes().to_vec(),
        operation: take.operation,
        served_epoch: take.served_epoch,
        consent: take.consent,
        ..pb::TakeRequest::default()
    };
    let kind = match &take.step {
        Step::Begin { digest_key } => {
            wire.digest_key = digest_key.to_vec();
            TakeKind::Begin
        }
        Step::Part(rows) => {
            wire.rows = rows.iter().map(row_to_wire).collect();
            TakeKind::Part
        }
        Step::Claims(claims) => {
            let claim = |(digest, id): &([u8; 32], Uuid)| pb::MovedClaim {
                digest: digest.to_vec(),
                claim_id: id.as_bytes().to_vec(),
            };
            wire.claims = claims.iter().map(claim).collect();
            TakeKind::Claims
        }
        Step::Complete {
            rows,
            sum,
            told_ms,
            left,
        } => {
            (wire.tally_rows, wire.tally_sum) = (*rows, sum.to_vec());
            wire.told_ms = *told_ms;
            let left = left.iter().map(|(home, user_epoch)| pb::LeftHome {
                home: home.to_string(),
                user_epoch: *user_epoch,
            });
            wire.left = left.collect();
            TakeKind::Complete
        }
        Step::Check {
            after,
            upto,
            rows,
            sum,
        } => {
            (wire.after, wire.upto) = (after.to_vec(), upto.to_vec());
            (wire.tally_rows, wire.tally_sum) = (*rows, sum.to_vec());
            TakeKind::Check
        }
        Step::Activate => TakeKind::Activate,
        Step::Abandon => TakeKind::Abandon,
        Step::Forget => TakeKind::Forget,
        Step::Erase => TakeKind::Erase,
        Step::Passed => TakeKind::Passed,
    };
    wire.kind = kind.into();
    wire
}

fn row_to_wire(row: &MovedRow) -> pb::MovedRow {
    let (version, value) = match &row.value {
        Some((version, value)) => (u32::from(*version), value.to_vec()),
        None => (0, Vec::new()),
    };
    pb::MovedRow {
        key: row.key.to_vec(),
        there: row.value.is_some(),
        version,
        value,
    }
}

/// The answer to a step.
pub fn take_reply(taken: Taken) -> pb::TakeReply {
    let mut waiting = Vec::new();
    let (outcome, why, user_epoch) = match taken {
        Taken::Done { user_epoch } => (TakeOutcome::Done, String::new(), user_epoch),
        Taken::Later(why) => (TakeOutcome::Later, why, 0),
        Taken::Refused(why) => (TakeOutcome::Refused, why, 0),
        Taken::Unlawful(why) => (TakeOutcome::Unlawful, why, 0),
        Taken::Waits(those) => {
            waiting = those.iter().map(|user| user.as_bytes().to_vec()).collect();
            (TakeOutcome::Waits, String::new(), 0)
        }
    };
    pb::TakeReply {
        version: FRAME_VERSION,
        outcome: outcome.into(),
        why,
        user_epoch,
        waiting,
    }
}

/// None for one of a kind that is not known here.
pub(super) fn taken(wire: pb::TakeReply) -> Option<Taken> {
    let why = wire.why.chars().take(TEXT_BYTES_MAX).collect();
    match TakeOutcome::try_from(wire.outcome).ok()? {
        TakeOutcome::Unspecified => None,
        TakeOutcome::Done => Some(Taken::Done {
            user_epoch: wire.user_epoch,
        }),
        TakeOutcome::Later => Some(Taken::Later(why)),
        TakeOutcome::Refused => Some(Taken::Refused(why)),
        TakeOutcome::Unlawful => Some(Taken::Unlawful(why)),
        TakeOutcome::Waits if wire.waiting.len() > WAITING_MAX => None,
        TakeOutcome::Waits => {
            let those = wire.waiting.iter().map(|id| user(id).ok());
            those.collect::<Option<_>>().map(Taken::Waits)
        }
    }
}
