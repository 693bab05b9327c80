//! Sessions: begun, refreshed, listed, ended. One that has ended has no row.

use cell_layers::keys::UserKey;
use cell_layers::table::ROWS_MAX;
use cell_layers::{LayerError, Query, RootTx};
use cell_sdk::DomainError;
use platform_model::Code;
use platform_token::RefreshToken;
use uuid::Uuid;

use super::SESSIONS;
use crate::refresh::{Judgement, judge};
use crate::settings::{Settings, ms};
use crate::stored::Session;
use crate::tokens;

/// What a refresh came to. Nothing is refused by an error: what it ended must stay ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// The newest token is of this generation.
    Generation(u32),
    /// Used before: its session is ended.
    Reused,
    /// The session was over.
    Ended,
    /// Not one of ours.
    Forged,
}

/// Begins a session; ends those that rested too long, and the one refreshed longest ago where there would be too many.
///
/// # Errors
/// The transaction's.
pub async fn begin(
    tx: &RootTx,
    id: Uuid,
    secret_digest: [u8; 32],
    settings: &Settings,
) -> Result<(), LayerError> {
    let now = tx.log_time_ms();
    let mut rows = SESSIONS.scan(tx, Query::first(ROWS_MAX)).await?.rows;
    rows.sort_by_key(|row| (row.refreshed_ms, row.created_ms));
    let over = (rows.len() + 1).saturating_sub(settings.sessions_max.max(1));
    for (at, row) in rows.iter().enumerate() {
        if at < over || !row.is_alive(now, ms(settings.session_idle)) {
            SESSIONS.delete(tx, &row.id).await?;
        }
    }
    let row = Session {
        id: id.as_bytes().to_vec(),
        generation: 0,
        secret_digest: secret_digest.to_vec(),
        previous_digest: Vec::new(),
        created_ms: now,
        refreshed_ms: now,
    };
    SESSIONS.insert(tx, &row).await
}

/// Whether a session lives and its first refresh token is still the newest.
///
/// # Errors
/// The transaction's.
pub async fn is_unused(tx: &RootTx, id: Uuid, settings: &Settings) -> Result<bool, LayerError> {
    let row = SESSIONS.get(tx, id).await?;
    let alive = |row: &Session| row.is_alive(tx.log_time_ms(), ms(settings.session_idle));
    Ok(row.is_some_and(|row| row.generation == 0 && alive(&row)))
}

/// Uses a refresh token, by the rules of [`crate::refresh`].
///
/// # Errors
/// The transaction's.
pub async fn refresh(
    tx: &RootTx,
    key: &UserKey,
    token: &RefreshToken,
    settings: &Settings,
) -> Result<Refreshed, DomainError> {
    let row = SESSIONS.get(tx, token.session).await?;
    let (now, made) = (tx.log_time_ms(), tokens::is_made_here(key, token));
    let refreshed = match (judge(row.as_ref(), token, made, now, settings), row) {
        (Judgement::Rotate, Some(row)) => return rotate(tx, key, token, row).await,
        (Judgement::Repeat, Some(row)) => return Ok(Refreshed::Generation(row.generation)),
        (Judgement::Reused, _) => Refreshed::Reused,
        (Judgement::Forged, _) => return Ok(Refreshed::Forged),
        _ => Refreshed::Ended,
    };
    SESSIONS.delete(tx, token.session).await?;
    Ok(refreshed)
}

async fn rotate(
    tx: &RootTx,
    key: &UserKey,
    token: &RefreshToken,
    row: Session,
) -> Result<Refreshed, DomainError> {
    let generation = row.generation.checked_add(1).ok_or(Code::LimitExceeded)?;
    let next = RefreshToken {
        generation,
        secret: tokens::secret(key, token.session, generation),
        ..token.clone()
    };
    let row = Session {
        generation,
        secret_digest: next.secret_digest().to_vec(),
        previous_digest: row.secret_digest,
        refreshed_ms: tx.log_time_ms(),
        ..row
    };
    SESSIONS.put(tx, &row).await?;
    Ok(Refreshed::Generation(generation))
}

/// Living sessions, oldest first.
///
/// # Errors
/// The transaction's.
pub async fn list(tx: &RootTx, settings: &Settings) -> Result<Vec<Session>, DomainError> {
    let now = tx.log_time_ms();
    let mut rows = SESSIONS.scan(tx, Query::first(ROWS_MAX)).await?.rows;
    rows.retain(|row| row.is_alive(now, ms(settings.session_idle)));
    rows.sort_by_key(|row| row.created_ms);
    Ok(rows)
}

/// Ends a session. Answers whether it was there.
///
/// # Errors
/// The transaction's.
pub async fn end(tx: &RootTx, id: Uuid) -> Result<bool, DomainError> {
    Ok(SESSIONS.delete(tx, id).await?)
}
