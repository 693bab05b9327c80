//! Requests of the directory, from messages to types. What cannot be understood is refused by name.

use platform_model::{Epoch, HomeId, ShardId, UserId, WorldId};
use tonic::Status;
use uuid::Uuid;

use super::{ClaimEntry, DIGEST_BYTES_MAX, Target};
use crate::frame::{self, FRAME_VERSION};
use crate::pb;
use crate::refusal::{Refusal, RefusalCode};

/// What every request of the directory names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub shard: ShardId,
    pub epoch: Epoch,
    pub digest: Vec<u8>,
}

/// Which claim is let go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedRelease {
    pub asked: Asked,
    pub claim_id: Uuid,
    /// Only one that is held there; none: wherever it is.
    pub home: Option<HomeId>,
}

/// # Errors
/// A refusal as a status: another world, another version, or a field that cannot be.
pub fn claim_of(request: pb::ClaimRequest, ours: &WorldId) -> Result<(Asked, ClaimEntry), Status> {
    frame::check(request.version, &request.world, ours)?;
    let asked = asked(request.target, request.digest)?;
    let wire = request
        .entry
        .ok_or_else(|| Refusal::invalid("a claim without an entry"))?;
    Ok((asked, entry(wire)?))
}

/// # Errors
/// As [`claim_of`].
pub fn release_of(request: pb::ReleaseRequest, ours: &WorldId) -> Result<AskedRelease, Status> {
    frame::check(request.version, &request.world, ours)?;
    let home = Some(request.home).filter(|home| !home.is_empty());
    Ok(AskedRelease {
        asked: asked(request.target, request.digest)?,
        claim_id: uuid(&request.claim_id)?,
        home: home
            .map(|home| home.parse::<HomeId>().map_err(Refusal::invalid))
            .transpose()?,
    })
}

/// # Errors
/// As [`claim_of`].
pub fn lookup_of(request: pb::LookupRequest, ours: &WorldId) -> Result<Asked, Status> {
    frame::check(request.version, &request.world, ours)?;
    Ok(asked(request.target, request.digest)?)
}

/// The answer to a look-up.
pub fn lookup_reply(entry: Option<&ClaimEntry>) -> pb::LookupReply {
    pb::LookupReply {
        version: FRAME_VERSION,
        entry: entry.map(Into::into),
    }
}

impl From<&Target> for pb::DirectoryTarget {
    fn from(target: &Target) -> Self {
        Self {
            shard: target.shard.to_string(),
            epoch: target.epoch.0,
        }
    }
}

impl From<&ClaimEntry> for pb::ClaimEntry {
    fn from(entry: &ClaimEntry) -> Self {
        Self {
            user: entry.user.as_bytes().to_vec(),
            claim_id: entry.claim_id.as_bytes().to_vec(),
            home: entry.home.to_string(),
            version: entry.version,
        }
    }
}

pub(super) fn entry(wire: pb::ClaimEntry) -> Result<ClaimEntry, Refusal> {
    let home = wire.home.parse().map_err(Refusal::invalid)?;
    Ok(ClaimEntry {
        user: UserId::from_uuid(uuid(&wire.user)?),
        claim_id: uuid(&wire.claim_id)?,
        home,
        version: wire.version,
    })
}

pub(crate) fn asked(target: Option<pb::DirectoryTarget>, digest: Vec<u8>) -> Result<Asked, Refusal> {
    let target = target.ok_or_else(|| Refusal::invalid("a request without a target"))?;
    let shard: ShardId = target.shard.parse().map_err(Refusal::invalid)?;
    if !matches!(shard, ShardId::Directory { .. }) {
        return Err(Refusal::invalid(format!("`{shard}` is no directory shard")));
    }
    if digest.is_empty() || digest.len() > DIGEST_BYTES_MAX {
        let message = format!(
            "a digest of {} bytes, at most {DIGEST_BYTES_MAX} are read",
            digest.len()
        );
        return Err(Refusal::new(RefusalCode::Invalid, message));
    }
    Ok(Asked {
        shard,
        epoch: Epoch(target.epoch),
        digest,
    })
}

fn uuid(bytes: &[u8]) -> Result<Uuid, Refusal> {
    Uuid::from_slice(bytes).map_err(|_| Refusal::invalid(format!("a UUID of {} bytes, not 16", bytes.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> pb::ClaimRequest {
        let target = pb::DirectoryTarget {
            shard: "directory/eu/000".into(),
            epoch: 3,
        };
        let entry = ClaimEntry {
            user: UserId::from_uuid(Uuid::from_u128(1)),
            claim_id: Uuid::from_u128(2),
            home: "eu/eu-central".parse().expect("a home"),
            version: 0,
        };
        pb::ClaimRequest {
            version: FRAME_VERSION,
            world: "a".repeat(64),
            target: Some(target),
            digest: vec![5; 32],
            entry: Some((&entry).into()),
        }
    }

    fn world() -> WorldId {
        WorldId::new(&"a".repeat(64)).expect("an id")
    }

    #[test]
    fn a_claim_reads_back_as_asked() {
        let (asked, entry) = claim_of(request(), &world()).expect("our own request");
        assert_eq!((asked.epoch, asked.digest.len()), (Epoch(3), 32));
        assert_eq!(entry.claim_id, Uuid::from_u128(2));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let broken: [fn(&mut pb::ClaimRequest); 7] = [
            |r| r.version += 1,
            |r| r.world = "b".repeat(64),
            |r| r.target = None,
            |r| {
                r.target = Some(pb::DirectoryTarget {
                    shard: "eu/eu-central/000".into(),
                    epoch: 1,
                })
            },
            |r| r.digest = vec![0; DIGEST_BYTES_MAX + 1],
            |r| r.digest.clear(),
            |r| {
                r.entry = Some(pb::ClaimEntry {
                    user: vec![1; 15],
                    ..r.entry.clone().expect("set")
                })
            },
        ];
        for breaks in broken {
            let mut request = request();
            breaks(&mut request);
            let status = claim_of(request, &world()).expect_err("broken");
            assert!(Refusal::from_status(&status).is_some(), "{status:?}");
        }
    }
}
