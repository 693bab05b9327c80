//! What people do while no controller runs. An answer that comes and is not true counts as a failure too.

use std::time::Duration;

use bytes::Bytes;
use platform_runtime::clock::Clock;
use platform_runtime::random;

use super::Until;
use crate::demo::app::{App, Failure, Person};
use crate::demo::people::newcomer;
use crate::demo::tally::Kind;
use crate::demo::track;

/// Between two rounds of one person.
const PAUSE: Duration = Duration::from_millis(50);
/// Between two who come in: each costs a password hash.
const COMING_PAUSE: Duration = Duration::from_millis(400);
/// Every so many rounds a person logs in anew.
const LOGIN_EVERY: u64 = 5;

/// Somebody who lives here, until it is over.
pub async fn resident(app: &App, mut person: Person, until: &Until) {
    let mut round = 0;
    while !until.over() {
        // A failure is counted where the request was made; the next round goes on.
        let _ = one_round(app, &mut person, round, until).await;
        round += 1;
        Clock::system().sleep(PAUSE).await;
    }
}

async fn one_round(app: &App, person: &mut Person, round: u64, until: &Until) -> Result<(), Failure> {
    let bytes = Bytes::from(track::gpx(&person.name, round));
    let (_, activity) = app.upload(person, bytes.clone(), random::uuid_v7()).await?;
    let name = format!("{} {round}", person.name);
    app.rename(person, &name).await?;
    // What was written just now is read back, one or the other: half of all requests and more are writes.
    if round.is_multiple_of(2) {
        if app.original(person, activity.id).await? != bytes {
            until
                .tally
                .wrong(Kind::Original, "the file is not the one that was sent");
        }
    } else if app.profile(person).await?.display_name.as_deref() != Some(&name) {
        until.tally.wrong(
            Kind::ReadProfile,
            "the profile does not say what was written just now",
        );
    }
    let tokens = app.refresh(person).await?;
    person.take(tokens);
    if round.is_multiple_of(LOGIN_EVERY) {
        come_back(app, person).await?;
    }
    if !app.all_ids(person).await?.contains(&activity.id) {
        until.tally.wrong(Kind::List, "the upload is not in the list");
    }
    app.delete(person, activity.id).await?;
    // An activity that is still there counts as failed there.
    app.is_gone(person, activity.id).await?;
    Ok(())
}

/// Found by the address alone, let in, and out again.
async fn come_back(app: &App, person: &Person) -> Result<(), Failure> {
    let place = app.locate(&person.email).await?;
    let tokens = app.log_in(&place, person).await?;
    app.log_out(&place.host, &tokens.access_token).await
}

/// People who come in, of both jurisdictions in turn, until it is over.
pub async fn newcomers(app: &App, until: &Until) {
    let mut number = 0;
    while !until.over() {
        let country = if number % 2 == 0 { "ES" } else { "US" };
        // A failure is counted where the request was made.
        let _ = app.register(newcomer(&format!("new{number}"), country)).await;
        number += 1;
        Clock::system().sleep(COMING_PAUSE).await;
    }
}
