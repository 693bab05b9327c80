//! The domain as a node hosts it.

use axum::Router;
use cell_layers::TableInfo;
use cell_sdk::{Domain, Lent, Mode};

use crate::gate::Gate;
use crate::{routes, storage, stored};

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

impl Domain for Training {
    fn name(&self) -> &'static str {
        storage::DOMAIN
    }

    /// An upload's acknowledgement and a removal ask for more: they are sync.
    fn mode(&self) -> Mode {
        Mode::Async
    }

    fn tables(&self) -> &'static [TableInfo] {
        stored::TABLES
    }

    fn routes(&self) -> Router<Lent> {
        routes::routes(self.gate.clone())
    }
}
