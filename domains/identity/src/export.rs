//! What a person takes along of this domain: one page, for nobody has more of it than one page holds. What only proves him - the
//! hash of his password, digests of tokens - is told of, and stays.

use cell_layers::RootTx;
use cell_sdk::{DomainError, ExportItem, Exported, RootCtx};
use platform_model::{Code, Problem};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::settings::Settings;
use crate::storage::DOMAIN;
use crate::storage::export::{Held, held};
use crate::stored::ClaimState;
use crate::view::{self, FollowedListView, FollowerListView, ProfileView, SessionListView, rfc3339};

/// # Errors
/// `invalid-cursor`: there is one page; as [`RootCtx::read`].
pub async fn page(root: &RootCtx, settings: &Settings, after: Option<&[u8]>) -> Result<Exported, Problem> {
    if after.is_some() {
        return Err(Code::InvalidCursor.into());
    }
    let user = root.user;
    let read = |tx: RootTx| async move {
        let held = held(&tx, user, settings).await?;
        items(root, held)
    };
    let items = root.read(DOMAIN, read).await?.value;
    Ok(Exported { items, next: None })
}

fn items(root: &RootCtx, held: Held) -> Result<Vec<ExportItem>, DomainError> {
    let profile = ProfileView::new(root.user, root.home.clone(), held.account, held.profile);
    let mut items = vec![item("profile", &profile)?];
    if let Some(credential) = &held.credential {
        let changed = json!({ "changed_at": rfc3339(credential.changed_ms) });
        items.push(item("password", &changed)?);
    }
    if let Some(attempts) = held.attempts.filter(|attempts| attempts.failures > 0) {
        let failed = json!({ "failures": attempts.failures, "last_at": rfc3339(attempts.failed_ms) });
        items.push(item("failed-log-ins", &failed)?);
    }
    for claim in &held.claims {
        let state = match claim.claim_state() {
            Some(ClaimState::Active) => "active",
            Some(ClaimState::Pending) => "pending",
            Some(ClaimState::Dropped) | None => "dropped",
        };
        let changed = rfc3339(claim.changed_ms);
        let value = json!({ "kind": claim.kind, "state": state, "changed_at": changed });
        items.push(item("address", &value)?);
    }
    for session in SessionListView::new(&held.sessions, Uuid::nil()).items {
        let (created, refreshed) = (session.created_at, session.last_refreshed_at);
        let value = json!({ "id": session.id, "created_at": created, "last_refreshed_at": refreshed });
        items.push(item("session", &value)?);
    }
    for follower in FollowerListView::new(&held.followers).items {
        items.push(item("follower", &follower)?);
    }
    for followed in FollowedListView::new(&held.followed).items {
        items.push(item("followed", &followed)?);
    }
    Ok(items)
}

fn item(kind: &'static str, value: &impl Serialize) -> Result<ExportItem, DomainError> {
    Ok(ExportItem {
        domain: DOMAIN,
        kind,
        value: view::value(value)?,
        files: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use crate::stored::TABLES;

    /// What an export has of each table. One that is new is told in it, or says here why not.
    const TOLD: [&str; 8] = [
        "account",
        "attempts",
        "claim",
        "credential",
        "followed",
        "follower",
        "profile",
        "session",
    ];

    #[test]
    fn every_table_is_told_of() {
        let mut names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        names.sort_unstable();
        assert_eq!(names, TOLD);
    }
}
