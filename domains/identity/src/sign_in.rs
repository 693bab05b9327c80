//! A password proved, and a session for it.
//!
//! An address that nobody holds costs as much hashing and gets the same answer as a wrong password. What differs is
//! that a failure is written down only for a person who is there.

use cell_layers::RootTx;
use cell_sdk::{Answer, Mode, RootCtx};
use platform_model::{Code, Problem};
use platform_runtime::random;
use uuid::Uuid;

use crate::domain::Identity;
use crate::input::Password;
use crate::storage::DOMAIN;
use crate::storage::sign_in::{Attempt, Known, Settled, know, settle};
use crate::tokens;

/// Verifies the password of a root's person; the session whose first refresh token is good then. With `resume` it is
/// that one, if nobody has used it yet.
///
/// # Errors
/// `invalid-credentials`, `too-many-attempts` with the seconds to wait, or what the shard answers. A failure is counted
/// durably before it is answered.
pub async fn sign_in(
    identity: &Identity,
    root: &RootCtx,
    password: &Password,
    resume: Option<Uuid>,
) -> Result<Answer<Uuid>, Problem> {
    let look = |tx: RootTx| async move { know(&tx, root.user).await };
    let hash = match root.read(DOMAIN, look).await?.value {
        Known::Nobody => return Err(nobody(identity, password).await),
        Known::Wait(seconds) => return Err(wait(seconds)),
        Known::Hash(hash) => hash,
    };
    let right = identity.hasher.verify(password, Some(&hash)).await?;
    let new_hash = if right && identity.hasher.is_outdated(&hash) {
        Some(identity.hasher.hash(password).await?)
    } else {
        None
    };
    let session = random::uuid_v7();
    let attempt = Attempt {
        user: root.user,
        right,
        hash,
        new_hash,
        resume,
        session,
        secret_digest: tokens::refresh_token(root, session, 0).secret_digest(),
    };
    let (attempt, settings) = (&attempt, &*identity.settings);
    let end = |tx: RootTx| async move { settle(&tx, attempt, settings).await };
    let settled = root.write(DOMAIN, Mode::Sync, end).await?;
    match settled.value {
        Settled::In(session) => Ok(Answer {
            value: session,
            position: settled.position,
        }),
        Settled::Wrong => Err(Code::InvalidCredentials.into()),
        Settled::Wait(seconds) => Err(wait(seconds)),
    }
}

/// The answer to a log-in of nobody, after the work that it would be for somebody.
pub async fn nobody(identity: &Identity, password: &Password) -> Problem {
    match identity.hasher.verify(password, None).await {
        Ok(_) => Code::InvalidCredentials.into(),
        Err(problem) => problem,
    }
}

fn wait(seconds: u32) -> Problem {
    Problem::new(Code::TooManyAttempts)
        .retry_after_s(seconds)
        .with("retry_after_s", seconds)
}
