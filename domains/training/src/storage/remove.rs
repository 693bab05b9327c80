//! Removing an activity, with all that belongs to it, in one transaction, which also tells whoever it was shown to.

use cell_layers::{RootTx, blob, samples};
use cell_sdk::DomainError;
use platform_model::Code;
use uuid::Uuid;

use super::{ACTIVITIES, LAPS, PENDING, TIMELINE, sharing};

/// # Errors
/// `not-found`; nothing is removed then.
pub async fn remove(tx: &RootTx, id: Uuid) -> Result<(), DomainError> {
    let activity = ACTIVITIES.get(tx, id).await?.ok_or(Code::NotFound)?;
    for page in 0..activity.lap_pages() {
        LAPS.delete(tx, (&activity.id, page)).await?;
    }
    TIMELINE.remove(tx, activity.started_ms, id).await?;
    samples::delete(tx, id).await?;
    blob::delete(tx, id).await?;
    PENDING.delete(tx, id).await?;
    ACTIVITIES.delete(tx, id).await?;
    sharing::withdraw(tx, id).await
}
