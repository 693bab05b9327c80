//! Identities that this process no longer believes. Handed on by whoever follows the routing table; looked at in each
//! handshake, and again on open connections when the list changes.
//!
//! It holds no times of its own: an entry counts until the end that it was given with.

use std::collections::BTreeMap;
use std::sync::Arc;

use platform_model::{KeyDigest, RevokedIdentity};
use rustls::pki_types::{CertificateDer, UnixTime};
use tokio::sync::watch;

use super::error::Refused;
use super::verify::{certified_key, uri_names};

/// What is revoked, each until so many milliseconds since 1970.
pub type RevokedList = BTreeMap<RevokedIdentity, u64>;

/// The list in force, shared by an identity's listeners and clients. Clone: a shared handle.
#[derive(Debug, Clone)]
pub struct Revocations {
    list: Arc<watch::Sender<Arc<RevokedList>>>,
}

/// Who a chain of certificates names: the leaf's id and its issuer's, each with its key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials(Vec<(String, KeyDigest)>);

impl Default for Revocations {
    fn default() -> Self {
        Self {
            list: Arc::new(watch::Sender::new(Arc::default())),
        }
    }
}

impl Revocations {
    /// Takes a new list into force, if it is another one: open connections are looked at again.
    pub fn set(&self, list: &RevokedList) {
        self.list.send_if_modified(|held| {
            let is_new = held.as_ref() != list;
            if is_new {
                *held = Arc::new(list.clone());
            }
            is_new
        });
    }

    /// # Errors
    /// [`Refused::Revoked`] with the id that is.
    pub fn check(&self, credentials: &Credentials, now_ms: u64) -> Result<(), Refused> {
        check(&self.list.borrow(), credentials, now_ms)
    }

    pub(super) fn check_chain(
        &self,
        leaf: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Refused> {
        if self.list.borrow().is_empty() {
            return Ok(());
        }
        let chain: Vec<_> = [leaf].into_iter().chain(above).cloned().collect();
        self.check(
            &Credentials::of(Some(&chain)),
            now.as_secs().saturating_mul(1_000),
        )
    }

    /// Returns when `credentials` are revoked; perhaps never.
    pub async fn revoked(&self, credentials: &Credentials, clock: &crate::clock::Clock) {
        let mut list = self.list.subscribe();
        loop {
            let held = Arc::clone(&list.borrow_and_update());
            if check(&held, credentials, clock.unix_ms()).is_err() {
                return;
            }
            // The sender lives in the handle that we borrow.
            if list.changed().await.is_err() {
                return;
            }
        }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<RevokedList>> {
        self.list.subscribe()
    }
}

impl Credentials {
    /// What a peer's chain names. Proves nothing about who signed it.
    pub fn of(chain: Option<&[CertificateDer<'_>]>) -> Self {
        let named = |certificate: &CertificateDer<'_>| {
            let key = certified_key(certificate)?;
            Some(uri_names(certificate).into_iter().map(move |uri| (uri, key)))
        };
        Self(chain.into_iter().flatten().filter_map(named).flatten().collect())
    }

    /// One id with its key.
    pub fn named(id: String, key: KeyDigest) -> Self {
        Self(vec![(id, key)])
    }

    /// Id and key of the leaf.
    pub fn leaf(&self) -> Option<&(String, KeyDigest)> {
        self.0.first()
    }
}

pub(crate) fn check(list: &RevokedList, credentials: &Credentials, now_ms: u64) -> Result<(), Refused> {
    let is_revoked = |id: &str, key: Option<KeyDigest>| {
        let revoked = RevokedIdentity {
            id: id.to_owned(),
            key,
        };
        list.get(&revoked).is_some_and(|until_ms| *until_ms > now_ms)
    };
    for (id, key) in &credentials.0 {
        if is_revoked(id, None) || is_revoked(id, Some(*key)) {
            return Err(Refused::Revoked { id: id.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_revoked_with_all_its_keys_or_with_one_and_until_its_end() {
        let id = "spiffe://0a/region/eu/router/1".to_owned();
        let credentials = |key| Credentials(vec![(id.clone(), KeyDigest([key; 32]))]);
        let revoked = |key: Option<u8>| RevokedIdentity {
            id: id.clone(),
            key: key.map(|key| KeyDigest([key; 32])),
        };
        let list = RevokedList::from([(revoked(None), 100)]);
        assert!(check(&list, &credentials(1), 99).is_err());
        assert!(check(&list, &credentials(1), 100).is_ok());
        let list = RevokedList::from([(revoked(Some(1)), 100)]);
        assert!(check(&list, &credentials(1), 99).is_err());
        assert!(check(&list, &credentials(2), 99).is_ok());
    }
}
