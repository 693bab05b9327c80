//! The directory's entries for other nodes: gRPC, nodes only. Whoever holds a copy of the shard where a person lives speaks for
//! him; whoever would take him in may read.

use std::sync::Arc;

use axum::{Router, middleware};
use cell_shard::WriteError;
use platform_model::{HomeId, NodeId, UserId};
use platform_runtime::PeerIdentity;
use platform_runtime::tls::SpiffeKind;
use platform_wire::pb::home_entries_server::{HomeEntries, HomeEntriesServer};
use platform_wire::relocation::{AskedEntry, EntryStep, entry_of, entry_reply};
use platform_wire::{Refusal, RefusalCode, pb};
use tonic::{Extensions, Request, Response, Status};

use super::entries::{EntryError, reason, step_here};
use super::{Parts, Relocations};
use crate::directory::in_trace;
use crate::peers::holds;

/// The service as a router.
pub fn routes(relocations: &Relocations) -> Router {
    let service = Service(Arc::clone(&relocations.parts));
    tonic::service::Routes::new(HomeEntriesServer::new(service))
        .into_axum_router()
        .layer(middleware::from_fn(in_trace))
}

struct Service(Arc<Parts>);

impl Service {
    fn admit(&self, extensions: &Extensions) -> Result<(NodeId, platform_model::RegionId), Status> {
        let caller = extensions.get::<PeerIdentity>().map(|PeerIdentity(id)| id);
        if let Some(id) = caller
            && let SpiffeKind::Node(node) = &id.kind
        {
            return Ok((node.clone(), id.region.clone()));
        }
        metrics::counter!("celld_denied_total", "door" => "entries").increment(1);
        let who = caller.map_or_else(
            || "a caller without a certificate".to_owned(),
            ToString::to_string,
        );
        let message = format!("{who} may not ask where people live");
        Err(Refusal::new(RefusalCode::NotAuthorised, message)
            .hint("takes the role node")
            .into())
    }

    /// Whether the node holds a copy of the shard where he would be, in that home.
    fn speaks_for(&self, node: &NodeId, home: &HomeId, user: UserId) -> bool {
        let table = self.0.followed.current();
        let shard = table.shard_of_user(home, user);
        shard.is_some_and(|shard| holds(&table, node, &shard))
    }

    /// Only the home where he lives starts, commits and cancels.
    async fn may_change(&self, node: &NodeId, asked: &AskedEntry) -> Result<bool, Status> {
        let home = match &asked.step {
            EntryStep::Read => return Ok(true),
            EntryStep::Start { home, .. } => Some(home.clone()),
            EntryStep::Commit { .. } | EntryStep::Cancel { .. } => self.home_of(asked).await?,
        };
        // Without an entry there is nothing to change, and the step says so itself.
        Ok(home.is_none_or(|home| self.speaks_for(node, &home, asked.user)))
    }

    /// Where he lives, or lived until that very operation.
    async fn home_of(&self, asked: &AskedEntry) -> Result<Option<HomeId>, Status> {
        let shard = self.shard(asked)?;
        let told = step_here(&shard, asked.user, &EntryStep::Read).await;
        let told = told.map_err(|error| refused(&error))?;
        let settled = told.operation == 0;
        Ok(told.entry.filter(|_| !settled).map(|(home, _)| home))
    }

    fn shard(&self, asked: &AskedEntry) -> Result<cell_shard::Shard, Status> {
        let served = self.0.hosted.get(&asked.asked.shard);
        let served = served.filter(|shard| shard.epoch() == asked.asked.epoch);
        served.ok_or_else(|| {
            let message = format!("{} is not served here in that epoch", asked.asked.shard);
            Refusal::new(RefusalCode::Moved, message).into()
        })
    }
}

fn refused(error: &WriteError<EntryError>) -> Status {
    let code = match error {
        WriteError::Rejected(EntryError::Incomplete) => RefusalCode::Unavailable,
        WriteError::Rejected(_) => RefusalCode::Internal,
        WriteError::Fenced => RefusalCode::Moved,
        _ => RefusalCode::Unavailable,
    };
    Refusal::new(code, reason(error)).into()
}

#[tonic::async_trait]
impl HomeEntries for Service {
    async fn step(&self, request: Request<pb::EntryStep>) -> Result<Response<pb::EntryReply>, Status> {
        let (node, region) = self.admit(request.extensions())?;
        let asked = entry_of(request.into_inner(), &self.0.world)?;
        let told = self.0.may_tell(asked.asked.shard.jurisdiction(), &region);
        told.map_err(|why| Refusal::new(RefusalCode::LawForbids, why))?;
        if !self.may_change(&node, &asked).await? {
            metrics::counter!("celld_denied_total", "door" => "entries").increment(1);
            let message = format!("{node} speaks only for people of whose shards it holds a copy");
            return Err(Refusal::new(RefusalCode::NotAuthorised, message).into());
        }
        let shard = self.shard(&asked)?;
        let told = step_here(&shard, asked.user, &asked.step).await;
        let told = told.map_err(|error| refused(&error))?;
        Ok(Response::new(entry_reply(told)))
    }
}
