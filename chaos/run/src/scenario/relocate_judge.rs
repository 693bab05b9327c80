//! What became of the people of the scenario `relocate`, once everything is healed.

use std::collections::BTreeSet;

use anyhow::Result;
use chaos::verdict::Verdict;
use platform_runtime::clock::Clock;

use super::relocate_people::{AGAIN_AFTER, ANSWER_WITHIN, ENDS_WITHIN, Mover, People};

/// What became of everybody.
pub struct Judgement {
    pub moved: usize,
    pub stayed: usize,
    /// A workout that was acknowledged is not there, or one is there twice.
    pub lost: Vec<String>,
    /// He is found in another home than the one that serves him.
    pub two_homes: Vec<String>,
    /// His relocation has no end, or he is not served.
    pub stuck: Vec<String>,
    /// Operations on names, and whether one order explains them.
    pub names: (usize, Verdict),
}

impl Judgement {
    /// Cases of what was acknowledged and stayed behind: a workout, or a name.
    pub fn stayed_behind(&self) -> usize {
        self.lost.len() + self.names.1.found
    }
}

impl People {
    /// Everybody has one home, which has all that he was told to be recorded, and nothing twice; and each name has one
    /// history.
    pub async fn judge(&self) -> Judgement {
        let mut judgement = Judgement {
            moved: 0,
            stayed: 0,
            lost: Vec::new(),
            two_homes: Vec::new(),
            stuck: Vec::new(),
            names: self.names.judge(),
        };
        let all = self.take_all();
        for mover in &all {
            if let Err(why) = self.judge_one(mover, &mut judgement).await {
                judgement.stuck.push(format!("{}: {why:#}", mover.person.name));
            }
        }
        self.put_back(all);
        judgement.names = self.names.judge();
        judgement
    }

    /// Whether somebody who is through with it lacks a workout by now. Whoever gives no answer lacks none.
    pub async fn anybody_lacks_something(&self) -> bool {
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

    async fn judge_one(&self, mover: &Mover, judgement: &mut Judgement) -> Result<()> {
        let (person, app) = (&mover.person, &self.app);
        self.until_settled(mover).await?;
        let there = self.until_answered(|| app.all_ids(person)).await?;
        let there: Vec<String> = there.iter().map(ToString::to_string).collect();
        judgement.lost.extend(lost(mover, &there));
        let tokens = self.until_answered(|| app.refresh(person)).await?;
        let place = self.until_answered(|| app.locate(&person.email)).await?;
        let back = self.until_answered(|| app.log_in(&place, person)).await?;
        if tokens.home != place.home || back.home != place.home || back.user != person.user {
            let (by_token, found) = (&tokens.home, &place.home);
            judgement
                .two_homes
                .push(format!("{}: served in {by_token}, found in {found}", person.name));
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
        Ok(())
    }

    async fn until_settled(&self, mover: &Mover) -> Result<()> {
        let clock = Clock::system();
        let begun = clock.monotonic();
        loop {
            let now = self.until_answered(|| self.app.relocation(&mover.person)).await?;
            if now.phase == "at-home" {
                return Ok(());
            }
            anyhow::ensure!(clock.monotonic() - begun < ENDS_WITHIN, "it is `{}`", now.phase);
            clock.sleep(AGAIN_AFTER).await;
        }
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
}
