//! `Topology`: who serves what, watched.

use std::pin::Pin;

use futures::Stream;
use platform_model::Generation;
use platform_wire::pb;
use platform_wire::pb::topology_server::Topology;
use tonic::{Request, Response, Status};

use super::Parts;
use crate::authorise::Verb;

pub(super) struct Service(pub(super) Parts);

#[tonic::async_trait]
impl Topology for Service {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<pb::WatchFrame, Status>> + Send>>;

    async fn watch(&self, request: Request<pb::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let wire = request.get_ref();
        self.0.admit(&request, Verb::Watch, wire.version, &wire.world)?;
        let frames = self.0.hub.watch(Generation(wire.have))?;
        Ok(Response::new(Box::pin(frames)))
    }
}
