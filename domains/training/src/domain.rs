//! The domain as a node hosts it.

use async_trait::async_trait;
use axum::Router;
use cell_layers::{RootTx, TableInfo};
use cell_sdk::{Domain, DomainError, EventInfo, Exported, Lent, Mode, Received, RootCtx, Takes};
use platform_model::Problem;

use crate::gate::Gate;
use crate::storage::sharing;
use crate::{export, routes, storage, stored};

/// Acknowledged before the standbys have it. An upload and a removal ask for more: they are sync.
pub(crate) const MODE: Mode = Mode::Async;

/// One for each node: its clones of routes share the bound of files that are read at once.
#[derive(Debug, Clone, Default)]
pub struct Training {
    gate: Gate,
}

impl Training {
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Domain for Training {
    fn name(&self) -> &'static str {
        storage::DOMAIN
    }

    fn mode(&self) -> Mode {
        MODE
    }

    fn tables(&self) -> &'static [TableInfo] {
        stored::TABLES
    }

    fn routes(&self) -> Router<Lent> {
        routes::routes(self.gate.clone())
    }

    async fn export(&self, root: &RootCtx, after: Option<&[u8]>) -> Result<Exported, Problem> {
        export::page(root, after).await
    }

    fn events(&self) -> &'static [EventInfo] {
        stored::EVENTS
    }

    fn takes(&self) -> &'static [Takes] {
        &TAKES
    }

    async fn handle(&self, tx: &RootTx, event: &Received) -> Result<(), DomainError> {
        sharing::take(tx, event).await
    }
}

const fn takes(domain: &'static str, event: &'static str) -> Takes {
    Takes {
        domain,
        event,
        version: 1,
    }
}

const TAKES: [Takes; 5] = [
    takes(sharing::IDENTITY, sharing::FOLLOWER_CHANGED),
    takes(sharing::IDENTITY, sharing::FOLLOWED_MOVED),
    takes(storage::DOMAIN, "workout_shared"),
    takes(storage::DOMAIN, "workout_withdrawn"),
    takes(storage::DOMAIN, "workouts_hidden"),
];
