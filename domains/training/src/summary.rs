//! What someone who helps a person sees of the person's workouts: the newest few, with their figures. No positions, no
//! samples, no file. Who may see it is settled before.

use cell_layers::RootTx;
use cell_sdk::RootCtx;
use platform_model::Problem;
use serde::Serialize;

use crate::storage::{self, DOMAIN};
use crate::view::ActivityView;

/// Workouts in a summary.
const NEWEST_MAX: usize = 20;

#[derive(Debug, Serialize)]
pub struct SummaryView {
    /// Newest first.
    pub newest: Vec<WorkoutView>,
    /// Whether there are more.
    pub more: bool,
}

#[derive(Debug, Serialize)]
pub struct WorkoutView {
    pub id: uuid::Uuid,
    pub sport: &'static str,
    pub started_at: String,
    pub uploaded_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance_m: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timer_s: Option<f64>,
}

/// The summary of one person.
///
/// # Errors
/// As every read of the person's shard.
pub async fn summary(root: &RootCtx) -> Result<SummaryView, Problem> {
    let read = |tx: RootTx| async move { storage::list(&tx, None, NEWEST_MAX).await };
    let listed = root.read(DOMAIN, read).await?.value;
    let more = listed.next.is_some();
    let newest = listed.activities.into_iter().map(|activity| {
        let view = ActivityView::from(activity);
        WorkoutView {
            id: view.id,
            sport: view.sport,
            started_at: view.started_at,
            uploaded_at: view.uploaded_at,
            distance_m: view.figures.distance_m,
            timer_s: view.figures.timer_s,
        }
    });
    Ok(SummaryView {
        newest: newest.collect(),
        more,
    })
}
