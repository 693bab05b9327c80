//! Keys that the node works with: the jurisdictions' (from files), people's (from their home's key shard, opened and
//! remembered for a bounded time), and the homes' token keys.
//!
//! The key shard may be served here or on another node that holds copies of the home's shards: then its rows come from
//! there, wrapped, and are opened with this node's copy of the jurisdiction's key.
//!
//! A home's token key is made by the node that first opens its key shard, and used only once the routing table names
//! its public half: a token signed earlier would be refused everywhere.

mod destroying;
mod moving;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cell_layers::keys::rows;
use cell_layers::keys::{Kek, KekError, KeyCache, KeyError, KeyRows, TokenKeyRow, UserKey};
use cell_shard::WriteError;
use parking_lot::RwLock;
use platform_model::{Code, HomeId, Jurisdiction, Problem, RoutingTable, ShardId, TokenKey, UserId};
use platform_runtime::clock::Clock;
use platform_token::SigningKey;
use platform_wire::follow::Followed;
use platform_wire::keys::{KeysClient, KeysTarget};
use platform_wire::{CallError, RefusalCode};

use crate::hosted::Hosted;
use crate::peers;
use crate::problems::unavailable;

/// Attempts to read a row while the key shard changes its node: a failover takes no longer.
const ATTEMPTS_MAX: u32 = 30;
const PAUSE: Duration = Duration::from_millis(100);

/// A handle; clones share the keys.
#[derive(Clone)]
pub struct HomeKeys {
    shared: Arc<Shared>,
}

struct Shared {
    hosted: Hosted,
    client: KeysClient,
    clock: Clock,
    keks: BTreeMap<Jurisdiction, Kek>,
    /// Of each home: one who moves has a key in each of two.
    opened: RwLock<BTreeMap<HomeId, Arc<KeyCache>>>,
    /// As every one of them is made.
    model: KeyCache,
    signing: RwLock<BTreeMap<HomeId, SigningKey>>,
}

/// Where the rows of a home's keys are.
enum Place {
    Here(KeyRows),
    There(KeysTarget),
}

/// Why the jurisdictions' keys could not be read.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("the folder of jurisdiction keys {0} cannot be read")]
    Folder(String, #[source] std::io::Error),
    #[error(transparent)]
    Kek(#[from] KekError),
    #[error("`{0}` is no name of a jurisdiction's key: jurisdiction-NAME.key")]
    Name(String),
}

/// Reads every `jurisdiction-NAME.key` of a folder.
///
/// # Errors
/// A file that cannot be read, has another length than 32 bytes, or that others may read.
pub fn load_keks(dir: &Path) -> Result<BTreeMap<Jurisdiction, Kek>, KeysError> {
    let failed = |source| KeysError::Folder(dir.display().to_string(), source);
    let mut keks = BTreeMap::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(place) = name
            .strip_prefix("jurisdiction-")
            .and_then(|rest| rest.strip_suffix(".key"))
        else {
            continue;
        };
        let jurisdiction = place.parse().map_err(|_| KeysError::Name(name.clone()))?;
        keks.insert(jurisdiction, Kek::load(&entry.path())?);
    }
    Ok(keks)
}

impl HomeKeys {
    pub fn new(
        hosted: Hosted,
        client: KeysClient,
        clock: Clock,
        keks: BTreeMap<Jurisdiction, Kek>,
        opened: KeyCache,
    ) -> Self {
        let signing = RwLock::default();
        Self {
            shared: Arc::new(Shared {
                hosted,
                client,
                clock,
                keks,
                opened: RwLock::default(),
                model: opened,
                signing,
            }),
        }
    }

    /// Opens the person's key.
    ///
    /// # Errors
    /// `not-found` when there is none or it was destroyed; `unavailable` while nobody serves the key shard.
    pub async fn open(&self, followed: &Followed, home: &HomeId, user: UserId) -> Result<UserKey, Problem> {
        let opened = self.opened_of(home);
        let miss = match opened.get(user) {
            Ok(key) => return Ok(key),
            Err(miss) => miss,
        };
        let row = self
            .user_row(followed, home, user, None)
            .await?
            .ok_or(Code::NotFound)?;
        let key = self.opened(home, user, &row)?;
        opened.put(user, key.clone(), miss);
        Ok(key)
    }

    /// Makes the person's key; one that exists stays.
    ///
    /// # Errors
    /// As [`HomeKeys::open`].
    pub async fn create(&self, followed: &Followed, home: &HomeId, user: UserId) -> Result<(), Problem> {
        self.create_of(followed, home, user, &UserKey::generate()).await
    }

    async fn create_of(
        &self,
        followed: &Followed,
        home: &HomeId,
        user: UserId,
        fresh: &UserKey,
    ) -> Result<(), Problem> {
        let opened = self.opened_of(home);
        let miss = opened.get(user).err();
        let fresh = rows::wrap_user(self.kek(home)?, user, fresh);
        let row = self.user_row(followed, home, user, Some(fresh)).await?;
        let key = self.opened(home, user, &row.ok_or(Code::Internal)?)?;
        if let Some(miss) = miss {
            opened.put(user, key, miss);
        }
        Ok(())
    }

    /// The key of a jurisdiction, if this cell has it.
    pub fn jurisdiction_key(&self, jurisdiction: &Jurisdiction) -> Option<Kek> {
        self.shared.keks.get(jurisdiction).cloned()
    }

    /// The person's row, wherever it is; made of `fresh` if that is given and there is none. While the key shard changes
    /// its node it is asked for again: every attempt is idempotent.
    async fn user_row(
        &self,
        followed: &Followed,
        home: &HomeId,
        user: UserId,
        fresh: Option<Bytes>,
    ) -> Result<Option<Bytes>, Problem> {
        let mut last = unavailable("the home's keys cannot be read now");
        for n in 0..ATTEMPTS_MAX {
            if n > 0 {
                self.shared.clock.sleep(PAUSE).await;
            }
            // Each time by the newest table.
            match self
                .user_row_once(&followed.current(), home, user, fresh.as_ref())
                .await
            {
                Ok(row) => return Ok(row),
                Err(problem) if problem.code != Code::Unavailable => return Err(problem),
                Err(problem) => last = problem,
            }
        }
        Err(last)
    }

    async fn user_row_once(
        &self,
        table: &RoutingTable,
        home: &HomeId,
        user: UserId,
        fresh: Option<&Bytes>,
    ) -> Result<Option<Bytes>, Problem> {
        match self.place(table, home)? {
            Place::Here(rows) => match fresh {
                Some(fresh) => rows.user_or(user, fresh.clone()).await.map(Some),
                None => rows.user(user).await,
            }
            .map_err(|error| key_problem(&error)),
            Place::There(target) => {
                let row = self.shared.client.user(&target, user, fresh).await;
                row.map_err(|error| call_problem(&error))
            }
        }
    }

    fn opened(&self, home: &HomeId, user: UserId, row: &[u8]) -> Result<UserKey, Problem> {
        rows::open_user(self.kek(home)?, user, row).map_err(|error| key_problem(&error))
    }

    /// The home's token key, once the table names it.
    ///
    /// # Errors
    /// `unavailable` before that.
    pub fn signing(&self, table: &RoutingTable, home: &HomeId) -> Result<SigningKey, Problem> {
        let key = self.shared.signing.read().get(home).cloned();
        let key = key.ok_or_else(|| unavailable("the home's token key is not open here"))?;
        let known = table
            .homes
            .get(home)
            .is_some_and(|home| home.token_keys.contains(&key.public()));
        if known {
            Ok(key)
        } else {
            Err(unavailable("the home's token key is not published yet"))
        }
    }

    /// Opens or makes the token key of every home of which a shard is here; answers those that the table does not name
    /// and that are this node's to publish.
    pub async fn unpublished(&self, table: &RoutingTable) -> Vec<(HomeId, TokenKey)> {
        let mut unpublished = Vec::new();
        for (home, known) in &table.homes {
            match self.token_key(table, home).await {
                Ok(Some(key)) if !known.token_keys.contains(&key) && self.serves_keys(home) => {
                    unpublished.push((home.clone(), key));
                }
                Ok(_) => {}
                Err(problem) => {
                    tracing::debug!(%home, code = %problem.code, "the home's token key cannot be opened yet");
                }
            }
        }
        unpublished
    }

    /// The public half of a home's token key; none if no shard of the home is here.
    async fn token_key(&self, table: &RoutingTable, home: &HomeId) -> Result<Option<TokenKey>, Problem> {
        let shared = &self.shared;
        let here = table
            .shards
            .keys()
            .any(|shard| shard.home() == Some(home) && peers::holds(table, shared.hosted.node(), shard));
        if !here {
            if shared.signing.write().remove(home).is_some() {
                // Whoever serves it now may destroy keys that were opened here.
                self.opened_of(home).clear();
            }
            return Ok(None);
        }
        if let Some(key) = shared.signing.read().get(home) {
            return Ok(Some(key.public()));
        }
        let fresh = SigningKey::generate();
        let row = TokenKeyRow {
            id: fresh.public().kid,
            secret: fresh.to_pkcs8(),
        };
        let row = self.kept_token(table, home, &row).await?;
        let key = SigningKey::from_pkcs8(&row.secret).map_err(|_| key_problem(&KeyError::Damaged))?;
        let public = key.public();
        shared.signing.write().insert(home.clone(), key);
        Ok(Some(public))
    }

    /// The home's token key; this one if it had none.
    async fn kept_token(
        &self,
        table: &RoutingTable,
        home: &HomeId,
        fresh: &TokenKeyRow,
    ) -> Result<TokenKeyRow, Problem> {
        let kek = self.kek(home)?;
        let wrapped = rows::wrap_token(kek, fresh);
        let (id, wrapped) = match self.place(table, home)? {
            Place::Here(rows) => rows
                .token_or(&fresh.id, wrapped)
                .await
                .map_err(|error| key_problem(&error))?,
            Place::There(target) => {
                let kept = self.shared.client.token(&target, &fresh.id, &wrapped).await;
                kept.map_err(|error| call_problem(&error))?
            }
        };
        rows::open_token(kek, &id, &wrapped).map_err(|error| key_problem(&error))
    }

    fn serves_keys(&self, home: &HomeId) -> bool {
        let id = ShardId::Keys { home: home.clone() };
        self.shared.hosted.get(&id).is_some()
    }

    fn kek(&self, home: &HomeId) -> Result<&Kek, Problem> {
        let kek = self.shared.keks.get(&home.jurisdiction);
        kek.ok_or_else(|| unavailable("this cell has no key of the home's jurisdiction"))
    }

    fn place(&self, table: &RoutingTable, home: &HomeId) -> Result<Place, Problem> {
        let id = ShardId::Keys { home: home.clone() };
        if let Some(shard) = self.shared.hosted.get(&id) {
            return Ok(Place::Here(KeyRows::new(shard)));
        }
        let not_served = || unavailable("nobody serves the home's keys at the moment");
        let me = self.shared.hosted.node();
        let served = table.primary_of(&id).filter(|(route, _)| route.node != *me);
        let (route, node) = served.ok_or_else(not_served)?;
        let cell = table.cells.get(&route.node.cell).ok_or_else(not_served)?;
        Ok(Place::There(KeysTarget {
            node: route.node.clone(),
            region: cell.region.clone(),
            address: node.address.clone(),
            home: home.clone(),
            epoch: route.epoch,
        }))
    }
}

fn call_problem(error: &CallError) -> Problem {
    tracing::debug!(%error, "the node of the home's keys gave no answer");
    let again = error.retryable() || matches!(error, CallError::Unknown { .. });
    let moved = error
        .refusal()
        .is_some_and(|refusal| refusal.code == RefusalCode::Moved);
    if again || moved {
        unavailable("the node of the home's keys cannot answer now")
    } else {
        tracing::error!(%error, "a key cannot be read");
        Code::Internal.into()
    }
}

fn key_problem(error: &KeyError) -> Problem {
    match error {
        KeyError::Destroyed => Code::NotFound.into(),
        // Of the key shard, not of the one that was asked: its caller is not sent elsewhere.
        KeyError::Shard(WriteError::Fenced) => unavailable("the key shard has changed its node"),
        error if error.retryable() => unavailable("the key shard cannot answer now"),
        KeyError::Shard(WriteError::Unknown) => Problem::new(Code::OutcomeUnknown).retry_after_s(1),
        error => {
            tracing::error!(%error, "a key cannot be opened");
            Code::Internal.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_named_private_files_of_the_right_length_are_taken() {
        let dir = tempfile::tempdir().expect("a folder");
        Kek::create(&dir.path().join("jurisdiction-eu.key")).expect("made");
        std::fs::write(dir.path().join("lookup.key"), [0; 32]).expect("written");
        let keks = load_keks(dir.path()).expect("read");
        assert_eq!(keks.keys().map(Jurisdiction::as_str).collect::<Vec<_>>(), ["eu"]);
        std::fs::write(dir.path().join("jurisdiction-us.key"), [0; 31]).expect("written");
        assert!(matches!(load_keks(dir.path()), Err(KeysError::Kek(_))));
        std::fs::remove_file(dir.path().join("jurisdiction-us.key")).expect("there");
        std::fs::write(dir.path().join("jurisdiction-U S.key"), [0; 32]).expect("written");
        assert!(matches!(load_keks(dir.path()), Err(KeysError::Name(_))));
        assert!(matches!(
            load_keks(&dir.path().join("none")),
            Err(KeysError::Folder(..))
        ));
    }
}
