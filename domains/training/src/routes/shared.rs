//! `GET /v1/following/activities`: workouts that others show the caller, newest first.

use axum::Json;
use axum::response::{IntoResponse, Response};
use cell_layers::{RootTx, RowCursor};
use cell_sdk::{Ctx, ProblemResponse};

use super::query::{ListQuery, Raw, cursor_text};
use crate::storage::{DOMAIN, sharing};
use crate::view::{SharedListView, SharedView};

pub async fn list(ctx: Ctx, query: Raw) -> Result<Response, ProblemResponse> {
    let ListQuery { limit, after } = ListQuery::read(query)?;
    let read = |tx: RootTx| {
        let after = after.clone().map(RowCursor);
        async move { sharing::list(&tx, after, limit).await }
    };
    let page = ctx.read(DOMAIN, read).await?.value;
    Ok(Json(SharedListView {
        items: page.rows.into_iter().map(SharedView::from).collect(),
        next_cursor: page.next.map(|RowCursor(next)| cursor_text(&next)),
    })
    .into_response())
}
