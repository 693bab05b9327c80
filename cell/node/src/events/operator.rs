//! Parked events for people at work: gRPC, by the role in the certificate. Whoever may see may not settle.

use std::sync::Arc;

use axum::Router;
use platform_model::Role;
use platform_runtime::PeerIdentity;
use platform_wire::events::{list_parked_of, settle_parked_of, settled_reply};
use platform_wire::pb::parked_events_server::{ParkedEvents, ParkedEventsServer};
use platform_wire::{FRAME_VERSION, Refusal, RefusalCode, pb};
use tonic::{Extensions, Request, Response, Status};

use super::parked::Unsettled;
use super::{Events, Parts};

const SEE: &[Role] = &[Role::Viewer, Role::Sre, Role::Compliance];
const SETTLE: &[Role] = &[Role::Sre, Role::Compliance];

/// The service as a router.
pub fn routes(events: &Events) -> Router {
    let service = Service(Arc::clone(&events.parts));
    tonic::service::Routes::new(ParkedEventsServer::new(service))
        .into_axum_router()
        .reset_fallback()
}

struct Service(Arc<Parts>);

/// His SPIFFE id, if his certificate says one of the roles.
fn admit(extensions: &Extensions, roles: &[Role]) -> Result<String, Status> {
    let caller = extensions.get::<PeerIdentity>().map(|PeerIdentity(id)| id);
    if let Some(id) = caller.filter(|id| roles.contains(&id.role())) {
        return Ok(id.to_string());
    }
    metrics::counter!("celld_denied_total", "door" => "parked-events").increment(1);
    let who = caller.map_or_else(
        || "a caller without a certificate".to_owned(),
        ToString::to_string,
    );
    let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    let refusal = Refusal::new(
        RefusalCode::NotAuthorised,
        format!("{who} may not do this to parked events"),
    );
    Err(refusal
        .hint(format!("takes the certificate of: {}", names.join(", ")))
        .into())
}

fn refused(error: &Unsettled) -> Status {
    let code = match error {
        Unsettled::Unknown => RefusalCode::Unknown,
        Unsettled::Later(_) => RefusalCode::Unavailable,
    };
    Refusal::new(code, error.to_string()).into()
}

#[tonic::async_trait]
impl ParkedEvents for Service {
    async fn list(
        &self,
        request: Request<pb::ListParkedRequest>,
    ) -> Result<Response<pb::ListParkedReply>, Status> {
        list_parked_of(request.get_ref(), &self.0.world)?;
        admit(request.extensions(), SEE)?;
        let (events, more) = self.0.list_parked().await.map_err(|error| refused(&error))?;
        Ok(Response::new(pb::ListParkedReply {
            version: FRAME_VERSION,
            events: events.iter().map(Into::into).collect(),
            more,
        }))
    }

    async fn settle(
        &self,
        request: Request<pb::SettleParkedRequest>,
    ) -> Result<Response<pb::SettleParkedReply>, Status> {
        let by = admit(request.extensions(), SETTLE)?;
        let settle = settle_parked_of(request.into_inner(), &self.0.world)?;
        let settled = self.0.settle_parked(&settle, &by).await;
        let settled = settled.map_err(|error| refused(&error))?;
        Ok(Response::new(settled_reply(&settled)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &str) -> Extensions {
        let id = format!("spiffe://{}/region/eu-central/{kind}", "a".repeat(16));
        let mut extensions = Extensions::new();
        extensions.insert(PeerIdentity(id.parse().expect("an id")));
        extensions
    }

    #[test]
    fn whoever_may_see_may_not_settle_and_processes_may_neither() {
        for (kind, see, settle) in [
            ("operator/viewer/ada", true, false),
            ("operator/sre/kim", true, true),
            ("operator/compliance/ann", true, true),
            ("router/r1", false, false),
            ("cell/eu-central-1/node/0", false, false),
        ] {
            assert_eq!(admit(&of(kind), SEE).is_ok(), see, "{kind}");
            assert_eq!(admit(&of(kind), SETTLE).is_ok(), settle, "{kind}");
        }
        assert!(admit(&Extensions::new(), SEE).is_err());
    }
}
