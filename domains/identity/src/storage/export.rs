//! Everything that the domain holds of a person, as it stands at one moment.

use cell_layers::table::ROWS_MAX;
use cell_layers::{Query, RootTx};
use cell_sdk::DomainError;
use platform_model::UserId;

use super::{ATTEMPTS, CLAIMS, CREDENTIALS, following, profile, session};
use crate::settings::Settings;
use crate::stored::{Account, Attempts, Claim, Credential, Followed, Follower, Profile, Session, id_of};

/// One member a table.
#[derive(Debug, Clone)]
pub struct Held {
    pub account: Account,
    pub profile: Profile,
    pub credential: Option<Credential>,
    pub attempts: Option<Attempts>,
    pub claims: Vec<Claim>,
    pub sessions: Vec<Session>,
    pub followers: Vec<Follower>,
    pub followed: Vec<Followed>,
}

/// # Errors
/// `not-found` when there is no such person.
pub async fn held(tx: &RootTx, user: UserId, settings: &Settings) -> Result<Held, DomainError> {
    let (account, profile) = profile::get(tx, user).await?;
    let id = id_of(user);
    Ok(Held {
        account,
        profile,
        credential: CREDENTIALS.get(tx, &id).await?,
        attempts: ATTEMPTS.get(tx, &id).await?,
        claims: CLAIMS.scan(tx, Query::first(ROWS_MAX)).await?.rows,
        sessions: session::list(tx, settings).await?,
        followers: following::followers(tx).await?,
        followed: following::followed(tx).await?,
    })
}
