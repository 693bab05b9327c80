//! What earlier rounds left: looked for once more, then deleted, so that a long run holds as much at its end as in its
//! middle.

use std::collections::VecDeque;

use anyhow::Result;
use cli_world::app::{App, Failure, Person};
use futures::StreamExt;
use uuid::Uuid;

use crate::load::{Load, come_in, in_the_end};

/// Rounds whose files stay.
const ROUNDS_KEPT: usize = 12;
/// Files that are deleted at a time.
const DELETERS: usize = 4;

/// The people of an earlier round, and the files that were there when it was judged.
pub struct Kept {
    people: Vec<(Person, Vec<Uuid>)>,
}

/// Keeps what a later look needs of a round.
pub fn keep(load: &Load) -> Kept {
    let files = load.record.files();
    let residents = load.residents.iter().enumerate();
    let people = residents.map(|(index, resident)| {
        let own = files.iter().filter(|sent| sent.person == index);
        (resident.person.clone(), own.filter_map(|sent| sent.id).collect())
    });
    Kept {
        people: people.collect(),
    }
}

/// Lets the oldest rounds go that are too many: everything of them must be there, and is deleted. Gives what was not
/// there.
pub async fn let_go(app: &App, kept: &mut VecDeque<Kept>) -> Vec<String> {
    let mut lost = Vec::new();
    while kept.len() > ROUNDS_KEPT {
        let Some(round) = kept.pop_front() else { break };
        for (mut person, files) in round.people {
            lost.extend(lost_of(app, &mut person, &files).await);
            if let Err(why) = delete(app, &person, &files).await {
                lost.push(format!("{}: a file cannot be deleted: {why:#}", person.name));
            }
        }
    }
    lost
}

/// Files of the rounds that were not let go that are not there any more.
pub async fn lost(app: &App, kept: &VecDeque<Kept>) -> Vec<String> {
    let mut lost = Vec::new();
    for (person, files) in kept.iter().flat_map(|round| &round.people) {
        lost.extend(lost_of(app, &mut person.clone(), files).await);
    }
    lost
}

async fn lost_of(app: &App, person: &mut Person, files: &[Uuid]) -> Vec<String> {
    let ids = async {
        come_in(app, person).await?;
        in_the_end(|| app.all_ids(person)).await
    };
    match ids.await {
        Ok(ids) => {
            let missing = files.iter().filter(|id| !ids.contains(id));
            missing.map(|id| format!("{} {id}", person.name)).collect()
        }
        Err(why) => vec![format!("{}: {why:#}", person.name)],
    }
}

/// One that is gone already was deleted by an earlier try whose answer was lost.
async fn delete_one(app: &App, person: &Person, id: Uuid) -> Result<(), Failure> {
    match app.delete(person, id).await {
        Err(failure) if failure.code() == "not-found" => Ok(()),
        deleted => deleted,
    }
}

async fn delete(app: &App, person: &Person, files: &[Uuid]) -> Result<()> {
    let gone = futures::stream::iter(files)
        .map(|id| in_the_end(move || delete_one(app, person, *id)))
        .buffer_unordered(DELETERS);
    let gone: Vec<Result<()>> = gone.collect().await;
    gone.into_iter().collect()
}
