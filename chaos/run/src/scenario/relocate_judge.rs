//! What became of the people of the scenario `relocate`, once everything is healed.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use chaos::verdict::Verdict;
use cli_world::World;
use platform_model::HomeId;
use platform_runtime::clock::Clock;

use super::relocate_homes::{both_say, is_served_twice, wrong};
use super::relocate_people::{AGAIN_AFTER, ANSWER_WITHIN, ENDS_WITHIN, Mover, People, until_answered};
use super::relocate_seen::{Homes, Watching};
use super::shown::ARRIVES_WITHIN;

/// People who are looked at after a round: where one is planted who lives twice, those who moved last; where one of whom
/// nobody hears that he moved, those who moved first.
const LOOKED_AT: usize = 10;

/// What became of everybody.
#[derive(Default)]
pub struct Judgement {
    pub moved: usize,
    pub stayed: usize,
    /// A workout that was acknowledged is not there, or one is there twice.
    pub lost: Vec<String>,
    /// He is found in another home than the one that serves him, or a second one has him by its own word.
    pub two_homes: Vec<String>,
    /// His relocation has no end, or he is not served.
    pub stuck: Vec<String>,
    /// Operations on names, and whether one order explains them.
    pub names: (usize, Verdict),
    /// What those who look on have seen, and where they take whom to live.
    pub watched: Watching,
}

impl Judgement {
    /// Cases of what was acknowledged and stayed behind: a workout, or a name.
    pub fn stayed_behind(&self) -> usize {
        self.lost.len() + self.names.1.found
    }

    /// Whether that was seen to which this planted fault leads; of one that is not known here, anything wrong.
    pub fn shows(&self, plant: &str) -> bool {
        match plant {
            "relocation-without-tail" => self.stayed_behind() > 0,
            "relocation-takes-fence-back" => !self.two_homes.is_empty(),
            "relocation-tells-at-once" => self.watched.verdict.has("out-of-order"),
            "relocation-forgets-edges" => !self.watched.edges.is_empty(),
            _ => self.stayed_behind() + self.two_homes.len() + self.stuck.len() + self.watched.wrong() > 0,
        }
    }
}

impl People {
    /// Everybody has one home, which has all that he was told to be recorded, and nothing twice; each name has one
    /// history; and those who look on have seen all of whom they watch, and know where he lives. Once what is `planted`
    /// is seen nobody waits for the rest.
    pub async fn judge(&self, world: &World, planted: Option<&str>) -> Judgement {
        let due = Clock::system().monotonic() + ENDS_WITHIN;
        let (mut judgement, mut homes) = (Judgement::default(), Homes::new());
        let all = self.take_all();
        for mover in &all {
            match self.judge_one((world, due), mover, &mut judgement).await {
                Ok(home) => {
                    homes.insert(mover.person.user, home);
                }
                Err(why) => judgement.stuck.push(format!("{}: {why:#}", mover.person.name)),
            }
        }
        self.put_back(all);
        judgement.names = self.names.judge();
        let is_seen = planted.is_some_and(|plant| judgement.shows(plant));
        let within = if is_seen { Duration::ZERO } else { ARRIVES_WITHIN };
        judgement.watched = self.watchers.judge(&homes, within).await;
        judgement.stuck.extend(judgement.watched.unread.iter().cloned());
        judgement
    }

    /// Whether what this planted fault leads to is seen by now.
    pub async fn anybody_shows(&self, plant: &str, world: &World) -> bool {
        match plant {
            "relocation-takes-fence-back" => self.anybody_lives_twice(world).await,
            "relocation-tells-at-once" | "relocation-forgets-edges" => {
                let watched = self.watchers.by_now(&self.homes_by_now().await).await;
                let by_now = Judgement {
                    watched,
                    ..Judgement::default()
                };
                by_now.shows(plant)
            }
            _ => self.anybody_lacks_something().await,
        }
    }

    /// By the word of both homes. One that gives no answer does not serve him.
    async fn anybody_lives_twice(&self, world: &World) -> bool {
        for mover in self.all_so_far().iter().rev().take(LOOKED_AT) {
            let homes = [&mover.person.home, &mover.to];
            let both = both_say(world, mover.person.user, homes).await;
            if both.is_ok_and(|both| is_served_twice(&both)) {
                return true;
            }
        }
        false
    }

    /// Where those live who were through with it first.
    async fn homes_by_now(&self) -> Homes {
        let mut homes = Homes::new();
        for Mover { person, .. } in self.all_so_far().iter().take(LOOKED_AT) {
            if let Ok(place) = self.app.locate(&person.email).await {
                homes.insert(person.user, place.home);
            }
        }
        homes
    }

    /// Whether somebody who is through with it lacks a workout by now. Whoever gives no answer lacks none.
    async fn anybody_lacks_something(&self) -> bool {
        for mover in self.all_so_far() {
            let there = tokio::time::timeout(ANSWER_WITHIN, self.app.all_ids(&mover.person)).await;
            if let Ok(Ok(there)) = there {
                let there: Vec<String> = there.iter().map(ToString::to_string).collect();
                if !lost(&mover, &there).is_empty() {
                    return true;
                }
            }
        }
        false
    }

    /// Answers where he lives.
    async fn judge_one(
        &self,
        (world, due): (&World, Duration),
        mover: &Mover,
        judgement: &mut Judgement,
    ) -> Result<HomeId> {
        let (person, app) = (&mover.person, &self.app);
        self.until_settled(mover).await?;
        let there = until_answered(|| app.all_ids(person)).await?;
        let there: Vec<String> = there.iter().map(ToString::to_string).collect();
        judgement.lost.extend(lost(mover, &there));
        let tokens = until_answered(|| app.refresh(person)).await?;
        let place = until_answered(|| app.locate(&person.email)).await?;
        let back = until_answered(|| app.log_in(&place, person)).await?;
        if tokens.home != place.home || back.home != place.home || back.user != person.user {
            let (by_token, found) = (&tokens.home, &place.home);
            judgement
                .two_homes
                .push(format!("{}: served in {by_token}, found in {found}", person.name));
        } else if let Some(why) = second_home((world, due), mover, &place.home).await? {
            judgement.two_homes.push(format!("{}: {why}", person.name));
        }
        anyhow::ensure!(
            self.names.read(app, person).await,
            "nobody says what he is called"
        );
        if place.home == mover.to {
            judgement.moved += 1;
        } else {
            judgement.stayed += 1;
        }
        Ok(place.home)
    }

    async fn until_settled(&self, mover: &Mover) -> Result<()> {
        let clock = Clock::system();
        let begun = clock.monotonic();
        loop {
            let now = until_answered(|| self.app.relocation(&mover.person)).await?;
            if now.phase == "at-home" {
                return Ok(());
            }
            anyhow::ensure!(clock.monotonic() - begun < ENDS_WITHIN, "it is `{}`", now.phase);
            clock.sleep(AGAIN_AFTER).await;
        }
    }
}

/// What is wrong with what both homes say of him, `found` being the one where he is found; asked until nothing is, or until
/// `due`: the home that he left is told that he is served elsewhere after he is.
async fn second_home(
    (world, due): (&World, Duration),
    mover: &Mover,
    found: &HomeId,
) -> Result<Option<String>> {
    let (clock, moved) = (Clock::system(), *found == mover.to);
    let other = if moved { &mover.person.home } else { &mover.to };
    let homes = [found, other];
    loop {
        let both = both_say(world, mover.person.user, homes).await;
        let wrong = both.map(|both| wrong(homes, &both, moved));
        if matches!(wrong, Ok(None)) || clock.monotonic() >= due {
            return wrong;
        }
        clock.sleep(AGAIN_AFTER).await;
    }
}

/// What is wrong with the workouts that somebody has.
fn lost(mover: &Mover, there: &[String]) -> Vec<String> {
    let name = &mover.person.name;
    let once: BTreeSet<&String> = there.iter().collect();
    let missing = mover.told.iter().filter(|told| !once.contains(told)).count();
    let missing = (missing > 0).then(|| format!("{name}: {missing} of {} are lost", mover.told.len()));
    let twice = (once.len() != there.len()).then(|| format!("{name}: one is there twice"));
    missing.into_iter().chain(twice).collect()
}

#[cfg(test)]
mod tests {
    use cli_world::app::Person;

    use super::*;

    fn mover(told: &[&str]) -> Mover {
        let home: platform_model::HomeId = "eu/eu-west".parse().expect("a home");
        let person = Person {
            name: "ann".into(),
            country: "DE".parse().expect("a country"),
            email: String::new(),
            password: String::new(),
            user: platform_model::UserId::from_uuid(uuid::Uuid::from_u128(1)),
            home: home.clone(),
            host: String::new(),
            access: String::new(),
            refresh: String::new(),
        };
        Mover {
            person,
            to: home,
            told: told.iter().map(ToString::to_string).collect(),
            watch: None,
        }
    }

    #[test]
    fn a_workout_that_is_not_there_and_one_that_is_there_twice_are_told() {
        let there = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mover = mover(&["a", "b"]);
        assert!(lost(&mover, &there(&["b", "a", "c"])).is_empty());
        assert_eq!(lost(&mover, &there(&["b"])), ["ann: 1 of 2 are lost"]);
        assert_eq!(
            lost(&mover, &there(&["a", "b", "b"])),
            ["ann: one is there twice"]
        );
    }

    #[test]
    fn a_planted_fault_is_caught_by_what_it_leads_to_and_by_nothing_else() {
        let shows = |judged: &Judgement| {
            [
                "relocation-without-tail",
                "relocation-takes-fence-back",
                "relocation-tells-at-once",
                "relocation-forgets-edges",
                "another",
            ]
            .map(|plant| judged.shows(plant))
        };
        let wrong = || vec!["ann".to_owned()];
        assert_eq!(shows(&Judgement::default()), [false; 5]);
        let lost = Judgement {
            lost: wrong(),
            ..Judgement::default()
        };
        assert_eq!(shows(&lost), [true, false, false, false, true]);
        let twice = Judgement {
            two_homes: wrong(),
            ..Judgement::default()
        };
        assert_eq!(shows(&twice), [false, true, false, false, true]);
        let stuck = Judgement {
            stuck: wrong(),
            ..Judgement::default()
        };
        assert_eq!(shows(&stuck), [false, false, false, false, true]);
        let mut renamed = Judgement::default();
        renamed.names.1.add("not-linearizable", "a name");
        assert_eq!(shows(&renamed), [true, false, false, false, true]);
        let mut overtaken = Judgement::default();
        overtaken.watched.verdict.add("out-of-order", "a workout");
        assert_eq!(shows(&overtaken), [false, false, true, false, true]);
        let mut missing = Judgement::default();
        missing.watched.verdict.add("missing", "a workout");
        assert_eq!(shows(&missing), [false, false, false, false, true]);
        let mut unknown = Judgement::default();
        unknown.watched.edges = wrong();
        assert_eq!(shows(&unknown), [false, false, false, true, true]);
    }
}
