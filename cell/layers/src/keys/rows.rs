//! Rows of a home's key shard as they are stored and as they travel: wrapped by the jurisdiction's key, never opened.
//!
//! Another node of the jurisdiction that serves people of the home reads them from the node that serves the key shard,
//! and opens them with its own copy of the jurisdiction's key.

use bytes::Bytes;
use cell_shard::{Shard, keys_of};
use platform_model::{RootRef, UserId};
use zeroize::Zeroizing;

use super::key_shard::{KeyError, TokenKeyRow, user_row};
use super::{Kek, UserKey};

pub(super) const ROW_WRAPPED: u8 = 1;
const ROW_DESTROYED: u8 = 2;
/// What seals, and what makes digests: each of so many bytes.
const KEY_BYTES: usize = 32;
/// Longest row that there can be, in bytes.
pub const ROW_BYTES_MAX: usize = 4_096;
/// Longest id of a token key, in bytes.
pub const TOKEN_ID_BYTES_MAX: usize = 64;

/// The rows, where the key shard is served. Cheap to clone.
#[derive(Clone)]
pub struct KeyRows {
    pub(super) shard: Shard,
}

impl KeyRows {
    /// `shard` must be a key shard.
    pub fn new(shard: Shard) -> Self {
        Self { shard }
    }
}

/// Where a person's row lies in a key shard, as keys stand in the log.
pub fn key_of(user: UserId) -> Bytes {
    let mut key = keys_of(RootRef::user(user)).to_vec();
    key.extend(user_row());
    Bytes::from(key)
}

/// The row of a person whose key was destroyed.
pub fn destroyed() -> Bytes {
    Bytes::from_static(&[ROW_DESTROYED])
}

/// The row of a person's key.
pub fn wrap_user(kek: &Kek, user: UserId, key: &UserKey) -> Bytes {
    let mut row = vec![ROW_WRAPPED];
    let one = key.bytes() == key.digest_bytes();
    let secret = Zeroizing::new([&key.bytes()[..], key.digest_bytes()].concat());
    row.extend(kek.wrap(&user_name(user), if one { &secret[..KEY_BYTES] } else { &secret }));
    Bytes::from(row)
}

/// Whether that is what a row says.
pub fn is_destroyed(row: &[u8]) -> bool {
    row == [ROW_DESTROYED]
}

/// The key in a person's row.
///
/// # Errors
/// [`KeyError::Destroyed`]; a wrong jurisdiction's key; a row that is none.
pub fn open_user(kek: &Kek, user: UserId, row: &[u8]) -> Result<UserKey, KeyError> {
    match row.split_first() {
        Some((&ROW_WRAPPED, wrapped)) => {
            let bytes = kek.unwrap(&user_name(user), wrapped)?;
            let (seals, digests) = match bytes.len() {
                KEY_BYTES => (&bytes[..], &bytes[..]),
                // Of one who came from another home.
                _ => bytes.split_at_checked(KEY_BYTES).ok_or(KeyError::Damaged)?,
            };
            let exact = |half: &[u8]| half.try_into().map_err(|_| KeyError::Damaged);
            Ok(UserKey::from_parts(exact(seals)?, exact(digests)?))
        }
        Some((&ROW_DESTROYED, _)) => Err(KeyError::Destroyed),
        _ => Err(KeyError::Damaged),
    }
}

/// A token key, wrapped.
pub fn wrap_token(kek: &Kek, row: &TokenKeyRow) -> Bytes {
    Bytes::from(kek.wrap(&token_name(&row.id), &row.secret))
}

/// The token key of that id.
///
/// # Errors
/// A wrong jurisdiction's key; bytes that are none.
pub fn open_token(kek: &Kek, id: &str, wrapped: &[u8]) -> Result<TokenKeyRow, KeyError> {
    let secret = kek.unwrap(&token_name(id), wrapped)?;
    Ok(TokenKeyRow {
        id: id.to_owned(),
        secret,
    })
}

/// What a wrapped key is bound to.
fn user_name(user: UserId) -> Vec<u8> {
    [b"user ".as_slice(), user.as_bytes()].concat()
}

fn token_name(id: &str) -> Vec<u8> {
    [b"token ".as_slice(), id.as_bytes()].concat()
}
