//! The domain as a node hosts it.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use cell_layers::{RootTx, TableInfo};
use cell_sdk::{
    Address, Domain, DomainError, EventInfo, Exported, Lent, Mode, Received, RootCtx, Services, Takes,
};
use platform_model::Problem;

use crate::hashing::Hasher;
use crate::settings::Settings;
use crate::{erase, export, routes, storage, stored};

/// One for each node: its clones share the bound of passwords that are hashed at once. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Identity {
    pub(crate) settings: Arc<Settings>,
    pub(crate) hasher: Hasher,
}

impl Identity {
    pub fn new(settings: Settings) -> Self {
        Self {
            hasher: Hasher::new(&settings),
            settings: Arc::new(settings),
        }
    }

    /// Passwords hashed since the node began, for its metrics.
    pub fn hashes_computed(&self) -> u64 {
        self.hasher.computed()
    }
}

#[async_trait]
impl Domain for Identity {
    fn name(&self) -> &'static str {
        storage::DOMAIN
    }

    fn mode(&self) -> Mode {
        Mode::Sync
    }

    fn tables(&self) -> &'static [TableInfo] {
        stored::TABLES
    }

    fn routes(&self) -> Router<Lent> {
        routes::routes(self.clone())
    }

    async fn erase(&self, services: &dyn Services, root: &RootCtx) -> Result<u64, Problem> {
        erase::give_back(services, root).await
    }

    async fn export(&self, root: &RootCtx, after: Option<&[u8]>) -> Result<Exported, Problem> {
        export::page(root, &self.settings, after).await
    }

    async fn moved_in(&self, tx: &RootTx, me: &Address) -> Result<(), DomainError> {
        storage::following::moved_in(tx, me).await
    }

    fn events(&self) -> &'static [EventInfo] {
        stored::EVENTS
    }

    fn takes(&self) -> &'static [Takes] {
        &TAKES
    }

    async fn handle(&self, tx: &RootTx, event: &Received) -> Result<(), DomainError> {
        storage::following::take(tx, event).await
    }
}

const fn takes(event: &'static str) -> Takes {
    Takes {
        domain: storage::DOMAIN,
        event,
        version: 1,
    }
}

const TAKES: [Takes; 3] = [
    takes("profile_shown"),
    takes("profile_hidden"),
    takes("follower_moved"),
];
