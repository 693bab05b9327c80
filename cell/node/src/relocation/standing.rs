//! Transactions on where a person stands in a shard, beside his root and of it.

use std::time::Duration;

use cell_layers::place::{self, Standing};
use cell_layers::{LayerError, ended};
use cell_relay::Place;
use cell_shard::{Mode, Request, Scope, Shard, Tx, WriteError};
use platform_model::{Actor, HomeId, Position, Problem, RequestId, RootRef, UserId};
use platform_runtime::random;

use crate::problems::unavailable;

/// Stands in log entries as who did it.
pub(super) const DOMAIN: &str = "relocation";
const DEADLINE: Duration = Duration::from_secs(5);
/// Why nothing begins for somebody.
pub(super) const ENDED: &str = "he was erased, or is about to be";

/// Why a step on a shard did not come about.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// Not in the state in which he is.
    #[error("{0}")]
    Refused(String),
}

impl From<cell_shard::TxError> for StepError {
    fn from(error: cell_shard::TxError) -> Self {
        Self::Layer(error.into())
    }
}

pub(super) type Failed = WriteError<StepError>;

/// A transaction of the person's root, which may go past his fence.
pub(super) fn request(user: UserId) -> Request {
    Request {
        actor: Actor::Service(DOMAIN.to_owned()),
        domain: DOMAIN,
        request_id: RequestId::from_uuid(random::uuid_v7()),
        mode: Mode::Sync,
        scope: Scope::Root(RootRef::user(user)),
        not_older_than: None,
        deadline: DEADLINE,
    }
}

/// Where he stands; none: he never moved.
pub(super) async fn read(shard: &Shard, user: UserId) -> Result<Option<Standing>, Failed> {
    Ok(read_at(shard, user).await?.0)
}

/// The same, with the time of the log.
pub(super) async fn read_at(shard: &Shard, user: UserId) -> Result<(Option<Standing>, u64), Failed> {
    let look = |tx: Tx| async move {
        let standing = place::standing(&tx, user).await?;
        Ok::<_, StepError>((standing, tx.log_time_ms()))
    };
    Ok(shard.read(&request(user), look).await?.value)
}

/// Changes where he stands, by what he stands in at that moment; answers what he stands in then, and where in the log.
pub(super) async fn change<F>(shard: &Shard, user: UserId, f: F) -> Result<(Standing, Position), Failed>
where
    F: Fn(Option<Standing>) -> Result<Standing, String> + Send + Sync,
{
    change_if(shard, user, false, f).await
}

/// The same for one who is not erased, nor about to be: the mark of that is read in the same transaction, so that whoever ends
/// his root meanwhile finds what was changed, or is found.
pub(super) async fn change_living<F>(
    shard: &Shard,
    user: UserId,
    f: F,
) -> Result<(Standing, Position), Failed>
where
    F: Fn(Option<Standing>) -> Result<Standing, String> + Send + Sync,
{
    change_if(shard, user, true, f).await
}

async fn change_if<F>(
    shard: &Shard,
    user: UserId,
    is_living: bool,
    f: F,
) -> Result<(Standing, Position), Failed>
where
    F: Fn(Option<Standing>) -> Result<Standing, String> + Send + Sync,
{
    let f = &f;
    let change = |tx: Tx| async move {
        if is_living && is_ended(&tx).await? {
            return Err(StepError::Refused(ENDED.to_owned()));
        }
        let before = place::standing(&tx, user).await?;
        let after = f(before.clone()).map_err(StepError::Refused)?;
        if before.as_ref() != Some(&after) {
            place::put_standing(&tx, user, &after)?;
        }
        Ok::<_, StepError>(after)
    };
    let answer = shard.write(&request(user), change).await?;
    Ok((answer.value, answer.position.position))
}

/// Whether nothing is written in his root any more: he was erased, or is about to be.
pub(super) async fn has_ended(shard: &Shard, user: UserId) -> Result<bool, Failed> {
    let look = |tx: Tx| async move { is_ended(&tx).await };
    Ok(shard.read(&request(user), look).await?.value)
}

async fn is_ended(tx: &Tx) -> Result<bool, StepError> {
    match ended::goes_on(tx).await {
        Ok(()) => Ok(false),
        Err(LayerError::RootEnded) => Ok(true),
        Err(error) => Err(StepError::Layer(error)),
    }
}

/// Where he lives by now, if this shard knows that he has gone.
///
/// # Errors
/// As [`came_from`]: a shard that cannot say has not said that he is nobody.
pub(crate) async fn gone(shard: &Shard, user: UserId) -> Result<Option<(HomeId, u64)>, Problem> {
    let standing = standing_of(shard, user).await?;
    Ok(standing.and_then(|standing| match standing.place {
        Place::Gone { to, user_epoch } => Some((to, user_epoch)),
        _ => None,
    }))
}

/// Where he lived before he came here, if he lives here.
///
/// # Errors
/// `unavailable` while the shard cannot say.
pub(crate) async fn came_from(shard: &Shard, user: UserId) -> Result<Option<HomeId>, Problem> {
    let standing = read(shard, user).await;
    let standing = standing.map_err(|error| unavailable(&error.to_string()))?;
    Ok(standing.and_then(|standing| standing.came_from))
}

/// How he stands here; none: he lives here and never moved, or is nobody.
///
/// # Errors
/// As [`came_from`].
pub(crate) async fn standing_of(shard: &Shard, user: UserId) -> Result<Option<Standing>, Problem> {
    let standing = read(shard, user).await;
    standing.map_err(|error| unavailable(&error.to_string()))
}

/// Why a shard may not end what it has of somebody: his life goes on elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Elsewhere {
    /// He is about to move, or moves.
    Moves,
    Lives(HomeId),
}

pub(crate) fn elsewhere(standing: Option<&Standing>) -> Option<Elsewhere> {
    let standing = standing?;
    if let Place::Gone { to, .. } = &standing.place {
        return Some(Elsewhere::Lives(to.clone()));
    }
    let errand = standing.errand.as_ref().is_some_and(|errand| errand.under_way);
    let moves = errand || matches!(standing.place, Place::Fenced { .. } | Place::Incoming { .. });
    moves.then_some(Elsewhere::Moves)
}

/// Whether nothing can be done any more in this term.
pub(super) fn is_over(error: &Failed) -> bool {
    matches!(error, WriteError::Fenced)
}
