//! What those who look on in the scenario `relocate` have seen of one who was watched, and where they take him to live.

use std::collections::{BTreeMap, BTreeSet};

use chaos::checkers::events::Told;
use chaos::history::Outcome;
use chaos::verdict::Verdict;
use cli_world::app::{Followed, Follower, Person, Shared};
use platform_model::{HomeId, UserId};

use super::shown;

/// Where people live, as far as it is known.
pub type Homes = BTreeMap<UserId, HomeId>;

/// Of one who is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    pub by: usize,
    /// So many of his first workouts were told before it was seen that they are shown: they may be there or not.
    pub unsure: usize,
}

/// One who was watched, once he is through with it.
#[derive(Clone)]
pub struct Watched {
    pub user: UserId,
    pub name: String,
    pub watch: Watch,
    pub told: Vec<String>,
    /// What he sent last has no answer.
    pub open: bool,
}

/// Where he takes others to live.
pub struct Known {
    pub following: Vec<Followed>,
    pub followers: Vec<Follower>,
    pub shared: Vec<Shared>,
}

/// What one of them sees.
pub struct Looked {
    pub watcher: Person,
    pub told: Vec<Told>,
    pub known: Known,
    pub edges: Vec<String>,
}

/// What those who look on have seen.
#[derive(Default)]
pub struct Watching {
    pub people: usize,
    /// Workouts that they were shown.
    pub seen: usize,
    /// Whether each was shown once, and those of one person in his order.
    pub verdict: Verdict,
    /// Who is taken to live elsewhere than he does.
    pub edges: Vec<String>,
    /// Who could not be asked what he sees.
    pub unread: Vec<String>,
}

impl Watched {
    /// In his order. What he sent last and got no answer to may be there, under an id that he was not told.
    pub fn told(&self, seen: &[Shared]) -> Vec<Told> {
        let numbered = (0_u64..).zip(&self.told);
        let mut told: Vec<Told> = numbered
            .map(|(number, id)| shown::told(&self.name, number, id))
            .collect();
        let unsure = self.watch.unsure.min(told.len());
        for one in &mut told[..unsure] {
            one.outcome = Outcome::Unknown;
        }
        let mut others = seen.iter().filter(|one| one.author == self.user);
        let other = others.find(|one| self.open && !self.told.contains(&one.workout.to_string()));
        told.extend(other.map(|one| Told {
            outcome: Outcome::Unknown,
            ..shown::told(&self.name, self.told.len() as u64, &one.workout.to_string())
        }));
        told
    }
}

impl Known {
    /// Where he is taken to live, if that is not, or not everywhere, where he lives.
    pub fn wrong(&self, one: &Watched, home: &HomeId) -> Option<String> {
        let home = home.to_string();
        let following = self.following.iter().find(|other| other.user == one.user);
        let followers = self.followers.iter().find(|other| other.user == one.user);
        let authored = self.shared.iter().filter(|other| other.author == one.user);
        let authored: BTreeSet<&str> = authored.map(|other| other.author_home.as_str()).collect();
        let known = [
            ("followed", following.map(|other| other.home.as_str())),
            ("a follower", followers.map(|other| other.home.as_str())),
        ];
        let known = known
            .into_iter()
            .chain(authored.into_iter().map(|at| ("an author", Some(at))));
        let elsewhere: Vec<String> = known
            .filter(|(_, at)| *at != Some(home.as_str()))
            .map(|(edge, at)| format!("{edge} in {}", at.unwrap_or("no home")))
            .collect();
        let name = &one.name;
        (!elsewhere.is_empty()).then(|| format!("{name} lives in {home} and is {}", elsewhere.join(", ")))
    }
}

impl Looked {
    pub fn is_complete(&self) -> bool {
        self.edges.is_empty() && shown::has_all(&self.told, &self.known.shared)
    }
}

impl Watching {
    pub fn new(people: usize) -> Self {
        Self {
            people,
            verdict: Verdict::new("events", 0, 0),
            ..Self::default()
        }
    }

    pub fn add(&mut self, looked: &Looked) {
        let Looked { watcher, known, .. } = looked;
        let verdict = shown::verdict(&looked.told, &known.shared, watcher);
        self.seen += known.shared.len();
        self.verdict.absorb(&watcher.name, &verdict);
        self.edges.extend(looked.edges.iter().cloned());
    }

    /// Cases of what is not so.
    pub fn wrong(&self) -> usize {
        self.verdict.found + self.edges.len()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const OLD: &str = "eu/eu-central";
    const NEW: &str = "eu/eu-west";

    fn user(number: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(number))
    }

    fn person() -> Person {
        Person {
            name: "watcher".into(),
            country: "FR".parse().expect("a country"),
            email: String::new(),
            password: String::new(),
            user: user(9),
            home: NEW.parse().expect("a home"),
            host: String::new(),
            access: String::new(),
            refresh: String::new(),
        }
    }

    /// One who told so many workouts, the first of which are not sure.
    fn watched(told: u128, unsure: usize, open: bool) -> Watched {
        Watched {
            user: user(1),
            name: "ann".into(),
            watch: Watch { by: 0, unsure },
            told: (1..=told)
                .map(|number| Uuid::from_u128(number).to_string())
                .collect(),
            open,
        }
    }

    /// Workouts of his, in the order in which they came.
    fn shared(workouts: &[u128], author_home: &str) -> Vec<Shared> {
        let one = |(number, workout): (u64, &u128)| Shared {
            number,
            author: user(1),
            author_home: author_home.to_owned(),
            workout: Uuid::from_u128(*workout),
            title: None,
            distance_m: None,
            heart_rate_avg: None,
        };
        (1..).zip(workouts).map(one).collect()
    }

    fn known(shared: Vec<Shared>, following: Option<&str>, followers: Option<&str>) -> Known {
        let followed = |home: &str| Followed {
            user: user(1),
            home: home.to_owned(),
            display_name: None,
            version: 1,
        };
        let follower = |home: &str| Follower {
            user: user(1),
            home: home.to_owned(),
        };
        Known {
            following: following.map(followed).into_iter().collect(),
            followers: followers.map(follower).into_iter().collect(),
            shared,
        }
    }

    fn watching(one: &Watched, seen: &[u128]) -> (bool, Watching) {
        let known = known(shared(seen, NEW), Some(NEW), Some(NEW));
        let looked = Looked {
            watcher: person(),
            told: one.told(&known.shared),
            known,
            edges: Vec::new(),
        };
        let mut watching = Watching::new(1);
        watching.add(&looked);
        (looked.is_complete(), watching)
    }

    #[test]
    fn each_must_have_come_once_and_in_his_order_from_the_first_that_is_sure_on() {
        let names = |one: &Watched, seen: &[u128]| {
            let (complete, watching) = watching(one, seen);
            assert_eq!(watching.seen, seen.len());
            let names: Vec<String> = watching
                .verdict
                .anomalies
                .into_iter()
                .map(|one| one.name)
                .collect();
            (complete, names.join(" "))
        };
        let two = &watched(2, 0, false);
        let wrong = |complete: bool, name: &str| (complete, name.to_owned());
        assert_eq!(names(two, &[1, 2]), wrong(true, ""));
        assert_eq!(names(two, &[1]), wrong(false, "missing"));
        assert_eq!(names(two, &[2, 1]), wrong(true, "out-of-order"));
        assert_eq!(names(two, &[1, 2, 1]), wrong(true, "twice"));
        assert_eq!(names(two, &[1, 2, 3]), wrong(true, "out-of-nowhere"));
        let unsure = &watched(3, 2, false);
        assert_eq!(names(unsure, &[3]), wrong(true, ""));
        assert_eq!(names(unsure, &[2, 3]), wrong(true, ""));
        assert_eq!(names(unsure, &[3, 2]), wrong(true, "out-of-order"));
        assert_eq!(names(unsure, &[1, 2]), wrong(false, "missing"));
    }

    #[test]
    fn what_got_no_answer_may_be_there_as_the_last_and_once() {
        let found = |seen: &[u128]| {
            let (complete, watching) = watching(&watched(2, 0, true), seen);
            (complete, watching.verdict.found, watching.verdict.unknown)
        };
        assert_eq!(found(&[1, 2]), (true, 0, 0));
        assert_eq!(found(&[1, 2, 7]), (true, 0, 1));
        assert_eq!(found(&[1, 7, 2]).1, 1, "it was told last");
        assert_eq!(found(&[1, 2, 7, 7]).1, 1, "twice");
        assert_eq!(found(&[1, 2, 7, 8]).1, 1, "one was sent, not two");
    }

    #[test]
    fn everything_that_names_his_home_must_name_the_one_where_he_lives() {
        let home: HomeId = NEW.parse().expect("a home");
        let wrong = |shared: Vec<Shared>, following, followers| {
            known(shared, following, followers).wrong(&watched(1, 0, false), &home)
        };
        let here = || shared(&[1], NEW);
        assert_eq!(wrong(here(), Some(NEW), Some(NEW)), None);
        assert_eq!(wrong(Vec::new(), Some(NEW), Some(NEW)), None);
        let said = |wrong: Option<String>| wrong.expect("it is wrong");
        assert_eq!(
            said(wrong(here(), Some(OLD), Some(NEW))),
            "ann lives in eu/eu-west and is followed in eu/eu-central"
        );
        assert_eq!(
            said(wrong(here(), Some(NEW), None)),
            "ann lives in eu/eu-west and is a follower in no home"
        );
        let both = [here(), shared(&[2], OLD)].into_iter().flatten().collect();
        assert_eq!(
            said(wrong(both, Some(NEW), Some(NEW))),
            "ann lives in eu/eu-west and is an author in eu/eu-central"
        );
    }
}
