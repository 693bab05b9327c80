//! The node that serves a person, asked about his relocation.

use anyhow::{Context, Result};
use platform_model::{NodeId, RoutingTable, ShardId};
use platform_runtime::tls::Identity;
use platform_wire::relocation::{RelocationsClient, Told};
use serde::Serialize;

use crate::command::DeskArgs;
use crate::command::backup::explain;
use crate::evidence::user::UserPlace;
use crate::exit::Hinted;
use crate::world::operator;

/// Where a person is, and who speaks for him there.
pub struct There {
    pub shard: ShardId,
    pub node: String,
    pub client: RelocationsClient,
}

/// The shard of a person, and the node that serves it.
///
/// # Errors
/// For a home that nobody serves.
pub fn served<'a>(table: &'a RoutingTable, user: &UserPlace) -> Result<(ShardId, &'a NodeId)> {
    let shard = table.shard_of_user(&user.home, user.user);
    let route = shard.as_ref().and_then(|shard| table.shards.get(shard));
    match (shard, route) {
        (Some(shard), Some(route)) => Ok((shard, &route.node)),
        _ => {
            let message = format!("there is no home {} that is served", user.home);
            Err(Hinted::new(message, &["cellctl home list"]).into())
        }
    }
}

/// How a person's relocation stands.
#[derive(Debug, Serialize)]
pub struct RelocationView {
    user: String,
    shard: String,
    node: String,
    /// `at-home`, `copying`, `fenced`, `erasing`, `gone`, `coming-in`.
    phase: String,
    /// The other home: where to, or where the person has gone.
    other: Option<String>,
    user_epoch: Option<u64>,
    operation: Option<u64>,
    by: Option<String>,
    /// The person asked for it.
    consent: bool,
    since_ms: Option<u64>,
    /// How the last one ended.
    outcome: Option<String>,
    /// Data classes that may go there only with the person's consent.
    needs_consent: Vec<String>,
}

impl There {
    /// # Errors
    /// When the controllers give no answer; for a home that nobody serves.
    pub async fn find(world: &DeskArgs, user: &UserPlace) -> Result<Self> {
        let desk = world.desk()?;
        let status = desk.admin.status().await.map_err(operator::explain)?;
        Self::of(&status.table, &desk.identity, user)
    }

    fn of(table: &RoutingTable, identity: &Identity, user: &UserPlace) -> Result<Self> {
        let (shard, node) = served(table, user)?;
        let known = table.nodes.get(node);
        let known = known.with_context(|| format!("there is no node {node}"))?;
        let cell = table.cells.get(&node.cell);
        let cell = cell.with_context(|| format!("there is no cell {}", node.cell))?;
        let client = RelocationsClient::new(node, &cell.region, &known.address, identity);
        Ok(Self {
            shard,
            node: node.to_string(),
            client: client.map_err(explain)?,
        })
    }

    /// As it is shown.
    pub fn view(&self, user: &UserPlace, told: Told) -> RelocationView {
        let text = |text: String| Some(text).filter(|text| !text.is_empty());
        let number = |number: u64| Some(number).filter(|number| *number != 0);
        RelocationView {
            user: user.to_string(),
            shard: self.shard.to_string(),
            node: self.node.clone(),
            phase: text(told.phase).unwrap_or_else(|| "at-home".to_owned()),
            other: text(told.other),
            user_epoch: number(told.user_epoch),
            operation: number(told.operation),
            by: text(told.by),
            consent: told.consent,
            since_ms: number(told.since_ms),
            outcome: text(told.outcome),
            needs_consent: told.needs_consent,
        }
    }
}
