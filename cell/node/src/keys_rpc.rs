//! Rows of a home's key shard as other nodes of its jurisdiction ask for them: gRPC, only for nodes that hold a copy of a
//! shard of that home, only where the key shard is served. What leaves is wrapped by the jurisdiction's key.

use axum::{Router, middleware};
use cell_layers::keys::{KeyError, KeyRows};
use cell_shard::WriteError;
use platform_model::{HomeId, NodeId, RoutingTable, ShardId, UserId, WorldId};
use platform_runtime::PeerIdentity;
use platform_runtime::tls::SpiffeKind;
use platform_wire::follow::Followed;
use platform_wire::keys::{self as wire, AskedKeys};
use platform_wire::pb::keys_server::{Keys, KeysServer};
use platform_wire::{FRAME_VERSION, Refusal, RefusalCode, pb};
use tonic::{Extensions, Request, Response, Status};

use crate::directory::in_trace;
use crate::hosted::Hosted;
use crate::peers::holds;

struct Service {
    world: WorldId,
    hosted: Hosted,
    followed: Followed,
}

/// The service as a router.
pub fn routes(world: WorldId, hosted: Hosted, followed: Followed) -> Router {
    let service = Service {
        world,
        hosted,
        followed,
    };
    tonic::service::Routes::new(KeysServer::new(service))
        .into_axum_router()
        .layer(middleware::from_fn(in_trace))
}

impl Service {
    /// The rows that are meant, if they are served here in the epoch that the caller knows.
    fn rows(&self, asked: &AskedKeys) -> Result<KeyRows, Status> {
        let id = ShardId::Keys {
            home: asked.home.clone(),
        };
        let served = self.hosted.get(&id).filter(|shard| shard.epoch() == asked.epoch);
        served.map(KeyRows::new).ok_or_else(|| {
            Refusal::new(
                RefusalCode::Moved,
                format!("{id} is not served here in that epoch"),
            )
            .into()
        })
    }

    /// Whoever holds people of the home may have their wrapped keys, and nobody else.
    fn admit(&self, extensions: &Extensions, home: &HomeId) -> Result<(), Status> {
        let caller = extensions.get::<PeerIdentity>().map(|PeerIdentity(id)| id);
        let table = self.followed.current();
        let known = caller.is_some_and(|id| match &id.kind {
            SpiffeKind::Node(node) => {
                let cell = table.cells.get(&node.cell);
                cell.is_some_and(|cell| cell.region == id.region) && holds_any(&table, node, home)
            }
            _ => false,
        });
        if known {
            return Ok(());
        }
        metrics::counter!("celld_denied_total", "door" => "keys").increment(1);
        let who = caller.map_or_else(
            || "a caller without a certificate".to_owned(),
            ToString::to_string,
        );
        let refusal = Refusal::new(
            RefusalCode::NotAuthorised,
            format!("{who} may not ask for keys of {home}"),
        );
        Err(refusal
            .hint("takes a node that holds a copy of a shard of the home")
            .into())
    }
}

impl Service {
    /// Whoever serves the person, and nobody else, may have the key destroyed.
    fn admit_destroyer(&self, extensions: &Extensions, home: &HomeId, user: UserId) -> Result<(), Status> {
        let table = self.followed.current();
        let shard = table.shard_of_user(home, user);
        let route = shard.and_then(|shard| table.shards.get(&shard).cloned());
        let caller = extensions.get::<PeerIdentity>().map(|PeerIdentity(id)| &id.kind);
        match (route, caller) {
            (Some(route), Some(SpiffeKind::Node(node))) if route.node == *node => Ok(()),
            _ => {
                metrics::counter!("celld_denied_total", "door" => "keys").increment(1);
                let message = "only the node that serves a person may have his key destroyed";
                Err(Refusal::new(RefusalCode::NotAuthorised, message).into())
            }
        }
    }
}

/// Whether the table names a copy of a shard of the home on the node.
fn holds_any(table: &RoutingTable, node: &NodeId, home: &HomeId) -> bool {
    let mut of_home = table.shards.keys().filter(|shard| shard.home() == Some(home));
    of_home.any(|shard| holds(table, node, shard))
}

fn refused(error: &KeyError) -> Status {
    let (code, text) = match error {
        KeyError::Damaged => (RefusalCode::Internal, "a row is damaged".to_owned()),
        KeyError::Shard(WriteError::Fenced) => {
            (RefusalCode::Moved, "the shard has left this node".to_owned())
        }
        other => (RefusalCode::Unavailable, other.to_string()),
    };
    Refusal::new(code, text).into()
}

#[tonic::async_trait]
impl Keys for Service {
    async fn user_key(
        &self,
        request: Request<pb::UserKeyRequest>,
    ) -> Result<Response<pb::UserKeyReply>, Status> {
        let (extensions, message) = (request.extensions().clone(), request.into_inner());
        let asked = wire::user_key_of(message, &self.world)?;
        self.admit(&extensions, &asked.asked.home)?;
        let rows = self.rows(&asked.asked)?;
        let row = match asked.fresh {
            Some(fresh) => rows.user_or(asked.user, fresh).await.map(Some),
            None => rows.user(asked.user).await,
        };
        let row = row.map_err(|error| refused(&error))?;
        Ok(Response::new(pb::UserKeyReply {
            version: FRAME_VERSION,
            row: row.map(|row| row.to_vec()),
        }))
    }

    async fn destroy_key(
        &self,
        request: Request<pb::DestroyKeyRequest>,
    ) -> Result<Response<pb::DestroyKeyReply>, Status> {
        let (extensions, message) = (request.extensions().clone(), request.into_inner());
        let (asked, user) = wire::destroy_key_of(message, &self.world)?;
        self.admit(&extensions, &asked.home)?;
        self.admit_destroyer(&extensions, &asked.home, user)?;
        let rows = self.rows(&asked)?;
        rows.destroy(user).await.map_err(|error| refused(&error))?;
        Ok(Response::new(pb::DestroyKeyReply {
            version: FRAME_VERSION,
        }))
    }

    async fn token_key(
        &self,
        request: Request<pb::TokenKeyRequest>,
    ) -> Result<Response<pb::TokenKeyReply>, Status> {
        let (extensions, message) = (request.extensions().clone(), request.into_inner());
        let asked = wire::token_key_of(message, &self.world)?;
        self.admit(&extensions, &asked.asked.home)?;
        let rows = self.rows(&asked.asked)?;
        let kept = rows.token_or(&asked.id, asked.wrapped).await;
        let (id, wrapped) = kept.map_err(|error| refused(&error))?;
        Ok(Response::new(pb::TokenKeyReply {
            version: FRAME_VERSION,
            id,
            wrapped: wrapped.to_vec(),
        }))
    }
}
