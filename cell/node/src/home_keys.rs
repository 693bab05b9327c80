//! Keys that the node works with: the jurisdictions' (from files), people's (from their home's key shard, opened and
//! remembered for a bounded time), and the homes' token keys.
//!
//! A home's token key is made by the node that first opens its key shard, and used only once the routing table names
//! its public half: a token signed earlier would be refused everywhere.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use cell_layers::keys::{Kek, KekError, KeyCache, KeyError, KeyShard, TokenKeyRow, UserKey};
use cell_shard::WriteError;
use parking_lot::RwLock;
use platform_model::{Code, HomeId, Jurisdiction, Problem, RoutingTable, ShardId, TokenKey, UserId};
use platform_token::SigningKey;

use crate::hosted::Hosted;
use crate::problems::{not_here, unavailable};

/// A handle; clones share the keys.
#[derive(Clone)]
pub struct HomeKeys {
    shared: Arc<Shared>,
}

struct Shared {
    hosted: Hosted,
    keks: BTreeMap<Jurisdiction, Kek>,
    opened: KeyCache,
    signing: RwLock<BTreeMap<HomeId, SigningKey>>,
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
    pub fn new(hosted: Hosted, keks: BTreeMap<Jurisdiction, Kek>, opened: KeyCache) -> Self {
        let signing = RwLock::default();
        Self {
            shared: Arc::new(Shared {
                hosted,
                keks,
                opened,
                signing,
            }),
        }
    }

    /// Opens the person's key.
    ///
    /// # Errors
    /// `not-found` when there is none or it was destroyed; `moved` or `unavailable` when the key shard is not here.
    pub async fn open(&self, table: &RoutingTable, home: &HomeId, user: UserId) -> Result<UserKey, Problem> {
        let miss = match self.shared.opened.get(user) {
            Ok(key) => return Ok(key),
            Err(miss) => miss,
        };
        let key = self
            .shard(table, home)?
            .get(user)
            .await
            .map_err(|error| key_problem(&error))?;
        let key = key.ok_or(Code::NotFound)?;
        self.shared.opened.put(user, key.clone(), miss);
        Ok(key)
    }

    /// Makes the person's key; one that exists stays.
    ///
    /// # Errors
    /// As [`HomeKeys::open`].
    pub async fn create(&self, table: &RoutingTable, home: &HomeId, user: UserId) -> Result<(), Problem> {
        let miss = self.shared.opened.get(user).err();
        let made = self.shard(table, home)?.create(user).await;
        let key = made.map_err(|error| key_problem(&error))?;
        if let Some(miss) = miss {
            self.shared.opened.put(user, key, miss);
        }
        Ok(())
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

    /// Opens or makes the token key of every home whose key shard is here; answers those that the table does not name.
    pub async fn unpublished(&self, table: &RoutingTable) -> Vec<(HomeId, TokenKey)> {
        let mut unpublished = Vec::new();
        for (home, known) in &table.homes {
            match self.token_key(table, home).await {
                Ok(Some(key)) if !known.token_keys.contains(&key) => unpublished.push((home.clone(), key)),
                Ok(_) => {}
                Err(error) => tracing::warn!(%home, %error, "the home's token key cannot be opened"),
            }
        }
        unpublished
    }

    /// The public half of a home's token key; none if its key shard is elsewhere.
    async fn token_key(&self, table: &RoutingTable, home: &HomeId) -> Result<Option<TokenKey>, KeyError> {
        let here = self
            .shared
            .hosted
            .get(&ShardId::Keys { home: home.clone() })
            .is_some();
        if !here {
            if self.shared.signing.write().remove(home).is_some() {
                // Whoever serves it now may destroy keys that were opened here.
                self.shared.opened.clear();
            }
            return Ok(None);
        }
        if let Some(key) = self.shared.signing.read().get(home) {
            return Ok(Some(key.public()));
        }
        let Ok(shard) = self.shard(table, home) else {
            return Ok(None);
        };
        let fresh = SigningKey::generate();
        let row = TokenKeyRow {
            id: fresh.public().kid,
            secret: fresh.to_pkcs8(),
        };
        let row = shard.token_key_or(row).await?;
        let key = SigningKey::from_pkcs8(&row.secret).map_err(|_| KeyError::Damaged)?;
        let public = key.public();
        self.shared.signing.write().insert(home.clone(), key);
        Ok(Some(public))
    }

    fn shard(&self, table: &RoutingTable, home: &HomeId) -> Result<KeyShard, Problem> {
        let id = ShardId::Keys { home: home.clone() };
        let hosted = &self.shared.hosted;
        let shard = hosted.get(&id).ok_or_else(|| not_here(table, hosted, &id))?;
        let kek = self.shared.keks.get(&home.jurisdiction).cloned();
        let kek = kek.ok_or_else(|| unavailable("this cell has no key of the home's jurisdiction"))?;
        Ok(KeyShard::new(shard, kek))
    }
}

fn key_problem(error: &KeyError) -> Problem {
    match error {
        KeyError::Destroyed => Code::NotFound.into(),
        KeyError::Shard(WriteError::Fenced) => Code::Moved.into(),
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
