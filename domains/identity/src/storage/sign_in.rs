//! A log-in in the person's root: what to verify against, and what became of it.
//!
//! Guesses that run at once do not get round the back-off: each settles in a transaction that looks at the row again,
//! and once a wait has begun no verdict leaves, right or wrong.

use cell_layers::RootTx;
use cell_sdk::DomainError;
use platform_model::{Code, UserId};
use uuid::Uuid;

use super::{ACCOUNTS, ATTEMPTS, CREDENTIALS, session};
use crate::backoff;
use crate::settings::Settings;
use crate::stored::{Attempts, Credential, id_of};

/// What is known before a password is looked at.
pub enum Known {
    /// No such person here.
    Nobody,
    /// Refused until so many seconds have passed.
    Wait(u32),
    /// The PHC string to verify against.
    Hash(String),
}

/// A password that was verified, or not, against the hash that stood in the root.
pub struct Attempt {
    pub user: UserId,
    pub right: bool,
    /// What it was verified against.
    pub hash: String,
    /// The right password under today's cost, where the stored hash is of another.
    pub new_hash: Option<String>,
    /// A session that is taken up again if nobody has used it yet.
    pub resume: Option<Uuid>,
    /// The session that begins otherwise, with the SHA-256 of its first secret.
    pub session: Uuid,
    pub secret_digest: [u8; 32],
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// This session's first refresh token is good.
    In(Uuid),
    Wrong,
    Wait(u32),
}

/// # Errors
/// The transaction's.
pub async fn know(tx: &RootTx, user: UserId) -> Result<Known, DomainError> {
    let id = id_of(user);
    if ACCOUNTS.get(tx, &id).await?.is_none() {
        return Ok(Known::Nobody);
    }
    let attempts = ATTEMPTS.get(tx, &id).await?.unwrap_or_default();
    if let Some(seconds) = backoff::wait_s(&attempts, tx.log_time_ms()) {
        return Ok(Known::Wait(seconds));
    }
    let credential = CREDENTIALS.get(tx, &id).await?;
    Ok(credential.map_or(Known::Nobody, |row| Known::Hash(row.password_hash)))
}

/// Counts a failure, or begins (or takes up) a session and forgets the failures.
///
/// # Errors
/// `conflict` when the password was changed while this one was verified.
pub async fn settle(tx: &RootTx, attempt: &Attempt, settings: &Settings) -> Result<Settled, DomainError> {
    let (id, now) = (id_of(attempt.user), tx.log_time_ms());
    let credential = CREDENTIALS.get(tx, &id).await?.ok_or(Code::Conflict)?;
    if credential.password_hash != attempt.hash {
        return Err(Code::Conflict.into());
    }
    let attempts = ATTEMPTS.get(tx, &id).await?;
    if let Some(seconds) = attempts.as_ref().and_then(|row| backoff::wait_s(row, now)) {
        return Ok(Settled::Wait(seconds));
    }
    if !attempt.right {
        let before = attempts.unwrap_or_else(|| Attempts {
            user: id,
            ..Attempts::default()
        });
        ATTEMPTS.put(tx, &backoff::failed(before, now, settings)).await?;
        return Ok(Settled::Wrong);
    }
    if attempts.is_some() {
        ATTEMPTS.delete(tx, &id).await?;
    }
    if let Some(new_hash) = &attempt.new_hash {
        let row = Credential {
            password_hash: new_hash.clone(),
            changed_ms: now,
            ..credential
        };
        CREDENTIALS.put(tx, &row).await?;
    }
    begin(tx, attempt, settings).await
}

async fn begin(tx: &RootTx, attempt: &Attempt, settings: &Settings) -> Result<Settled, DomainError> {
    if let Some(resume) = attempt.resume
        && session::is_unused(tx, resume, settings).await?
    {
        return Ok(Settled::In(resume));
    }
    session::begin(tx, attempt.session, attempt.secret_digest, settings).await?;
    Ok(Settled::In(attempt.session))
}
