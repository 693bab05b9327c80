//! The router's own mTLS listener: health, readiness, metrics. Nothing here changes anything.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use platform_model::Generation;
use platform_runtime::TaskGroup;
use platform_runtime::serve::{self, Limits};
use platform_runtime::telemetry::MetricsHandle;
use platform_runtime::tls::Identity;
use tokio::net::TcpListener;

use crate::snapshot::Known;

/// What the listener reports on.
pub struct Inside {
    pub known: Arc<Known>,
    pub metrics: MetricsHandle,
    /// Set while the router ends: a balancer then sends nobody new.
    pub draining: Arc<AtomicBool>,
}

impl Inside {
    fn answer(&self, method: &Method, path: &str) -> (StatusCode, String) {
        match (method, path) {
            (&Method::GET, "/healthz") => (StatusCode::OK, "ok\n".into()),
            (&Method::GET, "/readyz") => self.ready(),
            (&Method::GET, "/metrics") => (StatusCode::OK, self.metrics.render()),
            _ => (StatusCode::NOT_FOUND, "healthz, readyz, metrics\n".into()),
        }
    }

    fn ready(&self) -> (StatusCode, String) {
        let generation = self.known.snapshot.load().table.generation();
        if self.draining.load(Ordering::Relaxed) {
            (StatusCode::SERVICE_UNAVAILABLE, "draining\n".into())
        } else if generation == Generation(0) {
            (StatusCode::SERVICE_UNAVAILABLE, "no routing table yet\n".into())
        } else {
            (StatusCode::OK, format!("table {generation}\n"))
        }
    }
}

/// Serves until the group ends.
pub fn serve(listener: TcpListener, identity: Identity, inside: Arc<Inside>, tasks: &TaskGroup) {
    let service = tower::service_fn(move |request: Request<Incoming>| {
        let (status, text) = inside.answer(request.method(), request.uri().path());
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        std::future::ready(Ok::<_, Infallible>(response))
    });
    serve::serve_mtls(listener, identity, Limits::default(), service, tasks);
}
