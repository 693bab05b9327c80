//! Who of a backup lives elsewhere by now: the directory's entry of each is read before the shard is given to anybody. Where he
//! stood then and what the entry says decide, whichever is later.

use std::time::Duration;

use cell_backup::Resident;
use cell_layers::place::{Errand, Standing, Tally};
use cell_relay::Place;
use cell_relay::home::Entry;
use futures::future::try_join_all;
use platform_model::{HomeId, UserId};
use platform_wire::relocation::EntryStep;

use super::Parts;
use super::entries::entry_of;

/// People who are asked about at the same time.
const AT_ONCE: usize = 16;
/// How often a directory that does not answer is asked again: it may have been restored a moment ago.
const TRIES_MAX: u32 = 120;
const PAUSE: Duration = Duration::from_millis(500);

impl Parts {
    /// How those stand who live elsewhere.
    pub(super) async fn gone_from(
        &self,
        home: &HomeId,
        people: Vec<Resident>,
    ) -> Result<Vec<(UserId, Standing)>, String> {
        let mut gone = Vec::new();
        for some in people.chunks(AT_ONCE) {
            let entries = some
                .iter()
                .map(|resident| self.entry_of_resident(home, resident.user));
            for (resident, entry) in some.iter().zip(try_join_all(entries).await?) {
                let standing = entry.and_then(|entry| lives_elsewhere(home, resident, &entry));
                gone.extend(standing.map(|standing| (resident.user, standing)));
            }
        }
        Ok(gone)
    }

    async fn entry_of_resident(&self, home: &HomeId, user: UserId) -> Result<Option<Entry<HomeId>>, String> {
        let mut tries = 0;
        loop {
            match self.entry(&home.jurisdiction, user, &EntryStep::Read).await {
                Ok(told) => return Ok(entry_of(&told)),
                Err(why) if tries == TRIES_MAX => {
                    return Err(format!(
                        "{why}; restore the directory of {} first",
                        home.jurisdiction
                    ));
                }
                Err(_) => tries += 1,
            }
            self.clock.sleep(PAUSE).await;
        }
    }
}

/// None: he lived there when the backup was made, and does still, or is on the way and will be asked about by whoever serves it.
fn lives_elsewhere(home: &HomeId, resident: &Resident, entry: &Entry<HomeId>) -> Option<Standing> {
    let before = resident.standing.clone().unwrap_or_else(Standing::native);
    let Place::Home { user_epoch } = before.place else {
        return None;
    };
    if entry.home == *home || entry.user_epoch <= user_epoch {
        return None;
    }
    // What was under way then came to nothing, and a copy of him may have been there.
    let tried = before.errand.clone().filter(|then| then.under_way);
    let tried = tried.filter(|then| then.other != entry.home);
    let before = tried
        .iter()
        .fold(before, |before, then| before.having_tried(&then.other));
    let errand = Errand {
        operation: entry.newest,
        other: entry.home.clone(),
        under_way: false,
        unwanted: false,
        by: String::new(),
        consent: false,
        since_ms: 0,
        outcome: "he had moved when this shard was restored".to_owned(),
    };
    Some(Standing {
        place: Place::Gone {
            to: entry.home.clone(),
            user_epoch: entry.user_epoch,
        },
        errand: Some(errand),
        // Whose rows are left out has none to be removed, and a certificate.
        clearing: !resident.left_out,
        tally: Tally::default(),
        ..before
    })
}

#[cfg(test)]
mod tests {
    use cell_relay::home::OperationId;
    use uuid::Uuid;

    use super::*;
    use crate::relocation::forgetting::errand_to;

    fn home(text: &str) -> HomeId {
        text.parse().expect("a home")
    }

    fn resident(user_epoch: Option<u64>, left_out: bool) -> Resident {
        let at_home = |user_epoch| Standing {
            place: Place::Home { user_epoch },
            ..Standing::native()
        };
        Resident {
            user: UserId::from_uuid(Uuid::from_u128(7)),
            standing: user_epoch.map(at_home),
            left_out,
        }
    }

    /// The planted omission: he is served by two homes.
    #[test]
    fn whoever_has_moved_since_is_gone_and_nobody_else() {
        let (here, there) = (home("eu/eu-west"), home("eu/eu-central"));
        let entry = |home: &HomeId, user_epoch| Entry {
            user_epoch,
            newest: OperationId(9),
            ..Entry::new(home.clone())
        };
        let told = |resident: &Resident, entry: &Entry<HomeId>| lives_elsewhere(&here, resident, entry);
        let moved = told(&resident(None, false), &entry(&there, 2)).expect("he lives there");
        let gone = Place::Gone {
            to: there.clone(),
            user_epoch: 2,
        };
        assert_eq!((&moved.place, moved.clearing), (&gone, true));
        let certified = told(&resident(None, true), &entry(&there, 2)).expect("he lives there");
        assert_eq!((&certified.place, certified.clearing), (&gone, false));
        // The planted omission: he is erased, and the home of a relocation that was under way then keeps the key of its copy.
        let under_way = |to: &HomeId| {
            let errand = Errand {
                under_way: true,
                ..errand_to(to)
            };
            let standing = Standing {
                errand: Some(errand),
                ..Standing::native()
            };
            let resident = Resident {
                standing: Some(standing),
                ..resident(None, false)
            };
            told(&resident, &entry(&there, 2)).expect("he lives there").tried
        };
        let third = home("eu/eu-south");
        assert_eq!(under_way(&third), [third]);
        assert!(under_way(&there).is_empty());
        assert_eq!(told(&resident(None, false), &entry(&here, 1)), None);
        // He has come from another jurisdiction since what this directory knows of him.
        assert_eq!(told(&resident(Some(3), false), &entry(&there, 2)), None);
        let on_the_way = Resident {
            standing: Some(Standing {
                place: Place::Fenced {
                    user_epoch: 1,
                    operation: OperationId(9),
                },
                ..Standing::native()
            }),
            ..resident(None, false)
        };
        assert_eq!(told(&on_the_way, &entry(&there, 2)), None, "he asks himself");
    }
}
