//! What the node asks: whether the session of an access token still lives, at each request; whether a person is there at
//! all, before an event is taken for him; what has become of a claim that the directory holds.

use cell_layers::{LayerError, RootTx};
use cell_sdk::{Arrival, ClaimDigest, DomainError, Mode, OpenUser, RootCtx, Seen};
use platform_model::{Actor, Code, HomeId, Problem, RequestId, UserId};
use platform_runtime::random;
use platform_token::Claims;
use uuid::Uuid;

use crate::storage::{ACCOUNTS, DOMAIN, SESSIONS, erasure, registration};
use crate::stored::{ClaimState, id_of};

/// Reads the session of a verified token in its person's root, in a transaction of its own: what was ended before the
/// call is seen. Cancel- and retry-safe.
///
/// # Errors
/// `revoked-token` when the session was ended, `invalid-token` when there is no such person, or as [`RootCtx::read`].
pub async fn check_session(open: &OpenUser, claims: &Claims) -> Result<(), Problem> {
    let arrival = Arrival {
        shard: open.shard.id().clone(),
        request_id: RequestId::from_uuid(random::uuid_v7()),
        not_older_than: None,
        seen: Seen::default(),
    };
    let root = RootCtx {
        user: claims.user,
        home: claims.home.clone(),
        actor: Actor::Service(DOMAIN.to_owned()),
        open: open.clone(),
        arrival,
    };
    let (user, session) = (claims.user, claims.session);
    let look = |tx: RootTx| async move {
        // A session is written in or after the transaction of its account, so where one is the other is.
        if SESSIONS.get(&tx, session).await?.is_some() {
            return Ok(());
        }
        match ACCOUNTS.get(&tx, id_of(user)).await? {
            Some(_) => Err(Code::RevokedToken.into()),
            None => Err(Code::InvalidToken.into()),
        }
    };
    root.read(DOMAIN, look).await.map(|_| ())
}

/// Whether the person is there: from the transaction in which the address became his.
///
/// # Errors
/// The transaction's.
pub async fn is_registered(tx: &RootTx, user: UserId) -> Result<bool, LayerError> {
    let tx = tx.of_domain(DOMAIN);
    Ok(ACCOUNTS.get(&tx, id_of(user)).await?.is_some())
}

/// The claims that a person holds, by digest and id: what is taken along to another home.
///
/// # Errors
/// The transaction's; a claim that no version wrote.
pub async fn held_claims(tx: &RootTx) -> Result<Vec<(ClaimDigest, Uuid)>, DomainError> {
    let held = erasure::active_claims(&tx.of_domain(DOMAIN)).await?;
    Ok(held.into_iter().map(|claim| (claim.digest, claim.id)).collect())
}

/// Has the person's own record of a claim decided, for good: pending becomes dropped. None if there is none. `mode` is sync:
/// what is answered is committed on every in-sync copy.
///
/// # Errors
/// As [`RootCtx::write`].
pub async fn decide_claim(
    open: &OpenUser,
    home: &HomeId,
    user: UserId,
    claim: Uuid,
) -> Result<Option<ClaimState>, Problem> {
    let root = of_the_platform(open, home, user);
    let decide = |tx: RootTx| async move { registration::decide(&tx, claim).await };
    Ok(root.write(DOMAIN, Mode::Sync, decide).await?.value)
}

fn of_the_platform(open: &OpenUser, home: &HomeId, user: UserId) -> RootCtx {
    RootCtx {
        user,
        home: home.clone(),
        actor: Actor::Service("reconciler".to_owned()),
        open: open.clone(),
        arrival: Arrival {
            shard: open.shard.id().clone(),
            request_id: RequestId::from_uuid(random::uuid_v7()),
            not_older_than: None,
            seen: Seen::default(),
        },
    }
}
