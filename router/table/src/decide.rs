//! From a request's head to a place or an answer. Pure: the same arguments give the same decision.
//!
//! The order: what the path says (a public door, else the caller's own shard); the caller's user -> shard by hash,
//! shard -> node by what was learned, else by the table; the host name must be the home's or the common one; and the
//! law must let this router process for that home, which is asked before a body is read.

use platform_model::matrix::{Denied, RuleName};
use platform_model::{Code, CountryCode, HomeId, IdempotencyKey, Problem, UserId};

use crate::decision::{Decision, Place, Route};
use crate::overrides::Overrides;
use crate::path::{Door, RouteClass};
use crate::table::{Found, FoundHome, Table};

/// Seconds after which a client should ask again while the table does not know a place.
const RETRY_AFTER_S: u32 = 2;

/// Whom a verified access token, or a well-formed refresh token, names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller<'a> {
    pub home: &'a HomeId,
    pub user: UserId,
}

/// All that a decision may depend on. No body, no other header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestHead<'a> {
    /// As sent, upper case: `POST`.
    pub method: &'a str,
    /// `host` or `:authority`, with or without a port.
    pub host: &'a str,
    /// Without the query.
    pub path: &'a str,
    /// From the `authorization` header, once checked. Public doors pay no heed to it.
    pub caller: Option<Caller<'a>>,
    /// The `idempotency-key` header: a registration's shard comes from it.
    pub idempotency_key: Option<IdempotencyKey>,
}

/// When a decision is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Unix time in milliseconds: ages what was learned.
    pub now_ms: u64,
    /// Milliseconds since a controller confirmed the table; `u64::MAX`: none did.
    pub table_age_ms: u64,
}

type Refusal = Box<Problem>;

/// Decides where a request goes.
pub fn decide(table: &Table, overrides: &Overrides, head: &RequestHead<'_>, at: Moment) -> Decision {
    let door = match Door::of(head.method, head.path) {
        Ok(door) => door,
        Err(problem) => return Decision::Answer(RouteClass::Other, problem),
    };
    let decided = place(table, head, door, at).and_then(|found| {
        check_host(table, head.host, door, found)?;
        check_law(table, found)?;
        forward(table, overrides, found, at.now_ms)
    });
    match decided {
        Ok((place, learned)) => Decision::Forward(Route {
            class: door.class(),
            place,
            learned,
        }),
        Err(problem) => Decision::Answer(door.class(), problem),
    }
}

fn place<'a>(
    table: &'a Table,
    head: &RequestHead<'_>,
    door: Door<'_>,
    at: Moment,
) -> Result<FoundHome<'a>, Refusal> {
    if table.is_empty() {
        return Err(refuse(Code::Unavailable, "the router has no routing table yet"));
    }
    match door {
        Door::Homed(_) | Door::Refresh => of_caller(table, head.caller),
        Door::Login { home } => of_login(table, home),
        Door::Locate => nearest(table),
        Door::Register { country } => {
            let found = of_registration(table, head, country)?;
            law_is_fresh(table, at)?;
            Ok(found)
        }
    }
}

fn of_caller<'a>(table: &'a Table, caller: Option<Caller<'_>>) -> Result<FoundHome<'a>, Refusal> {
    let caller = caller.ok_or_else(|| Box::new(Problem::new(Code::Unauthenticated)))?;
    match table.find(caller.home, caller.user) {
        Found::Home(found) => Ok(found),
        Found::UnknownHome => Err(unknown_home(&caller.home.to_string())),
    }
}

/// Any shard of the home knows how to find the address: the first.
fn of_login<'a>(table: &'a Table, text: &str) -> Result<FoundHome<'a>, Refusal> {
    let home: Option<HomeId> = match text.split_once('~') {
        Some((jurisdiction, region)) => jurisdiction
            .parse()
            .ok()
            .zip(region.parse().ok())
            .map(|(jurisdiction, region)| HomeId { jurisdiction, region }),
        None => None,
    };
    match home.map(|home| table.find_shard(&home, 0)) {
        Some(Found::Home(found)) => Ok(found),
        _ => Err(Box::new(
            Problem::new(Code::UnknownHome).detail("written as jurisdiction~region: eu~eu-central"),
        )),
    }
}

fn nearest(table: &Table) -> Result<FoundHome<'_>, Refusal> {
    let mut homes = table
        .homes_nearest_first()
        .filter_map(|home| match table.find_shard(&home.id, 0) {
            Found::Home(found) if found.place.is_some() && found.door.processes => Some(found),
            _ => None,
        });
    homes
        .next()
        .ok_or_else(|| refuse(Code::Unavailable, "no home has a node yet"))
}

/// Nobody new is taken under a law that may be another by now.
fn law_is_fresh(table: &Table, at: Moment) -> Result<(), Refusal> {
    let too_old = |detail: &str| refuse(Code::LawTooOld, detail);
    let law = table.law().ok_or_else(|| too_old("no law is in force"))?;
    if at.table_age_ms > law.matrix_age_max_ms {
        return Err(too_old(
            "the router has not heard from the controllers for too long",
        ));
    }
    Ok(())
}

/// The nearest home of the country's jurisdiction that the law lets take new people and whose cell does. The shard follows from the key, so
/// that a retry meets the same row.
fn of_registration<'a>(
    table: &'a Table,
    head: &RequestHead<'_>,
    country: &str,
) -> Result<FoundHome<'a>, Refusal> {
    let not_served = |detail: String| Box::new(Problem::new(Code::CountryNotServed).detail(detail));
    let country: CountryCode = country.parse().map_err(|error| not_served(format!("{error}")))?;
    let key = head
        .idempotency_key
        .ok_or_else(|| Box::new(Problem::new(Code::IdempotencyKeyMissing)))?;
    let homes = table.homes_of_country(country);
    let mut homes = homes
        .ok_or_else(|| not_served(format!("no home is open to {country}")))?
        .peekable();
    if homes.peek().is_none() {
        return Err(not_served(format!("no home is open to {country}")));
    }
    let user = UserId::from_registration(key);
    let mut closed = None;
    let open = |found: &FoundHome<'_>| found.place.is_some_and(|place| table.node(place.node).open);
    let found = homes.find_map(|home| match table.find(&home.id, user) {
        Found::Home(found) if open(&found) && found.door.takes && found.door.processes => Some(found),
        Found::Home(found) => {
            closed.get_or_insert(found);
            None
        }
        Found::UnknownHome => None,
    });
    // Where another router may, or where the law closes the home, the answer says so.
    match (found, closed) {
        (Some(found), _) => Ok(found),
        (None, Some(closed)) if !closed.door.processes => Err(forbidden(table, closed)),
        (None, Some(closed)) if table.law().is_some() && !closed.door.takes => Err(Box::new(
            Problem::new(Code::LawForbids).detail("the law in force closes the homes of this country"),
        )),
        _ => Err(refuse(
            Code::Unavailable,
            "no home of this country takes new people now",
        )),
    }
}

/// TLS ends here, so this router itself processes what it forwards.
fn check_law(table: &Table, found: FoundHome<'_>) -> Result<(), Refusal> {
    if found.door.processes {
        Ok(())
    } else {
        Err(forbidden(table, found))
    }
}

/// The rule that forbids it, and the host name where it is legal.
fn forbidden(table: &Table, found: FoundHome<'_>) -> Refusal {
    let home = found.home();
    let problem = Problem::new(Code::LawForbids).with("host", home.host.as_str());
    let problem = problem.with("home", home.id.to_string());
    let rule = match table.door_denied(home) {
        Some(Denied::Point { rule, .. }) => rule,
        Some(Denied::NeedsConsent { rule, .. }) => Some(rule),
        _ => None,
    };
    Box::new(match rule {
        Some(RuleName { id, article }) => problem.with("rule", id).with("article", article),
        None => problem.detail("no rule permits it"),
    })
}

/// The home's own host name serves it, and the common one. Who asks where his home is may ask at any of our names.
fn check_host(table: &Table, host: &str, door: Door<'_>, found: FoundHome<'_>) -> Result<(), Refusal> {
    if table.host_serves(host, found.host) || (door == Door::Locate && table.knows_host(host)) {
        return Ok(());
    }
    // A name that is none of this world's: an app begins at the common one.
    let home = found.home();
    let right = if table.knows_host(host) {
        home.host.as_str()
    } else {
        table.common_host()
    };
    Err(Box::new(
        Problem::new(Code::WrongHost)
            .with("host", right)
            .with("home", home.id.to_string()),
    ))
}

/// The last gate before a request leaves.
fn forward(
    table: &Table,
    overrides: &Overrides,
    found: FoundHome<'_>,
    now_ms: u64,
) -> Result<(Place, bool), Refusal> {
    if let Some(place) = overrides.find(table, found.shard, now_ms) {
        return Ok((place, true));
    }
    match found.place {
        Some(place) => Ok((place, false)),
        None => Err(refuse(Code::Unavailable, "the shard has no node yet")),
    }
}

fn unknown_home(home: &str) -> Refusal {
    Box::new(Problem::new(Code::UnknownHome).detail(format!("the table knows no home {home}")))
}

fn refuse(code: Code, detail: &str) -> Refusal {
    Box::new(Problem::new(code).detail(detail).retry_after_s(RETRY_AFTER_S))
}

#[cfg(test)]
mod tests;
