//! People of one round who use the platform through the router, and what they remember of it: their names as registers,
//! the files that they sent, the titles that they gave them, whoever came in. What is not answered is sent again under its key until it is.

mod client;
mod edits;
mod record;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chaos::checkers::linearizable::Action;
use chaos::history::Outcome;
use cli_world::app::{App, Failure, Newcomer, Person, Place};
use cli_world::seats::{places, seat_named, seat_of_cell};
use cli_world::{Seat, World, operator};
use futures::future::join_all;
use platform_model::{CellId, CellState};
use platform_runtime::clock::Clock;
use platform_runtime::random;
use uuid::Uuid;

pub use record::{Record, Sent};

/// One request and its answer. Longer, and the client takes it for lost and sends it again under its key.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(4);
/// People in each home. Two clients write the name of each, two read it, one sends files, one changes a title.
const PEOPLE_IN_A_HOME: usize = 2;
/// Between two requests of one client.
const PAUSE: Duration = Duration::from_millis(60);
/// How long what must succeed while nothing strikes is tried.
const TRIED_FOR: Duration = Duration::from_secs(30);
/// People who are registered at most until enough of them live in the moved home.
const PEOPLE_TRIED_MAX: usize = 100;

/// What is done to shards while people use them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ways {
    /// The shards of [`COPIED_HOME`] have standbys.
    pub survives: bool,
    /// Those of [`MOVED_HOME`] are moved.
    pub moves: bool,
}

impl Ways {
    /// Whether shards have or had copies at more than one node.
    pub fn copies(self) -> bool {
        self.survives || self.moves
    }
}

/// Somebody and the nodes that may serve him: that of his cell first.
#[derive(Clone)]
pub struct Resident {
    pub person: Person,
    pub seats: Vec<Seat>,
    /// Files that he had before this round.
    pub before: BTreeSet<Uuid>,
}

/// The home whose shards have standbys, where a run gives them some.
pub const COPIED_HOME: &str = "eu/eu-central";
/// The home whose shards are moved, where a run moves some.
pub const MOVED_HOME: &str = "eu/eu-west";
/// The node that holds the standbys, and what is moved.
pub const OTHER_NODE: &str = "celld-eu-west-1";

/// Where people register from, and the node at which they then live: the nearest that their law permits.
pub const COUNTRIES: [(&str, &str); 2] = [("DE", HOME_NODE), ("US", "celld-us-east-1")];
/// The node at which the shards of [`COPIED_HOME`] begin.
pub const HOME_NODE: &str = "celld-eu-central-1";

/// Everyone of one round.
pub struct Load {
    pub residents: Vec<Resident>,
    pub record: Arc<Record>,
    app: App,
    round: usize,
}

impl Load {
    /// Registers the people of a round; those who `stay` from round to round take part in it too.
    ///
    /// # Errors
    /// When somebody gets no home in many tries, or somebody who stays cannot come in again.
    pub async fn new(app: &App, round: usize, ways: Ways, stay: &[Person]) -> Result<Self> {
        let mut residents = Vec::new();
        for (country, _) in COUNTRIES {
            for number in 0..PEOPLE_IN_A_HOME {
                let name = format!("c{round}-{}-{number}", country.to_lowercase());
                let person = register(app, &name, country).await;
                let person = person.with_context(|| format!("{name} gets no home"))?;
                residents.push(Resident {
                    seats: seats_of(&person, ways)?,
                    person,
                    before: BTreeSet::new(),
                });
            }
        }
        for person in stay {
            residents.push(again(app, person, round, ways).await?);
        }
        let record = Record::new(residents.len());
        for resident in &residents {
            let name = &resident.person.name;
            // The name with which he came in is the first that was written.
            record.operation((u64::MAX, name), 0, Action::Write(name.clone()), Outcome::Done);
        }
        Ok(Self {
            record: Arc::new(record),
            residents,
            app: app.clone(),
            round,
        })
    }

    /// All clients, until [`Record::stop`]; then until everything is settled or `settle_within` is over.
    pub async fn run(&self, settle_within: Duration) {
        let mut clients: Vec<futures::future::BoxFuture<'_, ()>> = Vec::new();
        for (index, resident) in self.residents.iter().enumerate() {
            let client = move |number: u64| client::Client {
                app: &self.app,
                record: &self.record,
                resident,
                person: index,
                client: index as u64 * 10 + number,
                round: self.round,
                settle_within,
            };
            for number in 0..2 {
                clients.push(Box::pin(async move { client(number).writes_names().await }));
                clients.push(Box::pin(async move { client(number + 2).reads_names().await }));
            }
            clients.push(Box::pin(async move {
                client(4).sends_files_and_changes_a_title(client(5)).await;
            }));
        }
        join_all(clients).await;
    }
}

/// Registers somebody, again and again under one key until it is done.
async fn register(app: &App, name: &str, country: &str) -> Result<Person> {
    let key = random::uuid_v7();
    let country = country.parse().context("a country")?;
    in_the_end(|| {
        let newcomer = Newcomer {
            name: name.to_owned(),
            country,
            email: format!("{name}@example.com"),
        };
        app.register_under(newcomer, key)
    })
    .await
}

/// People of the moved home, who stay from round to round. Nobody is nearest to it, so the cell of the other home takes
/// nobody meanwhile.
///
/// # Errors
/// When the controllers refuse, or nobody gets a home there.
pub async fn settle(world: &World, app: &App) -> Result<Vec<Person>> {
    let nearer = seat_named(HOME_NODE).context("a seat")?;
    let cell = &nearer.node().context("a node")?.cell;
    set_state(world, cell, CellState::Cordoned).await?;
    let (mut people, mut number) = (Vec::new(), 0);
    while people.len() < PEOPLE_IN_A_HOME && number < PEOPLE_TRIED_MAX {
        let person = register(app, &format!("stays-{number}"), COUNTRIES[0].0).await?;
        people.extend((person.home.to_string() == MOVED_HOME).then_some(person));
        number += 1;
    }
    set_state(world, cell, CellState::Open).await?;
    anyhow::ensure!(
        people.len() == PEOPLE_IN_A_HOME,
        "{number} people registered and too few live in {MOVED_HOME}"
    );
    Ok(people)
}

async fn set_state(world: &World, cell: &CellId, state: CellState) -> Result<()> {
    let admin = world.admin()?;
    let status = admin.status().await.map_err(operator::explain)?;
    let known = status.cells.iter().find(|(id, _)| id == cell);
    let (_, generation) = known.context("the cell is known")?;
    let set = admin.set_cell_state(cell, state, *generation, "chaos").await;
    set.map(|_| ()).map_err(operator::explain)
}

/// Somebody who was here before: a session of now, a name that begins this round, and what he has so far.
async fn again(app: &App, person: &Person, round: usize, ways: Ways) -> Result<Resident> {
    let mut person = person.clone();
    come_in(app, &mut person).await?;
    person.name = format!("{}-{round}", person.name);
    let key = random::uuid_v7();
    in_the_end(|| app.rename_under(&person, &person.name, key)).await?;
    let before = in_the_end(|| app.all_ids(&person)).await?;
    Ok(Resident {
        seats: seats_of(&person, ways)?,
        person,
        before: before.into_iter().collect(),
    })
}

/// A session of now: a run may last longer than a token.
///
/// # Errors
/// The last refusal of many.
pub async fn come_in(app: &App, person: &mut Person) -> Result<()> {
    let place = Place {
        home: person.home.clone(),
        host: person.host.clone(),
    };
    let tokens = in_the_end(|| app.log_in(&place, person)).await?;
    person.take(tokens);
    Ok(())
}

/// Asks until there is an answer.
///
/// # Errors
/// The last refusal of many.
pub async fn in_the_end<T, F>(ask: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T, Failure>>,
{
    let clock = Clock::system();
    let (begun, mut last) = (clock.monotonic(), None);
    while clock.monotonic().saturating_sub(begun) < TRIED_FOR {
        match tokio::time::timeout(ANSWER_WITHIN, ask()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(failure)) => last = Some(failure),
            Err(_) => {}
        }
        clock.sleep(PAUSE).await;
    }
    Err(last.map_or_else(|| anyhow::anyhow!("no answer in time"), Into::into))
}

/// The nodes that may serve him.
fn seats_of(person: &Person, ways: Ways) -> Result<Vec<Seat>> {
    let place = places().into_iter().find(|place| place.home == person.home);
    let seat = place.and_then(|place| seat_of_cell(&place.cell));
    let own = seat.with_context(|| format!("no cell holds {}", person.home))?;
    let other = match person.home.to_string().as_str() {
        COPIED_HOME if ways.survives => seat_named(OTHER_NODE),
        MOVED_HOME if ways.moves => seat_named(HOME_NODE),
        _ => None,
    };
    Ok(std::iter::once(own).chain(other).collect())
}
