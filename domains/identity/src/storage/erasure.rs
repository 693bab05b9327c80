//! What a person holds outside of the own root, given up in it before it is given back there.

use cell_layers::table::ROWS_MAX;
use cell_layers::{Query, RootTx};
use cell_sdk::{ClaimDigest, DomainError};
use platform_model::{Code, Problem};
use uuid::Uuid;

use super::CLAIMS;
use crate::stored::{Claim, ClaimState};

/// A claim of the person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenUp {
    pub id: Uuid,
    pub digest: ClaimDigest,
}

/// Writes every claim as dropped, whatever it was, and answers all of them: the directory may free their rows once this
/// is committed. Idempotent. The one step from active to dropped: there is no person any more who could hold it.
///
/// # Errors
/// The transaction's; a claim that no version wrote.
pub async fn drop_claims(tx: &RootTx) -> Result<Vec<GivenUp>, DomainError> {
    let mut given_up = Vec::new();
    for row in CLAIMS.scan(tx, Query::first(ROWS_MAX)).await?.rows {
        given_up.push(held(&row)?);
        if row.claim_state() != Some(ClaimState::Dropped) {
            let row = Claim {
                state: ClaimState::Dropped as u32,
                changed_ms: tx.log_time_ms(),
                ..row
            };
            CLAIMS.put(tx, &row).await?;
        }
    }
    Ok(given_up)
}

/// Every claim that is active by the person's own record.
///
/// # Errors
/// The transaction's; a claim that no version wrote.
pub async fn active_claims(tx: &RootTx) -> Result<Vec<GivenUp>, DomainError> {
    let rows = CLAIMS.scan(tx, Query::first(ROWS_MAX)).await?.rows;
    let active = rows
        .iter()
        .filter(|row| row.claim_state() == Some(ClaimState::Active));
    active.map(held).collect()
}

fn held(row: &Claim) -> Result<GivenUp, DomainError> {
    let id = Uuid::from_slice(&row.id).map_err(|_| damaged())?;
    let digest: [u8; 32] = row.digest.as_slice().try_into().map_err(|_| damaged())?;
    Ok(GivenUp {
        id,
        digest: ClaimDigest(digest),
    })
}

fn damaged() -> DomainError {
    Problem::new(Code::Internal)
        .detail("a stored claim cannot be read")
        .into()
}
