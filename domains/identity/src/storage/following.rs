//! Who follows whom: two sides of it, in two roots. The person lets a follower in, in his own root; the follower learns of
//! it, and of every change of name, by events.

use cell_layers::{Query, RootTx};
use cell_sdk::{Address, DomainError, Received, tell, tell_back};
use platform_model::{Code, HomeId, Problem, UserId};
use uuid::Uuid;

use super::{DOMAIN, FOLLOWED, FOLLOWERS, PROFILES};
use crate::stored::{
    Followed, FollowedMoved, Follower, FollowerChanged, FollowerMoved, Profile, ProfileHidden, ProfileShown,
    id_of,
};

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
    let before = before.unwrap_or_else(|| Follower {
        user: id_of(follower.user),
        since_ms: tx.log_time_ms(),
        ..Follower::default()
    });
    note(tx, me, &Follower { home, ..before }).await?;
    let profile = PROFILES.get(tx, id_of(me.user)).await?.ok_or(Code::NotFound)?;
    tell(tx, follower, &shown(tx, &profile))
}

/// He follows, and lives there: whoever shows something to followers is told.
async fn note(tx: &RootTx, me: &Address, row: &Follower) -> Result<(), DomainError> {
    FOLLOWERS.put(tx, row).await?;
    let changed = FollowerChanged {
        follower: row.user.clone(),
        home: row.home.clone(),
        follows: true,
    };
    tell(tx, me, &changed)
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
        told_ms: tx.told_ms(),
    };
    tell_back(tx, &address(&row.user, &row.home)?, &hidden)?;
    Ok(true)
}

/// Every follower is shown the profile as it is now: in the transaction that changed it.
///
/// # Errors
/// The transaction's.
pub async fn show(tx: &RootTx, profile: &Profile) -> Result<(), DomainError> {
    for row in followers(tx).await? {
        tell(tx, &address(&row.user, &row.home)?, &shown(tx, profile))?;
    }
    Ok(())
}

/// The person has come to live here: his followers are shown him as one who lives here, under the law of here, and whom he
/// follows learn where to tell him.
///
/// # Errors
/// The transaction's.
pub async fn moved_in(tx: &RootTx, me: &Address) -> Result<(), DomainError> {
    if let Some(profile) = PROFILES.get(tx, id_of(me.user)).await? {
        show(tx, &profile).await?;
    }
    for row in followed(tx).await? {
        tell_home(tx, &address(&row.user, &row.home)?)?;
    }
    Ok(())
}

fn tell_home(tx: &RootTx, to: &Address) -> Result<(), DomainError> {
    let moved = FollowerMoved {
        told_ms: tx.told_ms(),
    };
    tell(tx, to, &moved)
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

/// What others tell this person. A retry may bring something back that was told before what is here: then it changes nothing.
///
/// # Errors
/// `limit-exceeded` past [`FOLLOWED_MAX`]: the event is parked.
pub async fn take(tx: &RootTx, event: &Received) -> Result<(), DomainError> {
    if event.is::<FollowerMoved>(DOMAIN) {
        return follower_moved(tx, event).await;
    }
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
        // He tells it to where this person lived before, for he did not stand here yet when those were told whom he follows.
        if event.known_at.is_some() {
            tell_home(tx, &event.from)?;
        }
    }
    match FOLLOWED.get(tx, &row.user).await? {
        Some(known) if known.told_ms > row.told_ms => return Ok(()),
        Some(known) if known.home != row.home => {
            let moved = FollowedMoved {
                followed: row.user.clone(),
                home: row.home.clone(),
            };
            tell(tx, &event.to, &moved)?;
        }
        Some(_) => {}
        None => make_room(tx).await?,
    }
    FOLLOWED.put(tx, &row).await?;
    Ok(())
}

/// He is told where he lives from now on. One who follows no more is forgotten already.
async fn follower_moved(tx: &RootTx, event: &Received) -> Result<(), DomainError> {
    let FollowerMoved { told_ms } = event.read()?;
    let home = event.from.home.to_string();
    match FOLLOWERS.get(tx, id_of(event.from.user)).await? {
        Some(row) if row.moved_ms <= told_ms => {
            let row = Follower {
                home,
                moved_ms: told_ms,
                ..row
            };
            note(tx, &event.to, &row).await
        }
        _ => Ok(()),
    }
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
        told_ms: tx.told_ms(),
        profile: profile.version,
        display_name: profile.display_name.clone(),
    }
}

/// Where somebody was last known to live.
fn address(user: &[u8], home: &str) -> Result<Address, DomainError> {
    let damaged = || Problem::new(Code::Internal).detail("a row of who follows whom cannot be read");
    let user = Uuid::from_slice(user).map_err(|_| damaged())?;
    let home: HomeId = home.parse().map_err(|_| damaged())?;
    Ok(Address {
        home,
        user: UserId::from_uuid(user),
    })
}
