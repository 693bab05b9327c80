//! `GET`: the list, one activity, its streams, its file.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use cell_layers::RootTx;
use cell_sdk::{Ctx, ProblemResponse};
use http::{HeaderMap, HeaderValue, header};

use super::query::{ListQuery, Raw, StreamQuery, cursor_text};
use super::{body, id_of};
use crate::gate::Gate;
use crate::model::Format;
use crate::storage::{self, DOMAIN};
use crate::stored::{Activity, Original};
use crate::view::{self, DetailView, ListView};

/// Newest start first.
pub async fn list(ctx: Ctx, query: Raw) -> Result<Response, ProblemResponse> {
    let ListQuery { limit, after } = ListQuery::read(query)?;
    let read = |tx: RootTx| {
        let after = after.clone();
        async move { storage::list(&tx, after.as_deref(), limit).await }
    };
    let listed = ctx.read(DOMAIN, read).await?.value;
    let items = listed.activities.into_iter().map(Into::into).collect();
    Ok(Json(ListView {
        items,
        next_cursor: listed.next.as_deref().map(cursor_text),
    })
    .into_response())
}

pub async fn detail(ctx: Ctx, Path(id): Path<String>) -> Result<Response, ProblemResponse> {
    let id = id_of(&id)?;
    let read = |tx: RootTx| async move {
        let activity = storage::get(&tx, id).await?;
        let laps = storage::laps(&tx, &activity).await?;
        Ok((activity, laps))
    };
    let (activity, laps) = ctx.read(DOMAIN, read).await?.value;
    Ok(Json(DetailView {
        activity: activity.into(),
        laps: view::laps(laps),
    })
    .into_response())
}

pub async fn streams(ctx: Ctx, Path(id): Path<String>, query: Raw) -> Result<Response, ProblemResponse> {
    let id = id_of(&id)?;
    let StreamQuery {
        channels,
        resolution_s,
        within_ms,
    } = StreamQuery::read(query)?;
    let read = |tx: RootTx| {
        let (channels, within_ms) = (channels.clone(), within_ms.clone());
        async move {
            let activity = storage::get(&tx, id).await?;
            let points = storage::points(&tx, &activity, &channels, within_ms).await?;
            Ok((activity, points))
        }
    };
    let (activity, mut points) = ctx.read(DOMAIN, read).await?.value;
    if resolution_s > 0 {
        points = points.bucketed(i64::from(resolution_s) * 1_000);
    }
    let next_ms = points.cut();
    Ok(Json(view::streams(&activity, resolution_s, &points, next_ms)).into_response())
}

/// The very bytes that came.
pub async fn original(
    ctx: Ctx,
    Path(id): Path<String>,
    Extension(gate): Extension<Gate>,
) -> Result<Response, ProblemResponse> {
    let id = id_of(&id)?;
    let size = |tx: RootTx| async move { storage::original_bytes(&tx, id).await };
    let room = gate.room(ctx.read(DOMAIN, size).await?.value)?;
    let read = |tx: RootTx| async move { storage::original(&tx, id).await };
    let (activity, bytes) = ctx.read(DOMAIN, read).await?.value;
    let mut headers = file_headers(&activity);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    Ok((headers, body::leaving(bytes, room)).into_response())
}

fn file_headers(activity: &Activity) -> HeaderMap {
    let original = activity.original.clone().unwrap_or_default();
    let Original {
        format, gzip, sha256, ..
    } = original;
    let format = Format::from_number(format);
    let (kind, end) = match (format, gzip) {
        (Some(format), true) => ("application/gzip", format!("{}.gz", format.name())),
        (Some(format), false) => (format.media_type(), format.name().to_owned()),
        (None, _) => ("application/octet-stream", "bin".to_owned()),
    };
    let name = format!(
        "attachment; filename=\"{}.{end}\"",
        activity.uuid().unwrap_or_default()
    );
    let digest: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    for (header, value) in [
        (header::CONTENT_DISPOSITION, name),
        (header::ETAG, format!("\"{digest}\"")),
    ] {
        headers.insert(
            header,
            HeaderValue::try_from(value).expect("hex digits and plain letters"),
        );
    }
    headers
}
