//! The title that a person gives a workout, in place of the file's.

use cell_layers::RootTx;
use cell_sdk::DomainError;
use uuid::Uuid;

use super::{ACTIVITIES, get};
use crate::stored::Activity;

/// # Errors
/// `not-found`; nothing is changed then.
pub async fn rename(tx: &RootTx, id: Uuid, name: Option<String>) -> Result<Activity, DomainError> {
    let mut activity = get(tx, id).await?;
    activity.name = name;
    ACTIVITIES.put(tx, &activity).await?;
    Ok(activity)
}
