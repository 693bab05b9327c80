//! Who calls, from the `authorization` header: a verified access token, or a refresh token as it is.
//!
//! The node checks both again. Here a bad token is stopped before it costs a cell anything, and nobody is told more
//! than that it is not good.

use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderMap};
use platform_model::{Code, HomeId, Problem, RoutingTable, UserId};
use platform_token::{Claims, RefreshToken, Verifier};
use router_table::Caller;

use crate::meters;

type Refusal = Box<Problem>;

/// Whom a token names.
#[derive(Debug)]
pub enum Named {
    /// By a verified access token.
    Access(Arc<Claims>),
    /// By a refresh token, whose secret only the user's shard can judge.
    Refresh { home: HomeId, user: UserId },
}

impl Named {
    pub fn caller(&self) -> Caller<'_> {
        match self {
            Self::Access(claims) => Caller {
                home: &claims.home,
                user: claims.user,
            },
            Self::Refresh { home, user } => Caller { home, user: *user },
        }
    }
}

/// Verifies the access token under the keys that the table names for its home.
///
/// # Errors
/// `unauthenticated` without a token, `expired-token`, `invalid-token` for all else.
pub fn access(
    headers: &HeaderMap,
    verifier: &Verifier,
    table: &RoutingTable,
    now_s: u64,
) -> Result<Named, Refusal> {
    let token = bearer(headers)?;
    let keys = |home: &HomeId, kid: &str| {
        let known = table.homes.get(home)?;
        known
            .token_keys
            .iter()
            .rev()
            .find(|key| key.kid == kid)
            .map(|key| key.public)
    };
    match verifier.verify(token, now_s, keys, &table.world) {
        Ok(claims) => Ok(Named::Access(claims)),
        Err(error) => {
            meters::token_refused(error.reason());
            Err(Box::new(Problem::new(error.code())))
        }
    }
}

/// Reads whom a refresh token names, to find his shard.
///
/// # Errors
/// `unauthenticated` without a token, `invalid-token` for a text that is none.
pub fn refresh(headers: &HeaderMap) -> Result<Named, Refusal> {
    let token: RefreshToken = bearer(headers)?
        .parse()
        .map_err(|_| Problem::new(Code::InvalidToken))?;
    Ok(Named::Refresh {
        home: token.home.clone(),
        user: token.user,
    })
}

fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let value = headers
        .get(AUTHORIZATION)
        .ok_or_else(|| Problem::new(Code::Unauthenticated))?;
    let text = value.to_str().map_err(|_| Problem::new(Code::InvalidToken))?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Box::new(
            Problem::new(Code::InvalidToken).detail("the scheme is Bearer"),
        )),
    }
}
