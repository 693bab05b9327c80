//! `GET /v1/export`: everything that is held of a person, of all domains, page by page. Files are named, to be fetched as they
//! came: so an export that broke off goes on where it was.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use cell_sdk::{Ctx, ExportCursor, Lent, ProblemResponse};
use platform_model::{Code, Problem};

use crate::view::ExportView;

type Raw = Result<Query<BTreeMap<String, String>>, QueryRejection>;

/// `?cursor=`, of the page before.
pub async fn read(ctx: Ctx, State(services): State<Lent>, query: Raw) -> Result<Response, ProblemResponse> {
    let from = cursor(query)?;
    let page = services.export(&ctx, &from).await?;
    if from == ExportCursor::default() {
        let (home, user) = (&ctx.home, ctx.user);
        tracing::info!(target: "audit", %home, %user, "a person takes along what is held of him");
    }
    let view = ExportView {
        items: page.items,
        next_cursor: page.next.map(|next| next.text()),
    };
    Ok(Json(view).into_response())
}

fn cursor(query: Raw) -> Result<ExportCursor, Problem> {
    let Ok(Query(members)) = query else {
        return Err(Problem::new(Code::BadRequest).detail("what stands behind the ? cannot be read"));
    };
    if members.keys().any(|name| name != "cursor") {
        return Err(Problem::new(Code::BadRequest).detail("only this may be asked: cursor"));
    }
    members
        .get("cursor")
        .map_or_else(|| Ok(ExportCursor::default()), |text| text.parse())
}
