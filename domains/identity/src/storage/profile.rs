//! The profile, read and changed.

use cell_layers::RootTx;
use cell_sdk::DomainError;
use platform_model::{Code, Problem, UserId};

use super::{ACCOUNTS, PROFILES, following};
use crate::input::DisplayName;
use crate::stored::{Account, Profile, id_of};

/// What a change leaves as it is, or sets, or takes away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    pub display_name: Option<Option<DisplayName>>,
}

/// # Errors
/// `not-found` when there is no such person.
pub async fn get(tx: &RootTx, user: UserId) -> Result<(Account, Profile), DomainError> {
    let id = id_of(user);
    let account = ACCOUNTS.get(tx, &id).await?.ok_or(Code::NotFound)?;
    let profile = PROFILES.get(tx, &id).await?.ok_or(Code::NotFound)?;
    Ok((account, profile))
}

/// Makes a change if the profile still has the version that the caller saw, where he names one; every follower is told.
/// What changes nothing makes no new version.
///
/// # Errors
/// `version-conflict` with the version that it has, `not-found`.
pub async fn change(
    tx: &RootTx,
    user: UserId,
    change: &Change,
    seen: Option<u64>,
) -> Result<(Account, Profile), DomainError> {
    let (account, profile) = get(tx, user).await?;
    if seen.is_some_and(|seen| seen != profile.version) {
        return Err(Problem::new(Code::VersionConflict)
            .with("version", profile.version)
            .into());
    }
    let mut next = profile.clone();
    if let Some(name) = &change.display_name {
        next.display_name = name.as_ref().map(|name| name.as_str().to_owned());
    }
    if next == profile {
        return Ok((account, profile));
    }
    next.version += 1;
    next.changed_ms = tx.log_time_ms();
    PROFILES.put(tx, &next).await?;
    following::show(tx, &next).await?;
    Ok((account, next))
}
