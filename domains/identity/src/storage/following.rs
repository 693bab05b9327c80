//! Who follows whom: two sides of it, in two roots. The person lets a follower in, in his own root; the follower learns of
//! it, and of every change of name, by events.

use cell_layers::{Query, RootTx};
use cell_sdk::{Address, DomainError, Received, tell, tell_back};
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
    tell(tx, follower, &shown(tx, &profile))
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
    tell_back(tx, me, &changed)?;
    let profile = PROFILES.get(tx, id_of(me.user)).await?.unwrap_or_default();
    let hidden = ProfileHidden {
        profile: profile.version,
        told_ms: tx.log_time_ms(),
    };
    tell_back(tx, &address(&row)?, &hidden)?;
    Ok(true)
}

/// Every follower is shown the profile as it is now: in the transaction that changed it.
///
/// # Errors
/// The transaction's.
pub async fn show(tx: &RootTx, profile: &Profile) -> Result<(), DomainError> {
    for row in followers(tx).await? {
        tell(tx, &address(&row)?, &shown(tx, profile))?;
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
    let mut rows = FOLLOWED.scan(tx, Query::first(FOLLOWED_MAX)).await?.rows;
    rows.retain(|row| !row.hidden);
    Ok(rows)
}

/// What others show this person, and no more. A retry may bring something back that was told before what is here: then it
/// changes nothing.
///
/// # Errors
/// `limit-exceeded` past [`FOLLOWED_MAX`]: the event is parked.
pub async fn take(tx: &RootTx, event: &Received) -> Result<(), DomainError> {
    let mut row = Followed {
        user: id_of(event.from.user),
        home: event.from.home.to_string(),
        ..Followed::default()
    };
    if event.is::<ProfileHidden>(DOMAIN) {
        let hidden: ProfileHidden = event.read()?;
        (row.version, row.told_ms, row.hidden) = (hidden.profile, hidden.told_ms, true);
    } else {
        let shown: ProfileShown = event.read()?;
        (row.version, row.told_ms) = (shown.profile, shown.told_ms);
        row.display_name = shown.display_name;
    }
    match FOLLOWED.get(tx, &row.user).await? {
        Some(known) if known.told_ms > row.told_ms => return Ok(()),
        Some(_) => {}
        None => make_room(tx).await?,
    }
    FOLLOWED.put(tx, &row).await?;
    Ok(())
}

/// One who shows himself no more makes room for one who does.
async fn make_room(tx: &RootTx) -> Result<(), DomainError> {
    let rows = FOLLOWED.scan(tx, Query::first(FOLLOWED_MAX)).await?.rows;
    if rows.len() < FOLLOWED_MAX {
        return Ok(());
    }
    let gone = rows.iter().find(|row| row.hidden).ok_or(Code::LimitExceeded)?;
    FOLLOWED.delete(tx, &gone.user).await?;
    Ok(())
}

fn shown(tx: &RootTx, profile: &Profile) -> ProfileShown {
    ProfileShown {
        told_ms: tx.log_time_ms(),
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
