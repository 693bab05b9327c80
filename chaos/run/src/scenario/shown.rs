//! What followers are shown of others' workouts, and what is wrong with it: for every scenario in which somebody
//! follows somebody.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use chaos::checkers::events::{Effect, Told, events};
use chaos::history::Outcome;
use chaos::verdict::Verdict;
use cli_world::app::{App, Person, Place, Shared};

/// From the end until everything that was told must have arrived.
pub const ARRIVES_WITHIN: Duration = Duration::from_secs(90);

/// The same person with a token that is good: a run may last longer than one.
///
/// # Errors
/// When he needs another and gets none.
pub async fn awake(app: &App, person: &Person) -> Result<Person> {
    let mut person = person.clone();
    if let Err(failure) = app.profile(&person).await
        && failure.code().contains("token")
    {
        let place = Place {
            home: person.home.clone(),
            host: person.host.clone(),
        };
        let tokens = app.log_in(&place, &person).await?;
        person.take(tokens);
    }
    Ok(person)
}

/// All that a follower is shown, in the order in which it came.
///
/// # Errors
/// When his list cannot be read.
pub async fn seen(app: &App, follower: &Person) -> Result<Vec<Shared>> {
    let follower = awake(app, follower).await?;
    Ok(app.shared(&follower).await?)
}

/// The `number`th workout of one who tells one after the other: his own order is the order of what he told.
pub fn told(author: &str, number: u64, id: &str) -> Told {
    Told {
        source: author.to_owned(),
        destination: String::new(),
        place: (0, number, 0),
        id: id.to_owned(),
        outcome: Outcome::Done,
    }
}

/// Of what was told that which somebody is shown.
pub fn those_shown(told: Vec<Told>, seen: &[Shared]) -> Vec<Told> {
    let seen = ids(seen);
    told.into_iter().filter(|one| seen.contains(&one.id)).collect()
}

/// Whether nothing that was surely told is still to come.
pub fn has_all(told: &[Told], seen: &[Shared]) -> bool {
    let seen = ids(seen);
    let mut sure = told.iter().filter(|one| one.outcome == Outcome::Done);
    sure.all(|one| seen.contains(&one.id))
}

fn ids(seen: &[Shared]) -> BTreeSet<String> {
    seen.iter().map(|one| one.workout.to_string()).collect()
}

/// Whether each of what was told to a follower came exactly once, and what one author told in his order.
pub fn verdict(told: &[Told], seen: &[Shared], follower: &Person) -> Verdict {
    let told: Vec<Told> = told
        .iter()
        .map(|one| Told {
            destination: follower.name.clone(),
            ..one.clone()
        })
        .collect();
    let effect = |one: &Shared| Effect {
        destination: follower.name.clone(),
        id: one.workout.to_string(),
        place: (0, one.number, 0),
    };
    events(&told, &seen.iter().map(effect).collect::<Vec<_>>(), &[])
}
