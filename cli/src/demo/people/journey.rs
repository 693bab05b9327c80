//! What a person can do once he is registered.

use anyhow::Result;

use crate::demo::app::{App, Person};
use crate::demo::story::Story;

/// Found again by the address alone, let in at home, renewed, and out when he leaves.
pub async fn check(app: &App, person: &mut Person, story: &mut Story<'_>) -> Result<()> {
    let name = person.name.clone();
    let place = app.locate(&person.email).await?;
    let found = (place.home.clone(), place.host.clone());
    let known = (person.home.clone(), person.host.clone());
    story.check(
        found == known,
        "locate names the home that registration gave",
        || format!("{name}: {found:?}, not {known:?}"),
    );
    let second = app.log_in(&place, person).await?;
    story.check(second.user == person.user, "log-in finds the same person", || {
        name.clone()
    });
    let tokens = app.refresh(person).await?;
    story.check(
        tokens.refresh_token != person.refresh,
        "a refresh token is used once",
        || name.clone(),
    );
    person.take(tokens);
    app.log_out(&place.host, &second.access_token).await?;
    let ended = Person {
        access: second.access_token,
        ..person.clone()
    };
    let outcome = app.profile(&ended).await;
    let code = outcome
        .as_ref()
        .err()
        .map_or("it is still good", |failure| failure.code());
    story.check(
        code == "revoked-token",
        "a token of an ended session is refused",
        || format!("{name}: {code}"),
    );
    let profile = app.profile(person).await?;
    let as_told = profile.email == person.email && profile.country == person.country.to_string();
    story.check(as_told, "the profile says what was registered", || {
        format!("{name}: {profile:?}")
    });
    Ok(())
}
