//! The steps of a registration in the person's root: the claim as pending; then all of the person, or the claim as
//! dropped. The directory is asked between them, by the caller.

use cell_layers::{LayerError, RootTx, idempotency};
use cell_sdk::{ClaimDigest, DomainError, Outcome};
use http::StatusCode;
use platform_model::{Code, CountryCode, IdempotencyKey, Problem, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ACCOUNTS, CLAIMS, CREDENTIALS, PROFILES, session};
use crate::input::{Address, DisplayName};
use crate::settings::Settings;
use crate::stored::{Account, Claim, ClaimState, Credential, Profile, id_of};
use crate::view;

/// The kind of the claims of e-mail addresses, here and in the directory.
pub const EMAIL: &str = "email";

/// The claim that a registration makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewClaim {
    pub id: Uuid,
    pub digest: ClaimDigest,
}

/// All that a registration writes when the address is the person's.
pub struct NewPerson {
    pub user: UserId,
    pub country: CountryCode,
    pub address: Address,
    pub display_name: Option<DisplayName>,
    /// PHC string.
    pub password_hash: String,
    pub claim: NewClaim,
    /// The first session and the SHA-256 of its first refresh token's secret.
    pub session: Uuid,
    pub secret_digest: [u8; 32],
}

/// What is stored as the outcome of a registration: whom and what to make tokens for, never a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    pub user: UserId,
    pub session: Uuid,
}

/// Whether the registration under this key came to an end before, or can no longer begin: its stored outcome or its
/// refusal is to be asked for.
///
/// # Errors
/// `idempotency-key-invalid` for a key of the far future.
pub async fn is_over(tx: &RootTx, key: IdempotencyKey, digest: [u8; 32]) -> Result<bool, DomainError> {
    match idempotency::begin(tx, key, digest).await {
        Ok(begun) => Ok(begun != idempotency::Begin::Fresh),
        Err(LayerError::KeyAheadOfTime { .. }) => {
            let why = "its time lies more than a day ahead";
            Err(Problem::new(Code::IdempotencyKeyInvalid).detail(why).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Writes the claim as pending, if it is new, and answers how far it has come.
///
/// # Errors
/// `idempotency-mismatch` when the same key claims another address.
pub async fn pend(tx: &RootTx, claim: &NewClaim) -> Result<ClaimState, DomainError> {
    if let Some(row) = CLAIMS.get(tx, claim.id).await? {
        if row.digest != claim.digest.0 {
            return Err(Code::IdempotencyMismatch.into());
        }
        return row.claim_state().ok_or_else(damaged);
    }
    let row = Claim {
        id: claim.id.as_bytes().to_vec(),
        kind: EMAIL.to_owned(),
        digest: claim.digest.0.to_vec(),
        state: ClaimState::Pending as u32,
        changed_ms: tx.log_time_ms(),
    };
    CLAIMS.insert(tx, &row).await?;
    Ok(ClaimState::Pending)
}

/// The directory holds the claim for this person: it becomes active, and the person is there. A claim that was dropped
/// meanwhile stays so: the refusal is the outcome.
///
/// # Errors
/// `conflict` when the claim was never pending, or the person is there already.
pub async fn activate(tx: &RootTx, person: &NewPerson, settings: &Settings) -> Result<Outcome, DomainError> {
    match change(tx, person.claim.id, ClaimState::Active).await? {
        ClaimState::Active => {}
        _ => return Ok(Outcome::refusal(&Code::ClaimTaken.into())),
    }
    let (user, now) = (id_of(person.user), tx.log_time_ms());
    let account = Account {
        user: user.clone(),
        country: person.country.to_string(),
        created_ms: now,
    };
    let credential = Credential {
        user: user.clone(),
        password_hash: person.password_hash.clone(),
        changed_ms: now,
    };
    let profile = Profile {
        user,
        email: person.address.written().to_owned(),
        display_name: person.display_name.as_ref().map(|name| name.as_str().to_owned()),
        version: 1,
        changed_ms: now,
    };
    ACCOUNTS.insert(tx, &account).await?;
    CREDENTIALS.insert(tx, &credential).await?;
    PROFILES.insert(tx, &profile).await?;
    session::begin(tx, person.session, person.secret_digest, settings).await?;
    let registered = Registered {
        user: person.user,
        session: person.session,
    };
    Ok(Outcome::new(StatusCode::CREATED, view::value(&registered)?))
}

/// Another holds the address: the claim is dropped, for good.
///
/// # Errors
/// `conflict` when the claim is active after all.
pub async fn drop_claim(tx: &RootTx, claim: Uuid) -> Result<Outcome, DomainError> {
    match change(tx, claim, ClaimState::Dropped).await? {
        ClaimState::Dropped => Ok(Outcome::refusal(&Code::ClaimTaken.into())),
        _ => Err(Code::Conflict.into()),
    }
}

/// The directory asks: what is not active by now never will be. Answers how far it has come then; none if there is no
/// such claim.
///
/// # Errors
/// The transaction's.
pub async fn decide(tx: &RootTx, claim: Uuid) -> Result<Option<ClaimState>, DomainError> {
    if CLAIMS.get(tx, claim).await?.is_none() {
        return Ok(None);
    }
    change(tx, claim, ClaimState::Dropped).await.map(Some)
}

/// Takes a pending claim one step further. Answers the state that it has then, which is another one if it had already
/// been taken there.
async fn change(tx: &RootTx, claim: Uuid, to: ClaimState) -> Result<ClaimState, DomainError> {
    let row = CLAIMS.get(tx, claim).await?.ok_or(Code::Conflict)?;
    let state = row.claim_state().ok_or_else(damaged)?;
    if state != ClaimState::Pending {
        return Ok(state);
    }
    let row = Claim {
        state: to as u32,
        changed_ms: tx.log_time_ms(),
        ..row
    };
    CLAIMS.put(tx, &row).await?;
    Ok(to)
}

fn damaged() -> DomainError {
    Problem::new(Code::Internal)
        .detail("a stored claim is in no known state")
        .into()
}
