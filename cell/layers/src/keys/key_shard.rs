//! The home's key shard: a row for each person, and the keys that sign the home's tokens.
//!
//! A person's row holds his wrapped key, or the fact that it was destroyed: an id never gets a second key. Rows are
//! wrapped, not sealed: what would seal them is what they hold.

use std::time::Duration;

use bytes::Bytes;
use cell_shard::{KeyRange, Mode, Request, Scope, Shard, Tx, TxError, WriteError};
use cell_store::key::Tuple;
use platform_model::{Actor, Position, RequestId, RootRef, UserId};
use platform_runtime::random;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::keys::rows::{self, KeyRows};
use crate::keys::{Kek, KekError, UserKey};

const DOMAIN: &str = "keys";
/// Shared table of the token keys.
const TOKEN_KEYS: &str = "token-keys";
/// Longest operation, its queueing included.
const DEADLINE: Duration = Duration::from_secs(5);
/// Most token keys that a home keeps: the one in use, its successor, and those still honoured.
pub const TOKEN_KEYS_MAX: usize = 16;

/// Writes by which a destroyed key leaves the log, at most: with the limits of a key shard it takes one.
const TRIM_STEPS_MAX: usize = 128;

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the person's key was destroyed")]
    Destroyed,
    #[error(transparent)]
    Kek(#[from] KekError),
    #[error("a row of the key shard is damaged")]
    Damaged,
    #[error("the home has {TOKEN_KEYS_MAX} token keys: remove one first")]
    TooManyTokenKeys,
    #[error("the key is destroyed, but the key shard's log still holds it")]
    StillInLog,
    #[error(transparent)]
    Tx(#[from] TxError),
    /// The shard did not take it; `Rejected` never stands here.
    #[error("the key shard: {0}")]
    Shard(WriteError<std::convert::Infallible>),
}

impl KeyError {
    pub fn retryable(&self) -> bool {
        match self {
            Self::Shard(error) => error.retryable(),
            Self::Tx(error) => error.retryable(),
            Self::StillInLog => true,
            _ => false,
        }
    }
}

/// A key that signs the home's tokens, as opaque bytes.
#[derive(Clone)]
pub struct TokenKeyRow {
    /// The `kid`, up to 64 bytes.
    pub id: String,
    /// PKCS#8.
    pub secret: Zeroizing<Vec<u8>>,
}

/// The keys of one home. Cheap to clone.
#[derive(Clone)]
pub struct KeyShard {
    rows: KeyRows,
    kek: Kek,
}

impl KeyShard {
    /// `shard` must be the key shard of a home in the jurisdiction whose key `kek` is.
    pub fn new(shard: Shard, kek: Kek) -> Self {
        let rows = KeyRows::new(shard);
        Self { rows, kek }
    }

    /// The person's key; made if there is none. Idempotent. Durable on return.
    ///
    /// # Errors
    /// [`KeyError::Destroyed`]; a wrong jurisdiction's key; the shard's.
    pub async fn create(&self, user: UserId) -> Result<UserKey, KeyError> {
        if let Some(key) = self.get(user).await? {
            return Ok(key);
        }
        let fresh = rows::wrap_user(&self.kek, user, &UserKey::generate());
        let row = self.rows.user_or(user, fresh).await?;
        rows::open_user(&self.kek, user, &row)
    }

    /// The person's key, if there is one.
    ///
    /// # Errors
    /// As [`KeyShard::create`].
    pub async fn get(&self, user: UserId) -> Result<Option<UserKey>, KeyError> {
        let row = self.rows.user(user).await?;
        row.map(|row| rows::open_user(&self.kek, user, &row)).transpose()
    }

    /// Destroys the person's key for ever: every value that it sealed is gone, here and in each copy. Idempotent, also
    /// for a person who never had one. Durable on return, and the shard's log has no entry any more that holds the key.
    /// Caches of opened keys are the caller's to clear.
    ///
    /// # Errors
    /// [`KeyError::StillInLog`]: the key is destroyed, but to be called again; the shard's.
    pub async fn destroy(&self, user: UserId) -> Result<(), KeyError> {
        self.rows.destroy(user).await
    }

    /// Every token key of the home, ordered by id.
    ///
    /// # Errors
    /// A wrong jurisdiction's key; the shard's.
    pub async fn token_keys(&self) -> Result<Vec<TokenKeyRow>, KeyError> {
        let request = request(Scope::Shared(TOKEN_KEYS));
        let read = |tx: Tx| async move { Ok::<_, KeyError>(token_rows(&tx).await?) };
        let found = self.rows.shard.read(&request, read).await.map_err(flat)?.value;
        found
            .iter()
            .map(|(key, wrapped)| rows::open_token(&self.kek, &token_id(key)?, wrapped))
            .collect()
    }

    /// Adds a token key unless the home has one, and answers the one that it has then (the first by id). So two
    /// nodes that start at once end with the same key.
    ///
    /// # Errors
    /// As [`KeyShard::token_keys`].
    pub async fn token_key_or(&self, fresh: TokenKeyRow) -> Result<TokenKeyRow, KeyError> {
        let wrapped = rows::wrap_token(&self.kek, &fresh);
        let (id, wrapped) = self.rows.token_or(&fresh.id, wrapped).await?;
        rows::open_token(&self.kek, &id, &wrapped)
    }

    /// Adds or replaces a token key.
    ///
    /// # Errors
    /// [`KeyError::TooManyTokenKeys`]; as [`KeyShard::token_keys`].
    pub async fn put_token_key(&self, row: &TokenKeyRow) -> Result<(), KeyError> {
        let wrapped = rows::wrap_token(&self.kek, row);
        let key = token_row(&row.id);
        self.rows
            .write(Scope::Shared(TOKEN_KEYS), |tx| {
                put_token_row(tx, key.clone(), wrapped.clone())
            })
            .await
    }

    /// Removes a token key. Idempotent.
    ///
    /// # Errors
    /// The shard's.
    pub async fn remove_token_key(&self, id: &str) -> Result<(), KeyError> {
        let key = token_row(id);
        let clear = |tx: Tx, key: Bytes| async move { Ok(tx.clear(key)?) };
        self.rows
            .write(Scope::Shared(TOKEN_KEYS), |tx| clear(tx, key.clone()))
            .await
    }
}

impl KeyRows {
    /// The person's row, if there is one.
    ///
    /// # Errors
    /// The shard's.
    pub async fn user(&self, user: UserId) -> Result<Option<Bytes>, KeyError> {
        let request = request(scope(user));
        let read = |tx: Tx| async move { Ok::<_, KeyError>(tx.get(&user_row()).await?) };
        Ok(self.shard.read(&request, read).await.map_err(flat)?.value)
    }

    /// The person's row; `fresh` if there was none. Durable on return.
    ///
    /// # Errors
    /// The shard's.
    pub async fn user_or(&self, user: UserId, fresh: Bytes) -> Result<Bytes, KeyError> {
        self.write(scope(user), |tx| create_row(tx, fresh.clone())).await
    }

    /// The home's first token key by id, wrapped; this one if there was none. Durable on return.
    ///
    /// # Errors
    /// The shard's.
    pub async fn token_or(&self, id: &str, wrapped: Bytes) -> Result<(String, Bytes), KeyError> {
        let key = token_row(id);
        let first = |tx| first_token_row(tx, key.clone(), wrapped.clone());
        let (key, wrapped) = self.write(Scope::Shared(TOKEN_KEYS), first).await?;
        Ok((token_id(&key)?, wrapped))
    }

    /// Destroys a person's key for ever. See [`KeyShard::destroy`].
    ///
    /// # Errors
    /// [`KeyError::StillInLog`]: the key is destroyed, but to be called again; the shard's.
    pub async fn destroy(&self, user: UserId) -> Result<(), KeyError> {
        let destroyed = self.write_destroyed(user).await?;
        for _ in 0..TRIM_STEPS_MAX {
            if self.shard.status().trimmed.next() >= destroyed {
                return Ok(());
            }
            // What was logged before goes with later entries: this one says the same again.
            self.write_destroyed(user).await?;
        }
        Err(KeyError::StillInLog)
    }

    async fn write_destroyed(&self, user: UserId) -> Result<Position, KeyError> {
        let destroy = |tx: Tx| async move {
            tx.sync();
            tx.put(user_row(), rows::destroyed())?;
            Ok(())
        };
        let answer = self.shard.write(&request(scope(user)), destroy).await;
        Ok(answer.map_err(flat)?.position.position)
    }

    async fn write<T, F, Fut>(&self, scope: Scope, f: F) -> Result<T, KeyError>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<T, KeyError>> + Send,
    {
        let answer = self.shard.write(&request(scope), f).await;
        Ok(answer.map_err(flat)?.value)
    }
}

async fn create_row(tx: Tx, fresh: Bytes) -> Result<Bytes, KeyError> {
    if let Some(row) = tx.get(&user_row()).await? {
        return Ok(row);
    }
    tx.put(user_row(), fresh.clone())?;
    Ok(fresh)
}

async fn token_rows(tx: &Tx) -> Result<Vec<(Bytes, Bytes)>, TxError> {
    Ok(tx.scan(all_token_rows(), TOKEN_KEYS_MAX, false).await?.rows)
}

async fn first_token_row(tx: Tx, key: Bytes, wrapped: Bytes) -> Result<(Bytes, Bytes), KeyError> {
    if let Some(row) = token_rows(&tx).await?.into_iter().next() {
        return Ok(row);
    }
    tx.put(key.clone(), wrapped.clone())?;
    Ok((key, wrapped))
}

async fn put_token_row(tx: Tx, key: Bytes, wrapped: Bytes) -> Result<(), KeyError> {
    let rows = token_rows(&tx).await?;
    if rows.len() >= TOKEN_KEYS_MAX && !rows.iter().any(|(held, _)| *held == key) {
        return Err(KeyError::TooManyTokenKeys);
    }
    Ok(tx.put(key, wrapped)?)
}

pub(super) fn user_row() -> Bytes {
    Tuple::new().str(DOMAIN).str("user").pack()
}

fn token_row(id: &str) -> Bytes {
    Tuple::new().str("id").str(id).pack()
}

fn token_id(key: &[u8]) -> Result<String, KeyError> {
    let elements = cell_store::key::unpack(key).map_err(|_| KeyError::Damaged)?;
    let id = elements.get(1).and_then(|id| id.as_str());
    id.map(str::to_owned).ok_or(KeyError::Damaged)
}

fn all_token_rows() -> KeyRange {
    Tuple::new().str("id").range()
}

fn scope(user: UserId) -> Scope {
    Scope::Root(RootRef::user(user))
}

/// Sync, whatever it does: a key that is lost is a person that is lost.
fn request(scope: Scope) -> Request {
    Request {
        actor: Actor::Service(DOMAIN.to_owned()),
        domain: DOMAIN,
        request_id: RequestId::from_uuid(Uuid::from_bytes(random::bytes())),
        mode: Mode::Sync,
        scope,
        not_older_than: None,
        deadline: DEADLINE,
    }
}

fn flat(error: WriteError<KeyError>) -> KeyError {
    KeyError::Shard(match error {
        WriteError::Rejected(error) => return error,
        WriteError::Conflict => WriteError::Conflict,
        WriteError::TooLarge => WriteError::TooLarge,
        WriteError::Overloaded => WriteError::Overloaded,
        WriteError::Timeout => WriteError::Timeout,
        WriteError::Unknown => WriteError::Unknown,
        WriteError::Fenced => WriteError::Fenced,
        WriteError::Moving => WriteError::Moving,
        WriteError::Lost => WriteError::Lost,
        WriteError::Unavailable => WriteError::Unavailable,
    })
}

#[cfg(test)]
mod tests;
