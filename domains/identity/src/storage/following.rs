//! Who follows whom: two sides of it, in two roots. The person lets a follower in, in his own root; the follower learns of
//! it, and of every change of name, by events.

use cell_layers::{Query, RootTx};
use cell_sdk::{Address, DomainError, Received, tell};
use platform_model::{Code, HomeId, Problem, UserId};
use uuid::Uuid;

use super::{DOMAIN, FOLLOWED, FOLLOWERS, PROFILES};
use crate::stored::{Followed, Follower, FollowerChanged, Profile, ProfileHidden, ProfileShown, id_of};

/// Followers of one person: each change of his is told to every one, in one transaction.
pub const FOLLOWERS_MAX: usize = 200;
/// People whom one follows.
pub const FOLLOWED_MAX: usize = 1_000;

/// Lets somebody see what this person shows to followers. One who does already stays as he is; another home than before is
/// noted.
///
/// # Errors
/// `limit-exceeded` past [`FOLLOWERS_MAX`], `bad-request` for oneself.
pub async fn admit(tx: &RootTx, me: &Address, follower: &Address) -> Result<(), DomainError> {
    if follower.user == me.user {
        return Err(Problem::new(Code::BadRequest)
            .detail("nobody follows himself")
            .into());
    }
    let before = FOLLOWERS.get(tx, id_of(follower.user)).await?;
    let home = follower.home.to_string();
    if before.as_ref().is_some_and(|row| row.home == home) {
        return Ok(());
    }
    if before.is_none() && followers(tx).await?.len() >= FOLLOWERS_MAX {
        return Err(Problem::new(Code::LimitExceeded)
            .with("followers_max", FOLLOWERS_MAX)
            .into());
    }
    let row = Follower {
        user: id_of(follower.user),
        home: home.clone(),
        since_ms: before.map_or(tx.log_time_ms(), |row| row.since_ms),
    };
    FOLLOWERS.put(tx, &row).await?;
    let changed = FollowerChanged {
        follower: id_of(follower.user),
        home,
        follows: true,
    };
    tell(tx, me, &changed)?;
    let profile = PROFILES.get(tx, id_of(me.user)).await?.ok_or(Code::NotFound)?;
    tell(tx, follower, &shown(&profile))
}

/// Somebody follows no more. False: he did not.
///
/// # Errors
/// The transaction's.
pub async fn dismiss(tx: &RootTx, me: &Address, follower: UserId) -> Result<bool, DomainError> {
    let Some(row) = FOLLOWERS.get(tx, id_of(follower)).await? else {
        return Ok(false);
    };
    FOLLOWERS.delete(tx, id_of(follower)).await?;
    let changed = FollowerChanged {
        follower: id_of(follower),
        home: row.home.clone(),
        follows: false,
    };
    tell(tx, me, &changed)?;
    let profile = PROFILES.get(tx, id_of(me.user)).await?.unwrap_or_default();
    let hidden = ProfileHidden {
        profile: profile.version,
    };
    tell(tx, &address(&row)?, &hidden)?;
    Ok(true)
}

/// Every follower is shown the profile as it is now: in the transaction that changed it.
///
/// # Errors
/// The transaction's.
pub async fn show(tx: &RootTx, profile: &Profile) -> Result<(), DomainError> {
    for row in followers(tx).await? {
        tell(tx, &address(&row)?, &shown(profile))?;
    }
    Ok(())
}

/// # Errors
/// The transaction's.
pub async fn followers(tx: &RootTx) -> Result<Vec<Follower>, DomainError> {
    Ok(FOLLOWERS.scan(tx, Query::first(FOLLOWERS_MAX)).await?.rows)
}

/// # Errors
/// The transaction's.
pub async fn followed(tx: &RootTx) -> Result<Vec<Followed>, DomainError> {
    Ok(FOLLOWED.scan(tx, Query::first(FOLLOWED_MAX)).await?.rows)
}

/// What others show this person, and no more.
///
/// # Errors
/// `limit-exceeded` past [`FOLLOWED_MAX`]: the event is parked.
pub async fn take(tx: &RootTx, event: &Received) -> Result<(), DomainError> {
    let user = id_of(event.from.user);
    if event.is::<ProfileHidden>(DOMAIN) {
        FOLLOWED.delete(tx, user).await?;
        return Ok(());
    }
    let shown: ProfileShown = event.read()?;
    let known = FOLLOWED.get(tx, &user).await?;
    if known.is_none() && followed(tx).await?.len() >= FOLLOWED_MAX {
        return Err(Code::LimitExceeded.into());
    }
    let row = Followed {
        user,
        home: event.from.home.to_string(),
        display_name: shown.display_name,
        version: shown.profile,
    };
    FOLLOWED.put(tx, &row).await?;
    Ok(())
}

fn shown(profile: &Profile) -> ProfileShown {
    ProfileShown {
        profile: profile.version,
        display_name: profile.display_name.clone(),
    }
}

/// Where a follower was last known to live.
fn address(row: &Follower) -> Result<Address, DomainError> {
    let damaged = || Problem::new(Code::Internal).detail("a follower's row cannot be read");
    let user = Uuid::from_slice(&row.user).map_err(|_| damaged())?;
    let home: HomeId = row.home.parse().map_err(|_| damaged())?;
    Ok(Address {
        home,
        user: UserId::from_uuid(user),
    })
}
