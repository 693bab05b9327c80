//! What a person told in the shard that he has left, and that is not where it goes: sealed with his key there, which stays
//! for as long.

use std::collections::BTreeSet;

use cell_layers::event::Posted;
use cell_shard::{Found, Shard};
use platform_model::{RootRef, UserId};

/// Events that are read at once.
const AT_ONCE: usize = 1_000;

/// Whether something that he told here waits, in the outbox or for a broker, or may be his.
///
/// # Errors
/// What the shard answers.
pub(crate) async fn waits(shard: &Shard, user: UserId) -> Result<bool, String> {
    if waits_for_roots(shard, user).await? {
        return Ok(true);
    }
    let root = RootRef::user(user);
    if !shard.is_bridged() {
        return Ok(false);
    }
    let mut after = None;
    loop {
        let page = shard.bridge_page(after.as_ref(), AT_ONCE).await;
        let page = page.map_err(|error| error.to_string())?;
        if is_among(&page.found, root) {
            return Ok(true);
        }
        after = page.found.last().map(|last| *last.key()).or(after);
        if !page.more {
            return Ok(false);
        }
    }
}

/// The same, of what is for others' roots.
async fn waits_for_roots(shard: &Shard, user: UserId) -> Result<bool, String> {
    let (mut walk, root) = (shard.outbox(), RootRef::user(user));
    while let Some(found) = walk.page().await.map_err(|error| error.to_string())? {
        if is_among(&found, root) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// For whom something that he told here waits in the outbox, or something of which nobody can tell whose it is.
///
/// # Errors
/// As [`waits`].
pub(crate) async fn receivers(shard: &Shard, user: UserId) -> Result<BTreeSet<UserId>, String> {
    let (mut walk, root) = (shard.outbox(), RootRef::user(user));
    let mut those = BTreeSet::new();
    while let Some(found) = walk.page().await.map_err(|error| error.to_string())? {
        let may_be_his = found.iter().filter(|found| may_be_of(found, root));
        those.extend(may_be_his.filter_map(|found| found.key().to.as_user()));
    }
    Ok(those)
}

fn is_among(found: &[Found], root: RootRef) -> bool {
    found.iter().any(|found| may_be_of(found, root))
}

fn may_be_of(found: &Found, root: RootRef) -> bool {
    match found {
        Found::Row(row) => Posted::read(&row.payload).is_some_and(|posted| posted.from == root),
        // Of a later version: whose it is nobody here can tell, and without his key it would be lost.
        Found::Unreadable(_) => true,
    }
}
