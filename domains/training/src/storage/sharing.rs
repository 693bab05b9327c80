//! Workouts that people show each other: told by the author's root in the transaction of the upload or removal, kept in the
//! follower's, numbered in the order in which they came.

use cell_layers::{Query, RootTx, RowCursor, Rows};
use cell_sdk::{Address, DomainError, Received, tell, tell_back};
use platform_model::{Code, HomeId, Problem, UserId};
use uuid::Uuid;

use super::{DOMAIN, HIDDEN, SHARED, SHARED_NEXT, SHOWN_TO, WITHDRAWN};
use crate::stored::{
    Activity, HiddenAuthor, SharedNext, SharedWorkout, ShownTo, WithdrawnWorkout, WorkoutShared,
    WorkoutWithdrawn, WorkoutsHidden,
};

/// The domain that says who follows, and its events that are taken here.
pub const IDENTITY: &str = "identity";
pub const FOLLOWER_CHANGED: &str = "follower_changed";
pub const FOLLOWED_MOVED: &str = "followed_moved";
/// People to whom one person's workouts are shown.
const SHOWN_TO_MAX: usize = 1_000;
/// Shared workouts that one person keeps; past it the oldest goes. All of them can be removed in one transaction: one who
/// shows nothing more leaves nothing.
pub const SHARED_MAX: usize = 1_000;
/// Of what is remembered so that nothing old comes back; past it one of them goes.
const REMEMBERED_MAX: usize = 1_000;

/// What identity tells of a follower. Only the fields that are looked at.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FollowerChanged {
    #[prost(bytes = "vec", tag = "1")]
    pub follower: Vec<u8>,
    #[prost(string, tag = "2")]
    pub home: String,
    #[prost(bool, tag = "3")]
    pub follows: bool,
}

/// What it tells of whom the person follows.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FollowedMoved {
    #[prost(bytes = "vec", tag = "1")]
    pub followed: Vec<u8>,
    #[prost(string, tag = "2")]
    pub home: String,
}

/// Shows a new workout to every follower.
///
/// # Errors
/// The transaction's.
pub async fn share(tx: &RootTx, activity: &Activity) -> Result<(), DomainError> {
    let figures = activity.figures.unwrap_or_default();
    let shared = WorkoutShared {
        workout: activity.id.clone(),
        title: activity.name.clone(),
        sport: Some(activity.sport),
        started_ms: Some(activity.started_ms),
        distance_m: figures.distance_m,
        timer_s: figures.timer_s,
        heart_rate_avg: figures.heart_rate_avg,
        energy_kcal: figures.energy_kcal,
        told_ms: tx.told_ms(),
    };
    for follower in followers(tx).await? {
        tell(tx, &follower, &shared)?;
    }
    Ok(())
}

/// A workout was removed: nobody sees it any more.
///
/// # Errors
/// The transaction's.
pub async fn withdraw(tx: &RootTx, workout: Uuid) -> Result<(), DomainError> {
    let withdrawn = WorkoutWithdrawn {
        workout: workout.as_bytes().to_vec(),
    };
    for follower in followers(tx).await? {
        tell_back(tx, &follower, &withdrawn)?;
    }
    Ok(())
}

/// What this domain does with the events that it takes.
///
/// # Errors
/// `bad-request` for a message that is none.
pub async fn take(tx: &RootTx, event: &Received) -> Result<(), DomainError> {
    match (event.domain.as_str(), event.name.as_str()) {
        (IDENTITY, FOLLOWER_CHANGED) => follower_changed(tx, event).await,
        (IDENTITY, FOLLOWED_MOVED) => author_moved(tx, event).await,
        (DOMAIN, _) if event.is::<WorkoutShared>(DOMAIN) => keep(tx, event).await,
        (DOMAIN, _) if event.is::<WorkoutWithdrawn>(DOMAIN) => remove(tx, event).await,
        (DOMAIN, _) if event.is::<WorkoutsHidden>(DOMAIN) => forget(tx, event).await,
        _ => Err(Code::BadRequest.into()),
    }
}

/// Newest first.
///
/// # Errors
/// The transaction's.
pub async fn list(
    tx: &RootTx,
    after: Option<RowCursor>,
    limit: usize,
) -> Result<Rows<SharedWorkout>, DomainError> {
    Ok(SHARED
        .scan(tx, Query::first(limit).reversed().after(after))
        .await?)
}

/// Whom the person's workouts are shown.
///
/// # Errors
/// The transaction's.
pub async fn shown_to(tx: &RootTx) -> Result<Vec<ShownTo>, DomainError> {
    Ok(SHOWN_TO.scan(tx, Query::first(SHOWN_TO_MAX)).await?.rows)
}

async fn follower_changed(tx: &RootTx, event: &Received) -> Result<(), DomainError> {
    let changed: FollowerChanged = read(event)?;
    let row = ShownTo {
        user: changed.follower,
        home: changed.home,
    };
    let follower = address(&row)?;
    if changed.follows {
        return Ok(SHOWN_TO.put(tx, &row).await?);
    }
    SHOWN_TO.delete(tx, &row.user).await?;
    // From here, not from where he was let go: so it is behind every workout that he was shown until now.
    let hidden = WorkoutsHidden {
        told_ms: tx.told_ms(),
    };
    tell_back(tx, &follower, &hidden)
}

/// What the author showed is where he lives now, and under the law of there.
async fn author_moved(tx: &RootTx, event: &Received) -> Result<(), DomainError> {
    let FollowedMoved { followed, home } = read(event)?;
    // A law may have left it out, of what he was told in a home under another one.
    if home.parse::<HomeId>().is_err() {
        let problem = Problem::new(Code::BadRequest).detail("the event does not say where the author lives");
        return Err(problem.into());
    }
    let rows = SHARED
        .by_index(tx, "author", &followed, Query::first(SHARED_MAX))
        .await?;
    for row in rows.rows.into_iter().filter(|row| row.author_home != home) {
        let author_home = home.clone();
        SHARED.put(tx, &SharedWorkout { author_home, ..row }).await?;
    }
    Ok(())
}

fn read<M: prost::Message + Default>(event: &Received) -> Result<M, DomainError> {
    let unreadable =
        |_| Problem::new(Code::BadRequest).detail("the event is not the message that it should be");
    Ok(M::decode(event.message.as_slice()).map_err(unreadable)?)
}

/// Appended, whatever is there: that nothing comes twice is the platform's promise, and to be seen here. Only what was told
/// before it was taken back, and comes by a retry, does not come any more.
async fn keep(tx: &RootTx, event: &Received) -> Result<(), DomainError> {
    let shared: WorkoutShared = event.read()?;
    let author = event.from.user.as_bytes().to_vec();
    let hidden = HIDDEN.get(tx, &author).await?;
    let withdrawn = WITHDRAWN.delete(tx, (&author, &shared.workout)).await?;
    if withdrawn || hidden.is_some_and(|hidden| shared.told_ms <= hidden.told_ms) {
        return Ok(());
    }
    let next = SHARED_NEXT.get(tx, NEXT).await?.map_or(1, |row| row.number);
    let row = SharedWorkout {
        number: next,
        author,
        author_home: event.from.home.to_string(),
        workout: shared.workout,
        title: shared.title,
        sport: shared.sport,
        started_ms: shared.started_ms,
        distance_m: shared.distance_m,
        timer_s: shared.timer_s,
        heart_rate_avg: shared.heart_rate_avg,
        energy_kcal: shared.energy_kcal,
        came_ms: tx.log_time_ms(),
    };
    SHARED.insert(tx, &row).await?;
    if let Some(oldest) = next.checked_sub(SHARED_MAX as u64) {
        SHARED.delete(tx, oldest).await?;
    }
    let next = SharedNext {
        id: NEXT,
        number: next + 1,
    };
    SHARED_NEXT.put(tx, &next).await?;
    Ok(())
}

const NEXT: u32 = 0;

async fn remove(tx: &RootTx, event: &Received) -> Result<(), DomainError> {
    let withdrawn: WorkoutWithdrawn = event.read()?;
    let author = event.from.user.as_bytes().to_vec();
    let key = (&author, &withdrawn.workout);
    let rows = SHARED
        .by_index(tx, "workout", key, Query::first(SHARED_MAX))
        .await?
        .rows;
    for row in &rows {
        SHARED.delete(tx, row.number).await?;
    }
    if !rows.is_empty() {
        return Ok(());
    }
    // It was never seen, or went long ago: it may be parked, and be tried again.
    let others = WITHDRAWN.scan(tx, Query::first(REMEMBERED_MAX)).await?.rows;
    if let Some(other) = others.first().filter(|_| others.len() >= REMEMBERED_MAX) {
        WITHDRAWN.delete(tx, (&other.author, &other.workout)).await?;
    }
    let row = WithdrawnWorkout {
        author,
        workout: withdrawn.workout,
    };
    Ok(WITHDRAWN.put(tx, &row).await?)
}

/// One who shows nothing more: all that he showed goes, and nothing of it comes back.
async fn forget(tx: &RootTx, event: &Received) -> Result<(), DomainError> {
    let hidden: WorkoutsHidden = event.read()?;
    let author = event.from.user.as_bytes().to_vec();
    let rows = SHARED
        .by_index(tx, "author", &author, Query::first(SHARED_MAX))
        .await?;
    for row in rows.rows {
        SHARED.delete(tx, row.number).await?;
    }
    let others = HIDDEN.scan(tx, Query::first(REMEMBERED_MAX)).await?.rows;
    if let Some(other) = others.first().filter(|_| others.len() >= REMEMBERED_MAX) {
        HIDDEN.delete(tx, &other.author).await?;
    }
    let row = HiddenAuthor {
        author,
        told_ms: hidden.told_ms,
    };
    Ok(HIDDEN.put(tx, &row).await?)
}

async fn followers(tx: &RootTx) -> Result<Vec<Address>, DomainError> {
    let rows = shown_to(tx).await?;
    rows.iter().map(address).collect()
}

fn address(row: &ShownTo) -> Result<Address, DomainError> {
    let damaged = || Problem::new(Code::Internal).detail("a follower's row cannot be read");
    let user = Uuid::from_slice(&row.user).map_err(|_| damaged())?;
    let home: HomeId = row.home.parse().map_err(|_| damaged())?;
    Ok(Address {
        home,
        user: UserId::from_uuid(user),
    })
}
