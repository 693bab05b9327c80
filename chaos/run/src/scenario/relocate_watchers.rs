//! Who looks on in the scenario `relocate`: one person in each home, who does not move once it has begun. Some of those
//! who move let him see what they show, and are let in by him, before they begin to. In the end he must have seen each
//! of their workouts once and in their order, over all homes in which they lived, and must know where they live.

use std::time::Duration;

use anyhow::{Result, ensure};
use cli_world::app::{App, Person};
use parking_lot::Mutex;
use platform_model::{HomeId, UserId};
use platform_runtime::clock::Clock;
use platform_runtime::random;

use super::relocate_people::{AGAIN_AFTER, ANSWER_WITHIN, Mover, register, until_answered};
use super::relocate_seen::{Homes, Known, Looked, Watch, Watched, Watching};
use super::shown;

/// Where they come in, and where they live: the homes that people leave and go to, and one beyond.
const LOOK_ON: [(&str, &str); 3] = [
    ("DE", "eu/eu-central"),
    ("FR", "eu/eu-west"),
    ("US", "us/us-east"),
];
/// People who are watched, all in all: nobody has more than 200 followers.
const WATCHED_MAX: usize = 60;
/// Workouts that one is shown: he keeps a thousand, and all of them must be there in the end.
const SHOWN_MAX: usize = 900;
/// Of one person at most.
pub const OF_ONE_MAX: usize = 90;
/// Looks for the first workout of somebody, one after the other.
const LOOKS: usize = 4;

pub struct Watchers {
    app: App,
    all: Vec<Person>,
    room: Mutex<Room>,
    watched: Mutex<Vec<Watched>>,
}

/// What is taken of what there is room for.
struct Room {
    people: usize,
    /// Of each who looks on: workouts that he is shown, or may be.
    workouts: Vec<usize>,
}

impl Watchers {
    /// Where it is planted that nobody moves as he should, those who would have to move themselves stay away.
    ///
    /// # Errors
    /// When somebody does not come to live where he should.
    pub async fn come_in(app: &App, plant: Option<&str>) -> Result<Self> {
        let mut all = Vec::new();
        for (country, home) in LOOK_ON {
            let person = register(app, &format!("watcher-{country}"), country).await?;
            let home = home.parse()?;
            if person.home == home {
                all.push(person);
            } else if plant != Some("relocation-takes-fence-back") {
                all.push(come_to_live(app, person, &home).await?);
            }
        }
        let room = Room {
            people: 0,
            workouts: vec![0; all.len()],
        };
        Ok(Self {
            app: app.clone(),
            all,
            room: Mutex::new(room),
            watched: Mutex::default(),
        })
    }

    /// Somebody of another home watches this person from now on, if there is room. What of it is not used is given back
    /// by [`Self::has_lived`].
    pub fn take_on(&self, person: &Person) -> Option<Watch> {
        let elsewhere = |by: usize| self.all[by].home != person.home;
        let by = self.room.lock().take(elsewhere)?;
        let unsure = usize::MAX;
        Some(Watch { by, unsure })
    }

    /// They let each other in, each in his own home.
    ///
    /// # Errors
    /// When nobody answers one of them.
    pub async fn admit(&self, by: usize, person: &Person) -> Result<()> {
        let (watcher, keys) = (&self.all[by], [random::uuid_v7(), random::uuid_v7()]);
        let (here, there) = (person.home.to_string(), watcher.home.to_string());
        let own = || self.app.admit_follower(person, (watcher.user, &there), keys[0]);
        until_answered(own).await?;
        let other = || async {
            let watcher = shown::awake(&self.app, watcher).await?;
            anyhow::Ok(
                self.app
                    .admit_follower(&watcher, (person.user, &here), keys[1])
                    .await?,
            )
        };
        until_answered(other).await
    }

    /// Whether he is shown something of this person soon.
    pub async fn soon_sees(&self, by: usize, author: UserId) -> bool {
        let clock = Clock::system();
        for _ in 0..LOOKS {
            clock.sleep(AGAIN_AFTER).await;
            let newest = async {
                let watcher = shown::awake(&self.app, &self.all[by]).await?;
                anyhow::Ok(self.app.shared_page(&watcher, None).await?)
            };
            if let Ok(Ok(page)) = tokio::time::timeout(ANSWER_WITHIN, newest).await
                && page.items.iter().any(|one| one.author == author)
            {
                return true;
            }
        }
        false
    }

    /// One who is watched tells nothing more; `open`: what he sent last was not answered.
    pub fn has_lived(&self, mover: &Mover, open: bool) {
        let Some(watch) = mover.watch else { return };
        self.room
            .lock()
            .give_back(watch.by, mover.told.len() + usize::from(open));
        self.watched.lock().push(Watched {
            user: mover.person.user,
            name: mover.person.name.clone(),
            watch,
            told: mover.told.clone(),
            open,
        });
    }

    /// What they have seen once each has seen all, and knows where everybody lives, or when the time is over.
    pub async fn judge(&self, homes: &Homes, within: Duration) -> Watching {
        let clock = Clock::system();
        let begun = clock.monotonic();
        let mut watching = Watching::new(self.watched.lock().len());
        for (by, watcher) in self.all.iter().enumerate() {
            loop {
                let looked = self.look(by, homes).await;
                let late = clock.monotonic() - begun > within;
                match looked {
                    Ok(looked) if late || looked.is_complete() => {
                        watching.add(&looked);
                        break;
                    }
                    Err(why) if late => {
                        watching.unread.push(format!("{}: {why:#}", watcher.name));
                        break;
                    }
                    _ => clock.sleep(AGAIN_AFTER).await,
                }
            }
        }
        watching
    }

    /// What can be said while some of it may still be on its way: what came is judged. Whoever gives no answer sees
    /// nothing.
    pub async fn by_now(&self, homes: &Homes) -> Watching {
        let mut watching = Watching::new(self.watched.lock().len());
        for by in 0..self.all.len() {
            let looked = tokio::time::timeout(ANSWER_WITHIN, self.look(by, homes)).await;
            if let Ok(Ok(mut looked)) = looked {
                looked.told = shown::those_shown(looked.told, &looked.known.shared);
                watching.add(&looked);
            }
        }
        watching
    }

    async fn look(&self, by: usize, homes: &Homes) -> Result<Looked> {
        let watcher = shown::awake(&self.app, &self.all[by]).await?;
        let known = Known {
            following: self.app.following(&watcher).await?,
            followers: self.app.followers(&watcher).await?,
            shared: self.app.shared(&watcher).await?,
        };
        let watched = self.watched.lock();
        let his = || watched.iter().filter(move |one| one.watch.by == by);
        let told = his().flat_map(|one| one.told(&known.shared)).collect();
        let edges = his().filter_map(|one| known.wrong(one, homes.get(&one.user)?));
        let edges = edges
            .map(|wrong| format!("{wrong} to {}", watcher.name))
            .collect();
        drop(watched);
        Ok(Looked {
            watcher,
            told,
            known,
            edges,
        })
    }
}

impl Room {
    /// For one person more, with who has least to look at of those who may.
    fn take(&mut self, may: impl Fn(usize) -> bool) -> Option<usize> {
        let allowed = (0..self.workouts.len()).filter(|by| may(*by));
        let by = allowed.min_by_key(|by| self.workouts[*by])?;
        if self.people >= WATCHED_MAX || self.workouts[by] + OF_ONE_MAX > SHOWN_MAX {
            return None;
        }
        self.people += 1;
        self.workouts[by] += OF_ONE_MAX;
        Some(by)
    }

    fn give_back(&mut self, by: usize, told: usize) {
        self.workouts[by] -= OF_ONE_MAX.saturating_sub(told);
    }
}

/// The router lets everybody in at the home that is nearest to it: whoever is to look on from another one goes there.
async fn come_to_live(app: &App, mut person: Person, home: &HomeId) -> Result<Person> {
    let lives_there = || async {
        // Asked again it says how it stands.
        let now = app.relocate(&person, home).await?;
        ensure!(now.phase == "at-home", "he is `{}`", now.phase);
        let place = app.locate(&person.email).await?;
        ensure!(place.home == *home, "he lives in {}", place.home);
        let tokens = app.log_in(&place, &person).await?;
        anyhow::Ok((place, tokens))
    };
    let (place, tokens) = until_answered(lives_there).await?;
    (person.home, person.host) = (place.home, place.host);
    person.take(tokens);
    Ok(person)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_shown_more_than_he_keeps_and_what_is_not_told_makes_room_for_others() {
        let mut room = Room {
            people: 0,
            workouts: vec![0, 0, 0],
        };
        assert_eq!(room.take(|by| by != 0), Some(1));
        assert_eq!(room.take(|by| by != 0), Some(2), "who has least to look at");
        while room.take(|by| by == 0).is_some() {}
        assert!(room.workouts[0] <= SHOWN_MAX, "{:?}", room.workouts);
        assert!(room.workouts[0] + OF_ONE_MAX > SHOWN_MAX);
        room.give_back(0, 10);
        assert_eq!(room.take(|by| by == 0), None, "ten of his are there");
        room.give_back(0, 10);
        assert_eq!(room.take(|by| by == 0), Some(0));
        assert_eq!(room.take(|_| false), None, "all live where he does");
    }

    #[test]
    fn so_many_are_watched_and_no_more() {
        let mut room = Room {
            people: 0,
            workouts: vec![0],
        };
        for _ in 0..WATCHED_MAX {
            let by = room.take(|_| true).expect("there is room");
            room.give_back(by, 1);
        }
        assert_eq!(room.take(|_| true), None);
        assert_eq!(room.workouts, [WATCHED_MAX]);
    }
}
