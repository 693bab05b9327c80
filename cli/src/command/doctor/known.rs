//! What the controllers know of the world's nodes: for whatever is asked of the nodes themselves.

use std::time::Duration;

use platform_model::RoutingTable;
use platform_runtime::clock::Clock;
use platform_runtime::tls::Identity;
use platform_wire::admin::AdminClient;

use crate::contexts::Target;

/// How long a controller has to answer.
const WITHIN: Duration = Duration::from_secs(3);

/// Where nodes are, and as whom they are asked.
pub struct Known {
    pub table: RoutingTable,
    pub identity: Identity,
}

impl Known {
    /// None of a world that does not answer: others say so.
    pub async fn of(target: &Target) -> Option<Self> {
        let identity = target.identity().ok()?;
        let addresses = target.controllers.values().cloned().collect();
        let admin = AdminClient::connect(addresses, identity.clone(), Clock::system()).ok()?;
        let status = tokio::time::timeout(WITHIN, admin.status_local()).await;
        let table = status.ok()?.ok()?.table;
        Some(Self { table, identity })
    }
}
