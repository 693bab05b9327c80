//! How a copy that came in ends: it is served once the directory's entry names this home, and goes once the entry says that the
//! relocation is over. And how rows go, here and where he lived.

use bytes::Bytes;
use cell_layers::keys::UserKey;
use cell_layers::place::{self, Errand, Standing, Tally};
use cell_layers::{RootTx, event};
use cell_relay::Place;
use cell_relay::home::Entry;
use cell_sdk::ClaimDigest;
use cell_shard::{KeyRange, Shard, Tx, WriteError};
use platform_model::{HomeId, Problem, RootRef, UserId};
use platform_wire::relocation::{EntryStep, Take};
use uuid::Uuid;

use super::Parts;
use super::entries::entry_of;
use super::standing::{self, DOMAIN, Failed, StepError, change, request};
use super::target::{NONE, Not, not_now};
use crate::problems::unavailable;

/// Rows that one transaction removes.
const ROWS_AT_ONCE: usize = 500;

impl Parts {
    /// That he is served here, as the home before waits to hear: he is from now on, or has been, and has moved on since.
    pub(super) async fn confirm(&self, shard: &Shard, home: &HomeId, take: &Take) -> Result<u64, Not> {
        let now = standing::read(shard, take.user).await.map_err(not_now)?;
        if let Some(Standing {
            place: Place::Gone { user_epoch, .. },
            came_from: Some(from),
            ..
        }) = now
            && Some(&from) == take.source.home()
            && user_epoch > take.served_epoch
        {
            return Ok(user_epoch);
        }
        self.activate(shard, home, take.user).await
    }

    /// He is served from now on, if the entry names this home.
    pub(super) async fn activate(&self, shard: &Shard, home: &HomeId, user: UserId) -> Result<u64, Not> {
        let before = standing::read(shard, user).await.map_err(not_now)?;
        if let Some(Standing {
            place: Place::Home { user_epoch },
            ..
        }) = before
        {
            return Ok(user_epoch);
        }
        let entry = &self.entry_of_incoming(before.as_ref(), user).await?;
        let place = before.as_ref().map(|standing| standing.place.clone());
        let named = place.map(|place| place.activate(home.clone(), entry, NONE));
        if let Some(Err(why)) = named {
            return Err(Not::Refused(why.to_string()));
        }
        self.note_parked(shard, home, user).await?;
        let activate = |before: Option<Standing>| {
            let before = before.ok_or("nothing came in")?;
            let place = before.place.clone().activate(home.clone(), entry, NONE);
            let errand = before.errand.map(|errand| Errand {
                under_way: false,
                outcome: "he lives here".to_owned(),
                ..errand
            });
            Ok(Standing {
                place: place.map_err(|why| why.to_string())?,
                errand,
                ..before
            })
        };
        let (standing, _) = change(shard, user, activate).await.map_err(not_now)?;
        match standing.place {
            Place::Home { user_epoch } => {
                tracing::info!(target: "audit", shard = %shard.id(), %user, user_epoch, "a person has moved in");
                self.driven.wake(shard.id(), user);
                Ok(user_epoch)
            }
            _ => Err(Not::Later("he does not live here yet".to_owned())),
        }
    }

    /// What is parked in his root is listed here from now on.
    async fn note_parked(&self, shard: &Shard, home: &HomeId, user: UserId) -> Result<(), Not> {
        let key = &self.key(home, user).await?;
        let note = |tx: Tx| async move {
            let tx = RootTx::new(tx, RootRef::user(user), DOMAIN, key);
            Ok::<_, StepError>(event::note_parked(&tx).await?)
        };
        let noted = shard.write(&request(user), note).await;
        noted.map(|_| ()).map_err(not_now)
    }

    /// The copy goes, if the entry says that its relocation is over and he lives elsewhere.
    pub(super) async fn abandon(&self, shard: &Shard, home: &HomeId, user: UserId) -> Result<(), Not> {
        let before = standing::read(shard, user).await.map_err(not_now)?;
        match before
            .as_ref()
            .map(|standing| (&standing.place, standing.clearing))
        {
            None | Some((Place::Gone { .. } | Place::Home { .. }, false)) => return Ok(()),
            Some((Place::Gone { .. }, true)) => {}
            _ => {
                let entry = &self.entry_of_incoming(before.as_ref(), user).await?;
                let place = before.as_ref().map(|standing| standing.place.clone());
                let over = place.map(|place| place.abandon(home.clone(), entry));
                if let Some(Err(why)) = over {
                    return Err(Not::Refused(why.to_string()));
                }
                self.let_claims_go(shard, home, user, before.as_ref()).await?;
                let abandon = |before: Option<Standing>| {
                    let before = before.ok_or("nothing came in")?;
                    let place = before.place.clone().abandon(home.clone(), entry);
                    Ok(Standing {
                        place: place.map_err(|why| why.to_string())?,
                        errand: None,
                        clearing: true,
                        tally: Tally::default(),
                        ..before
                    })
                };
                change(shard, user, abandon).await.map_err(not_now)?;
            }
        }
        self.remove_copy(shard, user).await?;
        let done = |before: Option<Standing>| {
            let before = before.ok_or("nothing came in")?;
            Ok(Standing {
                clearing: matches!(before.place, Place::Incoming { .. }) && before.clearing,
                ..before
            })
        };
        change(shard, user, done).await.map(|_| ()).map_err(not_now)
    }

    /// Unless another copy comes in by now: then that one has removed what lay here.
    async fn remove_copy(&self, shard: &Shard, user: UserId) -> Result<(), Not> {
        let now = standing::read(shard, user).await.map_err(not_now)?;
        match now {
            Some(Standing {
                place: place @ Place::Gone { .. },
                clearing: true,
                ..
            }) => remove_rows(shard, user, &place)
                .await
                .map(|_| ())
                .map_err(not_now),
            _ => Ok(()),
        }
    }

    /// Addresses that were claimed for him in another jurisdiction than his own: for this home. He may have come to another of the
    /// same since, before this one heard that its copy was given up.
    pub(super) async fn let_claims_go(
        &self,
        shard: &Shard,
        home: &HomeId,
        user: UserId,
        before: Option<&Standing>,
    ) -> Result<(), Not> {
        let from = before.and_then(|standing| standing.came_from.as_ref());
        if from.is_none_or(|from| from.jurisdiction == home.jurisdiction) {
            return Ok(());
        }
        for (digest, id) in self.claims_of(shard, home, user).await? {
            let released = self
                .lent
                .directory()
                .release(&home.jurisdiction, digest, id, Some(home))
                .await;
            released.map_err(|problem| Not::Later(problem.code.as_str().to_owned()))?;
        }
        Ok(())
    }

    async fn claims_of(
        &self,
        shard: &Shard,
        home: &HomeId,
        user: UserId,
    ) -> Result<Vec<(ClaimDigest, Uuid)>, Not> {
        let key = &self.key(home, user).await?;
        held_claims(shard, user, key).await.map_err(Not::Later)
    }

    /// The entry, read after the copy was found here.
    async fn entry_of_incoming(&self, before: Option<&Standing>, user: UserId) -> Result<Entry<HomeId>, Not> {
        let from = before.and_then(|standing| standing.came_from.as_ref());
        let from = from.ok_or_else(|| Not::Refused("nothing came in".to_owned()))?;
        let told = self.entry(&from.jurisdiction, user, &EntryStep::Read).await;
        let told = told.map_err(Not::Later)?;
        entry_of(&told).ok_or_else(|| Not::Refused("the directory knows of no relocation".to_owned()))
    }
}

/// What he holds at the directory by his own record, read in his root whoever serves him.
pub(crate) async fn claims_on_record(
    shard: &Shard,
    user: UserId,
    key: &UserKey,
) -> Result<Vec<(ClaimDigest, Uuid)>, Problem> {
    let held = |tx: Tx| async move {
        let tx = RootTx::new(tx, RootRef::user(user), DOMAIN, key);
        domains_identity::held_claims(&tx).await
    };
    let held = shard.read(&request(user), held).await;
    held.map(|held| held.value).map_err(|error| match error {
        WriteError::Rejected(error) => error.into(),
        other => unavailable(&other.to_string()),
    })
}

/// The same, for who has to wait if it cannot be told.
pub(super) async fn held_claims(
    shard: &Shard,
    user: UserId,
    key: &UserKey,
) -> Result<Vec<(ClaimDigest, Uuid)>, String> {
    let held = claims_on_record(shard, user, key).await;
    held.map_err(|problem| {
        format!(
            "{}: {}",
            problem.code.as_str(),
            problem.detail.unwrap_or_default()
        )
    })
}

/// Removes every row of his root, some at a time; answers how many. Only as long as he stands in `place` and that is being
/// cleared: whoever is late with it touches nothing of a copy that has come in since.
pub(super) async fn remove_rows(shard: &Shard, user: UserId, place: &Place<HomeId>) -> Result<u64, Failed> {
    let everything = || KeyRange::new(Bytes::new(), Bytes::from_static(&[u8::MAX]));
    let mut removed = 0;
    loop {
        let remove = |tx: Tx| async move {
            let now = place::standing(&tx, user).await?;
            if !now.is_some_and(|now| now.clearing && now.place == *place) {
                return Err(StepError::Refused(
                    "it is cleared for somebody else by now".to_owned(),
                ));
            }
            let page = tx.scan(everything(), ROWS_AT_ONCE, false).await?;
            let rows = page.rows.len() as u64;
            event::forget_parked(&tx, RootRef::user(user)).await?;
            for (key, _) in page.rows {
                tx.clear(key)?;
            }
            Ok::<_, StepError>((rows, page.more))
        };
        let (rows, more) = shard.write(&request(user), remove).await?.value;
        removed += rows;
        if !more {
            return Ok(removed);
        }
    }
}
