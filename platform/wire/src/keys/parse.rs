//! Requests for rows of a key shard, from messages to types. What cannot be understood is refused by name.

use bytes::Bytes;
use platform_model::{Epoch, UserId, WorldId};
use tonic::Status;
use uuid::Uuid;

use super::{AskedKeys, AskedToken, AskedUser, KeysTarget, ROW_BYTES_MAX, TOKEN_ID_BYTES_MAX};
use crate::frame;
use crate::pb;
use crate::refusal::Refusal;

/// # Errors
/// A refusal as a status: another world, another version, or a field that cannot be.
pub fn user_key_of(request: pb::UserKeyRequest, ours: &WorldId) -> Result<AskedUser, Status> {
    frame::check(request.version, &request.world, ours)?;
    Ok(AskedUser {
        asked: asked(request.target)?,
        user: user(&request.user)?,
        fresh: request.fresh.map(row).transpose()?,
    })
}

/// # Errors
/// As [`user_key_of`].
pub fn destroy_key_of(request: pb::DestroyKeyRequest, ours: &WorldId) -> Result<(AskedKeys, UserId), Status> {
    frame::check(request.version, &request.world, ours)?;
    Ok((asked(request.target)?, user(&request.user)?))
}

/// # Errors
/// As [`user_key_of`].
pub fn token_key_of(request: pb::TokenKeyRequest, ours: &WorldId) -> Result<AskedToken, Status> {
    frame::check(request.version, &request.world, ours)?;
    let bytes = request.id.len();
    if bytes == 0 || bytes > TOKEN_ID_BYTES_MAX {
        return Err(Refusal::invalid(format!("an id of {bytes} bytes, at most {TOKEN_ID_BYTES_MAX}")).into());
    }
    Ok(AskedToken {
        asked: asked(request.target)?,
        id: request.id,
        wrapped: row(request.wrapped)?,
    })
}

impl From<&KeysTarget> for pb::KeysTarget {
    fn from(target: &KeysTarget) -> Self {
        Self {
            home: target.home.to_string(),
            epoch: target.epoch.0,
        }
    }
}

fn asked(target: Option<pb::KeysTarget>) -> Result<AskedKeys, Refusal> {
    let target = target.ok_or_else(|| Refusal::invalid("a request without a target"))?;
    Ok(AskedKeys {
        home: target.home.parse().map_err(Refusal::invalid)?,
        epoch: Epoch(target.epoch),
    })
}

fn user(bytes: &[u8]) -> Result<UserId, Refusal> {
    let user = Uuid::from_slice(bytes);
    let user = user.map_err(|_| Refusal::invalid(format!("a UUID of {} bytes, not 16", bytes.len())))?;
    Ok(UserId::from_uuid(user))
}

fn row(bytes: Vec<u8>) -> Result<Bytes, Refusal> {
    if bytes.is_empty() || bytes.len() > ROW_BYTES_MAX {
        let message = format!("a row of {} bytes, at most {ROW_BYTES_MAX}", bytes.len());
        return Err(Refusal::invalid(message));
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FRAME_VERSION;

    fn world() -> WorldId {
        WorldId::new(&"a".repeat(64)).expect("an id")
    }

    fn user() -> pb::UserKeyRequest {
        let target = pb::KeysTarget {
            home: "eu/eu-central".into(),
            epoch: 3,
        };
        pb::UserKeyRequest {
            version: FRAME_VERSION,
            world: "a".repeat(64),
            target: Some(target),
            user: vec![1; 16],
            fresh: Some(vec![7; 40]),
        }
    }

    fn token() -> pb::TokenKeyRequest {
        pb::TokenKeyRequest {
            version: FRAME_VERSION,
            world: "a".repeat(64),
            target: user().target,
            id: "k1".into(),
            wrapped: vec![7; 40],
        }
    }

    #[test]
    fn requests_read_back_as_asked() {
        let asked = user_key_of(user(), &world()).expect("our own");
        assert_eq!(
            (asked.asked.epoch, asked.fresh.map(|row| row.len())),
            (Epoch(3), Some(40))
        );
        let asked = token_key_of(token(), &world()).expect("our own");
        assert_eq!((asked.id.as_str(), asked.wrapped.len()), ("k1", 40));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let broken: [fn(&mut pb::UserKeyRequest); 6] = [
            |r| r.version += 1,
            |r| r.world = "b".repeat(64),
            |r| r.target = None,
            |r| r.user = vec![1; 15],
            |r| r.fresh = Some(Vec::new()),
            |r| r.fresh = Some(vec![0; ROW_BYTES_MAX + 1]),
        ];
        for breaks in broken {
            let mut request = user();
            breaks(&mut request);
            let status = user_key_of(request, &world()).expect_err("broken");
            assert!(Refusal::from_status(&status).is_some(), "{status:?}");
        }
        let broken: [fn(&mut pb::TokenKeyRequest); 4] = [
            |r| r.id.clear(),
            |r| r.id = "k".repeat(TOKEN_ID_BYTES_MAX + 1),
            |r| r.wrapped.clear(),
            |r| r.target = Some(pb::KeysTarget::default()),
        ];
        for breaks in broken {
            let mut request = token();
            breaks(&mut request);
            let status = token_key_of(request, &world()).expect_err("broken");
            assert!(Refusal::from_status(&status).is_some(), "{status:?}");
        }
    }
}
