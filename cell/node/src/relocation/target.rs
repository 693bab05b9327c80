//! The shard where a person will live: a copy that comes in part by part, seen by nobody, sealed with a key that was made here.
//! How it ends is in [`super::ending`].

use cell_layers::keys::{DigestKey, UserKey};
use cell_layers::place::{self, Errand, Row, Settling, Standing, Tally, Whole};
use cell_relay::Place;
use cell_relay::home::OperationId;
use cell_relay::relocate::RelocatePlants;
use cell_sdk::{ClaimDigest, ClaimEntry, ClaimOutcome};
use cell_shard::{Shard, Tx, WriteError};
use platform_model::{Code, HomeId, UserId};
use platform_wire::relocation::{MovedRow, Step, Take, Taken};
use uuid::Uuid;

use super::copier::Stretch;
use super::ending::remove_rows;
use super::lawful::Unlawful;
use super::settling::settling;
use super::standing::{self, Failed, StepError, change, request};
use super::{NotAdmitted, Parts};

pub(super) const NONE: RelocatePlants = RelocatePlants {
    activate_before_commit: false,
    assume_the_cancel: false,
    late_copy: false,
    law_not_asked: false,
};

const LIVED_THERE: &str = "he lived there before, and his key there was destroyed for ever when he left";

/// Why a step is not taken.
#[derive(Debug)]
pub(super) enum Not {
    Later(String),
    Refused(String),
    Unlawful(String),
}

impl Parts {
    /// One step of taking a person in, at a shard that is served here. Idempotent.
    pub(super) async fn take(&self, shard: &Shard, take: &Take) -> Taken {
        let Some(home) = shard.id().home().cloned() else {
            return Taken::Refused("it is no shard of people".to_owned());
        };
        let table = self.followed.current();
        if table.shard_of_user(&home, take.user).as_ref() != Some(shard.id()) {
            return Taken::Refused("he would live in another shard".to_owned());
        }
        let taken = match &take.step {
            Step::Begin { digest_key } => self.begin_in(shard, &home, take, digest_key).await,
            Step::Part(rows) => self.part(shard, &home, take, rows).await,
            Step::Claims(claims) => self.claim_all(shard, &home, take, claims).await,
            Step::Complete {
                rows,
                sum,
                told_ms,
                left,
            } => {
                let wanted = Tally {
                    rows: *rows,
                    sum: *sum,
                };
                complete(shard, take, wanted, (*told_ms, left)).await
            }
            Step::Check {
                after,
                upto,
                rows,
                sum,
            } => {
                let tally = Tally {
                    rows: *rows,
                    sum: *sum,
                };
                let (after, upto) = (after.clone(), upto.clone());
                self.check(shard, &home, take, Stretch { after, upto, tally })
                    .await
            }
            Step::Activate => self.confirm(shard, &home, take).await,
            Step::Abandon => self.abandon(shard, &home, take.user).await.map(|()| 0),
            Step::Forget => self.forget_here(shard, &home, take).await,
            Step::Erase => self.erase_here_too(shard, &home, take).await,
            Step::Passed => return self.has_passed(shard, take).await,
        };
        match taken {
            Ok(user_epoch) => Taken::Done { user_epoch },
            Err(Not::Later(why)) => Taken::Later(why),
            Err(Not::Refused(why)) => Taken::Refused(why),
            Err(Not::Unlawful(why)) => Taken::Unlawful(why),
        }
    }

    /// The law, the controllers, a key; then nothing lies here but what comes now.
    async fn begin_in(&self, shard: &Shard, home: &HomeId, take: &Take, digests: &[u8]) -> Result<u64, Not> {
        let subject = take.source.jurisdiction();
        self.may_come(subject, take.consent)?;
        if *subject != home.jurisdiction {
            let admitted = self.records.admit(home, subject).await;
            admitted.map_err(|why| match why {
                NotAdmitted::Later(why) => Not::Later(why),
                NotAdmitted::KeptOut(why) => Not::Unlawful(why),
            })?;
        }
        let before = standing::read(shard, take.user).await.map_err(not_now)?;
        receive(before, take, false).map_err(Not::Refused)?;
        self.key_for(home, take.user, digests).await?;
        let begin = |before| receive(before, take, false);
        change(shard, take.user, begin).await.map_err(not_now)?;
        self.driven.want(shard.id(), take.user);
        let operation = OperationId(take.operation);
        let place = Place::Incoming {
            operation,
            complete: false,
        };
        remove_rows(shard, take.user, &place).await.map_err(not_now)?;
        let ready = |before: Option<Standing>| {
            let before = incoming(before, take)?;
            Ok(Standing {
                clearing: false,
                tally: Tally::default(),
                ..before
            })
        };
        change(shard, take.user, ready).await.map_err(not_now)?;
        Ok(0)
    }

    async fn key_for(&self, home: &HomeId, user: UserId, digests: &[u8]) -> Result<(), Not> {
        let exact = <[u8; 32]>::try_from(digests);
        let digests = exact.map_err(|_| Not::Refused("no key of digests".to_owned()))?;
        let digests = DigestKey::from_bytes(digests);
        let made = self.keys.create_for(&self.followed, home, user, &digests).await;
        match made {
            Ok(()) => {}
            Err(problem) if problem.code == Code::NotFound => {
                return Err(Not::Refused(LIVED_THERE.to_owned()));
            }
            Err(problem) => return Err(Not::Later(problem.code.as_str().to_owned())),
        }
        let key = self.key(home, user).await?;
        if key.digests().bytes() == digests.bytes() {
            return Ok(());
        }
        Err(Not::Refused("somebody of that id has a key there".to_owned()))
    }

    pub(super) async fn key(&self, home: &HomeId, user: UserId) -> Result<UserKey, Not> {
        let key = self.keys.open(&self.followed, home, user).await;
        key.map_err(|problem| Not::Later(problem.code.as_str().to_owned()))
    }

    async fn part(&self, shard: &Shard, home: &HomeId, take: &Take, rows: &[MovedRow]) -> Result<u64, Not> {
        self.may_come(take.source.jurisdiction(), take.consent)?;
        let key = &self.key(home, take.user).await?;
        let row = |row: &MovedRow| Row {
            key: row.key.clone(),
            value: row.value.clone(),
        };
        let rows: &Vec<Row> = &rows.iter().map(row).collect();
        let part = |tx: Tx| async move {
            let before = place::standing(&tx, take.user).await?;
            let mut standing = incoming(before, take).map_err(StepError::Refused)?;
            if standing.clearing || matches!(standing.place, Place::Incoming { complete: true, .. }) {
                return Err(StepError::Refused("no part is expected".to_owned()));
            }
            Whole::new(tx.clone(), take.user, key)
                .take_in(rows, &mut standing.tally)
                .await?;
            place::put_standing(&tx, take.user, &standing)?;
            Ok(())
        };
        let taken = shard.write(&request(take.user), part).await;
        taken.map(|_| 0).map_err(not_now)
    }

    /// His addresses are his in this home from now on, though he does not live here yet: nobody else can have them.
    async fn claim_all(
        &self,
        shard: &Shard,
        home: &HomeId,
        take: &Take,
        claims: &[([u8; 32], Uuid)],
    ) -> Result<u64, Not> {
        // One that comes late, after the copy was given up, would have them name a home where he does not live.
        let standing = standing::read(shard, take.user).await.map_err(not_now)?;
        incoming(standing, take).map_err(Not::Refused)?;
        for (digest, claim_id) in claims {
            let entry = ClaimEntry {
                user: take.user,
                claim_id: *claim_id,
                home: home.clone(),
                version: taken_along(take.operation),
            };
            let directory = self.lent.directory();
            let claimed = directory
                .claim(&home.jurisdiction, ClaimDigest(*digest), entry)
                .await;
            match claimed {
                Ok(ClaimOutcome::Held) => {}
                Ok(ClaimOutcome::Taken) => {
                    return Err(Not::Refused("an address of his is another's there".to_owned()));
                }
                Err(problem) => return Err(Not::Later(problem.code.as_str().to_owned())),
            }
        }
        Ok(0)
    }
}

/// Of the claims of a relocation: above those of all before it.
fn taken_along(operation: u64) -> u64 {
    operation.saturating_mul(2)
}

/// Of those that are taken back when it has come to nothing: above its own.
pub(super) fn taken_back(operation: u64) -> u64 {
    operation.saturating_mul(2).saturating_add(1)
}

/// A copy comes in, for this operation.
fn receive(before: Option<Standing>, take: &Take, complete: bool) -> Result<Standing, String> {
    let operation = OperationId(take.operation);
    let left = |standing: &Standing| matches!(standing.place, Place::Gone { .. }) && standing.clearing;
    if before.as_ref().is_some_and(left) {
        // Its end, with key and certificate, would be forgotten, or would strike what comes in.
        return Err("what he left there once is still being removed; ask again later".to_owned());
    }
    // Not by his key alone, of which a promotion by force may have lost that it was destroyed: he is on the list of those
    // whose keys here are destroyed in each epoch. A copy that was given up has no errand: he may come still.
    let lived =
        |standing: &Standing| matches!(standing.place, Place::Gone { .. }) && standing.errand.is_some();
    if before.as_ref().is_some_and(lived) {
        return Err(LIVED_THERE.to_owned());
    }
    let place = before.as_ref().map(|standing| standing.place.clone());
    let place = Place::receive(place, operation, complete, take.served_epoch, NONE);
    let place = place.map_err(|why| why.to_string())?;
    let from = take.source.home().cloned().ok_or("from nowhere")?;
    let errand = Errand {
        operation,
        other: from.clone(),
        under_way: true,
        unwanted: false,
        by: String::new(),
        consent: take.consent,
        since_ms: 0,
        outcome: String::new(),
    };
    Ok(Standing {
        place,
        errand: Some(errand),
        came_from: Some(from),
        clearing: true,
        tally: Tally::default(),
        tried: before.map(|standing| standing.tried).unwrap_or_default(),
        settling: Settling::default(),
    })
}

/// The copy of this operation that comes in here.
pub(super) fn incoming(before: Option<Standing>, take: &Take) -> Result<Standing, String> {
    let before = before.ok_or("no copy comes in")?;
    let ours = matches!(before.place, Place::Incoming { operation, .. } if operation.0 == take.operation);
    if ours {
        Ok(before)
    } else {
        Err("no copy of this relocation comes in".to_owned())
    }
}

/// Both sides must have counted the same.
async fn complete(
    shard: &Shard,
    take: &Take,
    wanted: Tally,
    told: (u64, &[(HomeId, u64)]),
) -> Result<u64, Not> {
    let complete = |tx: Tx| async move {
        let before = place::standing(&tx, take.user).await?;
        let before = incoming(before, take).map_err(StepError::Refused)?;
        if before.clearing || before.tally != wanted {
            let (have, wanted) = (before.tally.rows, wanted.rows);
            let why = format!("{have} rows came in, and {wanted} others left");
            return Err(StepError::Refused(why));
        }
        if matches!(before.place, Place::Incoming { complete: true, .. }) {
            return Ok(());
        }
        let operation = OperationId(take.operation);
        let place = Place::receive(
            Some(before.place.clone()),
            operation,
            true,
            take.served_epoch,
            NONE,
        );
        let after = Standing {
            place: place.map_err(|why| StepError::Refused(why.to_string()))?,
            settling: settling(take, told, tx.log_time_ms()),
            ..before
        };
        Ok(place::put_standing(&tx, take.user, &after)?)
    };
    let done = shard.write(&request(take.user), complete).await;
    done.map(|_| 0).map_err(not_now)
}

pub(super) fn not_now(error: Failed) -> Not {
    match error {
        WriteError::Rejected(StepError::Refused(why)) => Not::Refused(why),
        WriteError::Rejected(StepError::Layer(error)) if !error.retryable() => {
            Not::Refused(error.to_string())
        }
        other => Not::Later(other.to_string()),
    }
}

impl From<Unlawful> for Not {
    fn from(why: Unlawful) -> Self {
        match why {
            Unlawful::Later(why) => Self::Later(why),
            Unlawful::Never(why) => Self::Unlawful(why),
        }
    }
}
