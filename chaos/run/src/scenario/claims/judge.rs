//! What became of the addresses, once everything is healed: who was told that one is his, whether he gets in, and whether
//! those who went away without an answer hold one that is another's.

use std::time::Duration;

use anyhow::Result;
use cli_world::app::{App, Failure, Kind, Person, Place};
use parking_lot::Mutex;
use platform_runtime::clock::Clock;
use platform_runtime::random;

use super::{AGAIN_AFTER, ANSWER_WITHIN, COUNTRIES, End, Ran, TRIES_MAX, Wanted, register};

/// From the end until a claim that nobody finished must be free: the directory asks for it after 20 s.
const FREE_WITHIN: Duration = Duration::from_secs(90);
/// So long an address is held before a planted fault is given up: well past those 20 s.
const HELD_FOR: Duration = Duration::from_secs(45);
const AGAIN: Duration = Duration::from_secs(1);

/// What was found out of one address.
#[derive(Default)]
struct Found {
    /// How many were told that it is theirs: at once, or when they came back.
    holders: usize,
    /// Of those the ones who had gone away without an answer.
    came_in: usize,
    /// Who came back, and got no answer again.
    unanswered: usize,
    /// Who alone was told at once that it is his does not get in: why.
    locked_out: Option<String>,
    /// Where nobody was told so at once.
    decided: Option<Decided>,
}

/// What became of an address that nobody was told to be his.
enum Decided {
    /// It was to be had again.
    Freed,
    /// An attempt without an answer had succeeded.
    SomebodyGetsIn,
    Stuck(String),
}

/// Every address; with a planted fault up to the first that shows what it leads to.
pub(super) async fn judge(app: &App, wanted: &[Wanted], plant: Option<&str>) -> Ran {
    let mut ran = Ran {
        addresses: wanted.len(),
        ..Ran::default()
    };
    for one in wanted {
        let found = look(app, one).await;
        ran.note(one, found);
        if plant.is_some_and(|plant| ran.shows(plant)) {
            break;
        }
    }
    ran
}

impl Ran {
    fn note(&mut self, one: &Wanted, found: Found) {
        let email = &one.email;
        self.won += one.winners.len();
        self.abandoned += one.gone.len();
        self.came_in += found.came_in;
        match found.decided {
            Some(Decided::Freed) => self.freed += 1,
            Some(Decided::SomebodyGetsIn) if found.holders + found.unanswered == 0 => {
                let why = "somebody gets in, and nobody was told that he does";
                self.lost.push(format!("{email}: {why}"));
            }
            Some(Decided::Stuck(why)) => self.stuck.push(format!("{email}: {why}")),
            Some(Decided::SomebodyGetsIn) | None => {}
        }
        if found.holders > 1 {
            self.twice.push(format!("{email}: {} hold it", found.holders));
        }
        if let Some(why) = found.locked_out {
            self.lost.push(format!("{email}: {why}"));
        }
        if found.unanswered > 0 {
            let why = "who went away and came back gets no answer";
            self.stuck.push(format!("{email}: {why}"));
        }
    }

    /// Whether that was seen to which this planted fault leads; of one that is not known here, anything wrong.
    pub(super) fn shows(&self, plant: &str) -> bool {
        match plant {
            "claim-taken-twice" => !self.twice.is_empty(),
            "claim-by-clock" => !self.lost.is_empty(),
            _ => !(self.twice.is_empty() && self.lost.is_empty() && self.stuck.is_empty()),
        }
    }
}

async fn look(app: &App, one: &Wanted) -> Found {
    let mut found = Found {
        holders: one.winners.len(),
        ..Found::default()
    };
    match one.winners.as_slice() {
        [] => {
            let decided = until_decided(app, &one.email).await;
            found.holders += usize::from(matches!(decided, Decided::Freed));
            found.decided = Some(decided);
        }
        [winner] => found.locked_out = gets_in(app, winner).await.err().map(|why| why.to_string()),
        _ => {}
    }
    // Not before: one who comes back takes what is free.
    for attempt in &one.gone {
        match register(app, &one.email, *attempt, false).await {
            End::In(_) => found.came_in += 1,
            End::Taken => {}
            End::Abandoned => found.unanswered += 1,
        }
    }
    found.holders += found.came_in;
    found
}

/// Whether what this planted fault leads to is seen by now: two who share an address, or the one who holds his for longest
/// and gets in no more.
pub(super) async fn is_seen(app: &App, plant: Option<&str>, wanted: &Mutex<Vec<Wanted>>) -> bool {
    let (is_shared, oldest) = {
        let wanted = wanted.lock();
        let alone = wanted.iter().find(|one| one.winners.len() == 1);
        let oldest = alone.and_then(|one| one.winners.first().cloned());
        (wanted.iter().any(|one| one.winners.len() > 1), oldest)
    };
    match (plant, oldest) {
        (Some("claim-by-clock"), Some(oldest)) => is_locked_out(app, &oldest).await,
        (Some("claim-by-clock"), None) => false,
        _ => is_shared,
    }
}

/// Until it is seen, or addresses were held for so long that it would be.
pub(super) async fn until_seen(app: &App, plant: Option<&str>, wanted: &Mutex<Vec<Wanted>>) {
    let clock = Clock::system();
    let begun = clock.monotonic();
    while !is_seen(app, plant, wanted).await && clock.monotonic() - begun < HELD_FOR {
        clock.sleep(AGAIN).await;
    }
}

/// Asked once. What gives no answer locks nobody out.
async fn is_locked_out(app: &App, holder: &Person) -> bool {
    let asked = async {
        let place = app.locate(&holder.email).await?;
        app.log_in(&place, holder).await
    };
    match tokio::time::timeout(ANSWER_WITHIN, asked).await {
        Ok(Ok(tokens)) => tokens.user != holder.user,
        Ok(Err(failure)) => failure.code() == "invalid-credentials",
        Err(_) => false,
    }
}

/// The address leads to its holder, and he gets in.
async fn gets_in(app: &App, winner: &Person) -> Result<(), Failure> {
    let mut last = None;
    for _ in 0..TRIES_MAX {
        let place = match app.locate(&winner.email).await {
            Ok(place) => place,
            Err(failure) => {
                last = Some(failure);
                Clock::system().sleep(AGAIN_AFTER).await;
                continue;
            }
        };
        match app.log_in(&place, winner).await {
            Ok(tokens) if tokens.user == winner.user => return Ok(()),
            Ok(_) => break,
            Err(failure) => last = Some(failure),
        }
        Clock::system().sleep(AGAIN_AFTER).await;
    }
    Err(last.unwrap_or(Failure::Unreadable {
        kind: Kind::Login,
        cause: "somebody else gets in".to_owned(),
    }))
}

async fn until_decided(app: &App, email: &str) -> Decided {
    let clock = Clock::system();
    let (begun, mut key) = (clock.monotonic(), random::uuid_v7());
    loop {
        let why = match register(app, email, (key, COUNTRIES[0]), false).await {
            End::In(_) => return Decided::Freed,
            // Under the same key: it may have succeeded, and is nobody else's then.
            End::Abandoned => "no answer".to_owned(),
            End::Taken => match somebody_gets_in(app, email).await {
                Ok(()) => return Decided::SomebodyGetsIn,
                Err(failure) => {
                    key = random::uuid_v7();
                    failure.to_string()
                }
            },
        };
        if clock.monotonic() - begun > FREE_WITHIN {
            return Decided::Stuck(why);
        }
        clock.sleep(AGAIN).await;
    }
}

/// Everyone has the same password: who holds the address gets in by it.
async fn somebody_gets_in(app: &App, email: &str) -> Result<(), Failure> {
    let place: Place = app.locate(email).await?;
    app.log_in_as(&place, email).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use platform_model::UserId;
    use uuid::Uuid;

    use super::*;

    fn person(number: u128) -> Person {
        Person {
            name: "of DE".into(),
            country: "DE".parse().expect("a country"),
            email: "wanted-0@example.org".into(),
            password: String::new(),
            user: UserId::from_uuid(Uuid::from_u128(number)),
            home: "eu/eu-central".parse().expect("a home"),
            host: String::new(),
            access: String::new(),
            refresh: String::new(),
        }
    }

    fn wanted(winners: u128, gone: u128) -> Wanted {
        Wanted {
            email: "wanted-0@example.org".into(),
            winners: (0..winners).map(person).collect(),
            gone: (0..gone).map(|n| (Uuid::from_u128(n), "FR")).collect(),
        }
    }

    fn noted(one: &Wanted, found: Found) -> Ran {
        let mut ran = Ran::default();
        ran.note(one, found);
        ran
    }

    /// How many are wrong: held by two, locked out, stuck.
    fn wrong(ran: &Ran) -> (usize, usize, usize) {
        (ran.twice.len(), ran.lost.len(), ran.stuck.len())
    }

    #[test]
    fn one_who_went_away_and_holds_what_another_was_told_to_be_his_is_a_second_holder() {
        let found = |holders, came_in| Found {
            holders,
            came_in,
            ..Found::default()
        };
        let alone = noted(&wanted(1, 1), found(1, 0));
        assert_eq!(wrong(&alone), (0, 0, 0));
        let both = noted(&wanted(1, 1), found(2, 1));
        assert_eq!((wrong(&both), both.came_in), ((1, 0, 0), 1));
        let neither_was_told = noted(&wanted(0, 2), found(2, 2));
        assert_eq!(wrong(&neither_was_told), (1, 0, 0));
    }

    #[test]
    fn of_an_address_without_a_winner_it_is_said_who_got_it() {
        let found = |decided, holders, unanswered| Found {
            holders,
            came_in: holders,
            unanswered,
            decided: Some(decided),
            ..Found::default()
        };
        let one = wanted(0, 1);
        let freed = noted(&one, found(Decided::Freed, 1, 0));
        assert_eq!((wrong(&freed), freed.freed), ((0, 0, 0), 1));
        let came_in = noted(&one, found(Decided::SomebodyGetsIn, 1, 0));
        assert_eq!(wrong(&came_in), (0, 0, 0));
        let nobody = noted(&one, found(Decided::SomebodyGetsIn, 0, 0));
        assert_eq!(wrong(&nobody), (0, 1, 0), "who gets in there?");
        let silent = noted(&one, found(Decided::SomebodyGetsIn, 0, 1));
        assert_eq!(wrong(&silent), (0, 0, 1));
        let stuck = noted(&one, found(Decided::Stuck("taken".into()), 0, 0));
        assert_eq!(wrong(&stuck), (0, 0, 1));
    }

    #[test]
    fn a_planted_fault_is_caught_by_what_it_leads_to_and_by_nothing_else() {
        let twice = noted(
            &wanted(2, 0),
            Found {
                holders: 2,
                ..Found::default()
            },
        );
        assert!(twice.shows("claim-taken-twice") && !twice.shows("claim-by-clock"));
        let lost = noted(
            &wanted(1, 0),
            Found {
                holders: 1,
                locked_out: Some("invalid-credentials".into()),
                ..Found::default()
            },
        );
        assert!(!lost.shows("claim-taken-twice") && lost.shows("claim-by-clock"));
        let stuck = Ran {
            stuck: vec!["taken".into()],
            ..Ran::default()
        };
        for plant in ["claim-taken-twice", "claim-by-clock"] {
            assert!(!stuck.shows(plant) && !Ran::default().shows(plant), "{plant}");
        }
        assert!(stuck.shows("another") && !Ran::default().shows("another"));
    }
}
