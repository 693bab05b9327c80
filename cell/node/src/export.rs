//! A person takes along what is held of him: the domains one after the other, each page by page.

use cell_sdk::{Domain, ExportCursor, ExportPage, RootCtx};
use platform_model::{Code, Problem};

/// # Errors
/// `invalid-cursor` for a domain that is not here; the domain's.
pub(crate) async fn page(
    domains: &[Box<dyn Domain>],
    root: &RootCtx,
    from: &ExportCursor,
) -> Result<ExportPage, Problem> {
    let mut all = domains.iter();
    let at = all.position(|domain| from.domain.is_empty() || domain.name() == from.domain);
    let at = at.ok_or(Code::InvalidCursor)?;
    let page = domains[at].export(root, from.after.as_deref()).await?;
    let cursor = |domain: &dyn Domain, after| ExportCursor {
        domain: domain.name().to_owned(),
        after,
    };
    let next = match page.next {
        Some(after) => Some(cursor(&*domains[at], Some(after))),
        None => domains.get(at + 1).map(|domain| cursor(&**domain, None)),
    };
    Ok(ExportPage {
        items: page.items,
        next,
    })
}
