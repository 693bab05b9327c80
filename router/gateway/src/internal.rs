//! The router's own mTLS listener: health, readiness, metrics, and what it has seen of the ledger. Nothing here changes anything.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use platform_model::Generation;
use platform_runtime::serve::{self, Limits};
use platform_runtime::telemetry::MetricsHandle;
use platform_runtime::tls::Identity;
use platform_runtime::{PeerIdentity, TaskGroup};
use platform_wire::heads::{self, Heads};
use tokio::net::TcpListener;

use crate::snapshot::Known;

/// Where others reach the router's two listeners, `host:port`: not where they are bound, which may be behind a
/// balancer or a translated address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    pub apps: String,
    pub internal: String,
}

/// What the listener reports on.
pub struct Inside {
    pub known: Arc<Known>,
    pub metrics: MetricsHandle,
    pub advertised: Advertised,
    /// The router as a witness of the ledger.
    pub heads: Heads,
    /// Set while the router ends: a balancer then sends nobody new.
    pub draining: Arc<AtomicBool>,
}

impl Inside {
    fn answer(&self, caller: Option<&PeerIdentity>, method: &Method, path: &str) -> (StatusCode, String) {
        match (method, path) {
            (&Method::GET, heads::PATH) if heads::may_read(caller) => (StatusCode::OK, self.heads.json()),
            (&Method::GET, heads::PATH) => {
                let text = "takes the certificate of an operator\n";
                (StatusCode::FORBIDDEN, text.into())
            }
            (&Method::GET, "/healthz") => (StatusCode::OK, "ok\n".into()),
            (&Method::GET, "/readyz") => self.ready(),
            (&Method::GET, "/metrics") => (StatusCode::OK, self.metrics.render()),
            _ => (
                StatusCode::NOT_FOUND,
                "healthz, readyz, metrics, ledger/heads\n".into(),
            ),
        }
    }

    fn ready(&self) -> (StatusCode, String) {
        let generation = self.known.snapshot.load().table.generation();
        if self.draining.load(Ordering::Relaxed) {
            (StatusCode::SERVICE_UNAVAILABLE, "draining\n".into())
        } else if generation == Generation(0) {
            (StatusCode::SERVICE_UNAVAILABLE, "no routing table yet\n".into())
        } else {
            let Advertised { apps, internal } = &self.advertised;
            let text = format!("table {generation}\napps {apps}\ninternal {internal}\n");
            (StatusCode::OK, text)
        }
    }
}

/// Serves until the group ends.
pub fn serve(listener: TcpListener, identity: Identity, inside: Arc<Inside>, tasks: &TaskGroup) {
    let service = tower::service_fn(move |request: Request<Incoming>| {
        let path = request.uri().path();
        let (status, text) = inside.answer(request.extensions().get(), request.method(), path);
        let kind = match path {
            heads::PATH if status == StatusCode::OK => "application/json",
            _ => "text/plain; charset=utf-8",
        };
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        std::future::ready(Ok::<_, Infallible>(response))
    });
    serve::serve_mtls(listener, identity, Limits::default(), service, tasks);
}
