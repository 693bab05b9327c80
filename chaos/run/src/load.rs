//! People of one round who use the platform through the router, and what they remember of it: their names as registers,
//! the files that they sent, whoever came in. What is not answered is sent again under its key until it is.

mod client;
mod record;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chaos::checkers::linearizable::Action;
use chaos::history::Outcome;
use cli_world::Seat;
use cli_world::app::{App, Newcomer, Person};
use cli_world::seats::{places, seat_named, seat_of_cell};
use futures::future::join_all;
use platform_runtime::clock::Clock;
use platform_runtime::random;

pub use record::{Record, Sent};

/// One request and its answer. Longer, and the client takes it for lost and sends it again under its key.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(4);
/// People in each home. Two clients write the name of each, two read it, one sends files.
const PEOPLE_IN_A_HOME: usize = 2;
/// Between two requests of one client.
const PAUSE: Duration = Duration::from_millis(60);
/// Tries to register the people of a round.
const REGISTER_TRIES_MAX: u32 = 20;

/// Somebody and the nodes that may serve him: that of his cell first.
#[derive(Clone)]
pub struct Resident {
    pub person: Person,
    pub seats: Vec<Seat>,
}

/// The home whose shards have standbys and are moved, where a run does such things.
pub const COPIED_HOME: &str = "eu/eu-central";
/// The node that then holds the other copies.
pub const OTHER_NODE: &str = "celld-eu-west-1";

/// Where people register from, and the node at which they then live: the nearest that their law permits.
pub const COUNTRIES: [(&str, &str); 2] = [("DE", "celld-eu-central-1"), ("US", "celld-us-east-1")];

/// Everyone of one round.
pub struct Load {
    pub residents: Vec<Resident>,
    pub record: Arc<Record>,
    app: App,
    round: usize,
}

impl Load {
    /// Registers the people of a round.
    ///
    /// # Errors
    /// When somebody gets no home in many tries.
    pub async fn new(app: &App, round: usize, copied: bool) -> Result<Self> {
        let mut residents = Vec::new();
        for (country, _) in COUNTRIES {
            for number in 0..PEOPLE_IN_A_HOME {
                let name = format!("c{round}-{}-{number}", country.to_lowercase());
                let resident = register(app, &name, country, copied).await;
                residents.push(resident.with_context(|| format!("{name} gets no home"))?);
            }
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
            clients.push(Box::pin(async move { client(4).sends_files().await }));
        }
        join_all(clients).await;
    }
}

/// Registers somebody, again and again under one key until it is done.
async fn register(app: &App, name: &str, country: &str, copied: bool) -> Result<Resident> {
    let key = random::uuid_v7();
    let mut last = None;
    for _ in 0..REGISTER_TRIES_MAX {
        let newcomer = Newcomer {
            name: name.to_owned(),
            country: country.parse().context("a country")?,
            email: format!("{name}@example.com"),
        };
        let asked = tokio::time::timeout(ANSWER_WITHIN, app.register_under(newcomer, key)).await;
        match asked {
            Ok(Ok(person)) => {
                let seats = seats_of(&person, copied)?;
                return Ok(Resident { person, seats });
            }
            Ok(Err(failure)) => last = Some(failure),
            Err(_) => {}
        }
        Clock::system().sleep(PAUSE).await;
    }
    Err(last.map_or_else(|| anyhow::anyhow!("no answer in time"), Into::into))
}

fn seats_of(person: &Person, copied: bool) -> Result<Vec<Seat>> {
    let place = places().into_iter().find(|place| place.home == person.home);
    let seat = place.and_then(|place| seat_of_cell(&place.cell));
    let own = seat.with_context(|| format!("no cell holds {}", person.home))?;
    let other = (copied && person.home.to_string() == COPIED_HOME).then(|| seat_named(OTHER_NODE));
    Ok(std::iter::once(own).chain(other.flatten()).collect())
}
