//! Reading activities.

use std::ops::Range;

use cell_layers::samples::{self, Column};
use cell_layers::timeline::Order;
use cell_layers::{LayerError, RootTx, blob};
use cell_sdk::DomainError;
use platform_model::{Code, Problem};
use uuid::Uuid;

use super::{ACTIVITIES, LAPS, TIMELINE};
use crate::columns::{TIME, from_steps};
use crate::model::Channel;
use crate::stored::{Activity, Lap};
use crate::streams::Points;

/// A page of the list, newest start first.
#[derive(Debug, Clone)]
pub struct Listed {
    pub activities: Vec<Activity>,
    /// Where to go on, sealed.
    pub next: Option<Vec<u8>>,
}

/// # Errors
/// `not-found`.
pub async fn get(tx: &RootTx, id: Uuid) -> Result<Activity, DomainError> {
    Ok(ACTIVITIES.get(tx, id).await?.ok_or(Code::NotFound)?)
}

/// # Errors
/// `invalid-cursor` for a cursor that is none of this list's.
pub async fn list(tx: &RootTx, after: Option<&[u8]>, limit: usize) -> Result<Listed, DomainError> {
    let page = match TIMELINE.page(tx, after, limit, Order::NewestFirst).await {
        Err(LayerError::InvalidCursor) => return Err(Code::InvalidCursor.into()),
        other => other?,
    };
    let mut activities = Vec::with_capacity(page.entries.len());
    for entry in page.entries {
        activities.push(
            ACTIVITIES
                .get(tx, entry.id)
                .await?
                .ok_or_else(|| damaged("a listed activity is not there"))?,
        );
    }
    Ok(Listed {
        activities,
        next: page.next,
    })
}

/// All laps, in order.
///
/// # Errors
/// The transaction's.
pub async fn laps(tx: &RootTx, activity: &Activity) -> Result<Vec<Lap>, DomainError> {
    let mut laps = Vec::new();
    for page in 0..activity.lap_pages() {
        let row = LAPS.get(tx, (&activity.id, page)).await?;
        laps.extend(row.ok_or_else(|| damaged("a page of laps is not there"))?.laps);
    }
    Ok(laps)
}

/// Size of the file.
///
/// # Errors
/// `not-found`.
pub async fn original_bytes(tx: &RootTx, id: Uuid) -> Result<usize, DomainError> {
    let about = blob::info(tx, id).await?.ok_or(Code::NotFound)?;
    usize::try_from(about.size_bytes).map_err(|_| damaged("a file is longer than memory"))
}

/// The file, as it came.
///
/// # Errors
/// `not-found`.
pub async fn original(tx: &RootTx, id: Uuid) -> Result<(Activity, Vec<u8>), DomainError> {
    let activity = get(tx, id).await?;
    let bytes = blob::get_all(tx, id)
        .await?
        .ok_or_else(|| damaged("the file of an activity is not there"))?;
    Ok((activity, bytes))
}

/// The records with a time in `within` (milliseconds since the start), of those channels that the activity has.
///
/// # Errors
/// The transaction's.
pub async fn points(
    tx: &RootTx,
    activity: &Activity,
    channels: &[Channel],
    within: Range<i64>,
) -> Result<Points, DomainError> {
    let id = activity.uuid().ok_or_else(|| damaged("an activity has no id"))?;
    let since_start = |time: i64| time - activity.started_ms;
    let times: Vec<i64> = whole_column(tx, id, TIME, 0..u64::MAX)
        .await?
        .into_iter()
        .flatten()
        .map(since_start)
        .collect();
    let start = times.partition_point(|time| *time < within.start);
    let end = times.partition_point(|time| *time < within.end).max(start);
    let mut columns = Vec::new();
    for channel in channels.iter().copied().filter(|channel| activity.has(*channel)) {
        let steps = whole_column(tx, id, channel.name(), start as u64..end as u64).await?;
        let values = steps
            .into_iter()
            .map(|step| step.map(|step| from_steps(channel, step)));
        columns.push((channel, values.collect()));
    }
    Ok(Points {
        time_ms: times[start..end].to_vec(),
        columns,
    })
}

async fn whole_column(
    tx: &RootTx,
    id: Uuid,
    name: &str,
    range: Range<u64>,
) -> Result<Vec<Option<i64>>, DomainError> {
    match samples::read(tx, id, name, range).await? {
        Some(Column::I64(values)) => Ok(values),
        Some(Column::F64(_)) => Err(damaged("a column is of another kind")),
        None => Err(damaged("a column is not there")),
    }
}

fn damaged(what: &'static str) -> DomainError {
    Problem::new(Code::Internal).detail(what).into()
}
