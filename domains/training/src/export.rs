//! What a person takes along of this domain: every workout with its laps, newest first, its file and its streams by their paths;
//! then what others show him, and whom he shows what.

use cell_layers::{RootTx, RowCursor};
use cell_sdk::{DomainError, ExportItem, Exported, RootCtx};
use platform_model::{Code, Problem};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::storage::{self, DOMAIN, sharing};
use crate::stored::Activity;
use crate::view::{self, DetailView, SharedView};

/// Things of one page.
const PAGE: usize = 20;
/// First byte of a cursor: which list it is of. Whom he shows what ends the last.
const WORKOUTS: u8 = 0;
const SHARED: u8 = 1;

/// # Errors
/// `invalid-cursor`; as [`RootCtx::read`].
pub async fn page(root: &RootCtx, after: Option<&[u8]>) -> Result<Exported, Problem> {
    pages_of(root, after, PAGE).await
}

async fn pages_of(root: &RootCtx, after: Option<&[u8]>, limit: usize) -> Result<Exported, Problem> {
    let Some(after) = after else {
        return workouts(root, None, limit).await;
    };
    let (list, after) = after.split_first().ok_or(Code::InvalidCursor)?;
    let after = Some(after).filter(|after| !after.is_empty());
    match *list {
        WORKOUTS => workouts(root, after, limit).await,
        SHARED => shared(root, after, limit).await,
        _ => Err(Code::InvalidCursor.into()),
    }
}

async fn workouts(root: &RootCtx, after: Option<&[u8]>, limit: usize) -> Result<Exported, Problem> {
    let read = |tx: RootTx| async move {
        let listed = storage::list(&tx, after, limit).await?;
        let mut items = Vec::with_capacity(listed.activities.len());
        for activity in listed.activities {
            let laps = view::laps(storage::laps(&tx, &activity).await?);
            items.push(workout(activity, laps)?);
        }
        let next = listed
            .next
            .map_or_else(|| vec![SHARED], |next| marked(WORKOUTS, &next));
        Ok(Exported {
            items,
            next: Some(next),
        })
    };
    Ok(root.read(DOMAIN, read).await?.value)
}

fn workout(activity: Activity, laps: Vec<view::LapView>) -> Result<ExportItem, DomainError> {
    let id = activity.uuid().unwrap_or_default();
    let view = DetailView {
        activity: activity.into(),
        laps,
    };
    let path = |part: &str| format!("/v1/activities/{id}/{part}");
    Ok(ExportItem {
        files: vec![path("original"), path("streams")],
        ..item("activity", &view)?
    })
}

async fn shared(root: &RootCtx, after: Option<&[u8]>, limit: usize) -> Result<Exported, Problem> {
    let read = |tx: RootTx| async move {
        let after = after.map(|after| RowCursor(after.to_vec()));
        let page = sharing::list(&tx, after, limit).await?;
        let mut items = Vec::with_capacity(page.rows.len());
        for row in page.rows {
            items.push(item("shared-workout", &SharedView::from(row))?);
        }
        let next = page.next.map(|RowCursor(next)| marked(SHARED, &next));
        if next.is_none() {
            for shown in sharing::shown_to(&tx).await? {
                let user = Uuid::from_slice(&shown.user).unwrap_or_default();
                items.push(item("shown-to", &json!({ "user": user, "home": shown.home }))?);
            }
        }
        Ok(Exported { items, next })
    };
    Ok(root.read(DOMAIN, read).await?.value)
}

fn marked(list: u8, next: &[u8]) -> Vec<u8> {
    [&[list], next].concat()
}

fn item(kind: &'static str, value: &impl Serialize) -> Result<ExportItem, DomainError> {
    let unwritable = |_| Problem::new(Code::Internal).detail("what is held cannot be written");
    Ok(ExportItem {
        domain: DOMAIN,
        kind,
        value: serde_json::to_value(value).map_err(unwritable)?,
        files: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use crate::routes::tests::bench_of_routes::Bench;
    use crate::stored::TABLES;

    /// What an export has of each table, and why it has nothing of the others. One that is new is told in it, or says here why
    /// not.
    const TABLES_TOLD: [(&str, &str); 8] = [
        ("activity", ""),
        ("hidden_author", "an id, so that nothing old comes back"),
        ("lap_page", ""),
        ("pending_upload", "an upload that is not a workout yet"),
        ("shared_next", "a counter"),
        ("shared_workout", ""),
        ("shown_to", ""),
        ("withdrawn_workout", "an id, so that nothing old comes back"),
    ];

    #[test]
    fn every_table_is_told_of_or_has_a_reason() {
        let mut names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        names.sort_unstable();
        assert_eq!(names, TABLES_TOLD.map(|(name, _)| name));
    }

    #[tokio::test]
    async fn page_by_page_everything_comes_along_once() {
        let bench = Bench::new().await;
        let mut sent = Vec::new();
        for file in ["hrv-activity.fit", "20210119_run_garmin_fenix6.tcx"] {
            let (_, activity) = bench.upload(fixtures::get(file)).await;
            sent.push(activity["id"].as_str().expect("an id").to_owned());
        }
        let (mut came, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = pages_of(&bench.root(), after.as_deref(), 1)
                .await
                .expect("a page");
            pages += 1;
            came.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert!(pages >= 3, "one workout a page, then what others show: {pages}");
        let mut ids: Vec<&str> = came.iter().filter_map(|item| item.value["id"].as_str()).collect();
        ids.sort_unstable();
        sent.sort();
        assert_eq!(ids, sent);
        for item in &came {
            assert_eq!(item.files.len(), 2, "{item:?}");
            let (status, streams) = bench.ask("GET", &item.files[1]).await;
            assert_eq!(status, http::StatusCode::OK, "{streams}");
        }
        for bad in [&[][..], &[9], &[WORKOUTS, 1, 2, 3]] {
            let refused = page(&bench.root(), Some(bad)).await;
            let code = refused.map_err(|problem| problem.code);
            assert_eq!(code, Err(Code::InvalidCursor), "{bad:?}");
        }
    }
}
