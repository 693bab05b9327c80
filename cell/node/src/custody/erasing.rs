//! A person is erased, in an order in which every crash is healed by the next try:
//!
//! 1. the controllers put the person on the list by which restores leave people out. From here on no restore brings him
//!    back, whatever becomes of the rest; what was begun and not ended is taken up again by whoever serves the shard
//!    ([`super::resuming`]);
//! 2. the root ends: no transaction of it writes any more but those of this erasure. One who has begun to move since he was looked
//!    at is turned back, or followed ([`crate::relocation`], `following`);
//! 3. what the person holds elsewhere is given back (the addresses, at the directory): for that the key is needed. What cannot be
//!    read holds nothing up: whose claims those are, the directory asks, and is told that nobody knows him;
//! 4. the key is destroyed, in the home's key shard: from here on nothing of the person can be read, in no log, copy or
//!    backup, and there is no way back;
//! 5. the rows of the root are removed, in bounded transactions, but for the mark of its end;
//! 6. what is left of him where he lived before goes, and the keys of copies that were given up elsewhere
//!    ([`crate::relocation::Elsewheres`]);
//! 7. the controllers put the certificate on record.
//!
//! Invariant: whoever has a certificate has no key and no row, here or where he was; who has none can be erased again.

use std::time::Duration;

use cell_layers::place::{self, Errand, Standing};
use cell_layers::{LayerError, ended};
use cell_relay::Place;
use cell_sdk::{Arrival, OpenUser, RootCtx, Seen};
use cell_shard::{KeyRange, Mode, Request, Scope, Shard, Tx, TxError};
use platform_model::{Actor, Code, HomeId, Problem, RequestId, RootRef, ShardId, UserId};
use platform_runtime::random;
use platform_wire::backup::{ErasureRecord, ErasureStage};
use platform_wire::custody::UserErased;
use platform_wire::{Refusal, RefusalCode};

use super::Custody;
use super::backing::served;
use crate::relocation::{Elsewhere, elsewhere, standing_of};

/// Rows that one transaction removes: each may have a large value, of which only the key counts.
const ROWS_AT_ONCE: usize = 500;
const DEADLINE: Duration = Duration::from_secs(10);
/// Stands in keys of the log as who did it.
const DOMAIN: &str = "erasure";

/// Whom, who asks for it, and why.
#[derive(Clone)]
pub(super) struct Asked {
    pub home: HomeId,
    pub user: UserId,
    pub by: String,
    pub reason: String,
    /// Somebody whose erasure the controllers have on record already.
    pub on_record: bool,
}

impl Custody {
    pub(super) async fn erase(&self, asked: &Asked) -> Result<UserErased, Refusal> {
        let shared = &self.shared;
        let (home, user) = (&asked.home, asked.user);
        let table = shared.followed.current();
        let id = table.shard_of_user(home, user);
        let id = id.ok_or_else(|| Refusal::new(RefusalCode::Unknown, format!("there is no home {home}")))?;
        let shard = served(&shared.hosted, &id)?;
        let standing = standing_of(&shard, user).await;
        if let Some(why) = elsewhere(standing.map_err(|problem| refused(&problem))?.as_ref()) {
            return Err(why.refusal(user));
        }
        let open = self.open(asked, &shard).await?;
        self.record(asked, ErasureStage::Begins).await?;
        end_root(&shard, asked).await?;
        let claims = match open {
            Some(open) => self.give_back(asked, id, open).await?,
            None => 0,
        };
        let destroyed = shared.keys.destroy(&shared.followed, home, user).await;
        destroyed.map_err(|problem| refused(&problem))?;
        let rows = remove_rows(&shard, asked).await?;
        let gone = shared.elsewhere.forget(&shard, user).await;
        gone.map_err(|why| left_elsewhere(&why))?;
        let sequence = self.record(asked, ErasureStage::Done { claims, rows }).await?;
        tracing::warn!(target: "audit", by = asked.by, %home, %user, rows, claims, sequence, "a person was erased");
        Ok(UserErased {
            rows,
            claims,
            sequence,
        })
    }

    /// The person's root and key; none where the key is destroyed already.
    async fn open(&self, asked: &Asked, shard: &Shard) -> Result<Option<OpenUser>, Refusal> {
        match self.shared.lent.open_user(&asked.home, asked.user).await {
            Ok(open) => Ok(Some(open)),
            // A promotion by force may have lost that he ever was: he is taken to the end all the same.
            Err(problem) if problem.code == Code::NotFound && asked.on_record => Ok(None),
            Err(problem) if problem.code == Code::NotFound => {
                self.was_ever(asked, shard).await?;
                Ok(None)
            }
            Err(problem) => Err(refused(&problem)),
        }
    }

    pub(super) async fn record(&self, asked: &Asked, stage: ErasureStage) -> Result<u64, Refusal> {
        let record = ErasureRecord {
            home: asked.home.clone(),
            user: asked.user,
            by: asked.by.clone(),
            reason: asked.reason.clone(),
            stage,
        };
        let recorded = self.shared.register.record_erasure(&record).await;
        recorded.map_err(|error| {
            let message = match stage {
                ErasureStage::Begins => "nothing was erased: no controller has put it on record",
                ErasureStage::Done { .. } => {
                    "the person is erased, and no controller has put the certificate on record"
                }
            };
            let refusal = error.refusal();
            let code = refusal.map_or(RefusalCode::Unavailable, |refusal| refusal.code);
            // The controllers know what to do about a list that is full.
            let hint = refusal.map(|refusal| refusal.hint.as_str());
            let hint = hint.filter(|hint| !hint.is_empty());
            Refusal::new(code, format!("{message}: {error}")).hint(hint.unwrap_or("repeat the command"))
        })
    }

    async fn give_back(&self, asked: &Asked, shard: ShardId, open: OpenUser) -> Result<u64, Refusal> {
        let root = root_of(asked, shard, open);
        let mut claims = 0;
        for domain in self.shared.domains.iter() {
            match domain.erase(&*self.shared.lent, &root).await {
                Ok(given) => claims += given,
                // His rows are of another key than his, and never open: what they name cannot be given back.
                Err(problem) if problem.code == Code::Internal => {
                    let (home, user, domain) = (&asked.home, asked.user, domain.name());
                    tracing::error!(target: "audit", %home, %user, domain, detail = ?problem.detail, "what a person holds cannot be read; he is erased without giving it back");
                }
                Err(problem) => return Err(refused(&problem)),
            }
        }
        Ok(claims)
    }

    /// An id without a key is somebody's only if it had one, or has rows still: nobody else is put on record.
    async fn was_ever(&self, asked: &Asked, shard: &Shard) -> Result<(), Refusal> {
        let shared = &self.shared;
        let destroyed = shared
            .keys
            .is_destroyed(&shared.followed, &asked.home, asked.user)
            .await;
        if destroyed.map_err(|problem| refused(&problem))? {
            return Ok(());
        }
        if page(shard, asked, 1).await? > 0 {
            return Ok(());
        }
        let message = format!("home {} has nobody {}", asked.home, asked.user);
        Err(Refusal::new(RefusalCode::Unknown, message))
    }
}

/// The person's root, as whoever asks sees it.
pub(super) fn root_of(asked: &Asked, shard: ShardId, open: OpenUser) -> RootCtx {
    RootCtx {
        user: asked.user,
        home: asked.home.clone(),
        actor: Actor::Operator(asked.by.clone()),
        open,
        arrival: Arrival {
            shard,
            request_id: RequestId::from_uuid(random::uuid_v7()),
            not_older_than: None,
            seen: Seen::default(),
        },
    }
}

/// From here on nobody writes there but an erasure. Who is under way loses against it.
pub(super) async fn end_root(shard: &Shard, asked: &Asked) -> Result<(), Refusal> {
    let user = asked.user;
    let end = |tx: Tx| async move {
        tx.sync();
        // In the transaction that ends it: he may have begun to move since it was looked at first.
        let standing = place::standing(&tx, user).await?;
        if let Some(why) = elsewhere(standing.as_ref()) {
            turn_back(&tx, user, standing)?;
            return Ok(Some(why));
        }
        mark(&tx).await?;
        Ok::<_, LayerError>(None)
    };
    let ended = shard.write(&request(asked, Mode::Sync), end).await;
    match ended.map_err(|error| unavailable(&error))?.value {
        Some(why) => {
            let message = format!(
                "the erasure is on record, and goes on by itself: {}",
                why.refusal(user).message
            );
            Err(Refusal::new(RefusalCode::Unavailable, message).hint("cellctl user relocation show"))
        }
        None => Ok(()),
    }
}

/// The same for one behind the fence of whom nothing is anywhere else: he lives here again, in the transaction that ends his root,
/// and so is served by nobody.
pub(super) async fn end_fenced(shard: &Shard, asked: &Asked) -> Result<(), Refusal> {
    let user = asked.user;
    let end = |tx: Tx| async move {
        tx.sync();
        let Some(standing) = place::standing(&tx, user).await? else {
            return Ok(());
        };
        let Place::Fenced { user_epoch, .. } = standing.place else {
            return Ok(());
        };
        let over = |errand: Errand| Errand {
            under_way: false,
            unwanted: false,
            outcome: "he was erased: his new home did not know him any more".to_owned(),
            ..errand
        };
        let after = Standing {
            place: Place::Home { user_epoch },
            errand: standing.errand.map(over),
            ..standing
        };
        place::put_standing(&tx, user, &after)?;
        mark(&tx).await
    };
    let ended = shard.write(&request(asked, Mode::Sync), end).await;
    ended.map(|_| ()).map_err(|error| unavailable(&error))
}

/// The root's end, once.
async fn mark(tx: &Tx) -> Result<(), LayerError> {
    match ended::goes_on(tx).await {
        Ok(()) => ended::end(tx),
        Err(LayerError::RootEnded) => Ok(()),
        Err(error) => Err(error),
    }
}

/// His erasure is on record: a relocation that is not behind its fence is cancelled, and goes no further.
fn turn_back(tx: &Tx, user: UserId, standing: Option<Standing>) -> Result<(), LayerError> {
    let at_home = standing.filter(|standing| matches!(standing.place, Place::Home { .. }));
    let Some(mut standing) = at_home else {
        return Ok(());
    };
    let errand = standing.errand.as_mut();
    if let Some(errand) = errand.filter(|errand| errand.under_way && !errand.unwanted) {
        errand.unwanted = true;
        place::put_standing(tx, user, &standing)?;
        tracing::warn!(target: "audit", %user, "a relocation is to be cancelled: the person's erasure is on record");
    }
    Ok(())
}

impl Elsewhere {
    fn refusal(self, user: UserId) -> Refusal {
        let (message, hint) = match self {
            Self::Moves => (
                format!("{user} moves to another home at this moment"),
                "cellctl user relocation cancel, or wait and erase the person there".to_owned(),
            ),
            Self::Lives(home) => (
                format!("{user} has moved to {home} and lives there"),
                format!("cellctl user erase {home}/{user}"),
            ),
        };
        Refusal::new(RefusalCode::Placement, message).hint(hint)
    }
}

/// Removes every row of the person, but for the mark of the root's end; answers how many.
pub(super) async fn remove_rows(shard: &Shard, asked: &Asked) -> Result<u64, Refusal> {
    let mut removed = 0;
    loop {
        // The mark is one.
        let rows = page(shard, asked, 2).await?;
        if rows < 2 {
            return Ok(removed);
        }
        let remove = |tx: Tx| async move {
            tx.sync();
            let page = tx.scan(everything(), ROWS_AT_ONCE, false).await?;
            let (mark, mut rows) = (ended::key(), 0);
            for (key, _) in page.rows {
                if key != mark {
                    tx.clear(key)?;
                    rows += 1;
                }
            }
            Ok::<_, TxError>(rows)
        };
        let answer = shard.write(&request(asked, Mode::Sync), remove).await;
        let rows: u64 = answer.map_err(|error| unavailable(&error))?.value;
        removed += rows;
    }
}

/// How many rows there are, up to so many.
async fn page(shard: &Shard, asked: &Asked, limit: usize) -> Result<usize, Refusal> {
    let look = |tx: Tx| async move {
        let page = tx.scan(everything(), limit, false).await?;
        Ok::<_, TxError>(page.rows.len())
    };
    let answer = shard.read(&request(asked, Mode::Async), look).await;
    Ok(answer.map_err(|error| unavailable(&error))?.value)
}

/// Whether nothing is left of the root but the mark of its end.
pub(super) async fn is_gone(shard: &Shard, asked: &Asked) -> Result<bool, Refusal> {
    let look = |tx: Tx| async move {
        let (page, mark) = (tx.scan(everything(), 2, false).await?, ended::key());
        Ok::<_, TxError>(page.rows.iter().all(|(key, _)| *key == mark))
    };
    let answer = shard.read(&request(asked, Mode::Async), look).await;
    Ok(answer.map_err(|error| unavailable(&error))?.value)
}

/// Every key of the root.
fn everything() -> KeyRange {
    KeyRange::new(bytes::Bytes::new(), bytes::Bytes::from_static(&[u8::MAX]))
}

pub(super) fn request(asked: &Asked, mode: Mode) -> Request {
    Request {
        actor: Actor::Operator(asked.by.clone()),
        domain: DOMAIN,
        request_id: RequestId::from_uuid(random::uuid_v7()),
        mode,
        scope: Scope::Root(RootRef::user(asked.user)),
        not_older_than: None,
        deadline: DEADLINE,
    }
}

pub(super) fn refused(problem: &Problem) -> Refusal {
    let code = match problem.code {
        Code::Unavailable | Code::OutcomeUnknown => RefusalCode::Unavailable,
        Code::Moved => RefusalCode::Moved,
        Code::LawForbids => RefusalCode::LawForbids,
        _ => RefusalCode::Internal,
    };
    let detail = problem.detail.clone().unwrap_or_default();
    Refusal::new(code, format!("{}: {detail}", problem.code))
        .hint("repeat the command: each step is safe to repeat")
}

fn left_elsewhere(why: &str) -> Refusal {
    let message = format!("the person is erased here, and not yet where he was before: {why}");
    Refusal::new(RefusalCode::Unavailable, message)
        .hint("repeat the command; whoever serves the person's shard goes on by itself, too")
}

pub(super) fn unavailable(error: &impl std::fmt::Display) -> Refusal {
    Refusal::new(RefusalCode::Unavailable, format!("the person's shard: {error}"))
        .hint("repeat the command: each step is safe to repeat")
}
