//! `POST /v1/locate`: where the holder of an address has his home.
//!
//! Every authority of the table is asked, always all of them, and the answer comes no sooner than a fixed time. For an
//! address that nobody holds a home is named all the same: one of the table's, chosen by the digest, so that the same
//! address gets the same home wherever it is asked. Nobody learns from it whether an address is held. Nothing is stored.
//!
//! While an authority does not answer, an address that the others do not hold gets `unavailable`, not a guess: a wrong
//! home would keep its holder out. Which authorities may be asked from here is the law's to say; where several homes
//! hold an address one of them is named, always the same.

use std::pin::pin;
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use cell_sdk::{AnonymousCtx, ClaimDigest, ClaimEntry, ProblemResponse, Services};
use futures::future::{Either, join_all, select};
use platform_model::{Code, HomeId, Jurisdiction, Problem, RoutingTable};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::body;
use crate::domain::Identity;
use crate::input::Address;
use crate::storage::registration::EMAIL;
use crate::view::PlaceView;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    email: String,
}

pub async fn locate(
    ctx: AnonymousCtx,
    Extension(identity): Extension<Identity>,
    request: Request,
) -> Result<Response, ProblemResponse> {
    let (_, body) = body::read::<Body>(request).await?;
    let address = Address::parse(&body.email)?;
    let services = &*ctx.services;
    let digest = services.directory().digest(EMAIL, address.looked_up());
    let table = services.table();
    let asked = ask_all(services, &table, digest, identity.settings.locate_wait_max);
    let (found, ()) = tokio::join!(asked, services.clock().sleep(identity.settings.locate_delay));
    let home = choose(&table, digest, &found)?;
    let host = table.homes.get(&home).ok_or(Code::Unavailable)?.host.clone();
    Ok(Json(PlaceView { home, host }).into_response())
}

/// What each authority says: a home, none, or nothing in time.
async fn ask_all(
    services: &dyn Services,
    table: &RoutingTable,
    digest: ClaimDigest,
    wait_max: Duration,
) -> Vec<Result<Option<HomeId>, Code>> {
    let asked = table.authorities.keys();
    let mut answers = join_all(asked.map(|authority| ask(services, authority, digest, wait_max))).await;
    // An authority that the law does not let be asked from here was not asked.
    answers.retain(|answer| *answer != Err(Code::LawForbids));
    answers
}

async fn ask(
    services: &dyn Services,
    authority: &Jurisdiction,
    digest: ClaimDigest,
    wait_max: Duration,
) -> Result<Option<HomeId>, Code> {
    let lookup = pin!(services.directory().lookup(authority, digest));
    let too_late = pin!(services.clock().sleep(wait_max));
    let answer = match select(lookup, too_late).await {
        Either::Left((answer, _)) => answer.map_err(|problem| problem.code),
        Either::Right(_) => Err(Code::Timeout),
    };
    let home = |entry: Option<ClaimEntry>| entry.map(|entry| entry.home);
    answer
        .map(home)
        .inspect_err(|code| tracing::warn!(%authority, %code, "a directory does not answer"))
}

fn choose(
    table: &RoutingTable,
    digest: ClaimDigest,
    answers: &[Result<Option<HomeId>, Code>],
) -> Result<HomeId, Problem> {
    let unavailable = || Problem::new(Code::Unavailable).retry_after_s(1);
    let mut holders = answers.iter().flatten().flatten().peekable();
    let chosen = if holders.peek().is_some() {
        by_digest(holders, digest)
    } else if answers.iter().any(Result::is_err) {
        return Err(unavailable());
    } else {
        by_digest(table.homes.keys(), digest)
    };
    chosen.cloned().ok_or_else(unavailable)
}

/// One of the homes, by rendezvous: a home that comes or goes changes the choice of few digests.
fn by_digest<'a>(homes: impl Iterator<Item = &'a HomeId>, digest: ClaimDigest) -> Option<&'a HomeId> {
    homes.max_by_key(|home| -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(digest.0);
        hash.update(home.to_string());
        hash.finalize().into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(text: &str) -> HomeId {
        text.parse().expect("a home")
    }

    fn table() -> RoutingTable {
        let world = platform_model::WorldId::new(&"0".repeat(64)).expect("a world");
        let known = platform_model::Home {
            shard_count: 1,
            host: "h".to_owned(),
            token_keys: Vec::new(),
        };
        let homes = ["eu/eu-central", "eu/eu-west", "us/us-east"].map(|text| (home(text), known.clone()));
        RoutingTable {
            homes: homes.into(),
            ..RoutingTable::empty(world)
        }
    }

    #[test]
    fn an_address_of_nobody_gets_any_home_and_always_the_same() {
        let table = table();
        let nobody = [Ok(None), Ok(None)];
        let mut named = std::collections::BTreeSet::new();
        for n in 0..100 {
            let digest = ClaimDigest([n; 32]);
            let chosen = choose(&table, digest, &nobody).expect("a home");
            assert_eq!(choose(&table, digest, &nobody), Ok(chosen.clone()));
            named.insert(chosen);
        }
        assert_eq!(named.len(), table.homes.len(), "each of them is named at times");
    }

    #[test]
    fn a_holder_is_found_though_an_authority_is_away_and_nobody_is_guessed_then() {
        let (table, digest) = (table(), ClaimDigest([1; 32]));
        let away = || Err(Code::Unavailable);
        let found = [away(), Ok(Some(home("us/us-east")))];
        assert_eq!(choose(&table, digest, &found), Ok(home("us/us-east")));
        let refused = choose(&table, digest, &[away(), Ok(None)]).expect_err("not known");
        assert_eq!(refused.code, Code::Unavailable);
    }
}
