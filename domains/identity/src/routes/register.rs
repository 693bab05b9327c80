//! `POST /v1/register/{country}`: a person comes in. What is asked is checked here; the steps are in
//! [`crate::registration`].

use axum::Extension;
use axum::extract::{Path, Request};
use axum::response::Response;
use cell_sdk::command::idempotency_key;
use cell_sdk::{AnonymousCtx, Command, ProblemResponse};
use http::{HeaderMap, StatusCode};
use platform_model::{Code, CountryCode, HomeId, Problem, RoutingTable, ShardId, UserId};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{body, token_answer};
use crate::domain::Identity;
use crate::input::{Address, DisplayName, Password};
use crate::registration::{self, Asked, Ended};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    email: String,
    password: String,
    #[serde(default)]
    display_name: Option<String>,
}

/// 201 with tokens. Acknowledged when it is durable on every in-sync copy.
pub async fn register(
    mut ctx: AnonymousCtx,
    Path(country): Path<String>,
    Extension(identity): Extension<Identity>,
    request: Request,
) -> Result<Response, ProblemResponse> {
    let (headers, body) = body::read::<Body>(request).await?;
    let asked = read(&ctx, &country, &headers, &body)?;
    // Whatever the caller saw before was another person's.
    ctx.arrival.not_older_than = None;
    match registration::run(&ctx, &identity, &asked).await? {
        Ended::Refused(answer) => {
            let (outcome, replayed) = answer.value;
            Ok(outcome.into_response(answer.position, replayed))
        }
        Ended::In {
            root,
            session,
            replayed,
        } => {
            let how = (StatusCode::CREATED, session.position, replayed);
            let session = (session.value, 0);
            Ok(token_answer::answer(&identity, &*ctx.services, &root, session, how).await?)
        }
    }
}

fn read(ctx: &AnonymousCtx, country: &str, headers: &HeaderMap, body: &Body) -> Result<Asked, Problem> {
    let key = idempotency_key(headers)?;
    let not_served = || Problem::new(Code::CountryNotServed);
    let country: CountryCode = country
        .parse()
        .map_err(|_| not_served().detail("a country is two letters, such as `DE`"))?;
    let user = UserId::from_registration(key);
    let home = home_of(&ctx.services.table(), &ctx.arrival.shard, country, user)?;
    let address = Address::parse(&body.email)?;
    let password = Password::chosen(&body.password)?;
    let display_name = body.display_name.as_deref().map(DisplayName::parse).transpose()?;
    let command = Command {
        key,
        digest: digest(country, &address, display_name.as_ref()),
        headers: HeaderMap::new(),
        body: axum::body::Bytes::new(),
    };
    Ok(Asked {
        command,
        user,
        home,
        country,
        address,
        password,
        display_name,
    })
}

/// The home whose shard the router chose, if it may take this person.
fn home_of(
    table: &RoutingTable,
    shard: &ShardId,
    country: CountryCode,
    user: UserId,
) -> Result<HomeId, Problem> {
    let not_served = || Problem::new(Code::CountryNotServed).with("country", country.to_string());
    let (home, known) = shard
        .home()
        .and_then(|home| table.homes.get_key_value(home))
        .ok_or_else(not_served)?;
    if table.countries.get(&country) != Some(&home.jurisdiction) {
        return Err(not_served());
    }
    if ShardId::of_user(home, known.shard_count, user) != *shard {
        let why = "the person of this Idempotency-Key belongs to another shard";
        return Err(Problem::new(Code::BadRequest).detail(why));
    }
    Ok(home.clone())
}

/// SHA-256 of what makes two registrations the same, but for the password.
fn digest(country: CountryCode, address: &Address, display_name: Option<&DisplayName>) -> [u8; 32] {
    let country = country.to_string();
    let name = display_name.map_or("", DisplayName::as_str);
    let mut hash = Sha256::new();
    for part in ["register", &country, address.written(), name] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
